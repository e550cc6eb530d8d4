//! Tiny model folders for tests, written from one set of numbers in both layouts.

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Vision width of the fixture; the other sizes are below.
pub(crate) const WIDTH: usize = 8;
pub(crate) const PATCH: usize = 2;
pub(crate) const IMAGE: usize = 6;
pub(crate) const TEXT_WIDTH: usize = 6;
pub(crate) const LAYERS: usize = 2;
pub(crate) const VOCAB: usize = 59;
pub(crate) const CONTEXT: usize = 5;
pub(crate) const EMBED: usize = 4;

/// A named tensor: shape and elements.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Values that F16 and BF16 hold exactly (few significant bits), different for every tensor.
pub(crate) fn values(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 + seed * 13) % 31) as f32 / 16.0 - 1.0).collect()
}

/// The parameters of one block in the open_clip names, all tensors numbered from `seed`.
fn open_clip_block(out: &mut Tensors, prefix: &str, d: usize, seed: usize) {
    let m = 4 * d;
    let parts: [(&str, Vec<usize>); 12] = [
        ("ln_1.weight", vec![d]),
        ("ln_1.bias", vec![d]),
        ("attn.in_proj_weight", vec![3 * d, d]),
        ("attn.in_proj_bias", vec![3 * d]),
        ("attn.out_proj.weight", vec![d, d]),
        ("attn.out_proj.bias", vec![d]),
        ("ln_2.weight", vec![d]),
        ("ln_2.bias", vec![d]),
        ("mlp.c_fc.weight", vec![m, d]),
        ("mlp.c_fc.bias", vec![m]),
        ("mlp.c_proj.weight", vec![d, m]),
        ("mlp.c_proj.bias", vec![d]),
    ];
    for (i, (name, shape)) in parts.into_iter().enumerate() {
        let count = shape.iter().product();
        out.insert(format!("{prefix}{name}"), (shape, values(seed + i, count)));
    }
}

/// All tensors in the open_clip layout.
pub(crate) fn open_clip_tensors() -> Tensors {
    let mut out = Tensors::new();
    let grid = IMAGE / PATCH;
    let single: [(&str, Vec<usize>); 14] = [
        ("visual.class_embedding", vec![WIDTH]),
        ("visual.conv1.weight", vec![WIDTH, 3, PATCH, PATCH]),
        ("visual.positional_embedding", vec![1 + grid * grid, WIDTH]),
        ("visual.ln_pre.weight", vec![WIDTH]),
        ("visual.ln_pre.bias", vec![WIDTH]),
        ("visual.ln_post.weight", vec![WIDTH]),
        ("visual.ln_post.bias", vec![WIDTH]),
        ("visual.proj", vec![WIDTH, EMBED]),
        ("token_embedding.weight", vec![VOCAB, TEXT_WIDTH]),
        ("positional_embedding", vec![CONTEXT, TEXT_WIDTH]),
        ("ln_final.weight", vec![TEXT_WIDTH]),
        ("ln_final.bias", vec![TEXT_WIDTH]),
        ("text_projection", vec![TEXT_WIDTH, EMBED]),
        ("logit_scale", vec![]),
    ];
    for (i, (name, shape)) in single.into_iter().enumerate() {
        let count = shape.iter().product();
        out.insert(name.into(), (shape, values(i, count)));
    }
    for layer in 0..LAYERS {
        open_clip_block(&mut out, &format!("visual.transformer.resblocks.{layer}."), WIDTH, 20 + 12 * layer);
        open_clip_block(&mut out, &format!("transformer.resblocks.{layer}."), TEXT_WIDTH, 60 + 12 * layer);
    }
    out
}

/// The same tensors under the Hugging Face names: projections turned, query, key and value apart,
/// and the `position_ids` that old files carry.
pub(crate) fn hf_tensors() -> Tensors {
    let mut out = Tensors::new();
    for (name, (shape, data)) in open_clip_tensors() {
        if matches!(name.as_str(), "visual.proj" | "text_projection") {
            let (rows, cols) = (shape[0], shape[1]);
            let turned =
                (0..cols).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| data[r * cols + c]);
            let name =
                if name == "text_projection" { "text_projection.weight" } else { "visual_projection.weight" };
            out.insert(name.into(), (vec![cols, rows], turned.collect()));
            continue;
        }
        let name = name
            .replace("visual.transformer.resblocks.", "vision_model.encoder.layers.")
            .replace("transformer.resblocks.", "text_model.encoder.layers.")
            .replace("visual.class_embedding", "vision_model.embeddings.class_embedding")
            .replace("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight")
            .replace("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight")
            .replace("visual.ln_pre", "vision_model.pre_layrnorm")
            .replace("visual.ln_post", "vision_model.post_layernorm")
            .replace("ln_final", "text_model.final_layer_norm")
            .replace("ln_1", "layer_norm1")
            .replace("ln_2", "layer_norm2")
            .replace("mlp.c_fc", "mlp.fc1")
            .replace("mlp.c_proj", "mlp.fc2")
            .replace("attn.out_proj", "self_attn.out_proj");
        let name = match name.as_str() {
            "token_embedding.weight" => "text_model.embeddings.token_embedding.weight".into(),
            "positional_embedding" => "text_model.embeddings.position_embedding.weight".into(),
            _ => name,
        };
        if let Some((block, kind)) = name.split_once("attn.in_proj_") {
            let third = data.len() / 3;
            let mut part_shape = shape.clone();
            part_shape[0] /= 3;
            for (letter, part) in ["q", "k", "v"].iter().zip(data.chunks(third)) {
                out.insert(
                    format!("{block}self_attn.{letter}_proj.{kind}"),
                    (part_shape.clone(), part.to_vec()),
                );
            }
        } else {
            out.insert(name, (shape, data));
        }
    }
    out
}

