//! Operations on shaped tensors: each checks shapes, allocates its result and records one kernel.
//!
//! An op knows shapes and nothing of models; a kernel knows buffers and nothing of shapes.

mod arrange;
mod backward;
mod layers;
mod loss;
mod tensor;

pub use arrange::{
    ScatterIndex, batch_sums, blend_tokens, column_products, column_sums, combine, concat, dot_products,
    group_means, insert_tokens, scale, scale_tokens, scatter, transpose,
};
pub use backward::{
    activate, activation_backward, attention_backward, attention_with_lse, l2_backward, product, product_kn,
    resample_backward, softmax_backward,
};
pub use layers::{Linear, Norm, affine};
pub use loss::{
    AdamSettings, AdamState, PixelTarget, adam, cross_entropy, cross_entropy_backward, pixel_loss,
    pixel_loss_backward,
};

pub use crate::kernels::Element;
pub use crate::kernels::activation::Activation;
pub use crate::kernels::resample::{Filter, Sampling};
pub use tensor::{Indices, Tensor};

use crate::gpu::{Buffer, Gpu, GpuError};
use crate::kernels::{self, Problem};

/// A failure of an op.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpError {
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// Shapes that do not fit together: a mistake in the code that composes ops.
    #[error("{op}: expected {expected}, found {found:?}")]
    Shape {
        /// The op.
        op: &'static str,
        /// What it wants, in words.
        expected: String,
        /// What it got.
        found: Vec<usize>,
    },
}

impl OpError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            OpError::Gpu(error) => error.hint(),
            OpError::Shape { .. } => "this is a bug of dapo-wgpu: please report it with the command".into(),
        }
    }
}

type Result<T> = std::result::Result<T, OpError>;

/// Multi-head attention of packed projections qkv [images, tokens, 3·width]; returns
/// [images, tokens, width].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn attention(gpu: &Gpu, qkv: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let problem = attention_problem(qkv, heads, causal)?;
    let shape = vec![problem.images, problem.tokens, heads * problem.head_dim];
    launch(gpu, &problem, &[qkv.buffer()], shape)
}

fn attention_problem(qkv: &Tensor, heads: usize, causal: bool) -> Result<kernels::attention::Attention> {
    let &[images, tokens, packed] = qkv.shape() else {
        return Err(qkv.mismatch("attention", "[images, tokens, 3·width]"));
    };
    if packed % (3 * heads) != 0 {
        return Err(qkv.mismatch("attention", format!("a last dimension that 3·{heads} heads divide")));
    }
    let head_dim = packed / 3 / heads;
    Ok(kernels::attention::Attention { images, tokens, heads, head_dim, causal, lse: false })
}

/// Rows of a table [.., width] by index; returns [indices, width].
///
/// # Errors
/// Those of the device.
pub fn gather(gpu: &Gpu, table: &Tensor, index: &Indices) -> Result<Tensor> {
    let width = table.last();
    let problem = kernels::gather::Gather { rows: table.rows(), width, count: index.len() };
    launch(gpu, &problem, &[table.buffer(), index.buffer()], vec![index.len(), width])
}

/// Patches of pixels [images, 3, size, size] as rows [images, cells, 3·patch² rounded up to 4].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn patches(gpu: &Gpu, pixels: &Tensor, patch: usize) -> Result<Tensor> {
    let &[images, 3, size, width] = pixels.shape() else {
        return Err(pixels.mismatch("patches", "[images, 3, size, size]"));
    };
    if size != width || size % patch != 0 {
        return Err(pixels.mismatch("patches", format!("square images whose edge {patch} divides")));
    }
    let problem = kernels::patches::Patches { images, size, patch };
    launch(gpu, &problem, &[pixels.buffer()], vec![images, problem.cells(), problem.row()])
}

