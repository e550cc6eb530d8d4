//! Affine maps, activations and layer norms, with frozen and with learned weights.

use super::tape::{Tape, Var};
use crate::gpu::DeviceClass;
use crate::ops::{self, Activation, Linear, Norm, OpError};

type Result<T> = std::result::Result<T, OpError>;

impl<'m> Tape<'m> {
    /// act(x·Wᵀ + b) + residual with frozen W and b, for x [.., in].
    ///
    /// # Errors
    /// Those of [`Linear::forward`].
    pub fn linear(
        &self,
        x: &Var,
        layer: &'m Linear,
        activation: Option<Activation>,
        residual: Option<&Var>,
    ) -> Result<Var> {
        // The gradient of an activation needs its input, which the fused form does not keep.
        if let (Some(activation), true) = (activation, x.requires_grad()) {
            let y = self.activate(&self.linear(x, layer, None, None)?, activation)?;
            return match residual {
                Some(residual) => self.add(&y, residual),
                None => Ok(y),
            };
        }
        let y = layer.forward(self.gpu(), x.tensor(), activation, residual.map(Var::tensor))?;
        let needed = x.requires_grad();
        let inputs: Vec<&Var> = std::iter::once(x).chain(residual).collect();
        self.record(y, &inputs, move |gpu, dy| {
            Ok(vec![needed.then(|| layer.backward(gpu, dy)).transpose()?, Some(dy.clone())])
        })
    }

    /// x·Wᵀ + b with learned W [out, in] and b `[out]`, for x [.., in].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn affine(&self, x: &Var, weight: &Var, bias: &Var) -> Result<Var> {
        let linear = ops::affine(self.gpu(), x.tensor(), weight.tensor(), bias.tensor())?;
        let (saved_x, saved_weight) = (x.tensor().clone(), weight.tensor().clone());
        let (dx, dw, db) = (x.requires_grad(), weight.requires_grad(), bias.requires_grad());
        self.record(linear, &[x, weight, bias], move |gpu, dy| {
            let dx = dx.then(|| {
                // On a CPU a product reads rows; the transpose costs one pass over the weight.
                match gpu.capabilities().class {
                    DeviceClass::SimdCpu if saved_weight.rows().is_multiple_of(4) => {
                        ops::matmul_nt(gpu, dy, &ops::transpose(gpu, &saved_weight)?, 1.0)
                    }
                    _ => ops::matmul_nn(gpu, dy, &saved_weight, 1.0),
                }
            });
            let dw = dw.then(|| {
                ops::matmul_nt(gpu, &ops::transpose(gpu, dy)?, &ops::transpose(gpu, &saved_x)?, 1.0)
            });
            let db = db.then(|| ops::column_sums(gpu, dy));
            Ok(vec![dx.transpose()?, dw.transpose()?, db.transpose()?])
        })
    }

    /// act(x), element by element.
    pub fn activate(&self, x: &Var, activation: Activation) -> Result<Var> {
        let y = ops::activate(self.gpu(), x.tensor(), activation)?;
        let saved = x.tensor().clone();
        self.record(y, &[x], move |gpu, dy| {
            Ok(vec![Some(ops::activation_backward(gpu, &saved, dy, activation)?)])
        })
    }

    /// Layer norm with frozen scale and shift.
    ///
    /// # Errors
    /// Those of [`Norm::forward`].
    pub fn norm(&self, x: &Var, norm: &'m Norm) -> Result<Var> {
        let y = norm.forward(self.gpu(), x.tensor())?;
        let saved = x.tensor().clone();
        self.record(y, &[x], move |gpu, dy| Ok(vec![Some(norm.backward(gpu, &saved, dy)?)]))
    }
}
