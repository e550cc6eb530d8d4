//! `config.json` as transformers writes it.

use super::fields::{Fields, check_grid, check_std, read_object};
use super::model::{
    ClipConfig, DEFAULT_END, Layout, OPENAI_MEAN, OPENAI_STD, TextConfig, TextPooling, TowerConfig,
    VisionConfig,
};
use crate::clip::error::ModelError;
use crate::ops::Activation;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Whether this is the configuration of a whole CLIP model.
pub(super) fn is_clip(map: &Map<String, Value>) -> bool {
    match map.get("model_type").and_then(Value::as_str) {
        Some(kind) => kind == "clip",
        None => map.contains_key("vision_config") && map.contains_key("text_config"),
    }
}

/// Defaults of one tower, those of transformers' `CLIPVisionConfig` and `CLIPTextConfig` (ViT-B/32).
struct Defaults {
    width: usize,
    mlp_width: usize,
    layers: usize,
    heads: usize,
}
const VISION: Defaults = Defaults { width: 768, mlp_width: 3072, layers: 12, heads: 12 };
const TEXT: Defaults = Defaults { width: 512, mlp_width: 2048, layers: 12, heads: 8 };

/// Turns the content of `config.json` into a [`ClipConfig`].
pub(super) fn parse(path: &Path, map: &Map<String, Value>, name: String) -> Result<ClipConfig, ModelError> {
    let top = Fields::new(path, "", map);
    for (kind, missing) in [("clip_vision_model", "text"), ("clip_text_model", "vision")] {
        if map.get("model_type").and_then(Value::as_str) == Some(kind) {
            return Err(top.unsupported(
                "model_type",
                &format!(
                    "the {missing} tower is missing; take the folder of the whole model, whose type is `clip`"
                ),
            ));
        }
    }
    if !is_clip(map) {
        return Err(top.unsupported("model_type", "only `clip` models are"));
    }
    let vision_map = merged(path, map, "vision_config")?;
    let text_map = merged(path, map, "text_config")?;
    let vision = Fields::new(path, "vision_config", &vision_map);
    let text = Fields::new(path, "text_config", &text_map);

    vision.only("num_channels", &[json!(3)], "only three-channel images are")?;
    let (image_size, patch_size) = (vision.square("image_size", 224)?, vision.square("patch_size", 32)?);
    check_grid(&vision, image_size, patch_size)?;

    // The value 2 was written by mistake into every early file, whose true end token is 49407;
    // transformers reads it as "the largest id", and so do we.
    let pooling = match text.get("eos_token_id").map(Value::as_u64) {
        None => TextPooling::FirstEos(DEFAULT_END),
        Some(Some(2)) => TextPooling::ArgmaxId,
        Some(Some(id)) if id <= u64::from(u32::MAX) => TextPooling::FirstEos(id as u32),
        Some(_) => return Err(text.bad("eos_token_id", "must be a token id")),
    };

    let folder = path.parent().unwrap_or(Path::new("."));
    let (mean, std) = preprocessor(&folder.join("preprocessor_config.json"))?;
    Ok(ClipConfig {
        name,
        layout: Layout::HuggingFace,
        vision: VisionConfig { tower: tower(&vision, &VISION)?, image_size, patch_size },
        text: TextConfig {
            tower: tower(&text, &TEXT)?,
            vocab_size: text.size("vocab_size", 49408)?,
            context_length: text.size("max_position_embeddings", 77)?,
            pooling,
        },
        embed_dim: top.size("projection_dim", 512)?,
        mean,
        std,
    })
}

/// The object `key` with `{key}_dict` laid over it: early files carry both and the latter wins.
fn merged(path: &Path, map: &Map<String, Value>, key: &str) -> Result<Map<String, Value>, ModelError> {
    let top = Fields::new(path, "", map);
    let mut all = Map::new();
    for part in [key.to_owned(), format!("{key}_dict")] {
        top.object(&part)?; // wrong type: error
        if let Some(Value::Object(fields)) = top.get(&part) {
            all.extend(fields.clone());
        }
    }
    Ok(all)
}

fn tower(fields: &Fields, default: &Defaults) -> Result<TowerConfig, ModelError> {
    let (width, heads) =
        (fields.size("hidden_size", default.width)?, fields.size("num_attention_heads", default.heads)?);
    if !width.is_multiple_of(heads) {
        return Err(fields
            .bad("num_attention_heads", &format!("is {heads}, which does not divide the width {width}")));
    }
    let activation = match fields.text("hidden_act")? {
        None | Some("quick_gelu") => Activation::QuickGelu,
        Some("gelu") => Activation::Gelu,
        Some(_) => return Err(fields.unsupported("hidden_act", "quick_gelu and gelu are")),
    };
    let eps = fields.number("layer_norm_eps", 1e-5)?;
    if !(0.0..1.0).contains(&eps) {
        return Err(fields.bad("layer_norm_eps", &format!("must be from 0 to 1 but is {eps}")));
    }
    Ok(TowerConfig {
        width,
        layers: fields.size("num_hidden_layers", default.layers)?,
        heads,
        mlp_width: fields.size("intermediate_size", default.mlp_width)?,
        layer_norm_eps: eps as f32,
        activation,
    })
}

/// Mean and standard deviation from `preprocessor_config.json`; OpenAI's when the file is absent.
/// Pre-processing that this crate would not reproduce is refused.
fn preprocessor(path: &Path) -> Result<([f32; 3], [f32; 3]), ModelError> {
    if !path.is_file() {
        return Ok((OPENAI_MEAN, OPENAI_STD));
    }
    let map = read_object(path)?;
    let fields = Fields::new(path, "", &map);
    fields.only("do_normalize", &[json!(true)], "pixels are always normalised")?;
    fields.only("do_rescale", &[json!(true)], "pixels are always scaled to 0..1")?;
    fields.only("resample", &[json!(3)], "only 3 (bicubic) is")?;
    let scale = fields.number("rescale_factor", 1.0 / 255.0)?;
    if (scale * 255.0 - 1.0).abs() > 1e-6 {
        return Err(fields.unsupported("rescale_factor", "only 1/255 is"));
    }
    let mean = fields.rgb("image_mean")?.unwrap_or(OPENAI_MEAN);
    let std = fields.rgb("image_std")?.unwrap_or(OPENAI_STD);
    check_std(&fields, "image_std", std)?;
    Ok((mean, std))
}
