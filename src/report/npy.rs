//! NumPy `.npy` files: maps that Python, Julia or MATLAB can load without knowing this program.
//!
//! Format (numpy.lib.format): the magic bytes `\x93NUMPY`, a version, the length of a header, the header (a Python
//! dictionary literal with `descr`, `fortran_order` and `shape`, padded with spaces so that the data starts at a
//! multiple of 64 bytes), then the values. Version 1.0 is written; 1.0 to 3.0 are read.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::atomic::{AtomicFile, WriteError};
use crate::files::{BUDGET, Budget, read_regular};
use crate::words::plural;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Why an `.npy` file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The number of values is not the product of the shape.
    #[error("cannot write '{}': shape {shape:?} does not hold {}", path.display(), plural(*.values, "value"))]
    Shape {
        /// The file that was to be written.
        path: PathBuf,
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// The number of values given.
        values: usize,
    },
    /// The file could not be read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not an `.npy` file this module reads.
    #[error("cannot read '{}': {reason}; expected a C-ordered .npy of float32 ('<f4') or uint8 ('|u1')", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Values of an [`NpyArray`].
#[derive(Debug, Clone, PartialEq)]
pub enum NpyData {
    /// `'<f4'`.
    F32(Vec<f32>),
    /// `'|u1'`.
    U8(Vec<u8>),
}

/// An array read from an `.npy` file, last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Length of each axis, e.g. `[C, H, W]`.
    pub shape: Vec<usize>,
    /// The values, `shape.iter().product()` of them.
    pub data: NpyData,
}

/// Writes little-endian float32 values of the given shape (`[H, W]`, `[C, H, W]`, ...), last axis fastest.
///
/// ```
/// use dapo_wgpu::report::{NpyData, read_npy, write_npy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("map.npy");
/// write_npy(&path, &[2, 3], &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5])?;
/// let map = read_npy(&path)?;
/// assert_eq!((map.shape, map.data), (vec![2, 3], NpyData::F32(vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NpyError::Shape`] if `values` does not fill `shape`, [`NpyError::Write`] if the file cannot be written; an
/// existing file is then untouched.
pub fn write_npy(path: impl AsRef<Path>, shape: &[usize], values: &[f32]) -> Result<(), NpyError> {
    let path = path.as_ref();
    if element_count(shape) != Some(values.len()) {
        return Err(NpyError::Shape { path: path.into(), shape: shape.to_vec(), values: values.len() });
    }
    let axes: String = shape.iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({axes}), }}");
    // Magic, version and length take ten bytes; the header ends with a line feed at a multiple of 64.
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', total - 10 - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| NpyError::Shape {
        path: path.into(),
        shape: shape.to_vec(),
        values: values.len(),
    })?;

    let mut file = AtomicFile::create(path)?;
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(|e| WriteError::from_io(path, e));
    put(MAGIC)?;
    put(&[1, 0])?;
    put(&length.to_le_bytes())?;
    put(header.as_bytes())?;
    for value in values {
        put(&value.to_le_bytes())?;
    }
    Ok(file.commit()?)
}

/// Reads a C-ordered float32 or uint8 array.
///
/// # Errors
/// [`NpyError::Read`] if the file cannot be read, [`NpyError::Format`] if it is damaged or of another kind.
pub fn read_npy(path: impl AsRef<Path>) -> Result<NpyArray, NpyError> {
    let path = path.as_ref();
    let bytes = read_regular(path).map_err(|source| NpyError::Read { path: path.into(), source })?;
    parse(&bytes).map_err(|reason| NpyError::Format { path: path.into(), reason })
}

fn parse(bytes: &[u8]) -> Result<NpyArray, String> {
    let Parts { shape, descr, data } = parts(bytes)?;
    let data = match descr {
        "|u1" => NpyData::U8(data.to_vec()),
        "<f4" => NpyData::F32(numbers(data, f32::from_le_bytes)),
        other => return Err(format!("its values are '{other}'")),
    };
    filled(
        &shape,
        match &data {
            NpyData::U8(v) => v.len(),
            NpyData::F32(v) => v.len(),
        },
    )?;
    Ok(NpyArray { shape, data })
}

