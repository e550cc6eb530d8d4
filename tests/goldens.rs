//! Agreement with an independent framework: features of tiny models with random weights in both
//! layouts, as PyTorch computed them. `tools/shrink_goldens.py` says where the files come from.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::model::{Tensors, write_weights};
use common::{relative_error, tensor, worst_row};
use dapo_wgpu::clip::tokenizer::Tokenizer;
use dapo_wgpu::clip::{Clip, ClipOptions, WeightStorage};
use dapo_wgpu::data::{Preprocess, load};
use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

const PROMPTS: [&str; 2] = ["a photo of a metal nut with scratch.", "a photo of a flawless object"];

/// Float32 sums in another order than PyTorch's: measured up to 7e-7, required 1e-4.
const TOLERANCE: f64 = 1e-5;

fn golden(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(model)
}

fn expected(model: &str, name: &str) -> Vec<f32> {
    tensor(&golden(model).join("expected.safetensors"), name).1
}

/// One device for all tests, so that each shader is compiled once.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    GPU.get_or_init(|| Gpu::open(&options).expect("a device"))
}

fn clip(folder: &Path, image_size: Option<usize>, storage: WeightStorage) -> Clip {
    Clip::open(gpu(), folder, ClipOptions { image_size, storage, ..ClipOptions::default() })
        .expect("the model opens")
}

/// The images of a golden model, in order.
fn images(model: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(golden(model))
        .expect("the golden folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    found.sort();
    found
}

/// Its images as the network's input.
fn pixels(clip: &Clip, model: &str) -> Vec<f32> {
    let size = clip.vision().image_size() as u32;
    let preprocess =
        Preprocess { mean: clip.config().mean, std: clip.config().std, ..Preprocess::clip(size) };
    let one = |path: &PathBuf| preprocess.normalise(&preprocess.resize(&load(path).expect("an image")));
    images(model).iter().flat_map(one).collect()
}

/// Image and text features of a model folder against what PyTorch says of `model`.
#[track_caller]
fn agrees(folder: &Path, model: &str, storage: WeightStorage) {
    let clip = clip(folder, None, storage);
    let embed = clip.config().embed_dim;
    let image = clip.encode_images(&pixels(&clip, model)).expect("image features");
    let image = worst_row(&image, &expected(model, "image"), embed);
    let text = clip.encode_texts(&PROMPTS).expect("text features");
    let text = worst_row(&text, &expected(model, "text"), embed);
    println!("{model} {storage:?}: image {image:.1e}, text {text:.1e}");
    assert!(image <= TOLERANCE, "image features are off by {image:e}");
    assert!(text <= TOLERANCE, "text features are off by {text:e}");
}

#[test]
fn hugging_face_layout_with_gelu() {
    // The weights are float16 in the file, so storing them so loses nothing.
    agrees(&golden("hf_gelu"), "hf_gelu", WeightStorage::F32);
    agrees(&golden("hf_gelu"), "hf_gelu", WeightStorage::F16);
}

#[test]
fn open_clip_layout_with_quick_gelu() {
    agrees(&golden("open_clip"), "open_clip", WeightStorage::F32);
    agrees(&golden("open_clip"), "open_clip", WeightStorage::F16);
}

#[test]
fn hugging_face_layout_with_quick_gelu() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    to_hugging_face(&golden("open_clip"), folder.path());
    agrees(folder.path(), "open_clip", WeightStorage::F32);
}

#[test]
fn another_image_size_resamples_the_positions() {
    let clip = clip(&golden("open_clip"), Some(96), WeightStorage::F32);
    let position = clip.vision().position_embedding();
    assert_eq!(position.shape(), [1 + 12 * 12, 128]);
    let position = position.read(clip.gpu()).expect("the embedding");
    let position = relative_error(&position, &expected("open_clip", "pos_embed_96"));
    let image = clip.encode_images(&pixels(&clip, "open_clip")).expect("image features");
    let image = worst_row(&image, &expected("open_clip", "image_96"), clip.config().embed_dim);
    println!("positions {position:.1e}, image {image:.1e}");
    assert!(position <= TOLERANCE, "positions are off by {position:e}");
    assert!(image <= TOLERANCE, "image features are off by {image:e}");
}

#[test]
fn prompts_become_the_original_ids() {
    for model in ["hf_gelu", "open_clip"] {
        let tokenizer = Tokenizer::load(&golden(model)).expect("a tokenizer");
        let bytes = fs::read(golden(model).join("expected.safetensors")).expect("readable");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let wanted = file.tensor("ids").expect("ids");
        let wanted = wanted.data().as_chunks().0.iter().map(|&b| i32::from_le_bytes(b) as u32);
        let found = PROMPTS.iter().flat_map(|p| tokenizer.encode(p, 77).expect("ids"));
        assert!(found.eq(wanted), "{model}");
    }
}

#[test]
fn pixels_are_pillows_and_torchs() {
    for model in ["hf_gelu", "open_clip"] {
        let clip = clip(&golden(model), None, WeightStorage::F32);
        let (found, wanted) = (pixels(&clip, model), expected(model, "pixels"));
        assert_eq!(found.len(), wanted.len());
        let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{model}: {worst:e}");
        // Pillow's bytes after resampling, then torch's ((v / 255) - mean) / std in float32 and in this
        // order: every step is rounded as IEEE 754 says, so nothing may differ.
        assert_eq!(worst, 0.0, "{model}");
    }
}

