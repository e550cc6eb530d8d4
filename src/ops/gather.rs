//! Rows by index, and the sums that are their transpose.

use super::error::{OpError, Result};
use super::launch::launch;
use super::tensor::{Indices, Tensor};
use crate::gpu::Gpu;
use crate::kernels::gather::Gather;
use crate::kernels::scatter::Scatter;

/// Rows of a table [.., width] by index; returns [indices, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Indices}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let table = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2])?;
/// let rows = ops::gather(&gpu, &table, &Indices::upload(&gpu, &[2, 0])?)?;
/// assert_eq!(rows.read(&gpu)?, [5.0, 6.0, 1.0, 2.0]);
/// # Ok(())
/// # }
/// ```
pub fn gather(gpu: &Gpu, table: &Tensor, index: &Indices) -> Result<Tensor> {
    let width = table.last();
    let problem = Gather { rows: table.rows(), width, count: index.len() };
    launch(gpu, &problem, &[table.buffer(), index.buffer()], vec![index.len(), width])
}

/// The transpose of a gather of rows: where each row of a table of `rows` rows went.
#[derive(Debug, Clone)]
pub struct ScatterIndex {
    rows: usize,
    /// First place of each row in `order`, and the end: [rows + 1].
    starts: Indices,
    /// The places that each row went to, row by row.
    order: Indices,
}

impl ScatterIndex {
    /// Turns around a gather of rows `index` of a table of `rows` rows.
    ///
    /// # Errors
    /// [`OpError::Shape`] when an index is beyond the table.
    pub fn new(gpu: &Gpu, index: &[u32], rows: usize) -> Result<Self> {
        let mut starts = vec![0u32; rows + 1];
        for &row in index {
            let count = starts.get_mut(row as usize + 1).ok_or_else(|| OpError::Shape {
                op: "scatter",
                expected: format!("indices below {rows}"),
                found: vec![row as usize],
            })?;
            *count += 1;
        }
        for i in 0..rows {
            starts[i + 1] += starts[i];
        }
        // A stable sort: sums run in the order of the places, on every device.
        let mut order: Vec<u32> = (0..index.len() as u32).collect();
        order.sort_by_key(|&place| index[place as usize]);
        Ok(Self { rows, starts: Indices::upload(gpu, &starts)?, order: Indices::upload(gpu, &order)? })
    }
}

/// Row r of the result is the sum of the rows of dy [count, width] that came from row r: [rows, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, ScatterIndex}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let dy = Tensor::upload(&gpu, &[1.0, 10.0, 100.0], &[3, 1])?;
/// let index = ScatterIndex::new(&gpu, &[2, 0, 2], 3)?; // of ops::gather from a table of three rows
/// assert_eq!(ops::scatter(&gpu, &dy, &index)?.read(&gpu)?, [10.0, 0.0, 101.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`] when the shapes do not fit.
pub fn scatter(gpu: &Gpu, dy: &Tensor, index: &ScatterIndex) -> Result<Tensor> {
    if dy.rows() != index.order.len() {
        return Err(dy.mismatch("scatter", format!("{} rows", index.order.len())));
    }
    let problem = Scatter { rows: index.rows, width: dy.last(), count: dy.rows() };
    let inputs = [dy.buffer(), index.starts.buffer(), index.order.buffer()];
    launch(gpu, &problem, &inputs, vec![index.rows, dy.last()])
}