/// Adds positions to x `[batch, tokens, width]`; with a class token `[width]`, puts it in front first.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn with_positions(
    gpu: &Gpu,
    x: &Tensor,
    position: &Tensor,
    class_token: Option<&Tensor>,
) -> Result<Tensor> {
    let &[batch, tokens, width] = x.shape() else {
        return Err(x.mismatch("with_positions", "[batch, tokens, width]"));
    };
    let length = tokens + usize::from(class_token.is_some());
    if position.shape() != [length, width] {
        return Err(position.mismatch("with_positions", format!("positions of shape [{length}, {width}]")));
    }
    let problem = kernels::tokens::Tokens { batch, tokens, width, class: class_token.is_some() };
    let inputs: Vec<&Buffer> =
        [x.buffer(), position.buffer()].into_iter().chain(class_token.map(Tensor::buffer)).collect();
    launch(gpu, &problem, &inputs, vec![batch, length, width])
}

/// Resamples x [n, h, w, channels] to `size` (rows, columns); as [n, channels, h', w'] if `planar`.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn resample(
    gpu: &Gpu,
    x: &Tensor,
    size: (usize, usize),
    filter: Filter,
    sampling: Sampling,
    planar: bool,
) -> Result<Tensor> {
    let problem = resample_problem(x, size, filter, sampling, planar)?;
    let (n, channels) = (problem.n, problem.channels);
    let shape = if planar { vec![n, channels, size.0, size.1] } else { vec![n, size.0, size.1, channels] };
    launch(gpu, &problem, &[x.buffer()], shape)
}

/// What [`resample`] computes.
///
/// # Errors
/// [`OpError::Shape`].
pub fn resample_problem(
    x: &Tensor,
    size: (usize, usize),
    filter: Filter,
    sampling: Sampling,
    planar: bool,
) -> Result<kernels::resample::Resample> {
    let &[n, h, w, channels] = x.shape() else {
        return Err(x.mismatch("resample", "[n, h, w, channels]"));
    };
    Ok(kernels::resample::Resample { n, channels, input: (h, w), output: size, filter, sampling, planar })
}

/// Rows of x [.., width] divided by their Euclidean norms.
///
/// # Errors
/// Those of the device.
pub fn l2_normalise(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    let problem = kernels::l2norm::L2Norm { rows: x.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// softmax(scale·x) over the last dimension.
///
/// # Errors
/// Those of the device.
pub fn softmax(gpu: &Gpu, x: &Tensor, scale: f32) -> Result<Tensor> {
    let problem = kernels::softmax::Softmax { rows: x.rows(), width: x.last(), scale, causal: None };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// scale·cos(x, t) of rows x [.., width] and class vectors t [classes, width]; returns [.., classes].
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn similarity(gpu: &Gpu, x: &Tensor, t: &Tensor, scale: f32) -> Result<Tensor> {
    t.expect_last("similarity", x.last())?;
    let problem =
        kernels::similarity::Similarity { rows: x.rows(), classes: t.rows(), width: x.last(), scale };
    launch(gpu, &problem, &[x.buffer(), t.buffer()], x.with_last(t.rows()))
}

/// Records a problem with one output of this shape.
fn launch(gpu: &Gpu, problem: &dyn Problem, inputs: &[&Buffer], shape: Vec<usize>) -> Result<Tensor> {
    let [out] = launch_all(gpu, problem, inputs, [shape])?;
    Ok(out)
}

/// Records a problem with outputs of these shapes.
fn launch_all<const N: usize>(
    gpu: &Gpu,
    problem: &dyn Problem,
    inputs: &[&Buffer],
    shapes: [Vec<usize>; N],
) -> Result<[Tensor; N]> {
    let mut outputs = Vec::with_capacity(N);
    for shape in shapes {
        outputs.push(Tensor::uninit(gpu, shape, problem.kernel())?);
    }
    debug_assert_eq!(problem.outputs(), outputs.iter().map(Tensor::len).collect::<Vec<_>>());
    let all = inputs.iter().copied().chain(outputs.iter().map(Tensor::buffer));
    let buffers: Vec<(&Buffer, u64)> = all.map(|b| (b, 0)).collect();
    kernels::run(gpu, problem, &buffers)?;
    let count = outputs.len();
    outputs.try_into().map_err(|_| OpError::Shape {
        op: problem.kernel(),
        expected: format!("{N} outputs"),
        found: vec![count],
    })
}

#[cfg(test)]
mod tests;
