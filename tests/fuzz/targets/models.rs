//! The files of a model folder, and of learners.

#[path = "../../common/model.rs"]
mod tiny;

use std::collections::HashMap;

use dapo_wgpu::clip::config::{ClipConfig, Layout};
use dapo_wgpu::clip::name_key;
use dapo_wgpu::clip::parameters;
use dapo_wgpu::clip::tokenizer::Tokenizer;
use dapo_wgpu::clip::weights::{Allowed, Checkpoint};
use dapo_wgpu::dapo::learner::checkpoint::RunState;
use dapo_wgpu::dapo::learner::{
    Description, LearnerConfig, LearnerFile, ModelShape, Parameters, Snapshot, Values,
};
use dapo_wgpu::dapo::run::RunConfig;
use dapo_wgpu::dapo::{Alarm, Conditions};
use dapo_wgpu::data::ReadOptions;
use dapo_wgpu::inspect::{PART_SCHEMA, Part};
use serde_json::{Value, json};

use super::bytes::repair_safetensors;
use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        plain("config", Form::Json, configs, |input, desk| configuration(input, desk, Layout::HuggingFace)),
        plain("open_clip_config", Form::Json, open_clip_configs, |input, desk| {
            configuration(input, desk, Layout::OpenClip)
        }),
        plain("preprocessor", Form::Json, preprocessors, preprocessor),
        plain("tokenizer", Form::Json, tokenizers, tokenizer),
        plain("text", Form::Text, texts, text),
        Target {
            repair: Some(|bytes| repair_safetensors(bytes)),
            ..plain("safetensors", Form::Binary, weights, safetensors)
        },
        Target {
            repair: Some(|bytes| repair_safetensors(bytes)),
            ..plain("model", Form::Binary, models, model)
        },
        plain("shards", Form::Json, indices, shards),
        Target {
            repair: Some(|bytes| repair_safetensors(bytes)),
            ..plain("learner", Form::Binary, learners, learner)
        },
        Target {
            repair: Some(|bytes| repair_safetensors(bytes)),
            ..plain("part", Form::Binary, parts, part)
        },
        Target {
            repair: Some(|bytes| repair_safetensors(bytes)),
            ..plain("checkpoint", Form::Binary, checkpoints, checkpoint)
        },
    ]
}

fn configuration(input: &[u8], desk: &Desk, layout: Layout) -> bool {
    let path = desk.file(&format!("{layout:?}/{}", layout.config_file()), input);
    let _ = ClipConfig::from_file(&path, layout);
    ClipConfig::from_folder(path.parent().expect("a folder")).is_ok()
}

fn configs() -> Vec<Vec<u8>> {
    let minimal = json!({"model_type": "clip", "vision_config_dict": {"image_size": 336, "patch_size": 14}});
    vec![tiny::Tiny::new().config.to_string().into(), minimal.to_string().into()]
}

fn open_clip_configs() -> Vec<Vec<u8>> {
    let whole = json!({"model_cfg": {
        "embed_dim": 12, "quick_gelu": true, "custom_text": false,
        "vision_cfg": {"image_size": [32, 32], "layers": 2, "width": 16, "head_width": 4, "patch_size": 8,
            "mlp_ratio": 4.0, "norm_kwargs": {"eps": 1e-5}},
        "text_cfg": {"context_length": 77, "vocab_size": 60, "width": 16, "heads": 2, "layers": 2},
    }, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
        "resize_mode": "squash", "mode": "RGB"}});
    vec![whole.to_string().into()]
}

fn preprocessor(input: &[u8], desk: &Desk) -> bool {
    desk.file("preprocessor/config.json", &configs()[0]);
    let path = desk.file("preprocessor/preprocessor_config.json", input);
    ClipConfig::from_folder(path.parent().expect("a folder")).is_ok()
}

