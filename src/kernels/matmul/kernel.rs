//! The product as a kernel: operands, cost, reference and error bound.

use super::decision;
use super::shape::{Factors, Matmul, MatrixLayout, Order, attention_scores, attention_values};
use crate::gpu::Capabilities;
use crate::kernels::activation::Activation;
use crate::kernels::bounds::{DIVISION, TINY, U, dot, gamma};
use crate::kernels::matrix_units::HALF;
use crate::kernels::{Cost, Fill, Operand, Problem, Variant, Verifiable};

impl Matmul {
    /// Calls `f(c_index, a·b, Σ|a||b|)` for every output element.
    fn for_each_product(&self, inputs: &[Vec<f64>], mut f: impl FnMut(usize, usize, f64, f64)) {
        let (a, b) = (&inputs[0], &inputs[1]);
        for outer in 0..self.batch.0 {
            for inner in 0..self.batch.1 {
                let base = |l: MatrixLayout| l.offset + outer * l.outer + inner * l.inner;
                let (a0, b0, c0) = (base(self.a), base(self.b), base(self.c));
                for row in 0..self.m {
                    for col in 0..self.n {
                        let a_row = (0..self.k).map(|k| a[a0 + row * self.a.row + k]);
                        let b_col = (0..self.k).map(|k| match self.order {
                            Order::Nk => b[b0 + col * self.b.row + k],
                            Order::Kn => b[b0 + k * self.b.row + col],
                        });
                        let (sum, magnitude) = dot(a_row, b_col);
                        f(c0 + row * self.c.row + col, col, sum, magnitude);
                    }
                }
            }
        }
    }

    fn bias_and_residual<'a>(&self, inputs: &'a [Vec<f64>]) -> (Option<&'a [f64]>, Option<&'a [f64]>) {
        let bias = self.bias.then(|| inputs[2].as_slice());
        let residual = self.residual.then(|| inputs[2 + usize::from(self.bias)].as_slice());
        (bias, residual)
    }
}

impl Problem for Matmul {
    fn kernel(&self) -> &'static str {
        "matmul"
    }

    fn label(&self) -> String {
        let (images, heads) = self.batch;
        for (words, tokens, dim, of) in [
            ("attention-scores", self.m, self.k, attention_scores as fn(usize, usize, usize, usize) -> Self),
            ("attention-values", self.k, self.n, attention_values),
        ] {
            if *self == of(images, heads, tokens, dim) {
                return format!("matmul f32 {words} images={images} heads={heads} tokens={tokens} dim={dim}");
            }
        }
        let mut label = format!("matmul {} m={} n={} k={}", self.b_element.name(), self.m, self.n, self.k);
        if self.batches() > 1 {
            label += &format!(" batch={images}x{heads}");
        }
        if self.scale != 1.0 {
            label += &format!(" scale={}", self.scale);
        }
        for (set, word) in [
            (self.order == Order::Kn, " kn"),
            (self.bias, " +bias"),
            (self.activation == Some(Activation::QuickGelu), " +quickgelu"),
            (self.activation == Some(Activation::Gelu), " +gelu"),
            (self.residual, " +residual"),
            (self.factors == Factors::F16, " f16-factors"),
        ] {
            if set {
                label += word;
            }
        }
        label
    }

    fn inputs(&self) -> Vec<Operand> {
        let (rows, columns) = self.b_shape();
        let mut inputs = vec![
            Operand::f32("a", self.a.span(self, self.m, self.k)),
            Operand { name: "b", element: self.b_element, len: self.b.span(self, rows, columns) },
        ];
        if self.bias {
            inputs.push(Operand::f32("bias", self.n));
        }
        if self.residual {
            inputs.push(Operand::f32("residual", self.c.span(self, self.m, self.n)));
        }
        inputs
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.c.span(self, self.m, self.n)]
    }

    fn cost(&self) -> Cost {
        self.minimal_cost()
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        decision::variants(self, caps)
    }
}

