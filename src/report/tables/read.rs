//! Reads `metrics.json` again.

use std::path::{Path, PathBuf};

use super::super::metrics::{Metrics, SCHEMA};

/// Why a `metrics.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// It is not there, or may not be read.
    #[error("cannot read '{}': {source}; name the folder of an evaluation or its metrics.json", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A field is missing or is not what it should be.
    #[error("'{}' is not a metrics.json: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The field, with line and column.
        source: serde_json::Error,
    },
    /// A file of another kind or of a newer program.
    #[error("'{}': field 'schema' is '{found}', this program reads '{SCHEMA}'; evaluate again with this version", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
}

/// Reads the metrics of a run: `path` is a `metrics.json`, or the folder that holds one.
///
/// # Errors
/// [`MetricsError`], which names the file and the field.
pub fn read_metrics(path: &Path) -> Result<Metrics, MetricsError> {
    let path = if path.is_dir() { path.join("metrics.json") } else { path.to_owned() };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(MetricsError::Read { path, source }),
    };
    // The schema first: in a file of another one, other fields are missing too, and to name those would mislead.
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    match serde_json::from_slice::<Head>(&text) {
        Err(source) => Err(MetricsError::Parse { path, source }),
        Ok(head) if head.schema != SCHEMA => Err(MetricsError::Schema { path, found: head.schema }),
        Ok(_) => serde_json::from_slice(&text).map_err(|source| MetricsError::Parse { path, source }),
    }
}
