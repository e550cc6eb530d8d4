//! Functions of rows: softmax, L2 norm, similarity, means; and sums of tensors.

use super::tape::{Tape, Var};
use crate::ops::{self, Filter, Indices, OpError, Sampling, Tensor};

type Result<T> = std::result::Result<T, OpError>;

impl Tape<'_> {
    /// x + z.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn add(&self, x: &Var, z: &Var) -> Result<Var> {
        let y = ops::combine(self.gpu(), 1.0, x.tensor(), 1.0, z.tensor())?;
        self.record(y, &[x, z], |_, dy| Ok(vec![Some(dy.clone()), Some(dy.clone())]))
    }

    /// softmax(scale·x) over the last dimension.
    pub fn softmax(&self, x: &Var, scale: f32) -> Result<Var> {
        let y = ops::softmax(self.gpu(), x.tensor(), scale)?;
        let saved = y.clone();
        self.record(y, &[x], move |gpu, dy| Ok(vec![Some(ops::softmax_backward(gpu, &saved, dy, scale)?)]))
    }

    /// Rows divided by their norms.
    pub fn l2_normalise(&self, x: &Var) -> Result<Var> {
        let y = ops::l2_normalise(self.gpu(), x.tensor())?;
        let saved = x.tensor().clone();
        self.record(y, &[x], move |gpu, dy| Ok(vec![Some(ops::l2_backward(gpu, &saved, dy)?)]))
    }

    /// scale·cos(x, t) of rows x [.., width] and class vectors t [classes, width]: [.., classes].
    ///
    /// The gradient goes through the normalised rows x̂ and t̂: dx̂ = scale·dy·t̂ and dt̂ = scale·dyᵀ·x̂.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn similarity(&self, x: &Var, t: &Var, scale: f32) -> Result<Var> {
        let y = ops::similarity(self.gpu(), x.tensor(), t.tensor(), scale)?;
        let saved = (x.tensor().clone(), t.tensor().clone());
        let (dx, dt) = (x.requires_grad(), t.requires_grad());
        self.record(y, &[x, t], move |gpu, dy| {
            let (x, t) = &saved;
            let dx = dx.then(|| {
                let unit = ops::matmul_nn(gpu, dy, &ops::l2_normalise(gpu, t)?, scale)?;
                ops::l2_backward(gpu, x, &unit)
            });
            let dt = dt.then(|| {
                let unit = ops::l2_normalise(gpu, x)?;
                let turned = (ops::transpose(gpu, dy)?, ops::transpose(gpu, &unit)?);
                ops::l2_backward(gpu, t, &ops::matmul_nt(gpu, &turned.0, &turned.1, scale)?)
            });
            Ok(vec![dx.transpose()?, dt.transpose()?])
        })
    }

    /// The mean of each run of `size` rows of x [.., width]: [rows / size, width].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn group_means(&self, x: &Var, size: usize) -> Result<Var> {
        let y = ops::group_means(self.gpu(), x.tensor(), size)?;
        let (rows, shape) = (x.tensor().rows(), x.shape().to_vec());
        self.record(y, &[x], move |gpu, dy| {
            let index: Vec<u32> = (0..rows).map(|row| (row / size) as u32).collect();
            let each = ops::gather(gpu, dy, &Indices::upload(gpu, &index)?)?;
            Ok(vec![Some(ops::scale(gpu, 1.0 / size as f32, &each)?.reshape(&shape)?)])
        })
    }

    /// Resamples x [n, h, w, channels] to `size` (rows, columns), as [`ops::resample`].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn resample(
        &self,
        x: &Var,
        size: (usize, usize),
        filter: Filter,
        sampling: Sampling,
        planar: bool,
    ) -> Result<Var> {
        let problem = ops::resample_problem(x.tensor(), size, filter, sampling, planar)?;
        let y: Tensor = ops::resample(self.gpu(), x.tensor(), size, filter, sampling, planar)?;
        self.record(y, &[x], move |gpu, dy| Ok(vec![Some(ops::resample_backward(gpu, &problem, dy)?)]))
    }
}
