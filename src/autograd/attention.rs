//! Attention.

use super::tape::{Tape, Var};
use crate::ops::{self, OpError, Rounding};

impl Tape<'_> {
    /// Multi-head attention of packed projections qkv [images, tokens, 3·width]. Keeps the result and a
    /// number for each query, never the score matrix.
    ///
    /// # Errors
    /// Those of [`ops::attention`].
    pub fn attention(&self, qkv: &Var, heads: usize, causal: bool) -> Result<Var, OpError> {
        self.attention_rounded(qkv, heads, causal, Rounding::default())
    }

    /// As [`Tape::attention`], with products that may round their factors where there is no gradient to compute: the
    /// gradient makes the probabilities again, from float32 scores, so those of the forward pass must be the same.
    ///
    /// # Errors
    /// Those of [`ops::attention`].
    pub fn attention_rounded(
        &self,
        qkv: &Var,
        heads: usize,
        causal: bool,
        rounding: Rounding,
    ) -> Result<Var, OpError> {
        let gpu = self.gpu();
        if !qkv.requires_grad() {
            return Ok(Var::constant(ops::attention_rounded(gpu, qkv.tensor(), heads, causal, rounding)?));
        }
        let (out, lse) = ops::attention_with_lse(gpu, qkv.tensor(), heads, causal)?;
        let saved = (qkv.tensor().clone(), out.clone());
        self.record(out, &[qkv], move |gpu, dout| {
            let (qkv, out) = &saved;
            Ok(vec![Some(ops::attention_backward(gpu, (qkv, out, &lse), dout, heads, causal)?)])
        })
    }
}