/// The switches are read when the device opens, so the program runs with each in a child process.
#[test]
fn optional_paths_switched_off_agree_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("features.safetensors");
    let all = ["DAPO_NO_SUBGROUPS", "DAPO_NO_IMMEDIATES", "DAPO_NO_F16", "DAPO_DEFAULT_LIMITS"];
    for (model, switches) in [("hf_gelu", &all[..1]), ("open_clip", &all[..1]), ("open_clip", &all[..])] {
        let mut command = common::program();
        command.envs(switches.iter().map(|switch| (switch, "1"))).arg("embed");
        command.arg("--model").arg(golden(model)).arg("--out").arg(&out).arg("--weights").arg("f16");
        command.arg("--text").args(PROMPTS).arg("--image").args(images(model));
        common::finish(&mut command).succeeds();
        for (kind, name) in [("image", "image_features"), ("text", "text_features")] {
            let (shape, found) = tensor(&out, name);
            let error = worst_row(&found, &expected(model, kind), shape[1]);
            println!("{model} {switches:?} {kind}: {error:.1e}");
            assert!(error <= TOLERANCE, "{model} {switches:?}: {kind} features are off by {error:e}");
        }
    }
}

/// Rewrites an open_clip folder to the Hugging Face layout: other names, projections turned, and
/// query, key and value apart.
fn to_hugging_face(from: &Path, to: &Path) {
    fs::copy(from.join("tokenizer.json"), to.join("tokenizer.json")).expect("a tokenizer");
    let read = |name: &str| fs::read(from.join(name)).expect("a golden file");
    let config: Value = serde_json::from_slice(&read("open_clip_config.json")).expect("JSON");
    let (vision, text) = (&config["model_cfg"]["vision_cfg"], &config["model_cfg"]["text_cfg"]);
    let number = |value: &Value| value.as_u64().expect("a number");
    let embed = &config["model_cfg"]["embed_dim"];
    let written = json!({
        "model_type": "clip", "projection_dim": embed,
        "vision_config": {
            "hidden_size": vision["width"], "intermediate_size": 4 * number(&vision["width"]),
            "num_hidden_layers": vision["layers"], "hidden_act": "quick_gelu",
            "num_attention_heads": number(&vision["width"]) / number(&vision["head_width"]),
            "image_size": vision["image_size"], "patch_size": vision["patch_size"]},
        "text_config": {
            "hidden_size": text["width"], "intermediate_size": 4 * number(&text["width"]),
            "num_hidden_layers": text["layers"], "hidden_act": "quick_gelu",
            "num_attention_heads": text["heads"], "vocab_size": text["vocab_size"],
            "max_position_embeddings": text["context_length"],
            "eos_token_id": number(&text["vocab_size"]) - 1},
    });
    fs::write(to.join("config.json"), written.to_string()).expect("a config");

    let bytes = read("open_clip_model.safetensors");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut tensors = Tensors::new();
    for (name, view) in file.tensors() {
        let values: Vec<f32> = match view.dtype() {
            Dtype::F16 => {
                let halves = view.data().as_chunks().0.iter();
                halves.map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()
            }
            Dtype::F32 => view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            other => panic!("{name} is {other:?}"),
        };
        rename(&mut tensors, &name, view.shape().to_vec(), values);
    }
    write_weights(&to.join("model.safetensors"), &tensors, Dtype::F32);
}

/// Puts one open_clip tensor under its Hugging Face name or names.
fn rename(tensors: &mut Tensors, name: &str, shape: Vec<usize>, values: Vec<f32>) {
    let whole = match name {
        "visual.class_embedding" => "vision_model.embeddings.class_embedding",
        "visual.conv1.weight" => "vision_model.embeddings.patch_embedding.weight",
        "visual.positional_embedding" => "vision_model.embeddings.position_embedding.weight",
        "token_embedding.weight" => "text_model.embeddings.token_embedding.weight",
        "positional_embedding" => "text_model.embeddings.position_embedding.weight",
        "visual.proj" => "visual_projection.weight",
        "text_projection" => "text_projection.weight",
        other => other,
    };
    if matches!(name, "visual.proj" | "text_projection") {
        let (rows, columns) = (shape[0], shape[1]);
        let turned = (0..rows * columns).map(|i| values[(i % rows) * columns + i / rows]).collect();
        tensors.insert(whole.into(), (vec![columns, rows], turned));
        return;
    }
    let whole = whole
        .replace("visual.transformer.resblocks.", "vision_model.encoder.layers.")
        .replace("transformer.resblocks.", "text_model.encoder.layers.")
        .replace("visual.ln_pre", "vision_model.pre_layrnorm")
        .replace("visual.ln_post", "vision_model.post_layernorm")
        .replace("ln_final", "text_model.final_layer_norm")
        .replace("ln_1", "layer_norm1")
        .replace("ln_2", "layer_norm2")
        .replace("mlp.c_fc", "mlp.fc1")
        .replace("mlp.c_proj", "mlp.fc2")
        .replace("attn.out_proj", "self_attn.out_proj");
    let Some((block, kind)) = whole.split_once("attn.in_proj_") else {
        tensors.insert(whole, (shape, values));
        return;
    };
    let mut third = shape;
    third[0] /= 3;
    for (letter, part) in ["q", "k", "v"].into_iter().zip(values.chunks(values.len() / 3)) {
        tensors.insert(format!("{block}self_attn.{letter}_proj.{kind}"), (third.clone(), part.to_vec()));
    }
}
