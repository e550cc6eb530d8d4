use super::*;

/// Loads a folder for float32.
fn load(folder: &Path) -> Result<ClipWeights, ModelError> {
    super::load(folder, Allowed::Finite)
}

use crate::clip::fixtures::{self, EMBED, LAYERS, TEXT_WIDTH, WIDTH, write_json, write_weights};
use safetensors::Dtype;
use serde_json::json;
use tempfile::{TempDir, tempdir};

fn folder(write: impl FnOnce(&Path)) -> TempDir {
    let dir = tempdir().unwrap();
    write(dir.path());
    dir
}

#[track_caller]
fn fails(dir: &TempDir, parts: &[&str]) {
    let message = load(dir.path()).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn both_layouts_and_all_types_give_the_same_weights() {
    let reference = load(folder(|d| fixtures::write_open_clip(d, Dtype::F32)).path()).unwrap();
    for write in [fixtures::write_hf, fixtures::write_open_clip] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            let other = load(folder(|d| write(d, dtype)).path()).unwrap();
            let same = |a: &HostTensor, b: &HostTensor| {
                assert_eq!((&a.shape, &a.data), (&b.shape, &b.data));
            };
            let affine = |a: &Affine, b: &Affine| {
                same(&a.weight, &b.weight);
                same(&a.bias, &b.bias);
            };
            let (a, b) = (&reference.vision, &other.vision);
            same(&a.class_embedding, &b.class_embedding);
            same(&a.patch_embedding, &b.patch_embedding);
            same(&a.position_embedding, &b.position_embedding);
            affine(&a.ln_pre, &b.ln_pre);
            affine(&a.ln_post, &b.ln_post);
            same(&a.projection, &b.projection);
            let (c, d) = (&reference.text, &other.text);
            same(&c.position_embedding, &d.position_embedding);
            affine(&c.ln_final, &d.ln_final);
            same(&c.projection, &d.projection);
            assert_eq!(c.token_embedding.rows(&[58, 3]).unwrap(), d.token_embedding.rows(&[58, 3]).unwrap());
            for (left, right) in [(&a.blocks, &b.blocks), (&c.blocks, &d.blocks)] {
                assert_eq!((left.len(), right.len()), (LAYERS, LAYERS));
                for (x, y) in left.iter().zip(right.iter()) {
                    let (x, y) = (x.unwrap(), y.unwrap());
                    affine(&x.ln_1, &y.ln_1);
                    affine(&x.attn_in, &y.attn_in);
                    affine(&x.attn_out, &y.attn_out);
                    affine(&x.ln_2, &y.ln_2);
                    affine(&x.mlp_fc, &y.mlp_fc);
                    affine(&x.mlp_proj, &y.mlp_proj);
                }
            }
            assert_eq!(other.logit_scale, reference.logit_scale);
        }
    }
}

#[test]
fn orientation_order_and_shapes() {
    let weights = load(folder(|d| fixtures::write_hf(d, Dtype::F32)).path()).unwrap();
    let source = fixtures::hf_tensors();
    let block = weights.vision.blocks.get(1).unwrap();
    let part = |name: &str| source[&format!("vision_model.encoder.layers.1.{name}")].1.clone();
    let qkv = ["q", "k", "v"].map(|x| part(&format!("self_attn.{x}_proj.weight"))).concat();
    assert_eq!((block.attn_in.weight.shape, block.attn_in.weight.data), (vec![3 * WIDTH, WIDTH], qkv));
    assert_eq!(block.attn_in.bias.shape, [3 * WIDTH]);
    assert_eq!(block.mlp_fc.weight.shape, [4 * WIDTH, WIDTH]);
    assert_eq!(block.mlp_proj.weight.shape, [WIDTH, 4 * WIDTH]);
    assert_eq!(weights.vision.patch_embedding.shape, [WIDTH, 12]);
    assert_eq!(weights.vision.projection.shape, [EMBED, WIDTH]);

    // open_clip: element [in 2, out 1] of the file is element [out 1, in 2] of the model.
    let open = load(folder(|d| fixtures::write_open_clip(d, Dtype::F32)).path()).unwrap();
    let file = &fixtures::open_clip_tensors()["text_projection"].1;
    assert_eq!(open.text.projection.data[TEXT_WIDTH + 2], file[2 * EMBED + 1]);
    // The file holds the logarithm.
    let stored = fixtures::open_clip_tensors()["logit_scale"].1[0];
    assert_eq!(open.logit_scale, stored.exp());
    assert!(open.vision.blocks.get(LAYERS).is_err());
}

