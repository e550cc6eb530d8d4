//! Accumulation of gradients over micro-batches.

use super::forward::TapeParameters;
use crate::autograd::{Gradients, Parameter, accumulate};
use crate::gpu::Gpu;
use crate::ops::{OpError, Tensor};

/// Accumulated gradients by parameter.
pub(super) struct GradientSums {
    names: Vec<String>,
    /// In the order of the parameters.
    pub by_parameter: Vec<Option<Tensor>>,
}

impl GradientSums {
    pub fn new(parameters: &[Parameter]) -> Self {
        let names = parameters.iter().map(|p| p.name.clone()).collect();
        Self { names, by_parameter: vec![None; parameters.len()] }
    }

    /// Adds the gradients of a tape.
    pub fn accumulate(
        &mut self,
        gpu: &Gpu,
        parameters: &TapeParameters,
        gradients: &mut Gradients,
    ) -> Result<(), OpError> {
        for (name, sum) in self.names.iter().zip(&mut self.by_parameter) {
            if let Some(gradient) = gradients.take(parameters.get(name)?) {
                accumulate(gpu, sum, gradient)?;
            }
        }
        Ok(())
    }
}
