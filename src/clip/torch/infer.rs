//! The configuration of a CLIP model, inferred from the shapes of its tensors.
//!
//! Shapes determine every size but the number of heads, which in all published CLIP models with these names is the
//! width over 64. Nothing in the file tells which GELU the model was trained with.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file_tensor::FileTensor;
use crate::clip::config::{Activation, Layout};
use crate::words::plural;

/// Channels of a head.
const HEAD: usize = 64;

/// A configuration, and what in it is assumed rather than inferred.
#[derive(Debug, Clone, PartialEq)]
pub struct InferredConfig {
    /// Contents of the configuration file.
    pub config: Value,
    /// The assumptions, one sentence each.
    pub assumptions: Vec<String>,
}

/// Names of the tensors that determine the sizes.
struct Names {
    patch: &'static str,
    position: &'static str,
    vision_blocks: &'static str,
    token: &'static str,
    text_position: &'static str,
    text_blocks: &'static str,
    /// Identity layer of a block's MLP.
    mlp: &'static str,
    projection: &'static str,
}

fn names(layout: Layout) -> Names {
    match layout {
        Layout::OpenClip => Names {
            patch: "visual.conv1.weight",
            position: "visual.positional_embedding",
            vision_blocks: "visual.transformer.resblocks.",
            token: "token_embedding.weight",
            text_position: "positional_embedding",
            text_blocks: "transformer.resblocks.",
            mlp: "0.mlp.c_fc.weight",
            projection: "text_projection",
        },
        Layout::HuggingFace => Names {
            patch: "vision_model.embeddings.patch_embedding.weight",
            position: "vision_model.embeddings.position_embedding.weight",
            vision_blocks: "vision_model.encoder.layers.",
            token: "text_model.embeddings.token_embedding.weight",
            text_position: "text_model.embeddings.position_embedding.weight",
            text_blocks: "text_model.encoder.layers.",
            mlp: "0.mlp.fc1.weight",
            projection: "text_projection.weight",
        },
    }
}

/// The shape of every tensor by name.
pub type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

/// The shapes of a file's tensors.
pub fn shapes<'a>(tensors: &'a BTreeMap<String, FileTensor<'_>>) -> Shapes<'a> {
    tensors.iter().map(|(name, tensor)| (&**name, tensor.shape())).collect()
}

/// What comes before the names of a CLIP in each place where one is found among these, with its layout; the empty text
/// where nothing does. Programs that hold a CLIP within a larger model save it so.
pub fn places(shapes: &Shapes<'_>) -> Vec<(String, Layout)> {
    let mut found = Vec::new();
    for layout in [Layout::OpenClip, Layout::HuggingFace] {
        let names = names(layout);
        for prefix in shapes.keys().filter_map(|name| name.strip_suffix(names.patch)) {
            let all = [names.position, names.token, names.text_position];
            let has = |name: &&str| shapes.contains_key(format!("{prefix}{name}").as_str());
            if (prefix.is_empty() || prefix.ends_with('.')) && all.iter().all(has) {
                found.push((prefix.to_owned(), layout));
            }
        }
    }
    found
}