#[test]
fn sharded_weights_and_old_position_ids() {
    let dir = tempdir().unwrap();
    write_json(dir.path(), "config.json", &fixtures::hf_config());
    let mut all = fixtures::hf_tensors();
    all.insert("text_model.embeddings.position_ids".into(), (vec![1, 5], vec![0.0; 5]));
    let (text, vision): (fixtures::Tensors, fixtures::Tensors) =
        all.into_iter().partition(|(name, _)| name.starts_with("text"));
    let mut map = serde_json::Map::new();
    for (file, part, dtype) in [("a.safetensors", &text, Dtype::F16), ("b.safetensors", &vision, Dtype::BF16)]
    {
        write_weights(&dir.path().join(file), part, dtype);
        map.extend(part.keys().map(|name| (name.clone(), json!(file))));
    }
    write_json(dir.path(), "model.safetensors.index.json", &json!({"metadata": {}, "weight_map": map}));
    let weights = load(dir.path()).unwrap();
    let whole = load(folder(|d| fixtures::write_hf(d, Dtype::F32)).path()).unwrap();
    assert_eq!(weights.text.projection.data, whole.text.projection.data);
    assert_eq!(weights.vision.projection.data, whole.vision.projection.data);
}

#[test]
fn weights_and_configuration_must_agree() {
    let hf = |change: fn(&mut serde_json::Value)| {
        folder(|d| {
            fixtures::write_hf(d, Dtype::F32);
            let mut config = fixtures::hf_config();
            change(&mut config);
            write_json(d, "config.json", &config);
        })
    };
    let dir = hf(|c| c["vision_config"]["image_size"] = json!(8));
    fails(&dir, &["vision_model.embeddings.position_embedding.weight", "[10, 8]", "expected [17, 8]"]);
    fails(&hf(|c| c["projection_dim"] = json!(5)), &["`visual_projection.weight`", "[5, 8]"]);
    fails(&hf(|c| c["text_config"]["vocab_size"] = json!(60)), &["token_embedding", "[60, 6]"]);
    let dir = hf(|c| c["text_config"]["num_hidden_layers"] = json!(3));
    fails(&dir, &["`text_model.encoder.layers.2.layer_norm1.weight` is missing", "nearest"]);
    let dir = hf(|c| c["vision_config"]["num_hidden_layers"] = json!(1));
    fails(&dir, &["vision_model.encoder.layers.1.", "says 1 layers"]);
    // Types that no kernel reads.
    fails(&folder(|d| fixtures::write_open_clip(d, Dtype::F64)), &["stored as F64"]);
}

/// Every tensor of a model, with one element replaced.
fn damaged(name: &str, at: usize, value: f32, dtype: Dtype) -> TempDir {
    folder(|d| {
        fixtures::write_hf(d, dtype);
        let mut tensors = fixtures::hf_tensors();
        tensors.get_mut(name).unwrap().1[at] = value;
        write_weights(&d.join("model.safetensors"), &tensors, dtype);
    })
}

/// Loads a folder with all of its blocks, as an upload does.
fn load_whole(dir: &TempDir, matrices: Allowed) -> Result<(), ModelError> {
    let weights = super::load(dir.path(), matrices)?;
    weights.vision.blocks.iter().chain(weights.text.blocks.iter()).try_for_each(|block| block.map(drop))
}