/// As [`npy_as_f32`], from a stream: a compressed array may be a thousand times as long as its file, so its shape is
/// checked against the [budget](crate::files::BUDGET) before its values are read, and they are converted as they come.
///
/// # Errors
/// What is wrong with the array; one with more numbers than the budget has.
pub fn read_npy_as_f32(reader: &mut impl Read) -> Result<(Vec<usize>, Vec<f32>), String> {
    /// NumPy's own limit of a header that it trusts.
    const HEADER: u64 = 10_000;
    const BLOCK: u64 = 1 << 16;
    let io = |e: std::io::Error| e.to_string();
    let mut head = Vec::new();
    reader.by_ref().take(12).read_to_end(&mut head).map_err(io)?;
    let (length, start) = header_place(&head)?;
    let rest = (start + length) as u64;
    if length as u64 > HEADER {
        return Err(format!("its header has {length} bytes; at most {HEADER} are read"));
    }
    reader.by_ref().take(rest.saturating_sub(head.len() as u64)).read_to_end(&mut head).map_err(io)?;
    let (shape, count) = {
        let Parts { shape, .. } = parts(&head)?;
        let count =
            BUDGET.check_shape(&shape).map_err(|e| format!("{e}; save maps at the size of the model"))?;
        (shape, count)
    };
    let mut values = Budget::reserve(count as u64).map_err(|e| e.to_string())?;
    // Whole numbers of any type fill a block. What stood behind a short header belongs to the first.
    let mut block = head.split_off(rest as usize);
    loop {
        let wanted = BLOCK - block.len() as u64;
        reader.by_ref().take(wanted).read_to_end(&mut block).map_err(io)?;
        let last = (block.len() as u64) < BLOCK;
        let Parts { descr, .. } = parts(&head)?;
        values.extend(as_f32(descr, &block)?);
        if last || values.len() > count {
            break;
        }
        block.clear();
    }
    filled(&shape, values.len())?;
    Ok((shape, values))
}

/// The shape and values of an `.npy` file of any common number type, as float32: also of one inside of an `.npz`.
/// Larger types are rounded to the nearest.
///
/// # Errors
/// What is wrong with the bytes.
pub fn npy_as_f32(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
    read_npy_as_f32(&mut &*bytes)
}

/// Values of a type as float32.
fn as_f32(descr: &str, data: &[u8]) -> Result<Vec<f32>, String> {
    Ok(match descr {
        "<f4" => numbers(data, f32::from_le_bytes),
        "<f8" => numbers(data, |b| f64::from_le_bytes(b) as f32),
        "<f2" => numbers(data, |b| half::f16::from_le_bytes(b).to_f32()),
        "|u1" | "|b1" => numbers(data, |[b]| f32::from(b)),
        "|i1" => numbers(data, |b| f32::from(i8::from_le_bytes(b))),
        "<u2" => numbers(data, |b| f32::from(u16::from_le_bytes(b))),
        "<i2" => numbers(data, |b| f32::from(i16::from_le_bytes(b))),
        "<u4" => numbers(data, |b| u32::from_le_bytes(b) as f32),
        "<i4" => numbers(data, |b| i32::from_le_bytes(b) as f32),
        "<i8" => numbers(data, |b| i64::from_le_bytes(b) as f32),
        other => return Err(format!("its values are '{other}'; save it with array.astype('float32')")),
    })
}

/// Each `N` bytes as a number; a rest is left out.
fn numbers<T, const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (groups, rest) = data.as_chunks::<N>();
    let whole = if rest.is_empty() { groups } else { &[] };
    whole.iter().map(|&group| number(group)).collect()
}

/// An error unless there are as many values as the shape says.
fn filled(shape: &[usize], values: usize) -> Result<(), String> {
    if element_count(shape) == Some(values) {
        return Ok(());
    }
    Err(format!("shape {shape:?} does not match its {}", plural(values, "whole value")))
}

/// The parts of a file.
struct Parts<'a> {
    shape: Vec<usize>,
    descr: &'a str,
    data: &'a [u8],
}

fn short() -> String {
    "it ends inside the header".to_string()
}

/// Length of the header's text, and where in the file it starts.
fn header_place(bytes: &[u8]) -> Result<(usize, usize), String> {
    let body = bytes.strip_prefix(MAGIC).ok_or("it does not start with the .npy magic bytes")?;
    let (length, start) = match body.first().ok_or_else(short)? {
        1 => (body.get(2..4).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))), 4),
        2 | 3 => (body.get(2..6).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize), 6),
        other => return Err(format!("its format version {other} is unknown")),
    };
    Ok((length.ok_or_else(short)?, MAGIC.len() + start))
}

fn parts(bytes: &[u8]) -> Result<Parts<'_>, String> {
    let (length, start) = header_place(bytes)?;
    let end = length.checked_add(start).ok_or_else(short)?;
    let header = std::str::from_utf8(bytes.get(start..end).ok_or_else(short)?)
        .map_err(|_| "its header is not text".to_string())?;
    let data = &bytes[end..];

    if field(header, "fortran_order")? != "False" {
        return Err("it is in Fortran order; save it with numpy.ascontiguousarray".to_string());
    }
    let shape = field(header, "shape")?
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<usize>().map_err(|_| format!("its shape has the axis '{part}'")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Parts { shape, descr: field(header, "descr")?.trim_matches(['\'', '"']), data })
}

/// The text of one value in the header's dictionary: up to the closing parenthesis of a tuple or the next comma.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let missing = || format!("its header has no '{key}'");
    let at = header.find(&format!("'{key}'")).ok_or_else(missing)?;
    let value = header[at + key.len() + 2..].trim_start().strip_prefix(':').ok_or_else(missing)?.trim_start();
    let end = if value.starts_with('(') { value.find(')').map(|i| i + 1) } else { value.find([',', '}']) };
    Ok(value[..end.ok_or_else(missing)?].trim())
}

/// Product of the axes, `None` on overflow.
fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis))
}

#[cfg(test)]
mod tests;
