//! Tensors inside a mapped file, and their conversion to F32.

use crate::clip::error::ModelError;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::path::Path;

/// How a tensor's elements are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an `F32`.
    Bf16,
    /// Anything else; allowed in the file, but not readable.
    Other(String),
}

impl Dtype {
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "F32" => Dtype::F32,
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            other => Dtype::Other(other.to_owned()),
        }
    }
}

/// A tensor inside a mapped file.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    pub(super) path: &'a Path,
    /// Name in the file.
    pub name: &'a str,
    /// Extent of each dimension, the last one contiguous.
    pub shape: &'a [usize],
    /// How the elements are stored.
    pub dtype: &'a Dtype,
    /// The elements, little-endian, at any alignment.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// All elements, converted exactly.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = Vec::new();
        self.append_f32(&mut out);
        out
    }

    /// Appends all elements to `out`, converted exactly.
    pub fn append_f32(&self, out: &mut Vec<f32>) {
        widen(self.dtype, self.bytes, out);
    }

    /// Rows `ids` of a `[rows, width]` tensor, concatenated; other rows are not read.
    ///
    /// # Errors
    /// [`ModelError::Row`] when an id is not a row.
    pub fn rows_f32(&self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        let rows = self.shape.first().copied().unwrap_or(0);
        let stride = self.bytes.len() / rows.max(1);
        let mut out = Vec::with_capacity(ids.len() * self.shape.iter().skip(1).product::<usize>());
        for &row in ids {
            if row as usize >= rows {
                return Err(ModelError::Row { tensor: self.name.into(), row, rows });
            }
            let start = row as usize * stride;
            widen(self.dtype, &self.bytes[start..start + stride], &mut out);
        }
        Ok(out)
    }
}

/// Appends the elements in `bytes` to `out`. Every F16 and BF16 value is an F32 value, so this is exact.
fn widen(dtype: &Dtype, bytes: &[u8], out: &mut Vec<f32>) {
    match dtype {
        Dtype::F32 => out.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b))),
        Dtype::Bf16 => out.extend(bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F16 => {
            // In blocks through an aligned buffer: the slice conversion uses the CPU's own
            // instructions, and the mapping gives no alignment.
            let mut block = [f16::ZERO; 1024];
            for part in bytes.as_chunks::<2>().0.chunks(block.len()) {
                block.iter_mut().zip(part).for_each(|(to, &from)| *to = f16::from_le_bytes(from));
                let start = out.len();
                out.resize(start + part.len(), 0.0);
                block[..part.len()].convert_to_f32_slice(&mut out[start..]);
            }
        }
        // `Checkpoint::any_shape` refuses every other type.
        Dtype::Other(_) => {}
    }
}
