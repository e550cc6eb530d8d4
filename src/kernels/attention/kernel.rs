//! Attention as a kernel: operands, cost, reference and error bound.

use super::shape::Attention;
use super::variants;
use crate::gpu::Capabilities;
use crate::kernels::matmul::Factors;
use crate::kernels::{Cost, Fill, Operand, Problem, Variant, Verifiable};

impl Problem for Attention {
    fn kernel(&self) -> &'static str {
        "attention"
    }

    fn label(&self) -> String {
        format!(
            "attention f32 images={} tokens={} heads={} dim={}{}{}{}",
            self.images,
            self.tokens,
            self.heads,
            self.head_dim,
            if self.causal { " causal" } else { "" },
            if self.lse { " +lse" } else { "" },
            if self.factors == Factors::F16 { " f16-factors" } else { "" }
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("qkv", self.images * self.tokens * 3 * self.heads * self.head_dim)]
    }

    fn outputs(&self) -> Vec<usize> {
        let mut outputs = vec![self.images * self.tokens * self.heads * self.head_dim];
        if self.lse {
            outputs.push(self.images * self.heads * self.tokens);
        }
        outputs
    }

    fn cost(&self) -> Cost {
        let (b, t, h, d) = (self.images as f64, self.tokens as f64, self.heads as f64, self.head_dim as f64);
        let pairs = if self.causal { t * (t + 1.0) / 2.0 } else { t * t };
        Cost {
            flops: b * h * pairs * (4.0 * d + 4.0),
            bytes: 4.0 * b * t * h * (4.0 * d + f64::from(u8::from(self.lse))),
        }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        variants::variants(self, caps)
    }
}

impl Verifiable for Attention {
    fn fill(&self, _: &str) -> Fill {
        Fill::Normal(self.fill_deviation())
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut outputs: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(&inputs[0], |at, lse_at, query| {
            outputs[0][at..at + self.head_dim].copy_from_slice(&query.out);
            if self.lse {
                outputs[1][lse_at] = query.lse;
            }
        });
        outputs
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bounds: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(&inputs[0], |at, lse_at, query| {
            bounds[0][at..at + self.head_dim].copy_from_slice(&query.bound);
            if self.lse {
                bounds[1][lse_at] = query.lse_bound;
            }
        });
        bounds
    }
}
