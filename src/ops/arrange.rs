//! Ops that move, add up and join rows.

use super::{Indices, OpError, Result, Tensor, launch};
use crate::gpu::Gpu;
use crate::kernels::combine::Combine;
use crate::kernels::concat::Concat;
use crate::kernels::scatter::Scatter;
use crate::kernels::splice::Splice;
use crate::kernels::sums::Sums;
use crate::kernels::transpose::Transpose;

/// a·x + b·z, element by element.
///
/// # Errors
/// [`OpError::Shape`] when the shapes differ; those of the device.
pub fn combine(gpu: &Gpu, a: f32, x: &Tensor, b: f32, z: &Tensor) -> Result<Tensor> {
    x.expect_shape("combine", z.shape())?;
    launch(gpu, &Combine { len: x.len(), a, b: Some(b) }, &[x.buffer(), z.buffer()], x.shape().to_vec())
}

/// a·x.
///
/// # Errors
/// Those of the device.
pub fn scale(gpu: &Gpu, a: f32, x: &Tensor) -> Result<Tensor> {
    launch(gpu, &Combine { len: x.len(), a, b: None }, &[x.buffer()], x.shape().to_vec())
}

/// The rows of x [.., width], then those of z [.., width]: [rows, width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn concat(gpu: &Gpu, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    z.expect_last("concat", x.last())?;
    let problem = Concat { first: x.rows(), second: z.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![x.rows() + z.rows(), x.last()])
}

/// x [.., columns] as [columns, rows], with zeros up to a multiple of four rows: as the operand of a
/// product over rows these change nothing, and every vector of four is full.
///
/// # Errors
/// Those of the device.
pub fn transpose(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    let problem = Transpose { rows: x.rows(), columns: x.last() };
    launch(gpu, &problem, &[x.buffer()], vec![x.last(), x.rows().next_multiple_of(4)])
}

/// Token rows `first..first + count` of x [batch, length, width], added up over the batch and times
/// `scale`: [count, width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn batch_sums(gpu: &Gpu, x: &Tensor, first: usize, count: usize, scale: f32) -> Result<Tensor> {
    let &[batch, length, width] = x.shape() else {
        return Err(x.mismatch("batch_sums", "[batch, length, width]"));
    };
    if first + count > length {
        return Err(x.mismatch("batch_sums", format!("at least {} tokens", first + count)));
    }
    let problem = Sums {
        offset: first * width,
        row_stride: length * width,
        scale,
        ..Sums::dense(batch, count * width)
    };
    launch(gpu, &problem, &[x.buffer()], vec![count, width])
}

/// The sum over all rows of x [.., width]: `[width]`.
///
/// # Errors
/// Those of the device.
pub fn column_sums(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    launch(gpu, &Sums::dense(x.rows(), x.last()), &[x.buffer()], vec![x.last()])
}

/// Σ x·z over all rows of x and z [.., width]: `[width]`.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn column_products(gpu: &Gpu, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.expect_shape("column_products", z.shape())?;
    let problem = Sums { product: true, ..Sums::dense(x.rows(), x.last()) };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![x.last()])
}

/// Σ x·z over each piece of `width` elements: [len / width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn dot_products(gpu: &Gpu, x: &Tensor, z: &Tensor, width: usize) -> Result<Tensor> {
    x.expect_shape("dot_products", z.shape())?;
    if width == 0 || !x.len().is_multiple_of(width) {
        return Err(x.mismatch("dot_products", format!("pieces of {width}")));
    }
    let groups = x.len() / width;
    let problem = Sums {
        groups,
        rows: width,
        columns: 1,
        offset: 0,
        row_stride: 1,
        group_stride: width,
        scale: 1.0,
        product: true,
    };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![groups])
}

/// The mean of each run of `size` rows of x [.., width]: [rows / size, width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn group_means(gpu: &Gpu, x: &Tensor, size: usize) -> Result<Tensor> {
    if size == 0 || !x.rows().is_multiple_of(size) {
        return Err(x.mismatch("group_means", format!("groups of {size} rows")));
    }
    let (groups, width) = (x.rows() / size, x.last());
    let problem =
        Sums { groups, group_stride: size * width, scale: 1.0 / size as f32, ..Sums::dense(size, width) };
    launch(gpu, &problem, &[x.buffer()], vec![groups, width])
}

/// Puts tokens p [count, width] behind the first of each sequence x [batch, length, width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn insert_tokens(gpu: &Gpu, x: &Tensor, p: &Tensor) -> Result<Tensor> {
    let problem = Splice { insert: true, ..spliced("insert_tokens", x, p.rows(), 1.0, Some(1.0))? };
    p.expect_last("insert_tokens", x.last())?;
    let shape = vec![problem.batch, problem.length + problem.tokens, problem.width];
    launch(gpu, &problem, &[x.buffer(), p.buffer()], shape)
}

/// Tokens 1 to count of each sequence x [batch, length, width] as keep·x + add·p, with p
/// [count, width]; the others as they are.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn blend_tokens(gpu: &Gpu, x: &Tensor, p: &Tensor, keep: f32, add: f32) -> Result<Tensor> {
    p.expect_last("blend_tokens", x.last())?;
    let problem = spliced("blend_tokens", x, p.rows(), keep, Some(add))?;
    launch(gpu, &problem, &[x.buffer(), p.buffer()], x.shape().to_vec())
}

/// Tokens 1 to `count` of each sequence x [batch, length, width] times `keep`; the others as they are.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn scale_tokens(gpu: &Gpu, x: &Tensor, count: usize, keep: f32) -> Result<Tensor> {
    let problem = spliced("scale_tokens", x, count, keep, None)?;
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

fn spliced(op: &'static str, x: &Tensor, tokens: usize, keep: f32, add: Option<f32>) -> Result<Splice> {
    let &[batch, length, width] = x.shape() else {
        return Err(x.mismatch(op, "[batch, length, width]"));
    };
    Ok(Splice { batch, length, width, tokens, insert: false, keep, add })
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
    /// [`OpError::Shape`] when an index is beyond the table; those of the device.
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
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn scatter(gpu: &Gpu, dy: &Tensor, index: &ScatterIndex) -> Result<Tensor> {
    if dy.rows() != index.order.len() {
        return Err(dy.mismatch("scatter", format!("{} rows", index.order.len())));
    }
    let problem = Scatter { rows: index.rows, width: dy.last(), count: dy.rows() };
    let inputs = [dy.buffer(), index.starts.buffer(), index.order.buffer()];
    launch(gpu, &problem, &inputs, vec![index.rows, dy.last()])
}