#[test]
fn a_value_that_is_not_finite_is_named_in_every_tensor_and_type() {
    let infinite = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for (number, (name, (shape, values))) in fixtures::hf_tensors().iter().enumerate() {
        let dtype = [Dtype::F32, Dtype::F16, Dtype::BF16][number % 3];
        let (at, value) = (values.len() - 1, infinite[number / 3 % 3]);
        let dir = damaged(name, at, value, dtype);
        let message = load_whole(&dir, Allowed::Finite).unwrap_err().to_string();
        let index: Vec<usize> = shape.iter().map(|n| n - 1).collect();
        for part in
            [&format!("`{name}`"), &format!("{value}"), &format!("index {index:?}"), "model.safetensors"]
        {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn matrices_must_fit_the_type_that_they_are_stored_as() {
    let matrices = ["vision_model.encoder.layers.1.mlp.fc1.weight", "text_projection.weight"];
    for name in matrices.into_iter().chain(["vision_model.embeddings.patch_embedding.weight"]) {
        // 65519.996 rounds to 65504, 65520 to infinity.
        for (value, fits) in [(65_519.996, true), (65_520.0, false), (-3.0e38, false)] {
            let dir = damaged(name, 3, value, Dtype::F32);
            load_whole(&dir, Allowed::Finite).unwrap();
            let found = load_whole(&dir, Allowed::F16);
            assert_eq!(found.is_ok(), fits, "{name} {value}");
            if let Err(error) = found {
                let message = error.to_string();
                assert!(message.contains(name) && message.contains("leave out --weights f16"), "{message}");
            }
        }
    }
    // Biases and embeddings stay float32.
    let dir = damaged("text_model.encoder.layers.0.mlp.fc1.bias", 0, 1.0e9, Dtype::F32);
    load_whole(&dir, Allowed::F16).unwrap();
}

#[test]
fn tensors_that_the_network_does_not_use_are_said() {
    let notes = |extra: &[&str]| {
        let dir = folder(|d| {
            fixtures::write_open_clip(d, Dtype::F32);
            let mut tensors = fixtures::open_clip_tensors();
            tensors.extend(extra.iter().map(|name| ((*name).to_owned(), (vec![1], vec![0.0]))));
            write_weights(&d.join("open_clip_model.safetensors"), &tensors, Dtype::F32);
        });
        load(dir.path()).unwrap().notes
    };
    assert_eq!(notes(&[]), Vec::<String>::new());
    assert_eq!(notes(&["attn_mask", "input_resolution", "visual.position_ids"]), Vec::<String>::new());
    let found = notes(&["logit_bias"]);
    assert!(found.len() == 1 && found[0].contains("1 of ") && found[0].contains("`logit_bias`"), "{found:?}");
    let lora = ["a", "b", "c", "d"].map(|name| format!("visual.{name}.lora_A.weight"));
    let found = notes(&lora.each_ref().map(String::as_str));
    for part in ["4 of ", "`visual.a.lora_A.weight`", "`visual.c.lora_A.weight`, …", "merged"] {
        assert!(found[0].contains(part), "{found:?}");
    }
    assert!(!found[0].contains("visual.d."), "{found:?}");
}

#[test]
fn a_logit_scale_without_meaning_is_named() {
    for value in [89.0, 1.0e30, -200.0] {
        let dir = damaged("logit_scale", 0, value, Dtype::F32);
        fails(&dir, &["`logit_scale`", "factor on cosines"]);
    }
}

#[test]
fn one_tower_alone_is_named() {
    let part = |keep: fn(&str) -> bool| {
        folder(|d| {
            fixtures::write_open_clip(d, Dtype::F32);
            let mut tensors = fixtures::open_clip_tensors();
            tensors.retain(|name, _| keep(name));
            write_weights(&d.join("open_clip_model.safetensors"), &tensors, Dtype::F32);
        })
    };
    fails(&part(|name| name.starts_with("visual.")), &["text tower is missing", "both towers"]);
    fails(&part(|name| !name.starts_with("visual.")), &["vision tower is missing", "both towers"]);
}
