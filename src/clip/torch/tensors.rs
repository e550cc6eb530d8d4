//! From strided tensors over storages to contiguous tensors in a safetensors file.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, View};

use super::container::{CUT, Progress, TorchFile};
use super::error::{Problem, TorchError};
use super::file_tensor::FileTensor;
use super::pickle::Pickle;
use super::value::{Id, Tensor, Value, element_size};

/// Deepest nesting of modules and dicts.
const MAX_DEPTH: usize = 64;
/// Longest name of a tensor, in bytes.
const MAX_NAME: usize = 1000;
/// Most entries visited.
const MAX_ENTRIES: usize = 1 << 17;
/// Most bytes of all names together.
const MAX_NAMES: usize = 1 << 24;
/// All tensors together may be this many times as large as the file. Shared weights count each time.
const MAX_GROWTH: usize = 4;

/// Keys under which training scripts put a model's state dict.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// What parallel and compiled training put before each name.
const WRAPPED: [&str; 2] = ["module.", "_orig_mod."];

/// What may still be visited. The same dict can be entered again and again, by many ways.
struct Budget {
    entries: usize,
    names: usize,
}

impl Budget {
    fn spend(&mut self, entries: usize, names: usize) -> Result<(), Problem> {
        let left = self.entries.checked_sub(entries).zip(self.names.checked_sub(names));
        (self.entries, self.names) =
            left.ok_or_else(|| Problem::Unsupported("it has too many entries".into()))?;
        Ok(())
    }
}

