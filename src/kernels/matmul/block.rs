//! What all variants of the product share: a workgroup owns a block of the outputs.

use super::shape::{Matmul, Order};
use crate::gpu::{Define, ShaderSpec};
use crate::kernels::activation::Activation;
use crate::kernels::{Cost, Defines, Element, Plan, Variant};

/// Rows and columns of the outputs that a workgroup owns, and how operands are loaded.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub rows: usize,
    pub columns: usize,
    /// Four elements of a row at once.
    pub vec4: bool,
    /// B as a storage texture.
    pub panels: bool,
    /// Four outputs of a row at once; see [`Matmul::aligned_output`].
    pub vec4_output: bool,
    /// Only finishes sums of slices, in place of products of A and B.
    pub sums: bool,
    /// Powers of two that fit the factors to float16's range among the parameters.
    pub powers: bool,
}

impl Block {
    /// A block that loads four elements at once, all from buffers.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns, vec4: true, panels: false, vec4_output: false, sums: false, powers: false }
    }

    /// The plan of a shader that gets these constants besides those of every product.
    pub(super) fn plan(self, p: &Matmul, own: Defines, shader: impl FnOnce(Defines) -> ShaderSpec) -> Plan {
        let (columns, rows) = (p.n.div_ceil(self.columns), p.m.div_ceil(self.rows));
        Plan {
            shader: shader([self.defines(p), own].concat()),
            params: p.params(self.powers),
            grid: [columns as u32, rows as u32, p.batches() as u32],
        }
    }

    /// The cost with what is computed past the edges of the matrix and thrown away.
    fn padded_cost(self, p: &Matmul) -> Cost {
        let padded = (p.m.next_multiple_of(self.rows) * p.n.next_multiple_of(self.columns)) as f64;
        let cost = p.minimal_cost();
        Cost { flops: cost.flops * (padded / (p.m * p.n) as f64), ..cost }
    }

    /// A variant with blocks like this one, whose cost is padded.
    pub(super) fn variant(
        self,
        name: &'static str,
        p: &Matmul,
        own: Defines,
        shader: impl FnOnce(Defines) -> ShaderSpec,
    ) -> Variant {
        Variant { cost: Some(self.padded_cost(p)), ..Variant::always(name, self.plan(p, own, shader)) }
    }

    pub(super) fn defines(self, p: &Matmul) -> Defines {
        let bias = if self.sums { 1 } else { 2 };
        let residual = bias + u32::from(p.bias);
        vec![
            ("BIAS", Define::Flag(p.bias)),
            ("RESIDUAL", Define::Flag(p.residual)),
            ("ACTIVATE", Define::Flag(p.activation.is_some())),
            ("ACTIVATION", Define::Text(p.activation.map_or("", Activation::function))),
            ("B_F16", Define::Flag(p.b_element == Element::F16)),
            ("PANELS", Define::Flag(self.panels)),
            ("VEC4", Define::Flag(self.vec4)),
            ("C4", Define::Flag(self.vec4_output)),
            ("SUMS", Define::Flag(self.sums)),
            ("POWERS", Define::Flag(self.powers)),
            ("B_KN", Define::Flag(p.order == Order::Kn)),
            ("BIAS_AT", Define::Number(bias)),
            ("RESIDUAL_AT", Define::Number(residual)),
            ("C_AT", Define::Number(residual + u32::from(p.residual))),
        ]
    }
}

/// A define with a number.
pub(super) fn number(name: &'static str, value: usize) -> (&'static str, Define) {
    (name, Define::Number(value as u32))
}
