//! A strided tensor over a storage of a PyTorch file, and its elements in row-major order.

use std::borrow::Cow;

use half::{bf16, f16};
use safetensors::tensor::Dtype;

use super::container::{CUT, TorchFile};
use super::value::{Tensor, element_size};

/// A tensor of the file, strided, with bounds checked.
#[derive(Debug, Clone)]
pub struct FileTensor<'a> {
    pub(super) tensor: Tensor<'a>,
    pub(super) storage: &'a [u8],
    /// The file of the storage.
    pub(super) file: &'a TorchFile,
    /// Length as stored.
    pub(super) bytes: usize,
    /// Whether the elements are given as float32, whatever float type they are stored as.
    pub(super) as_f32: bool,
}

impl FileTensor<'_> {
    /// Extent of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> Dtype {
        if self.as_f32 { Dtype::F32 } else { self.tensor.storage.dtype }
    }

    /// Length of the elements in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes / element_size(self.tensor.storage.dtype) * element_size(self.dtype())
    }

    /// The same tensor with elements that become float32 when they are read. Elements of float64 are rounded.
    ///
    /// # Errors
    /// In words, for a tensor of another type and for a number beyond the range of float32.
    pub fn into_f32(mut self) -> Result<Self, String> {
        let stored = self.tensor.storage.dtype;
        if !matches!(stored, Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::BF16) {
            return Err(format!("is stored as {stored:?}, and has to be of a float type"));
        }
        if !self.is_whole() {
            return Err(format!("cannot be read: {CUT}"));
        }
        if stored == Dtype::F64 {
            let numbers = self.data();
            let beyond = |b: &&[u8; 8]| {
                let number = f64::from_le_bytes(**b);
                number.is_finite() && !(number as f32).is_finite()
            };
            if let Some(number) = numbers.as_chunks().0.iter().find(beyond) {
                return Err(format!(
                    "has the value {:e}, beyond the range of float32",
                    f64::from_le_bytes(*number)
                ));
            }
        }
        self.as_f32 = stored != Dtype::F32;
        Ok(self)
    }

    /// Whether its file still has the length that it had when it was opened. [`FileTensor::data`] must not be called
    /// otherwise.
    pub(super) fn is_whole(&self) -> bool {
        self.file.is_whole()
    }

    /// The elements in row-major order, as [`FileTensor::dtype`] says.
    pub fn data(&self) -> Cow<'_, [u8]> {
        let stored = self.stored();
        if !self.as_f32 {
            return stored;
        }
        let f32s = match self.tensor.storage.dtype {
            Dtype::F64 => stored
                .as_chunks()
                .0
                .iter()
                .flat_map(|b| (f64::from_le_bytes(*b) as f32).to_le_bytes())
                .collect(),
            Dtype::F16 => stored
                .as_chunks()
                .0
                .iter()
                .flat_map(|b| f16::from_le_bytes(*b).to_f32().to_le_bytes())
                .collect(),
            _ => stored
                .as_chunks()
                .0
                .iter()
                .flat_map(|b| bf16::from_le_bytes(*b).to_f32().to_le_bytes())
                .collect(),
        };
        Cow::Owned(f32s)
    }

    /// The elements as stored, in row-major order, copied only if the tensor is not contiguous.
    fn stored(&self) -> Cow<'_, [u8]> {
        let Tensor { offset, shape, strides, .. } = &self.tensor;
        let size = element_size(self.tensor.storage.dtype);
        // The other extents of a tensor without elements may be of any size.
        if self.bytes == 0 {
            return Cow::Borrowed(&[]);
        }
        let mut dense = 1;
        let is_dense = shape.iter().zip(strides).rev().all(|(&extent, &stride)| {
            let fits = extent == 1 || stride == dense;
            dense *= extent;
            fits
        });
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
