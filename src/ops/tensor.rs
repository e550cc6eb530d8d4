//! A float32 buffer with a shape, and a list of row indices.

use super::error::{OpError, Result};
use crate::gpu::{Buffer, Gpu, Purpose};

/// A dense row-major float32 tensor on the device. Clones share the buffer.
#[derive(Debug, Clone)]
pub struct Tensor {
    buffer: Buffer,
    shape: Vec<usize>,
}

impl Tensor {
    /// Uploads values of this shape, as an input.
    ///
    /// ```
    /// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{Tensor}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
    /// assert_eq!((x.rows(), x.last()), (2, 3));
    /// assert_eq!(x.reshape(&[3, 2])?.read(&gpu)?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpError::Shape`] when the count does not fit the shape.
    pub fn upload(gpu: &Gpu, values: &[f32], shape: &[usize]) -> Result<Self> {
        Self::upload_for(gpu, Purpose::Inputs, values, shape)
    }

    /// As [`Tensor::upload`], for values that are kept: memory statistics count them as weights.
    ///
    /// # Errors
    /// As [`Tensor::upload`].
    pub fn upload_weight(gpu: &Gpu, values: &[f32], shape: &[usize]) -> Result<Self> {
        Self::upload_for(gpu, Purpose::Weights, values, shape)
    }

    fn upload_for(gpu: &Gpu, purpose: Purpose, values: &[f32], shape: &[usize]) -> Result<Self> {
        if values.len() != shape.iter().product::<usize>() {
            let expected = format!("values for shape {shape:?}");
            return Err(OpError::Shape { op: "upload", expected, found: vec![values.len()] });
        }
        let buffer = gpu.upload_for(purpose, bytemuck::cast_slice(values), "tensor")?;
        Ok(Self { buffer, shape: shape.to_vec() })
    }

    /// A tensor whose contents are undefined until a kernel writes them.
    pub(super) fn uninit(gpu: &Gpu, shape: Vec<usize>, what: &str) -> Result<Self> {
        let bytes = 4 * shape.iter().product::<usize>() as u64;
        Ok(Self { buffer: gpu.alloc(bytes, what)?, shape })
    }

    /// Waits for the values and copies them to the host.
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        Ok(bytemuck::pod_collect_to_vec(&gpu.read(&self.buffer)?))
    }

    /// Dimensions, densest last.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last dimension (1 for a scalar).
    pub fn last(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }

    /// The same values under another shape.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the number of elements differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        if shape.iter().product::<usize>() != self.len() {
            return Err(self.mismatch("reshape", format!("a shape with as many elements as {shape:?}")));
        }
        Ok(Self { buffer: self.buffer.clone(), shape: shape.to_vec() })
    }

    /// The values on the device, for [`launch`](super::launch()).
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    pub(super) fn with_last(&self, last: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if let Some(dimension) = shape.last_mut() {
            *dimension = last;
        }
        shape
    }

    pub(super) fn expect_last(&self, op: &'static str, width: usize) -> Result<()> {
        if self.last() == width { Ok(()) } else { Err(self.mismatch(op, format!("rows of {width}"))) }
    }

    pub(super) fn expect_shape(&self, op: &'static str, shape: &[usize]) -> Result<()> {
        if self.shape == shape { Ok(()) } else { Err(self.mismatch(op, format!("shape {shape:?}"))) }
    }

    pub(super) fn mismatch(&self, op: &'static str, expected: impl Into<String>) -> OpError {
        OpError::Shape { op, expected: expected.into(), found: self.shape.clone() }
    }
}

/// Row indices on the device.
#[derive(Debug, Clone)]
pub struct Indices {
    buffer: Buffer,
    len: usize,
}

impl Indices {
    /// Uploads indices.
    pub fn upload(gpu: &Gpu, indices: &[u32]) -> Result<Self> {
        Ok(Self { buffer: gpu.upload(bytemuck::cast_slice(indices), "indices")?, len: indices.len() })
    }

    /// Number of indices.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The indices on the device, for [`launch`](super::launch()).
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }
}
