//! Rows and tokens: embeddings, joining tables, positions, and DAPO's learned layer tokens.

use super::tape::{Tape, Var};
use crate::ops::{self, Indices, OpError, ScatterIndex, Tensor};

type Result<T> = std::result::Result<T, OpError>;

impl Tape<'_> {
    /// Rows of a table [.., width] by index: [indices, width].
    ///
    /// # Errors
    /// [`OpError::Shape`] when an index is beyond the table.
    pub fn gather(&self, table: &Var, index: &[u32]) -> Result<Var> {
        let y = ops::gather(self.gpu(), table.tensor(), &Indices::upload(self.gpu(), index)?)?;
        if !table.requires_grad() {
            return Ok(Var::constant(y));
        }
        let turned = ScatterIndex::new(self.gpu(), index, table.tensor().rows())?;
        let shape = table.shape().to_vec();
        self.record(y, &[table], move |gpu, dy| {
            Ok(vec![Some(ops::scatter(gpu, dy, &turned)?.reshape(&shape)?)])
        })
    }

    /// The rows of x, then those of z, both [.., width]: [rows, width].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn concat(&self, x: &Var, z: &Var) -> Result<Var> {
        let y = ops::concat(self.gpu(), x.tensor(), z.tensor())?;
        let (first, second) = (x.tensor().rows(), z.tensor().rows());
        let shapes = (x.shape().to_vec(), z.shape().to_vec());
        let (dx, dz) = (x.requires_grad(), z.requires_grad());
        self.record(y, &[x, z], move |gpu, dy| {
            let part = |from: usize, count: usize, shape: &[usize]| -> Result<Tensor> {
                let rows: Vec<u32> = (from..from + count).map(|row| row as u32).collect();
                ops::gather(gpu, dy, &Indices::upload(gpu, &rows)?)?.reshape(shape)
            };
            let dx = dx.then(|| part(0, first, &shapes.0)).transpose()?;
            let dz = dz.then(|| part(first, second, &shapes.1)).transpose()?;
            Ok(vec![dx, dz])
        })
    }

    /// Adds constant positions [length, width] to x [batch, tokens, width], with a constant class token
    /// `[width]` in front if there is one.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn with_positions(&self, x: &Var, position: &Tensor, class_token: Option<&Tensor>) -> Result<Var> {
        let y = ops::with_positions(self.gpu(), x.tensor(), position, class_token)?;
        let (shape, class) = (x.shape().to_vec(), class_token.is_some());
        self.record(y, &[x], move |gpu, dy| {
            if !class {
                return Ok(vec![Some(dy.clone())]);
            }
            let (batch, tokens) = (shape[0], shape[1]);
            let rows = kept_rows(batch, tokens + 1, |token| token > 0);
            Ok(vec![Some(ops::gather(gpu, dy, &Indices::upload(gpu, &rows)?)?.reshape(&shape)?)])
        })
    }

    /// Inserts learned tokens p [count, width] after the first of each sequence x [batch, length, width].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn insert_tokens(&self, x: &Var, p: &Var) -> Result<Var> {
        let y = ops::insert_tokens(self.gpu(), x.tensor(), p.tensor())?;
        let count = p.tensor().rows();
        let shape = x.shape().to_vec();
        let (dx, dp) = (x.requires_grad(), p.requires_grad());
        self.record(y, &[x, p], move |gpu, dy| {
            let dx = dx.then(|| without_tokens(gpu, dy, count)?.reshape(&shape)).transpose()?;
            let dp = dp.then(|| ops::batch_sums(gpu, dy, 1, count, 1.0)).transpose()?;
            Ok(vec![dx, dp])
        })
    }

    /// The progressive rule: tokens 1 to count of each sequence x [batch, length, width] become
    /// keep·x + (1 − keep)·p, with learned p [count, width].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn blend_tokens(&self, x: &Var, p: &Var, keep: f32) -> Result<Var> {
        let y = ops::blend_tokens(self.gpu(), x.tensor(), p.tensor(), keep, 1.0 - keep)?;
        let count = p.tensor().rows();
        let (dx, dp) = (x.requires_grad(), p.requires_grad());
        self.record(y, &[x, p], move |gpu, dy| {
            let dx = dx.then(|| ops::scale_tokens(gpu, dy, count, keep)).transpose()?;
            let dp = dp.then(|| ops::batch_sums(gpu, dy, 1, count, 1.0 - keep)).transpose()?;
            Ok(vec![dx, dp])
        })
    }

    /// x [batch, length, width] without its tokens 1 to `count`.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn remove_tokens(&self, x: &Var, count: usize) -> Result<Var> {
        let &[batch, length, width] = x.shape() else {
            let expected = "[batch, length, width]".to_owned();
            return Err(OpError::Shape { op: "remove_tokens", expected, found: x.shape().to_vec() });
        };
        let rows = kept_rows(batch, length, |token| token == 0 || token > count);
        self.gather(x, &rows)?.reshape(self, &[batch, length - count, width])
    }
}

fn without_tokens(gpu: &crate::gpu::Gpu, x: &Tensor, count: usize) -> Result<Tensor> {
    let length = x.shape()[1];
    let rows = kept_rows(x.shape()[0], length, |token| token == 0 || token > count);
    ops::gather(gpu, x, &Indices::upload(gpu, &rows)?)
}

/// The rows of tokens that are kept, sequence by sequence.
fn kept_rows(batch: usize, length: usize, keep: impl Fn(usize) -> bool) -> Vec<u32> {
    (0..batch * length).filter(|row| keep(row % length)).map(|row| row as u32).collect()
}
