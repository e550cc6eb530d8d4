//! `open_clip_config.json` as open_clip writes it.

use super::fields::{Fields, MAX_SIZE, check_grid, check_std};
use super::model::{
    ClipConfig, Layout, OPENAI_MEAN, OPENAI_STD, TextConfig, TextPooling, TowerConfig, VisionConfig,
};
use crate::clip::error::ModelError;
use crate::ops::Activation;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Turns the content of `open_clip_config.json` into a [`ClipConfig`].
pub(super) fn parse(path: &Path, map: &Map<String, Value>, name: String) -> Result<ClipConfig, ModelError> {
    let top = Fields::new(path, "", map);
    let model = top.object("model_cfg")?.ok_or_else(|| top.bad("model_cfg", "is missing"))?;
    let plain = "only plain CLIP (two transformers and two linear projections) is";
    model.only("custom_text", &[json!(false)], plain)?;
    model.only("multimodal_cfg", &[], plain)?;
    model.only("init_logit_bias", &[], plain)?;

    let empty = Map::new();
    let vision = model.object("vision_cfg")?.unwrap_or(Fields::new(path, "model_cfg.vision_cfg", &empty));
    let text = model.object("text_cfg")?.unwrap_or(Fields::new(path, "model_cfg.text_cfg", &empty));
    refuse_vision(&vision)?;
    refuse_text(&text)?;

    // Only this flag determines the GELU: the weights have the same shapes for both.
    let activation = if model.flag("quick_gelu", false)? { Activation::QuickGelu } else { Activation::Gelu };
    let (image_size, patch_size) = (vision.square("image_size", 224)?, vision.square("patch_size", 16)?);
    check_grid(&vision, image_size, patch_size)?;
    let width = vision.size("width", 768)?;
    let head_width = vision.size("head_width", 64)?;
    if !width.is_multiple_of(head_width) {
        return Err(
            vision.bad("head_width", &format!("is {head_width}, which does not divide the width {width}"))
        );
    }
    let text_width = text.size("width", 512)?;
    let text_heads = text.size("heads", 8)?;
    if !text_width.is_multiple_of(text_heads) {
        return Err(
            text.bad("heads", &format!("is {text_heads}, which does not divide the width {text_width}"))
        );
    }

    let (mean, std) = match top.object("preprocess_cfg")? {
        Some(pre) => preprocess(&pre)?,
        None => (OPENAI_MEAN, OPENAI_STD),
    };
    Ok(ClipConfig {
        name,
        layout: Layout::OpenClip,
        vision: VisionConfig {
            tower: tower(&vision, width, width / head_width, activation)?,
            image_size,
            patch_size,
        },
        text: TextConfig {
            tower: tower(&text, text_width, text_heads, activation)?,
            vocab_size: text.size("vocab_size", 49408)?,
            context_length: text.size("context_length", 77)?,
            pooling: TextPooling::ArgmaxId,
        },
        embed_dim: model.required_size("embed_dim")?,
        mean,
        std,
    })
}

fn tower(
    fields: &Fields,
    width: usize,
    heads: usize,
    activation: Activation,
) -> Result<TowerConfig, ModelError> {
    let ratio = fields.number("mlp_ratio", 4.0)?;
    // Truncated, as `int(width * mlp_ratio)` does in Python.
    let mlp_width = (width as f64 * ratio) as usize;
    if !(1..=4 * MAX_SIZE).contains(&mlp_width) {
        return Err(fields.bad("mlp_ratio", &format!("is {ratio}, which gives the MLP no usable width")));
    }
    let eps = match fields.object("norm_kwargs")? {
        Some(norm) => norm.number("eps", 1e-5)?,
        None => 1e-5,
    };
    if !(0.0..1.0).contains(&eps) {
        return Err(fields.bad("norm_kwargs.eps", &format!("must be from 0 to 1 but is {eps}")));
    }
    let layers = fields.size("layers", 12)?;
    Ok(TowerConfig { width, layers, heads, mlp_width, layer_norm_eps: eps as f32, activation })
}

/// Refuses vision towers that are not the standard ViT with a class token.
fn refuse_vision(vision: &Fields) -> Result<(), ModelError> {
    vision.only("timm_model_name", &[], "vision towers from timm are not; take a model with a plain ViT")?;
    if vision.get("layers").is_some_and(Value::is_array) {
        return Err(
            vision.unsupported("layers", "ResNets are not; take a model with a ViT, such as ViT-L-14-336")
        );
    }
    let no = [json!(false)];
    vision.only("pool_type", &[json!("tok")], "only the class token is")?;
    vision.only("global_average_pool", &no, "only the class token is")?;
    vision.only("attentional_pool", &no, "only the class token is")?;
    vision.only("no_ln_pre", &no, "the layer norm before the blocks is required")?;
    vision.only("final_ln_after_pool", &no, "the last layer norm must come before pooling")?;
    vision.only("input_patchnorm", &no, "the patch embedding must be a plain convolution")?;
    vision.only("pos_embed_type", &[json!("learnable")], "only learned position embeddings are")?;
    refuse_blocks(vision)
}

/// Refuses text towers that are not the standard causal transformer read at the end token.
fn refuse_text(text: &Fields) -> Result<(), ModelError> {
    let no = [json!(false)];
    text.only("hf_model_name", &[], "text towers from transformers are not; take a model with CLIP's own")?;
    text.only("embed_cls", &no, "a text class token is not")?;
    text.only("no_causal_mask", &no, "the causal mask is required")?;
    text.only("pool_type", &[json!("argmax")], "only the end-of-text token is")?;
    text.only("final_ln_after_pool", &no, "the last layer norm must come before pooling")?;
    text.only("proj_type", &[json!("linear")], "only the linear projection is")?;
    text.only("proj_bias", &no, "a projection bias is not")?;
    text.only("tokenizer_kwargs", &[json!({}), json!({"clean": "lower"})], "only CLIP's own tokenizer is")?;
    refuse_blocks(text)
}

/// Refuses changes to the blocks themselves.
fn refuse_blocks(tower: &Fields) -> Result<(), ModelError> {
    let no = [json!(false)];
    tower.only("ls_init_value", &[], "layer scale is not")?;
    tower.only("act_kwargs", &[json!({})], "only the exact GELU and QuickGELU are")?;
    tower.only("block_type", &[json!("default")], "only the default block is")?;
    for key in ["qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"]
    {
        tower.only(key, &no, "only the default block is")?;
    }
    Ok(())
}

/// Mean and standard deviation; refuses resizing that this crate would not reproduce.
fn preprocess(pre: &Fields) -> Result<([f32; 3], [f32; 3]), ModelError> {
    // `random` only varies the filter while training; it means bicubic at inference.
    pre.only("interpolation", &[json!("bicubic"), json!("random")], "only bicubic resizing is")?;
    pre.only("resize_mode", &[json!("shortest"), json!("squash")], "`shortest` and `squash` are")?;
    pre.only("mode", &[json!("RGB")], "only RGB is")?;
    let mean = pre.rgb("mean")?.unwrap_or(OPENAI_MEAN);
    let std = pre.rgb("std")?.unwrap_or(OPENAI_STD);
    check_std(pre, "std", std)?;
    Ok((mean, std))
}
