//! Operations on shaped tensors: each checks shapes, allocates its result and records one kernel.
//!
//! An op knows shapes and nothing of models; a kernel knows buffers and nothing of shapes.

mod arrange;
mod backward;
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
pub use loss::{
    AdamSettings, AdamState, PixelTarget, adam, cross_entropy, cross_entropy_backward, pixel_loss,
    pixel_loss_backward,
};

pub use crate::kernels::Element;
pub use crate::kernels::activation::Activation;
pub use crate::kernels::resample::{Filter, Sampling};
pub use tensor::{Indices, Tensor};

use crate::gpu::{Buffer, DeviceClass, Gpu, GpuError, Purpose};
use crate::kernels::{self, Problem, matmul::Matmul};

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

/// An affine map x·Wᵀ + b with W [out, in], as torch's `Linear` stores it.
#[derive(Debug, Clone)]
pub struct Linear {
    /// W, f32 or f16: dense rows, or panels where the device reads these faster.
    pub weight: Buffer,
    /// How W is stored.
    pub element: Element,
    /// Rows of W.
    pub outputs: usize,
    /// Columns of W.
    pub inputs: usize,
    /// b `[out]`, if any.
    pub bias: Option<Buffer>,
    /// Wᵀ, stored as W is, for layers that gradients pass through on devices where a product with W as
    /// it lies is slow.
    pub transposed: Option<Buffer>,
}

impl Linear {
    /// Uploads W `[outputs, inputs]` and b `[outputs]`, W as `element` (rounded when that is f16).
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload(
        gpu: &Gpu,
        weight: &[f32],
        bias: Option<&[f32]>,
        shape: (usize, usize),
        element: Element,
    ) -> Result<Self> {
        let bias = bias.map(|b| upload_weight(gpu, b, "bias")).transpose()?;
        let weight = upload_matrix(gpu, weight, shape, element)?;
        Ok(Self { weight, element, outputs: shape.0, inputs: shape.1, bias, transposed: None })
    }

    /// As [`Linear::upload`], for a layer that gradients pass through.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload_for_training(
        gpu: &Gpu,
        weight: &[f32],
        bias: Option<&[f32]>,
        shape: (usize, usize),
        element: Element,
    ) -> Result<Self> {
        let mut linear = Self::upload(gpu, weight, bias, shape, element)?;
        if gpu.capabilities().class == DeviceClass::SimdCpu {
            let (outputs, inputs) = shape;
            let mut turned = vec![0.0; weight.len()];
            for (row, values) in weight.chunks(inputs).enumerate() {
                values.iter().enumerate().for_each(|(column, &w)| turned[column * outputs + row] = w);
            }
            linear.transposed = Some(upload_matrix(gpu, &turned, (inputs, outputs), element)?);
        }
        Ok(linear)
    }

    /// act(x·Wᵀ + b) + residual for x [.., inputs]; the residual has the result's shape.
    ///
    /// # Errors
    /// [`OpError::Shape`] when x or the residual does not fit; those of the device.
    pub fn forward(
        &self,
        gpu: &Gpu,
        x: &Tensor,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        x.expect_last("linear", self.inputs)?;
        let shape = x.with_last(self.outputs);
        if let Some(residual) = residual
            && residual.shape() != shape
        {
            return Err(OpError::Shape {
                op: "linear",
                expected: format!("a residual of shape {shape:?}"),
                found: residual.shape().to_vec(),
            });
        }
        let problem = Matmul {
            bias: self.bias.is_some(),
            b_element: self.element,
            activation,
            residual: residual.is_some(),
            ..Matmul::linear(x.rows(), self.outputs, self.inputs)
        };
        let extra = self.bias.iter().chain(residual.map(Tensor::buffer));
        let inputs: Vec<&Buffer> = [x.buffer(), &self.weight].into_iter().chain(extra).collect();
        launch(gpu, &problem, &inputs, shape)
    }
}

/// x·Wᵀ + b for x [.., in], with W [out, in] and b `[out]` that are tensors already.
///
/// # Errors
/// [`OpError::Shape`]; those of the device.
pub fn affine(gpu: &Gpu, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let &[outputs, inputs] = weight.shape() else {
        return Err(weight.mismatch("affine", "[out, in]"));
    };
    bias.expect_shape("affine", &[outputs])?;
    let layer = Linear {
        weight: weight.buffer().clone(),
        element: Element::F32,
        outputs,
        inputs,
        bias: Some(bias.buffer().clone()),
        transposed: None,
    };
    layer.forward(gpu, x, None, None)
}

/// The affine part of a layer normalisation.
#[derive(Debug, Clone)]
pub struct Norm {
    /// γ `[width]`.
    pub scale: Buffer,
    /// β `[width]`.
    pub shift: Buffer,
    /// Elements of a row.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Uploads γ and β.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload(gpu: &Gpu, scale: &[f32], shift: &[f32], epsilon: f32) -> Result<Self> {
        Ok(Self {
            scale: upload_weight(gpu, scale, "layernorm scale")?,
            shift: upload_weight(gpu, shift, "layernorm shift")?,
            width: scale.len(),
            epsilon,
        })
    }

    /// With γ and β [width] that are tensors already.
    ///
    /// # Errors
    /// [`OpError::Shape`] when their shapes differ.
    pub fn of(scale: &Tensor, shift: &Tensor, epsilon: f32) -> Result<Self> {
        shift.expect_shape("layernorm", &[scale.len()])?;
        let (width, scale, shift) = (scale.len(), scale.buffer().clone(), shift.buffer().clone());
        Ok(Self { scale, shift, width, epsilon })
    }

    /// Normalises the rows of x [.., width].
    ///
    /// # Errors
    /// [`OpError::Shape`]; those of the device.
    pub fn forward(&self, gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
        x.expect_last("layernorm", self.width)?;
        let problem =
            kernels::layernorm::LayerNorm { rows: x.rows(), width: self.width, epsilon: self.epsilon };
        launch(gpu, &problem, &[x.buffer(), &self.scale, &self.shift], x.shape().to_vec())
    }
}

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

fn upload_weight<T: bytemuck::NoUninit>(
    gpu: &Gpu,
    values: &[T],
    what: &str,
) -> std::result::Result<Buffer, GpuError> {
    gpu.upload_for(Purpose::Weights, bytemuck::cast_slice(values), what)
}

/// Uploads a weight [rows, columns] in the form that the device multiplies by fastest.
fn upload_matrix(
    gpu: &Gpu,
    weight: &[f32],
    shape: (usize, usize),
    element: Element,
) -> std::result::Result<Buffer, GpuError> {
    match (element, kernels::matmul::weight_panels(gpu.capabilities(), shape.0, shape.1, element)) {
        (_, Some(panels)) => panels.upload(gpu, weight, "weight"),
        (Element::F16, None) => {
            let halves: Vec<half::f16> = weight.iter().map(|&w| half::f16::from_f32(w)).collect();
            upload_weight(gpu, &halves, "weight")
        }
        (_, None) => upload_weight(gpu, weight, "weight"),
    }
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
