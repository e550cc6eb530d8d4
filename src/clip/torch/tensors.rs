//! From strided tensors over storages to contiguous tensors in a safetensors file.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, View};

use super::container::{Progress, TorchFile};
use super::error::{Problem, TorchError};
use super::pickle::Pickle;
use super::value::{Id, Tensor, Value, element_size};

/// Deepest nesting of modules and dicts.
const MAX_DEPTH: usize = 64;
/// Longest name of a tensor, in bytes.
const MAX_NAME: usize = 1000;
/// Most entries visited.
const MAX_ENTRIES: usize = 1 << 20;
/// All tensors together may be this many times as large as the file. Shared weights count each time.
const MAX_GROWTH: usize = 4;

/// A tensor of the file, strided, with bounds checked.
#[derive(Debug, Clone)]
pub struct FileTensor<'a> {
    tensor: Tensor<'a>,
    storage: &'a [u8],
    bytes: usize,
}

impl FileTensor<'_> {
    /// Extent of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.tensor.storage.dtype
    }

    /// Length of the elements in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// The elements in row-major order, copied only if the tensor is not contiguous.
    pub fn data(&self) -> Cow<'_, [u8]> {
        let Tensor { offset, shape, strides, .. } = &self.tensor;
        let size = element_size(self.dtype());
        let mut dense = 1;
        let is_dense = shape.iter().zip(strides).rev().all(|(&extent, &stride)| {
            let fits = extent == 1 || stride == dense;
            dense *= extent;
            fits
        });
        if self.bytes == 0 {
            return Cow::Borrowed(&[]);
        }
        if is_dense {
            return Cow::Borrowed(&self.storage[offset * size..offset * size + self.bytes]);
        }
        let mut out = Vec::with_capacity(self.bytes);
        let mut index = vec![0; shape.len()];
        while out.len() < self.bytes {
            let at: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
            out.extend(&self.storage[(offset + at) * size..][..size]);
            for (i, extent) in index.iter_mut().zip(shape).rev() {
                *i += 1;
                if *i < *extent {
                    break;
                }
                *i = 0;
            }
        }
        Cow::Owned(out)
    }
}

/// Keys under which training scripts put a model's state dict.
const WRAPPERS: [&str; 2] = ["state_dict", "model_state_dict"];
/// What parallel training puts before each name.
const PARALLEL: &str = "module.";

impl TorchFile {
    /// The tensors of a model: of a state dict, of a dict around one, or of a TorchScript archive. The names are
    /// those of the file, without the `module.` of parallel training.
    ///
    /// # Errors
    /// As [`TorchFile::tensors`]; a file without tensors.
    pub fn state_dict<'a>(
        &'a self,
        pickle: &Pickle<'a>,
    ) -> Result<BTreeMap<String, FileTensor<'a>>, TorchError> {
        let root = pickle.root();
        let wrapped = WRAPPERS.iter().find_map(|key| pickle.entry(root, key));
        let found = self.tensors(pickle, wrapped.unwrap_or(root))?;
        if found.is_empty() {
            return Err(Problem::Unsupported("it holds no tensors by name".into()).of(self.path()));
        }
        if found.keys().all(|name| name.starts_with(PARALLEL)) {
            return Ok(found
                .into_iter()
                .map(|(name, tensor)| (name[PARALLEL.len()..].to_owned(), tensor))
                .collect());
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
        let mut left = MAX_ENTRIES;
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
        left: &mut usize,
        found: &mut BTreeMap<String, FileTensor<'a>>,
    ) -> Result<(), Problem> {
        for (key, id) in pickle.entries(at) {
            *left =
                left.checked_sub(1).ok_or_else(|| Problem::Unsupported("it has too many entries".into()))?;
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
        Ok(FileTensor { tensor: tensor.clone(), storage: data, bytes })
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
            report(self.tensor.bytes as u64);
        }
        self.tensor.data()
    }

    fn data_len(&self) -> usize {
        self.tensor.bytes
    }
}

/// Writes tensors to `path` as safetensors, one at a time.
///
/// # Errors
/// The operating system's.
pub fn write(
    path: &Path,
    tensors: &BTreeMap<String, FileTensor<'_>>,
    about: HashMap<String, String>,
    progress: Progress<'_>,
) -> std::io::Result<()> {
    let total: u64 = tensors.values().map(|tensor| tensor.bytes as u64).sum();
    let mut done = 0;
    let report = RefCell::new(|bytes| {
        done += bytes;
        progress("writing", done, total);
    });
    let views = tensors.iter().map(|(name, tensor)| (name, Reported { tensor, report: &report }));
    let about = (!about.is_empty()).then_some(about);
    safetensors::serialize_to_file(views, about, path).map_err(|e| match e {
        SafeTensorError::IoError(e) => e,
        other => std::io::Error::other(other),
    })
}