fn preprocessors() -> Vec<Vec<u8>> {
    let whole = json!({"do_normalize": true, "do_rescale": true, "resample": 3, "rescale_factor": 1.0 / 255.0,
        "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 0.125]});
    vec![whole.to_string().into()]
}

/// Texts that a tokenizer's rules are tried on.
const TEXTS: [&str; 6] = [
    "a photo of a bru\u{308}chig  metal nut, it's",
    "",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    "<|endoftext|> 1234567890 \u{1F600}\u{200D}\u{1F600} \u{FB03} &amp;amp;",
    "\u{0}\u{1b}[31m\u{feff}\u{ffff}",
    "'s 't 're 've \t\n\r ...",
];

fn tokenizer(input: &[u8], desk: &Desk) -> bool {
    let Ok(tokenizer) = Tokenizer::parse(input, desk.path()) else { return false };
    let _ = tokenizer.check_vocab(100);
    let own = String::from_utf8_lossy(&input[..input.len().min(200)]);
    for text in TEXTS.into_iter().chain([&*own]) {
        if let Ok(row) = tokenizer.row(text, 16) {
            assert_eq!(row.ids.len(), 16);
        }
    }
    true
}

fn tokenizers() -> Vec<Vec<u8>> {
    let plain = tiny::Tiny::new().tokenizer;
    let letters = || ('a'..='e').map(String::from);
    let tokens = letters().chain(letters().map(|letter| letter + "</w>"));
    let tokens = tokens.chain(["ab", "abc</w>", "<|startoftext|>", "<|endoftext|>"].map(String::from));
    let vocab: serde_json::Map<String, Value> =
        tokens.zip(0..).map(|(token, id): (String, i32)| (token, id.into())).collect();
    let mut merging = plain.clone();
    merging["model"]["vocab"] = vocab.into();
    merging["model"]["merges"] = json!([["a", "b"], "ab c</w>"]);
    merging["added_tokens"] = json!([{"id": 13, "content": "<|endoftext|>", "single_word": false, "lstrip": true,
        "rstrip": true, "normalized": true, "special": false}]);
    merging["normalizer"] = json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "StripAccents"},
        {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]});
    merging["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [{"type": "Whitespace"},
        {"type": "Split", "behavior": "MergedWithPrevious", "invert": false, "pattern": {"String": "b"}}]});
    vec![plain.to_string().into(), merging.to_string().into()]
}

/// A text that a user gives as the name of an object or a defect.
fn text(input: &[u8], desk: &Desk) -> bool {
    use std::sync::OnceLock;
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    let made = || Tokenizer::parse(&tokenizers()[0], desk.path()).expect("a tokenizer");
    let text = String::from_utf8_lossy(input);
    let valid = TOKENIZER.get_or_init(made).row(&text, 77).is_ok();
    // A key is the same for itself.
    let key = name_key(&text);
    let _ = name_key(&key);
    if let Ok(prompts) = dapo_wgpu::dapo::Prompts::new(Some(&text), &text.split(',').collect::<Vec<_>>()) {
        let _ = prompts.defects;
    }
    valid
}