/// Writes `tensors` with the reference implementation of the format.
pub(crate) fn write_weights(path: &Path, tensors: &Tensors, dtype: Dtype) {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, data))| {
            let bytes = match dtype {
                Dtype::F32 => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
                Dtype::F16 => data.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
                Dtype::BF16 => data.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
                _ => data.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect(),
            };
            (name, shape, bytes)
        })
        .collect();
    let views =
        bytes.iter().map(|(name, shape, b)| (*name, TensorView::new(dtype, (*shape).clone(), b).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// Writes a safetensors file with whatever header, honest or not.
pub(crate) fn write_raw(path: &Path, header: &str, data: &[u8]) {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    std::fs::write(path, file).unwrap();
}

/// `config.json` of the fixture.
pub(crate) fn hf_config() -> Value {
    json!({
        "model_type": "clip",
        "projection_dim": EMBED,
        "vision_config": {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "image_size": IMAGE, "patch_size": PATCH},
        "text_config": {"hidden_size": TEXT_WIDTH, "intermediate_size": 4 * TEXT_WIDTH,
            "num_hidden_layers": LAYERS, "num_attention_heads": 2, "vocab_size": VOCAB,
            "max_position_embeddings": CONTEXT, "eos_token_id": 2},
    })
}

/// `open_clip_config.json` of the fixture.
pub(crate) fn open_clip_config() -> Value {
    json!({"model_cfg": {
        "embed_dim": EMBED,
        "quick_gelu": true,
        "vision_cfg": {"image_size": IMAGE, "layers": LAYERS, "width": WIDTH, "head_width": 4, "patch_size": PATCH},
        "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCAB, "width": TEXT_WIDTH, "heads": 2, "layers": LAYERS},
    }})
}

/// Writes `value` to `folder/name`.
pub(crate) fn write_json(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), value.to_string()).unwrap();
}

/// A complete folder in the Hugging Face layout, without tokenizer.
pub(crate) fn write_hf(folder: &Path, dtype: Dtype) {
    write_json(folder, "config.json", &hf_config());
    write_weights(&folder.join("model.safetensors"), &hf_tensors(), dtype);
}

/// A complete folder in the open_clip layout, without tokenizer.
pub(crate) fn write_open_clip(folder: &Path, dtype: Dtype) {
    write_json(folder, "open_clip_config.json", &open_clip_config());
    write_weights(&folder.join("open_clip_model.safetensors"), &open_clip_tensors(), dtype);
}

/// A tokenizer with CLIP's rules and a vocabulary of 59: `!` 0, letters 1 to 26, letters that end a
/// word 27 to 52, a character of its own at 53, `ab` 54, `abc</w>` 55, `!</w>` 56, start 57, end 58.
pub(crate) fn write_tokenizer(folder: &Path, change: impl FnOnce(&mut Value)) {
    let letters = || ('a'..='z').map(String::from);
    let mut tokens: Vec<String> = vec!["!".into()];
    tokens.extend(letters());
    tokens.extend(letters().map(|l| l + "</w>"));
    tokens.extend(["?", "ab", "abc</w>", "!</w>", "<|startoftext|>", "<|endoftext|>"].map(String::from));
    let vocab: BTreeMap<&String, usize> = tokens.iter().zip(0..).collect();
    let special = |content: &str, id: usize| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let mut file = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special("<|startoftext|>", 57), special("<|endoftext|>", 58)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "behavior": "Removed", "invert": true, "pattern": {"Regex":
                "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>",
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": vocab,
            "merges": [["a", "b"], ["ab", "c</w>"]]},
    });
    change(&mut file);
    write_json(folder, "tokenizer.json", &file);
}
