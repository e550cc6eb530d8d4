//! Layers: affine maps and layer norms, with their weights on the device.

use super::error::{OpError, Result};
use super::launch::launch;
use super::matmul::kn;
use super::tensor::Tensor;
use crate::gpu::{Buffer, DeviceClass, Gpu, GpuError, Purpose};
use crate::kernels::Element;
use crate::kernels::activation::Activation;
use crate::kernels::layernorm::LayerNorm;
use crate::kernels::layernorm_backward::LayerNormBackward;
use crate::kernels::matmul::{Factors, Matmul, weight_panels};

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
    /// What the factors of the product may be rounded to.
    pub factors: Factors,
    /// The largest magnitude in W.
    weight_max: f32,
    /// The largest magnitude that x can have, where it is known.
    input_max: Option<f32>,
}

impl Linear {
    /// Uploads W `[outputs, inputs]` and b `[outputs]`, W as `element` (rounded when that is f16).
    pub fn upload(
        gpu: &Gpu,
        weight: &[f32],
        bias: Option<&[f32]>,
        shape: (usize, usize),
        element: Element,
    ) -> Result<Self> {
        let bias = bias.map(|b| upload_weight(gpu, b, "bias")).transpose()?;
        let weight_max = weight.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let weight = upload_matrix(gpu, weight, shape, element)?;
        Ok(Self {
            weight,
            element,
            outputs: shape.0,
            inputs: shape.1,
            bias,
            transposed: None,
            factors: Factors::F32,
            weight_max,
            input_max: None,
        })
    }

    /// Promises that no |x| is larger than this: matrix units of float16, whose range is small, can then be used.
    pub fn with_input_max(self, input_max: f32) -> Self {
        Self { input_max: Some(input_max), ..self }
    }

    /// Says what the factors of the product may be rounded to.
    pub fn with_factors(self, factors: Factors) -> Self {
        Self { factors, ..self }
    }

    /// As [`Linear::upload`], for a layer that gradients pass through.
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
    /// ```
    /// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{Tensor, Element, Linear}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// // W [2, 3] and b [2].
    /// let layer =
    ///     Linear::upload(&gpu, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], Some(&[10.0, 20.0]), (2, 3), Element::F32)?;
    /// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0], &[1, 3])?;
    /// let y = layer.forward(&gpu, &x, None, None)?;
    /// assert_eq!(y.read(&gpu)?, [11.0, 26.0]);
    /// let y = layer.forward(&gpu, &x, None, Some(&y))?; // with a residual
    /// assert_eq!(y.read(&gpu)?, [22.0, 52.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpError::Shape`] when x or the residual does not fit.
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
            factors: self.factors,
            range: self.input_max.map(|input_max| (input_max, self.weight_max)),
            ..Matmul::linear(x.rows(), self.outputs, self.inputs)
        };
        let extra = self.bias.iter().chain(residual.map(Tensor::buffer));
        let inputs: Vec<&Buffer> = [x.buffer(), &self.weight].into_iter().chain(extra).collect();
        launch(gpu, &problem, &inputs, shape)
    }

    /// dx = dy·W of y = x·Wᵀ + b, for dy [.., out].
    ///
    /// ```
    /// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{Tensor, Element, Linear}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let layer =
    ///     Linear::upload_for_training(&gpu, &[1.0, 2.0, 3.0, 4.0], None, (2, 2), Element::F32)?;
    /// let dy = Tensor::upload(&gpu, &[1.0, 10.0], &[1, 2])?;
    /// assert_eq!(layer.backward(&gpu, &dy)?.read(&gpu)?, [31.0, 42.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpError::Shape`] when dy does not fit, or when the layer was uploaded for
    /// inference only in a form that no other product reads.
    pub fn backward(&self, gpu: &Gpu, dy: &Tensor) -> Result<Tensor> {
        dy.expect_last("linear backward", self.outputs)?;
        let (problem, weight) = match &self.transposed {
            Some(transposed) => (Matmul::linear(dy.rows(), self.inputs, self.outputs), transposed),
            None if self.weight.is_storage_texture() => {
                return Err(dy.mismatch("linear backward", "a layer that was uploaded for training"));
            }
            None => (kn(dy.rows(), self.inputs, self.outputs), &self.weight),
        };
        let problem = Matmul { b_element: self.element, ..problem };
        launch(gpu, &problem, &[dy.buffer(), weight], dy.with_last(self.inputs))
    }
}

/// x·Wᵀ + b for x [.., in], with W [out, in] and b `[out]` that are tensors already.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let weight = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let bias = Tensor::upload(&gpu, &[10.0, 20.0], &[2])?;
/// let x = Tensor::upload(&gpu, &[1.0, 1.0], &[1, 2])?;
/// assert_eq!(ops::affine(&gpu, &x, &weight, &bias)?.read(&gpu)?, [13.0, 27.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`] when the shapes do not fit.
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
        factors: Factors::F32,
        weight_max: f32::MAX,
        input_max: None,
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
    pub fn upload(gpu: &Gpu, scale: &[f32], shift: &[f32], epsilon: f32) -> Result<Self> {
        Ok(Self {
            scale: upload_weight(gpu, scale, "layernorm scale")?,
            shift: upload_weight(gpu, shift, "layernorm shift")?,
            width: scale.len(),
            epsilon,
        })
    }

    /// Normalises the rows of x [.., width].
    ///
    /// ```
    /// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{Tensor, Norm}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let norm = Norm::upload(&gpu, &[1.0, 2.0], &[0.0, 5.0], 1e-5)?;
    /// let x = Tensor::upload(&gpu, &[1.0, 3.0], &[1, 2])?;
    /// let y = norm.forward(&gpu, &x)?.read(&gpu)?;
    /// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 7.0).abs() < 1e-4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn forward(&self, gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
        x.expect_last("layernorm", self.width)?;
        let problem = LayerNorm { rows: x.rows(), width: self.width, epsilon: self.epsilon };
        launch(gpu, &problem, &[x.buffer(), &self.scale, &self.shift], x.shape().to_vec())
    }

    /// dx of the rows x [.., width].
    ///
    /// ```
    /// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{Tensor, Norm}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let norm = Norm::upload(&gpu, &[1.0, 1.0], &[0.0, 0.0], 1e-5)?;
    /// let x = Tensor::upload(&gpu, &[1.0, 3.0], &[1, 2])?;
    /// let dy = Tensor::upload(&gpu, &[1.0, 1.0], &[1, 2])?;
    /// // The rows are centred: the same for all elements changes nothing.
    /// assert!(norm.backward(&gpu, &x, &dy)?.read(&gpu)?.iter().all(|dx| dx.abs() < 1e-4));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn backward(&self, gpu: &Gpu, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
        dy.expect_shape("layernorm backward", x.shape())?;
        let problem = LayerNormBackward { rows: x.rows(), width: self.width, epsilon: self.epsilon };
        launch(gpu, &problem, &[x.buffer(), &self.scale, dy.buffer()], x.shape().to_vec())
    }
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
    match (element, weight_panels(gpu.capabilities(), shape.0, shape.1, element)) {
        (_, Some(panels)) => panels.upload(gpu, weight, "weight"),
        (Element::F16, None) => {
            let halves: Vec<half::f16> = weight.iter().map(|&w| half::f16::from_f32(w)).collect();
            upload_weight(gpu, &halves, "weight")
        }
        (_, None) => upload_weight(gpu, weight, "weight"),
    }
}