impl TorchFile {
    /// The tensors of a model: of a state dict, of a dict around one, or of a TorchScript archive. The names are
    /// those of the file, without what parallel or compiled training puts before all of them.
    ///
    /// # Errors
    /// As [`TorchFile::tensors`]; a file without tensors.
    pub fn state_dict<'a>(
        &'a self,
        pickle: &Pickle<'a>,
    ) -> Result<BTreeMap<String, FileTensor<'a>>, TorchError> {
        let mut root = pickle.root();
        // One dict may be inside another, as in {"state_dict": {"model": …}}.
        for _ in 0..WRAPPERS.len() {
            let inner = WRAPPERS.iter().filter_map(|key| pickle.entry(root, key));
            match inner.into_iter().find(|&id| pickle.entries(id).next().is_some()) {
                Some(inner) => root = inner,
                None => break,
            }
        }
        let mut found = self.tensors(pickle, root)?;
        if found.is_empty() {
            return Err(Problem::Unsupported("it holds no tensors by name".into()).of(self.path()));
        }
        let common = |names: &BTreeMap<String, FileTensor<'_>>| {
            WRAPPED.into_iter().find(|start| names.keys().all(|name| name.starts_with(start)))
        };
        while let Some(start) = common(&found) {
            found =
                found.into_iter().map(|(name, tensor)| (name[start.len()..].to_owned(), tensor)).collect();
        }
        Ok(found)
    }

    /// All tensors below the dict or module `at`, their names joined by dots.
    ///
    /// # Errors
    /// A tensor that reaches beyond its storage, or a nesting that no real file has.
    pub fn tensors<'a>(
        &'a self,
        pickle: &Pickle<'a>,
        at: Id,
    ) -> Result<BTreeMap<String, FileTensor<'a>>, TorchError> {
        let mut found = BTreeMap::new();
        let mut left = Budget { entries: MAX_ENTRIES, names: MAX_NAMES };
        self.walk(pickle, at, "", MAX_DEPTH, &mut left, &mut found)
            .map_err(|problem| problem.of(self.path()))?;
        let total = found.values().try_fold(0usize, |sum, tensor: &FileTensor| sum.checked_add(tensor.bytes));
        if total.is_none_or(|total| total > self.length().saturating_mul(MAX_GROWTH)) {
            let problem = format!("its tensors would be {MAX_GROWTH} times as large as the file");
            return Err(Problem::Unsupported(problem).of(self.path()));
        }
        Ok(found)
    }

    fn walk<'a>(
        &'a self,
        pickle: &Pickle<'a>,
        at: Id,
        prefix: &str,
        depth: usize,
        left: &mut Budget,
        found: &mut BTreeMap<String, FileTensor<'a>>,
    ) -> Result<(), Problem> {
        // Entries whose keys are no text count, too: they are looked at each time.
        left.spend(pickle.entry_count(at), 0)?;
        for (key, id) in pickle.entries(at) {
            left.spend(0, prefix.len() + key.len())?;
            if prefix.len() + key.len() >= MAX_NAME {
                return Err(Problem::Unsupported(format!("it has a name of more than {MAX_NAME} bytes")));
            }
            let name = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            match pickle.get(id) {
                Value::Tensor(tensor) => {
                    let dense = self
                        .dense(tensor)
                        .map_err(|what| Problem::Damaged(format!("tensor `{name}` {what}")))?;
                    found.insert(name, dense);
                }
                Value::Dict(_) | Value::Module(_) if depth == 0 => {
                    return Err(Problem::Unsupported(format!("`{}` is nested too deeply", shortened(&name))));
                }
                Value::Dict(_) | Value::Module(_) => self.walk(pickle, id, &name, depth - 1, left, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that a tensor is within the bounds of its storage.
    fn dense<'a>(&'a self, tensor: &Tensor<'a>) -> Result<FileTensor<'a>, String> {
        let Tensor { storage, offset, shape, strides } = tensor;
        let size = element_size(storage.dtype);
        let bytes = shape.iter().try_fold(size, |product, &extent| product.checked_mul(extent));
        let bytes = bytes.filter(|&bytes| bytes <= self.length()).ok_or("is larger than the file")?;
        let data = if bytes == 0 { Some(&[][..]) } else { self.storage(storage.key) };
        let data =
            data.ok_or_else(|| format!("needs storage {}, which is not there", shortened(storage.key)))?;
        let last = shape.iter().zip(strides).try_fold(*offset, |at, (&extent, &stride)| {
            extent.saturating_sub(1).checked_mul(stride).and_then(|step| at.checked_add(step))
        });
        if bytes > 0 && last.is_none_or(|last| last >= data.len() / size) {
            return Err("reaches beyond its storage".into());
        }
        Ok(FileTensor { tensor: tensor.clone(), storage: data, file: self, bytes, as_f32: false })
    }
}

/// A string of the file, shortened for messages.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A tensor that reports progress when its bytes are read.
struct Reported<'a, 'p> {
    tensor: &'a FileTensor<'a>,
    report: &'p RefCell<dyn FnMut(u64) + 'p>,
    /// Set when the file became shorter, so that there is nothing to read.
    cut: &'p Cell<bool>,
}

impl View for Reported<'_, '_> {
    fn dtype(&self) -> Dtype {
        self.tensor.dtype()
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if let Ok(mut report) = self.report.try_borrow_mut() {
            report(self.tensor.byte_len() as u64);
        }
        if !self.tensor.is_whole() {
            self.cut.set(true);
            return Cow::Owned(vec![0; self.tensor.byte_len()]);
        }
        self.tensor.data()
    }

    fn data_len(&self) -> usize {
        self.tensor.byte_len()
    }
}

/// Writes tensors to `path` as safetensors, one at a time.
///
/// # Errors
/// The operating system's; a file that became shorter since it was opened.
pub fn write(
    path: &Path,
    tensors: &BTreeMap<String, FileTensor<'_>>,
    about: HashMap<String, String>,
    progress: Progress<'_>,
) -> std::io::Result<()> {
    let total: u64 = tensors.values().map(|tensor| tensor.byte_len() as u64).sum();
    let mut done = 0;
    let report = RefCell::new(|bytes| {
        done += bytes;
        progress("writing", done, total);
    });
    let cut = Cell::new(false);
    let views = tensors.iter().map(|(name, tensor)| (name, Reported { tensor, report: &report, cut: &cut }));
    let about = (!about.is_empty()).then_some(about);
    safetensors::serialize_to_file(views, about, path).map_err(|e| match e {
        SafeTensorError::IoError(e) => e,
        other => std::io::Error::other(other),
    })?;
    match cut.get() {
        true => Err(std::io::Error::other(format!("the file that it is made of: {CUT}"))),
        false => Ok(()),
    }
}
