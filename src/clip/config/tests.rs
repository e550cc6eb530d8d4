use super::*;
use crate::clip::fixtures::{self, write_json};
use safetensors::Dtype;
use serde_json::json;
use tempfile::{TempDir, tempdir};

/// A Hugging Face folder whose configuration went through `change`. The weights are never opened here.
fn hf_folder(change: impl FnOnce(&mut Value)) -> TempDir {
    let dir = tempdir().unwrap();
    let mut config = fixtures::hf_config();
    change(&mut config);
    write_json(dir.path(), "config.json", &config);
    std::fs::write(dir.path().join("model.safetensors"), "").unwrap();
    dir
}

fn open_clip_folder(change: impl FnOnce(&mut Value)) -> TempDir {
    let dir = tempdir().unwrap();
    let mut config = fixtures::open_clip_config();
    change(&mut config);
    write_json(dir.path(), "open_clip_config.json", &config);
    std::fs::write(dir.path().join("open_clip_model.safetensors"), "").unwrap();
    dir
}

fn config(dir: &TempDir) -> ClipConfig {
    ClipConfig::from_folder(dir.path()).unwrap()
}

/// The error's message, which must mention every one of `parts`.
#[track_caller]
fn fails(dir: &TempDir, parts: &[&str]) {
    let message = ClipConfig::from_folder(dir.path()).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn both_layouts_give_the_same_model() {
    let (hf, open) = (config(&hf_folder(|_| {})), config(&open_clip_folder(|_| {})));
    assert_eq!((hf.layout, open.layout), (Layout::HuggingFace, Layout::OpenClip));
    assert_eq!((&hf.vision, &hf.text, hf.embed_dim), (&open.vision, &open.text, open.embed_dim));
    assert_eq!((hf.vision.grid(), hf.vision.tower.heads), (3, 2));
    assert_eq!((hf.mean, hf.std), (OPENAI_MEAN, OPENAI_STD));
    assert_eq!(hf.text.pooling, TextPooling::ArgmaxId);
}

#[test]
fn absent_hf_fields_are_those_of_vit_b_32() {
    let dir = hf_folder(|c| *c = json!({"model_type": "clip", "vision_config": null, "text_config": {}}));
    let c = config(&dir);
    let tower = |width, heads, mlp_width| TowerConfig {
        width,
        heads,
        mlp_width,
        layers: 12,
        layer_norm_eps: 1e-5,
        activation: Activation::QuickGelu,
    };
    assert_eq!(c.vision, VisionConfig { tower: tower(768, 12, 3072), image_size: 224, patch_size: 32 });
    assert_eq!(c.text.tower, tower(512, 8, 2048));
    assert_eq!((c.text.vocab_size, c.text.context_length, c.embed_dim), (49408, 77, 512));
    assert_eq!(c.text.pooling, TextPooling::FirstEos(49407));
}

#[test]
fn absent_open_clip_fields() {
    let c = config(&open_clip_folder(|c| *c = json!({"model_cfg": {"embed_dim": 512}})));
    assert_eq!((c.vision.tower.width, c.vision.tower.heads, c.vision.patch_size), (768, 12, 16));
    assert_eq!((c.text.tower.width, c.text.tower.mlp_width), (512, 2048));
    assert_eq!(c.vision.tower.activation, Activation::Gelu);
    fails(&open_clip_folder(|c| *c = json!({"model_cfg": {}})), &["model_cfg.embed_dim", "missing"]);
    fails(&open_clip_folder(|c| *c = json!({})), &["`model_cfg`", "missing"]);
}

#[test]
fn old_hf_files_repeat_their_towers() {
    let c = config(&hf_folder(|c| c["vision_config_dict"] = json!({"hidden_act": "gelu"})));
    assert_eq!(c.vision.tower.activation, Activation::Gelu);
    assert_eq!(c.text.tower.activation, Activation::QuickGelu);
    assert_eq!(c.vision.tower.width, fixtures::WIDTH);
}

#[test]
fn open_clip_sizes() {
    let dir = open_clip_folder(|c| {
        let vision = &mut c["model_cfg"]["vision_cfg"];
        vision["image_size"] = json!([12, 12]);
        vision["mlp_ratio"] = json!(4.9231);
        vision["norm_kwargs"] = json!({"eps": 1e-6});
        c["preprocess_cfg"] = json!({"mean": [0.5, 0.25, 0.125], "std": [1, 2, 3], "resize_mode": "squash",
            "interpolation": "bicubic", "mode": "RGB"});
    });
    let c = config(&dir);
    assert_eq!((c.vision.image_size, c.vision.tower.mlp_width), (12, 39)); // int(8 * 4.9231)
    assert_eq!((c.vision.tower.layer_norm_eps, c.text.tower.layer_norm_eps), (1e-6, 1e-5));
    assert_eq!((c.mean, c.std), ([0.5, 0.25, 0.125], [1.0, 2.0, 3.0]));
}

#[test]
fn unsupported_open_clip_models_are_refused() {
    let cases = [
        ("vision_cfg", "timm_model_name", json!("vit_base"), "timm"),
        ("vision_cfg", "layers", json!([3, 4, 6, 3]), "ResNets"),
        ("vision_cfg", "image_size", json!([6, 8]), "square"),
        ("vision_cfg", "pool_type", json!("avg"), "class token"),
        ("vision_cfg", "no_ln_pre", json!(true), "layer norm before the blocks"),
        ("vision_cfg", "ls_init_value", json!(0.1), "layer scale"),
        ("text_cfg", "hf_model_name", json!("roberta-base"), "CLIP's own"),
        ("text_cfg", "pool_type", json!("last"), "end-of-text"),
        ("text_cfg", "no_causal_mask", json!(true), "causal mask"),
        ("text_cfg", "proj_bias", json!(true), "projection bias"),
        ("text_cfg", "act_kwargs", json!({"approximate": "tanh"}), "GELU"),
    ];
    for (part, field, value, reason) in cases {
        let dir = open_clip_folder(|c| c["model_cfg"][part][field] = value);
        fails(
            &dir,
            &["open_clip_config.json", &format!("model_cfg.{part}.{field}"), "not supported", reason],
        );
    }
    fails(&open_clip_folder(|c| c["model_cfg"]["init_logit_bias"] = json!(-10)), &["init_logit_bias"]);
    fails(&open_clip_folder(|c| c["preprocess_cfg"] = json!({"interpolation": "bilinear"})), &["bicubic"]);
    fails(
        &open_clip_folder(|c| c["preprocess_cfg"] = json!({"std": [0, 1, 1]})),
        &["preprocess_cfg.std", "positive"],
    );
}

#[test]
fn wrong_hf_fields_are_named() {
    let cases = [
        ("hidden_size", json!("wide"), "whole number"),
        ("hidden_size", json!(0), "whole number"),
        ("hidden_size", json!(-4), "whole number"),
        ("hidden_size", json!(u64::MAX), "whole number"),
        ("num_attention_heads", json!(3), "does not divide the width 8"),
        ("patch_size", json!(4), "does not divide the image size 6"),
        ("hidden_act", json!("gelu_new"), "quick_gelu and gelu"),
        ("layer_norm_eps", json!(-1.0), "from 0 to 1"),
        ("num_channels", json!(1), "three-channel"),
    ];
    for (field, value, reason) in cases {
        let dir = hf_folder(|c| c["vision_config"][field] = value);
        fails(&dir, &["config.json", &format!("`vision_config.{field}`"), reason]);
    }
    fails(&hf_folder(|c| c["text_config"] = json!([1])), &["`text_config`", "must be an object"]);
    fails(&hf_folder(|c| c["text_config"]["eos_token_id"] = json!([2])), &["text_config.eos_token_id"]);
    fails(&hf_folder(|c| c["model_type"] = json!("siglip")), &["`model_type`", "siglip", "only `clip`"]);
}

#[test]
fn hf_preprocessor() {
    let dir = hf_folder(|_| {});
    let set = |value: Value| write_json(dir.path(), "preprocessor_config.json", &value);
    set(
        json!({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "resample": 3, "do_normalize": true}),
    );
    assert_eq!((config(&dir).mean, config(&dir).std), ([0.5; 3], [0.25; 3]));
    set(json!({"resample": 2}));
    fails(&dir, &["preprocessor_config.json", "resample", "bicubic"]);
    set(json!({"image_mean": [0.5, 0.5]}));
    fails(&dir, &["image_mean", "three numbers"]);
    set(json!({"rescale_factor": 1.0}));
    fails(&dir, &["rescale_factor", "1/255"]);
}

#[test]
fn the_layout_with_weights_wins() {
    // Both complete: Hugging Face.
    let dir = hf_folder(|_| {});
    fixtures::write_open_clip(dir.path(), Dtype::F32);
    assert_eq!(config(&dir).layout, Layout::HuggingFace);
    // The same with a config.json of a vision tower alone, as some open_clip folders have.
    write_json(dir.path(), "config.json", &json!({"architecture": "vit_large_patch14_clip_336"}));
    assert_eq!(config(&dir).layout, Layout::OpenClip);
    // Hugging Face configuration, open_clip weights.
    let dir = hf_folder(|_| {});
    std::fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    fixtures::write_open_clip(dir.path(), Dtype::F32);
    assert_eq!(config(&dir).layout, Layout::OpenClip);
}

#[test]
fn not_a_model_folder() {
    let dir = tempdir().unwrap();
    fails(&dir, &["not a CLIP model folder", "neither config.json nor open_clip_config.json"]);
    let absent = ClipConfig::from_folder(&dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(absent.contains("does not exist"), "{absent}");
    std::fs::write(dir.path().join("config.json"), "{ \"model_type\": ").unwrap();
    fails(&dir, &["config.json", "not valid JSON", "line 1"]);
    std::fs::write(dir.path().join("config.json"), "[]").unwrap();
    fails(&dir, &["config.json", "must be an object"]);
    let file = ClipConfig::from_folder(&dir.path().join("config.json")).unwrap_err().to_string();
    assert!(file.contains("it is a file"), "{file}");
}

#[test]
fn what_editors_and_programs_make_of_a_configuration() {
    // A byte order mark in front.
    let dir = hf_folder(|_| {});
    let text = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    std::fs::write(dir.path().join("config.json"), format!("\u{feff}{text}")).unwrap();
    config(&dir);
    std::fs::write(dir.path().join("config.json"), "version https://git-lfs.github.com/spec/v1\n").unwrap();
    fails(&dir, &["config.json", "git lfs pull"]);
    // A truth value as text.
    for (value, activation) in [("TRUE", Activation::QuickGelu), (" true", Activation::QuickGelu)] {
        let dir = open_clip_folder(|c| c["model_cfg"]["quick_gelu"] = json!(value));
        assert_eq!(config(&dir).vision.tower.activation, activation);
    }
    let dir = open_clip_folder(|c| c["model_cfg"]["quick_gelu"] = json!("FALSE"));
    fails(&dir, &["model_cfg.quick_gelu", "without quotes", "FALSE"]);
    // One tower, saved alone.
    for (kind, missing) in [("clip_vision_model", "the text tower"), ("clip_text_model", "the vision tower")]
    {
        fails(&hf_folder(|c| c["model_type"] = json!(kind)), &[kind, missing, "is missing"]);
    }
}
