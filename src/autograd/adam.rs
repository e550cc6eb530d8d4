//! Adam and AdamW over named parameters, with their state on the device.

use crate::gpu::Gpu;
use crate::ops::{self, AdamSettings, AdamState, OpError, Tensor};

type Result<T> = std::result::Result<T, OpError>;

/// A named parameter with the state of its optimiser.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Unique name.
    pub name: String,
    /// Factor on the learning rate.
    pub rate: f32,
    /// Value and moments.
    pub state: AdamState,
}

/// Adam over a list of parameters.
#[derive(Debug, Clone)]
pub struct Optimiser {
    settings: AdamSettings,
    parameters: Vec<Parameter>,
    step: usize,
}

impl Optimiser {
    /// Starts from these values, with moments of zero.
    pub fn new(gpu: &Gpu, settings: AdamSettings, values: Vec<(String, Tensor)>) -> Result<Self> {
        let start = |(name, value): (String, Tensor)| {
            let zeros = vec![0.0; value.len()];
            let zero = || Tensor::upload_weight(gpu, &zeros, value.shape());
            Ok(Parameter { name, rate: 1.0, state: AdamState { mean: zero()?, square: zero()?, value } })
        };
        let parameters = values.into_iter().map(start).collect::<Result<_>>()?;
        Ok(Self { settings, parameters, step: 0 })
    }

    /// Goes on from a saved state after `step` steps.
    pub fn resume(settings: AdamSettings, parameters: Vec<Parameter>, step: usize) -> Self {
        Self { settings, parameters, step }
    }

    /// The parameters, in their order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.step
    }

    /// The settings.
    pub fn settings(&self) -> AdamSettings {
        self.settings
    }

    /// Takes one step with these gradients, in the order of the parameters; one without a gradient stays
    /// as it is.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn step(&mut self, gpu: &Gpu, gradients: &[Option<Tensor>]) -> Result<()> {
        self.step += 1;
        for (parameter, gradient) in self.parameters.iter_mut().zip(gradients) {
            if let Some(gradient) = gradient {
                let learning_rate = self.settings.learning_rate * parameter.rate;
                let settings = AdamSettings { learning_rate, ..self.settings };
                parameter.state = ops::adam(gpu, &parameter.state, gradient, settings, self.step)?;
            }
        }
        Ok(())
    }
}