impl Verifiable for Matmul {
    fn fill(&self, input: &str) -> Fill {
        match input {
            // Weights of deviation 1/√k keep the outputs near 1, where the activations bend.
            "b" => Fill::Normal(1.0 / (self.k as f32).sqrt()),
            _ => Fill::default(),
        }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (bias, residual) = self.bias_and_residual(inputs);
        let mut c = vec![f64::NAN; self.outputs()[0]];
        self.for_each_product(inputs, |at, col, sum, _| {
            let linear = sum * f64::from(self.scale) + bias.map_or(0.0, |b| b[col]);
            c[at] = self.activation.map_or(linear, |f| f.apply(linear)) + residual.map_or(0.0, |r| r[at]);
        });
        vec![c]
    }

    /// γₖ₊₁·Σ|a||b| in float32 (k products and sums, one scale); with float16 factors 2⁻¹¹ for each of them, and what
    /// units lose that cut sums off. Then bias, activation and residual.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        match self.factors {
            Factors::F32 => self.bound(inputs, expected, |magnitude| gamma(self.k + 1) * magnitude),
            // Two factors off by 2⁻¹¹ each, and units that may cut each sum off where float32 rounds.
            Factors::F16 => {
                let small = self.range.map_or(0.0, |range| self.small_factors(range));
                let relative = 2.0 * HALF + HALF * HALF + gamma(2 * self.k + 2);
                self.bound(inputs, expected, |magnitude| relative * magnitude + small)
            }
        }
    }

    /// An activation bends errors, so it has none.
    fn magnitudes(&self, inputs: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
        let mut magnitudes = vec![f64::NAN; self.outputs()[0]];
        let scale = f64::from(self.scale).abs();
        self.for_each_product(inputs, |at, _, _, magnitude| magnitudes[at] = magnitude * scale);
        self.activation.is_none().then(|| vec![magnitudes])
    }

    /// Float32 by float16 units: three products in place of one represent a term to 3·2⁻²²; 64 sums at a time may be
    /// cut off to one bit more than float32 has, an error of 2u each; the rest rounds as float32 does. Together that is
    /// 12u + 128u + k/64·u + 4u, no more than γₖ₊₁ where k is at least 160, so only small factors add to the bound.
    fn error_bound_of(
        &self,
        variant: &str,
        inputs: &[Vec<f64>],
        expected: &[Vec<f64>],
    ) -> Option<Vec<Vec<f64>>> {
        let range = self.range.filter(|_| variant.starts_with("split") && self.factors == Factors::F32)?;
        let small = self.small_factors(range);
        Some(self.bound(inputs, expected, |magnitude| gamma(self.k + 1) * magnitude + small))
    }
}

impl Matmul {
    /// A dot product whose error is `of_product` its Σ|a||b| (γₖ₊₁ in float32: k products and sums, one scale), one
    /// more rounding for the bias, the activation's own error, one rounding for the residual.
    fn bound(
        &self,
        inputs: &[Vec<f64>],
        expected: &[Vec<f64>],
        of_product: impl Fn(f64) -> f64,
    ) -> Vec<Vec<f64>> {
        let (bias, _) = self.bias_and_residual(inputs);
        let mut bound = vec![0.0; expected[0].len()];
        self.for_each_product(inputs, |at, col, sum, magnitude| {
            let scale = f64::from(self.scale);
            let linear = sum * scale + bias.map_or(0.0, |b| b[col]);
            let rounding = of_product(magnitude) * scale.abs() + U * linear.abs() + TINY * self.k as f64;
            let activated = self.activation.map_or(rounding, |f| f.error(linear, rounding));
            bound[at] = activated * (1.0 + DIVISION) + U * expected[0][at].abs();
        });
        vec![bound]
    }

    /// What a product may be off by because float16 keeps fewer bits of what is below 2⁻¹⁴. The largest factors are
    /// brought to 2¹⁴ at least (see [`Matmul::powers`]), so a factor is off by at most 2⁻²⁵·2⁻¹⁴ of the largest.
    fn small_factors(&self, (a, b): (f32, f32)) -> f64 {
        let one = (-39f64).exp2() * f64::from(a) * f64::from(b);
        self.k as f64 * 2.001 * one
    }
}
