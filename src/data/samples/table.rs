//! Tables with named columns.

use std::path::{Path, PathBuf};

use super::error::SampleError;
use crate::data::error::ImageError;
use crate::files::read_regular;

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
    let bytes = read_regular(path).map_err(|e| ImageError::from_io(path, e))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(&bytes)).from_reader(bytes.as_slice());
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
    let mut lines = Lines::new(&bytes);
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, |position| lines.of(position.byte()));
        let field =
            |place: &Option<usize>| place.and_then(|at| record.get(at)).unwrap_or_default().to_owned();
        rows.push(Row { line, fields: places.iter().map(field).collect() });
    }
    Ok(Table { path: path.into(), rows })
}

/// What separates fields: a comma, or the semicolon or tabulator that spreadsheets write where the comma is a decimal
/// point, if the first line has no comma.
pub(crate) fn delimiter(table: &[u8]) -> u8 {
    let header = table.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|mark| header.contains(mark)).unwrap_or(b',')
}

/// Counts lines as editors do: the reader's own count knows line feeds only, and stands before the second byte of a CRLF.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// Of a table's bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    /// The line of a record that begins at a byte, or behind the ends of lines there; records come in order.
    pub fn of(&mut self, byte: u64) -> u64 {
        let is_end = |at: usize| self.bytes.get(at).is_some_and(|byte| b"\r\n".contains(byte));
        let mut begin = (byte as usize).max(self.at);
        while is_end(begin) {
            begin += 1;
        }
        for at in self.at..begin {
            let second = at > 0 && self.bytes[at - 1] == b'\r' && self.bytes[at] == b'\n';
            self.line += u64::from(is_end(at) && !second);
        }
        self.at = begin;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_editors_do_whatever_ends_and_separates_them() {
        for (end, mark) in [("\n", ","), ("\r\n", ";"), ("\r", "\t")] {
            let rows = ["image,defect", "a.png,good", "", "\"b\n.png\",cut", "c.png,cut"]
                .join(end)
                .replace(',', mark);
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), rows).expect("written");
            let table = read(file.path(), ["image", "defect"], []).expect("a table");
            let found: Vec<(u64, &str)> = table.rows.iter().map(|row| (row.line, row.get(1))).collect();
            assert_eq!(found, [(2, "good"), (4, "cut"), (6, "cut")], "{end:?}");
        }
    }
}
