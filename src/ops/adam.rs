//! A step of Adam.

use super::error::Result;
use super::launch::launch_all;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::adam::Adam;

/// Settings of Adam (Kingma & Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov & Hutter 2019,
/// arXiv 1711.05101).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the latter.
    pub epsilon: f32,
    /// Decoupled weight decay; 0 is Adam, more is AdamW.
    pub weight_decay: f32,
}

impl Default for AdamSettings {
    /// DAPO's: betas 0.5 and 0.999, no decay.
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// A parameter and the two moments of its gradient, all of one shape.
#[derive(Debug, Clone)]
pub struct AdamState {
    /// The parameter.
    pub value: Tensor,
    /// Running mean of its gradient.
    pub mean: Tensor,
    /// Running mean of its squared gradient.
    pub square: Tensor,
}

/// The state after step number `step`, counted from 1, with gradient g.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, AdamSettings, AdamState}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let one = |x: f32| Tensor::upload(&gpu, &[x], &[1]);
/// let state = AdamState { value: one(1.0)?, mean: one(0.0)?, square: one(0.0)? };
/// let settings = AdamSettings { learning_rate: 0.1, ..AdamSettings::default() };
/// let state = ops::adam(&gpu, &state, &one(0.25)?, settings, 1)?;
/// // The first step is the learning rate, against the sign of the gradient.
/// assert!((state.value.read(&gpu)?[0] - 0.9).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn adam(
    gpu: &Gpu,
    state: &AdamState,
    gradient: &Tensor,
    settings: AdamSettings,
    step: usize,
) -> Result<AdamState> {
    gradient.expect_shape("adam", state.value.shape())?;
    let AdamSettings { learning_rate, beta1, beta2, epsilon, weight_decay } = settings;
    let len = gradient.len();
    let problem = Adam { len, learning_rate, beta1, beta2, epsilon, weight_decay, step };
    let inputs = [state.value.buffer(), state.mean.buffer(), state.square.buffer(), gradient.buffer()];
    let shape = gradient.shape().to_vec();
    let [value, mean, square] = launch_all(gpu, &problem, &inputs, [shape.clone(), shape.clone(), shape])?;
    Ok(AdamState { value, mean, square })
}