/// The tower of a CLIP that is missing among these names, `vision` or `text`; `None` when it is none or both.
pub fn missing_tower(shapes: &Shapes<'_>) -> Option<&'static str> {
    let has = |wanted: [&str; 2]| shapes.keys().any(|name| wanted.iter().any(|end| name.ends_with(end)));
    let (open, hf) = (names(Layout::OpenClip), names(Layout::HuggingFace));
    match (has([open.patch, hf.patch]), has([open.token, hf.token])) {
        (true, false) => Some("text"),
        (false, true) => Some("vision"),
        _ => None,
    }
}

/// The layout whose names these are; `None` when they are not those of a plain CLIP with a vision transformer.
pub fn layout(shapes: &Shapes<'_>) -> Option<Layout> {
    let fits = |layout: &Layout| {
        let names = names(*layout);
        [names.patch, names.position, names.token, names.text_position].iter().all(|n| shapes.contains_key(n))
    };
    [Layout::OpenClip, Layout::HuggingFace].into_iter().find(fits)
}

/// Infers the configuration of a model with the names of `layout`. `of_openai` marks one of OpenAI's own files;
/// `gelu` overrides the assumed activation.
///
/// # Errors
/// A message about a tensor that is missing or has an unexpected shape.
pub fn config(
    shapes: &Shapes<'_>,
    layout: Layout,
    of_openai: bool,
    gelu: Option<Activation>,
) -> Result<InferredConfig, String> {
    let names = names(layout);
    let [width, _, patch, _] = extents(shapes, names.patch)?;
    let [positions, _] = extents(shapes, names.position)?;
    let [vocab_size, text_width] = extents(shapes, names.token)?;
    let [context, _] = extents(shapes, names.text_position)?;
    let [rows, columns] = extents(shapes, names.projection)?;
    let [vision_mlp, _] = extents(shapes, &format!("{}{}", names.vision_blocks, names.mlp))?;
    let [text_mlp, _] = extents(shapes, &format!("{}{}", names.text_blocks, names.mlp))?;
    let grid = positions.saturating_sub(1).isqrt();
    if grid == 0 || grid * grid + 1 != positions {
        return Err(format!("`{}` has {}, not a square and one", names.position, plural(positions, "row")));
    }
    let image_size = grid.checked_mul(patch).ok_or("its image would be too large")?;
    if !width.is_multiple_of(HEAD) || !text_width.is_multiple_of(HEAD) {
        return Err(format!(
            "widths of {width} and {text_width} are no multiples of {HEAD}, so the number of heads is unknown"
        ));
    }
    let (layers, text_layers) = (count(shapes, names.vision_blocks), count(shapes, names.text_blocks));

    let usual =
        if of_openai || layout == Layout::HuggingFace { Activation::QuickGelu } else { Activation::Gelu };
    let is_quick = gelu.unwrap_or(usual) == Activation::QuickGelu;
    let mut assumptions =
        vec![format!("{} and {} heads of {HEAD} channels", width / HEAD, text_width / HEAD)];
    if gelu.is_none() {
        let (name, other) = if is_quick { ("QuickGELU", "exact") } else { ("the exact GELU", "quick") };
        assumptions.push(format!("{name} (--gelu {other} for the other)"));
    }
    assumptions.push("mean and standard deviation of OpenAI's images".into());
    let config = match layout {
        Layout::OpenClip => json!({"model_cfg": {
            "embed_dim": columns,
            "quick_gelu": is_quick,
            "vision_cfg": {"image_size": image_size, "patch_size": patch, "layers": layers, "width": width,
                "head_width": HEAD, "mlp_ratio": ratio(vision_mlp, width)},
            "text_cfg": {"context_length": context, "vocab_size": vocab_size, "layers": text_layers,
                "width": text_width, "heads": text_width / HEAD, "mlp_ratio": ratio(text_mlp, text_width)},
        }}),
        Layout::HuggingFace => {
            let act = if is_quick { "quick_gelu" } else { "gelu" };
            json!({
                "model_type": "clip",
                "projection_dim": rows,
                "vision_config": {"image_size": image_size, "patch_size": patch, "num_hidden_layers": layers,
                    "hidden_size": width, "num_attention_heads": width / HEAD, "intermediate_size": vision_mlp,
                    "hidden_act": act},
                "text_config": {"max_position_embeddings": context, "vocab_size": vocab_size,
                    "num_hidden_layers": text_layers, "hidden_size": text_width,
                    "num_attention_heads": text_width / HEAD, "intermediate_size": text_mlp, "hidden_act": act,
                    "eos_token_id": vocab_size.saturating_sub(1)},
            })
        }
    };
    Ok(InferredConfig { config, assumptions })
}

/// The extents of a tensor of `N` dimensions, none of them zero.
fn extents<const N: usize>(shapes: &Shapes<'_>, name: &str) -> Result<[usize; N], String> {
    let shape = shapes.get(name).ok_or_else(|| format!("tensor `{name}` is missing"))?;
    let extents = <[usize; N]>::try_from(*shape).ok().filter(|extents| !extents.contains(&0));
    extents.ok_or_else(|| format!("tensor `{name}` has shape {shape:?}, not {N} dimensions"))
}

/// Blocks whose names start with `prefix`.
fn count(shapes: &Shapes<'_>, prefix: &str) -> usize {
    let number = |name: &&str| name.strip_prefix(prefix)?.split('.').next()?.parse::<usize>().ok();
    shapes.keys().filter_map(number).max().map_or(0, |last| last.saturating_add(1))
}

/// `mlp / width` such that the product with `width`, truncated, is `mlp` again.
fn ratio(mlp: usize, width: usize) -> f64 {
    let ratio = mlp as f64 / width as f64;
    if (ratio * width as f64) as usize == mlp { ratio } else { (mlp as f64 + 0.5) / width as f64 }
}
