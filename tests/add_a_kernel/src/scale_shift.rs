//! A scale and a shift for each channel: what is left of a batch normalisation at inference.

use dapo_wgpu::gpu::{Capabilities, Define};
use dapo_wgpu::kernels::bounds::{TINY, flushed, gamma};
use dapo_wgpu::kernels::{
    Cost, Family, Operand, Plan, Problem, Unmet, Variant, Verifiable, boxed, linear_grid, param_bytes, shader,
};

/// y = scale·x + shift over rows of x [rows, width], with scale and shift `[width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleShift {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
}

impl Problem for ScaleShift {
    fn kernel(&self) -> &'static str {
        "scale_shift"
    }

    fn label(&self) -> String {
        format!("scale_shift f32 rows={} width={}", self.rows, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![
            Operand::f32("x", self.rows * self.width),
            Operand::f32("scale", self.width),
            Operand::f32("shift", self.width),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 2.0 * n, bytes: 8.0 * n + 8.0 * self.width as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |element, pack: usize| {
            let width = self.width / pack;
            let count = self.rows * width;
            Plan {
                shader: shader!("scale_shift.wgsl", vec![("T", Define::Type(element))]),
                params: param_bytes(&[count as u32, width as u32]),
                grid: linear_grid(count.div_ceil(64), caps),
            }
        };
        let aligned = Unmet::multiple_of_4("the width", self.width);
        vec![
            Variant::when("vec4", aligned, || plan("vec4<f32>", 4)),
            Variant::always("scalar", plan("f32", 1)),
        ]
    }
}

impl Verifiable for ScaleShift {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let rows = inputs[0].chunks(self.width);
        let row = |x: &[f64]| -> Vec<f64> {
            x.iter().zip(&inputs[1]).zip(&inputs[2]).map(|((x, a), b)| x * a + b).collect()
        };
        vec![rows.flat_map(row).collect()]
    }

    /// x·a + 1·b is a dot product of two terms: γ₂·(|x·a| + |b|), fused or not. The operands, the
    /// product and the sum may each be flushed to zero where they are below the smallest normal number.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let rows = inputs[0].chunks(self.width);
        let row = |x: &[f64]| -> Vec<f64> {
            let terms = x.iter().zip(&inputs[1]).zip(&inputs[2]);
            let bound = |((x, a), b): ((&f64, &f64), &f64)| {
                let lost = flushed(*x) * a.abs() + flushed(*a) * x.abs() + flushed(*b) + 2.0 * TINY;
                gamma(2) * ((x * a).abs() + b.abs()) + lost
            };
            terms.map(bound).collect()
        };
        vec![rows.flat_map(row).collect()]
    }
}

/// One element, odd sizes, both variants, more than one workgroup.
fn cases() -> Vec<ScaleShift> {
    [(1, 1), (7, 50), (50, 77), (197, 36), (3, 1370), (257, 128)]
        .map(|(rows, width)| ScaleShift { rows, width })
        .to_vec()
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "scale_shift",
        conformance: || boxed(cases()),
        bench: || boxed(vec![ScaleShift { rows: 577, width: 1024 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(ScaleShift { rows: text.size("rows")?, width: text.size("width")? }))
        },
    }
}
