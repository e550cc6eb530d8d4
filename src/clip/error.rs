//! What can be wrong with a model folder.

use crate::words::plural;
use std::path::{Path, PathBuf};

/// A model folder that cannot be used. Every message names the file, the part that is wrong and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The path is not a folder with a CLIP model in it.
    #[error("{path}: not a CLIP model folder ({problem}); {fix}")]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What was found instead.
        problem: String,
        /// What to do.
        fix: String,
    },
    /// The embedded model could not be unpacked.
    #[error(
        "{path}: cannot unpack the embedded model here: {source}; set XDG_CACHE_HOME or TMPDIR to a writable folder, or pass --model DIR"
    )]
    Unpack {
        /// The folder tried last.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file that the layout requires is not there.
    #[error("{path}: file not found; {fix}")]
    MissingFile {
        /// The expected file.
        path: PathBuf,
        /// What to do.
        fix: String,
    },
    /// The operating system could not read the file.
    #[error("{path}: cannot read the file: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A placeholder of Git LFS lies where the file should be.
    #[error(
        "{path}: this is not the file itself but the pointer that Git leaves in its place; fetch the file with \
         `git lfs pull` in that folder, or download it from the model's page"
    )]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// A text file of absurd length.
    #[error(
        "{path}: the file is longer than {limit} bytes, which no file of this kind is; download it again"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// A file became shorter after it was opened.
    #[error(
        "{path}: tensor `{tensor}` cannot be read: the file ended before byte {end}; something cut it while it was \
         in use. Download it again"
    )]
    Truncated {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Where the part that was read should end, in bytes from the start of the file.
        end: u64,
    },
    /// A weight is NaN or infinite, or larger than the device's storage can hold.
    #[error("{path}: tensor `{tensor}` has the value {value} at index {index:?}; {fix}")]
    Value {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The first index of such a value.
        index: Vec<usize>,
        /// The value.
        value: f32,
        /// What to do.
        fix: &'static str,
    },
    /// The file is not JSON.
    #[error("{path}: not valid JSON: {source}; download the file again")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The parser's reason with line and column.
        source: serde_json::Error,
    },
    /// A configuration field is missing or has a value of the wrong kind.
    #[error("{path}: field `{field}` {problem}; correct it or download the file again")]
    Field {
        /// The configuration file.
        path: PathBuf,
        /// The field with its parents, e.g. `vision_config.patch_size`.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The configuration is well-formed but asks for something this crate does not implement.
    #[error("{path}: field `{field}` is {value}, which is not supported; {fix}")]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// The field with its parents.
        field: String,
        /// The value found.
        value: String,
        /// What is supported instead.
        fix: String,
    },
    /// The safetensors header does not match its file.
    #[error("{path}: damaged weight file: {problem}; download it again")]
    Header {
        /// The weight file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// One entry of the safetensors header contradicts the file.
    #[error("{path}: damaged weight file: tensor `{tensor}` {problem}; download it again")]
    TensorEntry {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// The model needs a tensor that the file does not have.
    #[error("{path}: tensor `{tensor}` is missing{near}; the weights do not belong to this configuration")]
    MissingTensor {
        /// The weight file (or the shard index).
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The most similar names present, as a clause to append.
        near: String,
    },
    /// A tensor does not have the shape that the configuration implies.
    #[error(
        "{path}: tensor `{tensor}` has shape {found:?}, expected {expected:?} from the configuration; \
             use the configuration file that belongs to these weights"
    )]
    Shape {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor that the model needs is stored as something other than F32, F16 or BF16.
    #[error("{path}: tensor `{tensor}` is stored as {dtype}; convert the weights to F32, F16 or BF16")]
    Dtype {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The data type as the header spells it.
        dtype: String,
    },
    /// The weights hold more transformer blocks than the configuration.
    #[error(
        "{path}: `{tensor}` exists although the configuration says {layers} layers; \
             use the configuration file that belongs to these weights"
    )]
    ExtraLayers {
        /// The weight file.
        path: PathBuf,
        /// A tensor of the first surplus block.
        tensor: String,
        /// The number of layers in the configuration.
        layers: usize,
    },
    /// A row index beyond the end of a table.
    #[error(
        "row {row} does not exist: tensor `{tensor}` has {}; the tokenizer belongs to another model",
        plural(*.rows, "row")
    )]
    Row {
        /// The tensor's name.
        tensor: String,
        /// The row index.
        row: u32,
        /// The number of rows.
        rows: usize,
    },
    /// The tokenizer file cannot be used.
    #[error("{path}: {problem}; use the tokenizer.json of a CLIP model")]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A text could not be turned into token ids.
    #[error("cannot tokenize {text:?}: {problem}")]
    Text {
        /// The text.
        text: String,
        /// What is wrong.
        problem: String,
    },
}

impl ModelError {
    /// Wraps an I/O error with the file that it concerns.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        ModelError::Read { path: path.to_owned(), source }
    }
}
