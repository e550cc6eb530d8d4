//! Which tensors of a PyTorch file are written, and as which type.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;

use crate::cli::Failure;
use crate::clip::config::Layout;
use crate::clip::torch::{FileTensor, infer};
use crate::words::plural;

/// The tensors of the CLIP among these, without what comes before its names; all tensors where there is none.
pub(super) fn clip_of<'a>(
    file: &Path,
    tensors: BTreeMap<String, FileTensor<'a>>,
    notes: &mut Vec<String>,
) -> Result<(BTreeMap<String, FileTensor<'a>>, Option<Layout>), Failure> {
    let places = infer::places(&infer::shapes(&tensors));
    if places.len() > 1 {
        let names: Vec<String> = places.iter().map(|(prefix, _)| format!("`{prefix}`")).collect();
        return Err(Failure::new(format!(
            "{}: there are {} CLIP models in this file, whose names begin with {}",
            file.display(),
            places.len(),
            names.join(", ")
        ))
        .hint("save the state dict of the one that you mean: torch.save(model.state_dict(), FILE)"));
    }
    let Some((prefix, layout)) = places.into_iter().next() else { return Ok((tensors, None)) };
    if prefix.is_empty() {
        return Ok((tensors, Some(layout)));
    }
    let count = tensors.len();
    let own: BTreeMap<_, _> = tensors
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor)))
        .collect();
    notes.push(format!("the names of the model begin with `{prefix}`, which is left out"));
    if own.len() < count {
        notes.push(format!("{} of other parts left out", plural(count - own.len(), "tensor")));
    }
    Ok((own, Some(layout)))
}

/// Converts tensors of the wanted types to float32.
pub(super) fn as_f32<'a>(
    file: &Path,
    tensors: BTreeMap<String, FileTensor<'a>>,
    notes: &mut Vec<String>,
    wanted: impl Fn(Dtype) -> bool,
) -> Result<BTreeMap<String, FileTensor<'a>>, Failure> {
    let mut converted = 0;
    let mut all = BTreeMap::new();
    for (name, tensor) in tensors {
        let before = tensor.dtype();
        let tensor = match wanted(before) {
            true => tensor
                .into_f32()
                .map_err(|problem| Failure::new(format!("{}: tensor `{name}` {problem}", file.display())))?,
            false => tensor,
        };
        converted += usize::from(tensor.dtype() != before);
        all.insert(name, tensor);
    }
    if converted > 0 {
        notes.push(format!("{} converted to float32", plural(converted, "tensor")));
    }
    Ok(all)
}

/// The failure for a file from which no folder for `--model` can be made.
pub(super) fn not_clip(file: &Path, tensors: &BTreeMap<String, FileTensor<'_>>) -> Failure {
    let (file, first) = (file.display(), tensors.keys().next().cloned().unwrap_or_default());
    match infer::missing_tower(&infer::shapes(tensors)) {
        Some(missing) => Failure::new(format!(
            "{file}: this is one tower of a CLIP, and the {missing} tower is missing; nothing is written"
        ))
        .hint("take the file that has both towers"),
        None => Failure::new(format!(
            "{file}: {} that are not those of a CLIP with a vision transformer (the first is `{first}`); \
             nothing is written",
            plural(tensors.len(), "tensor")
        ))
        .hint("to convert the tensors alone, give a file NAME.safetensors as --out"),
    }
}
