//! Tensors inside a file, and their conversion to F32.

use super::source::Source;
use crate::clip::error::ModelError;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::ops::Range;
use std::path::Path;

/// Elements that are read, converted and checked at a time: few enough to stay in a cache of the CPU, so that the
/// check costs no further pass over memory.
const BLOCK: usize = 1 << 18;

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

    /// Bytes of an element; `Checkpoint::any_shape` refuses types other than these.
    fn size(&self) -> usize {
        if *self == Dtype::F32 { 4 } else { 2 }
    }
}

/// Which values are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Finite ones.
    Finite,
    /// Those that are finite as float16, too.
    F16,
}

impl Allowed {
    /// The largest magnitude.
    fn largest(self) -> f32 {
        match self {
            Allowed::Finite => f32::MAX,
            // From 65520 on, half the distance from the largest float16 to the next power, values round to infinity.
            Allowed::F16 => 65_520f32.next_down(),
        }
    }

    /// What to do about another value.
    fn fix(self, value: f32) -> &'static str {
        match value.is_finite() {
            true => {
                "float16 holds 65504 at most: leave out --weights f16, so that weights are stored as float32"
            }
            false => {
                "every weight must be a finite number: download the file again, or save it from a checkpoint before \
                 the training diverged"
            }
        }
    }
}

/// A tensor inside a file.
#[derive(Debug, Clone)]
pub struct TensorView<'a> {
    pub(super) source: &'a Source,
    /// Name in the file.
    pub name: &'a str,
    /// Extent of each dimension, the last one contiguous.
    pub shape: &'a [usize],
    /// How the elements are stored.
    pub dtype: &'a Dtype,
    /// Where the elements are in the file, little-endian, at any alignment.
    pub bytes: Range<u64>,
}

impl TensorView<'_> {
    /// The file.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        (self.bytes.end - self.bytes.start) as usize / self.dtype.size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements, converted exactly.
    ///
    /// # Errors
    /// As [`TensorView::read_f32`].
    pub fn to_f32(&self) -> Result<Vec<f32>, ModelError> {
        let mut out = vec![0.0; self.len()];
        self.read_f32(&mut out, Allowed::Finite)?;
        Ok(out)
    }

    /// Fills `out`, of [`TensorView::len`] elements, with all elements, converted exactly.
    ///
    /// # Errors
    /// [`ModelError::Value`] for the first value that is not allowed; [`ModelError::Truncated`], [`ModelError::Read`].
    pub fn read_f32(&self, out: &mut [f32], allowed: Allowed) -> Result<(), ModelError> {
        self.read_from(0, out, allowed)
    }

    /// Reads all elements and checks that they are finite.
    ///
    /// # Errors
    /// As [`TensorView::read_f32`].
    pub fn check(&self) -> Result<(), ModelError> {
        let mut block = vec![0.0; BLOCK.min(self.len())];
        for at in (0..self.len()).step_by(BLOCK) {
            let length = BLOCK.min(self.len() - at);
            self.read_from(at, &mut block[..length], Allowed::Finite)?;
        }
        Ok(())
    }

    /// Rows `ids` of a `[rows, width]` tensor, concatenated; other rows are not read.
    ///
    /// # Errors
    /// [`ModelError::Row`] when an id is not a row; as [`TensorView::read_f32`].
    pub fn rows_f32(&self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        let rows = self.shape.first().copied().unwrap_or(0);
        let width = self.len() / rows.max(1);
        let mut out = vec![0.0; ids.len() * width];
        for (&row, out) in ids.iter().zip(out.chunks_mut(width.max(1))) {
            if row as usize >= rows {
                return Err(ModelError::Row { tensor: self.name.into(), row, rows });
            }
            self.read_from(row as usize * width, out, Allowed::Finite)?;
        }
        Ok(out)
    }

    /// Fills `out` with the elements from number `first` on.
    fn read_from(&self, first: usize, out: &mut [f32], allowed: Allowed) -> Result<(), ModelError> {
        let size = self.dtype.size();
        let mut halves = vec![[0; 2]; if size == 2 { BLOCK.min(out.len()) } else { 0 }];
        for (number, block) in out.chunks_mut(BLOCK).enumerate() {
            let at = first + number * BLOCK;
            let start = self.bytes.start + (at * size) as u64;
            match self.dtype {
                Dtype::F32 => {
                    self.read_bytes(start, bytemuck::cast_slice_mut(block))?;
                    // Nothing happens where the CPU has the lowest byte first, too.
                    block.iter_mut().for_each(|x| *x = f32::from_bits(u32::from_le(x.to_bits())));
                }
                _ => {
                    let halves = &mut halves[..block.len()];
                    self.read_bytes(start, halves.as_flattened_mut())?;
                    widen(self.dtype, halves, block);
                }
            }
            // Magnitudes are ordered as their bits are, with infinity and then NaN at the end.
            let largest = block.iter().fold(0, |most: u32, x| most.max(x.abs().to_bits()));
            if largest > allowed.largest().to_bits() {
                return Err(self.wrong_value(block, at, allowed));
            }
        }
        Ok(())
    }

    /// Reads bytes of the file.
    fn read_bytes(&self, start: u64, to: &mut [u8]) -> Result<(), ModelError> {
        self.source.read(start, to)?.ok_or_else(|| ModelError::Truncated {
            path: self.path().to_owned(),
            tensor: self.name.into(),
            end: start + to.len() as u64,
        })
    }

    /// The error for the first value of a block that is not allowed; the block starts at element `at`.
    fn wrong_value(&self, block: &[f32], at: usize, allowed: Allowed) -> ModelError {
        let is_wrong = |x: &f32| x.abs().to_bits() > allowed.largest().to_bits();
        let within = block.iter().position(is_wrong).unwrap_or(0);
        let value = block[within];
        let index = index_of(self.shape, at + within);
        ModelError::Value {
            path: self.path().to_owned(),
            tensor: self.name.into(),
            index,
            value,
            fix: allowed.fix(value),
        }
    }
}

/// The index of element `at` of a tensor of this shape, one number for each dimension.
pub fn index_of(shape: &[usize], at: usize) -> Vec<usize> {
    let mut rest = at;
    let mut index = vec![0; shape.len()];
    for (place, &extent) in index.iter_mut().zip(shape).rev() {
        *place = rest % extent.max(1);
        rest /= extent.max(1);
    }
    index
}

/// Converts elements of 16 bits. Every F16 and BF16 value is an F32 value, so this is exact.
fn widen(dtype: &Dtype, halves: &[[u8; 2]], out: &mut [f32]) {
    if *dtype == Dtype::Bf16 {
        out.iter_mut().zip(halves).for_each(|(to, &from)| *to = bf16::from_le_bytes(from).to_f32());
        return;
    }
    // Through an aligned buffer: the slice conversion uses the CPU's own instructions.
    let mut block = [f16::ZERO; 1024];
    for (part, out) in halves.chunks(block.len()).zip(out.chunks_mut(block.len())) {
        block.iter_mut().zip(part).for_each(|(to, &from)| *to = f16::from_le_bytes(from));
        block[..part.len()].convert_to_f32_slice(out);
    }
}