fn texts() -> Vec<Vec<u8>> {
    TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn safetensors(input: &[u8], desk: &Desk) -> bool {
    let path = desk.file("weights/model.safetensors", input);
    let Ok(found) = Checkpoint::open(path.parent().expect("a folder"), Layout::HuggingFace) else {
        return false;
    };
    let names: Vec<String> = found.names().map(str::to_owned).collect();
    for name in names.iter().take(20) {
        let Ok(view) = found.any_shape(name) else { continue };
        let _ = (view.check(), view.rows_f32(&[0, 1, u32::MAX]));
        let _ = found.table(
            name,
            view.shape.first().copied().unwrap_or(0),
            view.shape.last().copied().unwrap_or(0),
        );
    }
    let _ = (found.tensor("visual", &[1, 2]), found.unused().len());
    true
}

/// A safetensors file with this header and as many bytes as it asks for.
fn raw(header: &Value, bytes: usize) -> Vec<u8> {
    let header = header.to_string();
    let data: Vec<u8> = (0..bytes).map(|n| (n % 61) as u8).collect();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn weights() -> Vec<Vec<u8>> {
    let some = json!({"__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "F16", "shape": [4], "data_offsets": [24, 32]},
        "c": {"dtype": "BF16", "shape": [], "data_offsets": [32, 34]},
        "d": {"dtype": "I64", "shape": [0, 5], "data_offsets": [34, 34]},
        "e": {"dtype": "F8_E4M3", "shape": [6], "data_offsets": [34, 40]}});
    vec![raw(&some, 40), raw(&json!({}), 0)]
}

fn model(input: &[u8], desk: &Desk) -> bool {
    desk.file("model/config.json", &configs()[0]);
    let path = desk.file("model/model.safetensors", input);
    let Ok(weights) = parameters::load(path.parent().expect("a folder"), Allowed::F16) else { return false };
    let mut blocks = weights.vision.blocks.iter().chain(weights.text.blocks.iter());
    blocks.try_for_each(|block| block.map(drop)).is_ok()
}

fn models() -> Vec<Vec<u8>> {
    let desk = Desk::new();
    let path = desk.path().join("model.safetensors");
    tiny::write_weights(&path, &tiny::Tiny::new().tensors, safetensors::Dtype::F32);
    vec![std::fs::read(path).expect("a file")]
}

fn shards(input: &[u8], desk: &Desk) -> bool {
    desk.file("shards/1.safetensors", &weights()[0]);
    let path = desk.file("shards/model.safetensors.index.json", input);
    Checkpoint::open(path.parent().expect("a folder"), Layout::HuggingFace).is_ok()
}

fn indices() -> Vec<Vec<u8>> {
    let index =
        json!({"metadata": {"total_size": 40}, "weight_map": {"a": "1.safetensors", "b": "1.safetensors"}});
    vec![index.to_string().into()]
}

fn part(input: &[u8], _: &Desk) -> bool {
    let Ok(part) = Part::from_bytes(input) else { return false };
    // What was read can be written, unless its numbers do not fit together.
    if let Ok(bytes) = part.to_bytes() {
        assert_eq!(Part::from_bytes(&bytes).expect("a part"), part);
    }
    true
}

fn parts() -> Vec<Vec<u8>> {
    let usual = json!({"centre": 0.5, "spread": 0.25});
    let about = json!({
        "schema": PART_SCHEMA,
        "program": {"name": "dapo-wgpu", "version": "0"},
        "model": {
            "name": "m", "path": "", "image_size": 16, "patch_size": 8, "embed_dim": 2, "precision": "f32",
            "demonstration": true
        },
        "model_files": "00",
        "weights": "f32",
        "object": "nut",
        "defects": ["scratch"],
        "reading": ReadOptions::default(),
        "tile": [64, 0.25],
        "references": {
            "layers": [1], "grid": 2, "width": 2, "photos": 1, "f16": false, "units": [0.5], "distance": usual,
            "words": usual, "notes": []
        },
        "references_digest": "12",
        "good": {"photos": [{"path": "a.png", "size": [8, 8], "tiles": []}], "grid": 2, "notes": []},
        "alarm": null
    });
    let rows = [0u8; 8];
    let origins = [0u8; 24];
    let classes: Vec<u8> = [0.5f32, 0.25, 1.0, -1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = |dtype, shape: &[usize], data| {
        safetensors::tensor::TensorView::new(dtype, shape.to_vec(), data).expect("a tensor")
    };
    let tensors = [
        ("references.0", view(safetensors::Dtype::F16, &[2, 2], &rows[..])),
        ("origins", view(safetensors::Dtype::U32, &[2, 3], &origins[..])),
        ("class_embeddings", view(safetensors::Dtype::F32, &[2, 2], &classes[..])),
        ("learner", view(safetensors::Dtype::U8, &[3], &[1, 2, 3])),
    ];
    let entries = HashMap::from([("dapo-wgpu".to_owned(), about.to_string())]);
    vec![safetensors::serialize(tensors, Some(entries)).expect("a part")]
}

fn learner(input: &[u8], _: &Desk) -> bool {
    let Ok(file) = LearnerFile::from_bytes(input) else { return false };
    let _ = file.parameters.infer_sizes(&mut LearnerConfig::default());
    assert_eq!(LearnerFile::from_bytes(&file.to_bytes().expect("bytes")).as_ref(), Ok(&file));
    true
}

fn parameters() -> Parameters {
    let values = |shape: &[usize]| Values { shape: shape.to_vec(), data: vec![0.5; shape.iter().product()] };
    let tensors = [
        ("prompt_learner.learnable_normal_tokens", values(&[2, 3, 4])),
        ("prompt_learner.learnable_abnormal_tokens", values(&[2, 3, 4])),
        ("prompt_learner.learnable_layer_tokens.0", values(&[4, 4])),
        ("visual_prompt.learnable_visual_tokens", values(&[2, 4, 6])),
    ];
    Parameters { tensors: tensors.map(|(name, values)| (name.to_owned(), values)).into() }
}

pub fn alarm() -> Alarm {
    let conditions = Conditions {
        references: String::new(),
        method: "clip".into(),
        model: "nano".into(),
        image_size: 128,
        object: "object".into(),
        defects: vec!["hole".into()],
        reading: String::new(),
    };
    let scores: Vec<f32> = (0..40).map(|n| n as f32 / 40.0).collect();
    Alarm::calibrate(&scores, 0.05, conditions).expect("a threshold")
}

fn learners() -> Vec<Vec<u8>> {
    let description = Description {
        schema: dapo_wgpu::dapo::learner::description::SCHEMA.into(),
        learner: LearnerConfig::default(),
        train_defects: vec!["hole".into()],
        test_defects: vec!["hole".into()],
        model: ModelShape { name: "nano".into(), embed_dim: 4, vision: (2, 6), text: (2, 4) },
        image_size: 128,
        steps: 3,
    };
    let whole = LearnerFile {
        parameters: parameters(),
        description: Some(description),
        class_vectors: Some(Values { shape: vec![2, 4], data: vec![0.5; 8] }),
        alarm: Some(alarm()),
    };
    vec![whole.to_bytes().expect("bytes"), parameters().to_bytes(HashMap::new()).expect("bytes")]
}

fn checkpoint(input: &[u8], _: &Desk) -> bool {
    RunState::from_bytes(input).is_ok()
}

fn checkpoints() -> Vec<Vec<u8>> {
    let snapshot = Snapshot { step: 7, values: parameters(), means: parameters(), squares: parameters() };
    let state = RunState {
        schema: dapo_wgpu::dapo::learner::checkpoint::SCHEMA.into(),
        step: 7,
        run: RunConfig::default(),
        in_order: true,
        data: "x".into(),
        model: None,
        data_folder: "d".into(),
    };
    vec![state.to_bytes(&snapshot).expect("bytes")]
}
