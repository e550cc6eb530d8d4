//! Tables with named columns.

use std::path::{Path, PathBuf};

use super::error::SampleError;
use crate::data::error::ImageError;
use crate::files::open_regular;

/// A table in memory, with the requested columns only.
pub(super) struct Table {
    /// The file.
    pub path: PathBuf,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row.
pub(super) struct Row {
    /// Its line in the file, counted from 1.
    pub line: u64,
    /// The fields in the order of the requested columns.
    fields: Vec<String>,
}

impl Row {
    /// A field by the index of its column among the requested ones; empty for a missing optional column.
    pub fn get(&self, column: usize) -> &str {
        &self.fields[column]
    }
}

/// Reads the columns `needed` and `optional`, whose order in the file does not matter.
///
/// # Errors
/// An unreadable file, one that is not a table, or one that lacks a needed column.
pub(super) fn read<const N: usize, const M: usize>(
    path: &Path,
    needed: [&'static str; N],
    optional: [&'static str; M],
) -> Result<Table, SampleError> {
    let broken = |source: csv::Error| SampleError::Table { table: path.into(), source };
    let file = open_regular(path).map_err(|e| ImageError::from_io(path, e))?;
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(broken)?.clone();
    let find = |name: &str| header.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
    let expected = || needed.join(", ");
    let mut places: Vec<Option<usize>> = Vec::new();
    for column in needed {
        let place = find(column);
        if place.is_none() {
            return Err(SampleError::NoColumn { table: path.into(), column, expected: expected() });
        }
        places.push(place);
    }
    places.extend(optional.map(find));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        let field =
            |place: &Option<usize>| place.and_then(|at| record.get(at)).unwrap_or_default().to_owned();
        rows.push(Row { line, fields: places.iter().map(field).collect() });
    }
    Ok(Table { path: path.into(), rows })
}
