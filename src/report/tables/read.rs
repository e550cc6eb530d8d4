//! Reads `metrics.json`.

use std::path::{Path, PathBuf};

use super::super::metrics::{Metrics, SCHEMA};
use crate::files::read_unmarked;

/// Why a `metrics.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The file is missing or cannot be read.
    #[error("cannot read '{}': {source}; name the folder of an evaluation or its metrics.json", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A field is missing or has another type.
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
        /// Its schema.
        found: String,
    },
}

/// Reads the metrics of a run: `path` is a `metrics.json`, or the folder that holds one.
pub fn read_metrics(path: &Path) -> Result<Metrics, MetricsError> {
    let path = if path.is_dir() { path.join("metrics.json") } else { path.to_owned() };
    let text = match read_unmarked(&path) {
        Ok(text) => text,
        Err(source) => return Err(MetricsError::Read { path, source }),
    };
    // The schema first: a file of another one lacks other fields too, and an error about those would mislead.
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
