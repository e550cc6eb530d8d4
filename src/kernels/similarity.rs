//! Scaled cosine similarity of feature rows with a few class vectors.

use std::sync::Arc;

use super::bounds::{DIVISION, TINY, U, dot, gamma};
use super::family::{Cases, Family, boxed};
use super::inputs::Inputs;
use super::rows::{Held, row_elements};
use super::stress::Stress;
use super::{
    Cost, Operand, Plan, Problem, Trial, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
    simd_lanes,
};
use crate::gpu::{Capabilities, Define, DeviceClass};

/// `y[n, c]` = scale·cos(`x[n]`, `t[c]`) for x `[rows, width]` and t `[classes, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Similarity {
    /// Rows of x.
    pub rows: usize,
    /// Rows of t.
    pub classes: usize,
    /// Elements of a row.
    pub width: usize,
    /// 1/temperature.
    pub scale: f32,
}

/// Classes of a workgroup of the variant `registers`: their products and squares, 20 bytes a class and subgroup, take
/// 10 KiB at most, so that they fit every device.
fn held_classes(subgroups: u32) -> usize {
    (512 / subgroups as usize).clamp(2, 32)
}

impl Similarity {
    /// The same pipeline on few rows: drivers are not bound to fill each subgroup, and there is room for full ones only.
    fn trial(&self) -> Trial {
        Trial { problem: Arc::new(Self { rows: 5, ..self.clone() }), plain: "scalar" }
    }

    /// `(x·t, Σ|x||t|, ‖x‖‖t‖)` of every output element.
    fn terms(&self, inputs: &[Vec<f64>]) -> Vec<(f64, f64, f64)> {
        let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
        let mut terms = Vec::with_capacity(self.rows * self.classes);
        for x in inputs[0].chunks(self.width) {
            for t in inputs[1].chunks(self.width) {
                let (product, magnitude) = dot(x.iter().copied(), t.iter().copied());
                terms.push((product, magnitude, norm(x) * norm(t)));
            }
        }
        terms
    }
}

impl Problem for Similarity {
    fn kernel(&self) -> &'static str {
        "similarity"
    }

    fn label(&self) -> String {
        format!(
            "similarity f32 rows={} classes={} width={} scale={}",
            self.rows, self.classes, self.width, self.scale
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.rows * self.width), Operand::f32("t", self.classes * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.classes]
    }

    fn cost(&self) -> Cost {
        let (n, c, d) = (self.rows as f64, self.classes as f64, self.width as f64);
        Cost { flops: 2.0 * n * c * d + 2.0 * (n + c) * d, bytes: 4.0 * (n * d + c * d + n * c) }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let params =
            || param_bytes(&[self.rows as u32, self.classes as u32, self.width as u32, self.scale.to_bits()]);
        let scalar = Variant::always(
            "scalar",
            Plan {
                shader: shader!("similarity.wgsl", vec![]),
                params: params(),
                grid: linear_grid((self.rows * self.classes).div_ceil(64), caps),
            },
        );
        let subgroup = |lanes: usize| {
            let rows = self.rows.div_ceil(lanes).clamp(1, 4);
            let classes = self.classes.min(lanes);
            let defines = [("LANES", lanes), ("ROWS", rows), ("CLASSES", classes)];
            let defines = defines.map(|(name, value)| (name, Define::Number(value as u32))).to_vec();
            let grid = [self.rows.div_ceil(rows * lanes) as u32, self.classes.div_ceil(classes) as u32, 1];
            Plan { shader: shader!("similarity_subgroup.wgsl", defines), params: params(), grid }
        };
        let met = Unmet::multiple_of_4("the width", self.width).and_then(|()| simd_lanes(caps));
        let subgroup = Variant::new("subgroup", met.map(subgroup));
        let pack = if self.width.is_multiple_of(4) { 4 } else { 1 };
        let registers = Held::new(self.width, pack, caps).map(|held| {
            let classes = self.classes.min(held_classes(held.subgroups));
            let mut defines = row_elements(self.width);
            let sizes = [("WG", held.workgroup), ("HELD", held.elements), ("PARTS", held.subgroups)];
            let sizes = sizes.into_iter().chain([("CLASSES", classes as u32)]);
            defines.extend(sizes.map(|(name, size)| (name, Define::Number(size))));
            let [x, y, _] = linear_grid(self.rows.div_ceil(4), caps);
            let grid = [x, y, self.classes.div_ceil(classes) as u32];
            Plan { shader: shader!("similarity_registers.wgsl", defines), params: params(), grid }
        });
        let registers = Variant { trial: Some(self.trial()), ..Variant::new("registers", registers) };
        match caps.class {
            DeviceClass::Gpu => vec![registers, scalar, subgroup],
            DeviceClass::SimdCpu => vec![subgroup, scalar, registers],
        }
    }
}

impl Verifiable for Similarity {
    /// The norm of denormal numbers is zero in float32, and the quotient undefined.
    fn defined_for(&self) -> &'static [Inputs] {
        &Inputs::NO_DENORMAL
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let cosine = |(product, _, norms): (f64, f64, f64)| {
            if norms == 0.0 { 0.0 } else { f64::from(self.scale) * product / norms }
        };
        vec![self.terms(inputs).into_iter().map(cosine).collect()]
    }

    /// γ of the dot product; half of γ for each norm, through its root; two roots, three products, a
    /// division.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let g = gamma(self.width + 1);
        let bound = |((_, magnitude, norms), y): ((f64, f64, f64), &f64)| {
            let sum = if norms == 0.0 { 0.0 } else { g * f64::from(self.scale).abs() * magnitude / norms };
            1.01 * (sum + y.abs() * (g + 3.0 * DIVISION + 3.0 * U)) + TINY
        };
        vec![self.terms(inputs).into_iter().zip(&expected[0]).map(bound).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(rows, classes, width)| Similarity { rows, classes, width, scale: 1.0 / 0.07 };
    let all = [(1, 1, 1), (7, 2, 50), (50, 7, 77), (197, 21, 36), (3, 5, 1370), (9, 37, 8), (6, 3, 300)];
    let mut cases = boxed(all.map(case).to_vec());
    // A width for each variant.
    for width in [5, 8] {
        cases.push(Stress::Zeros("x").on(case((7, 2, width))));
        cases.push(Stress::Zeros("t").on(case((7, 2, width))));
    }
    cases.push(Stress::Fold(3).on(case((50, 7, 7))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "similarity",
        conformance: cases,
        bench: || boxed(vec![Similarity { rows: 1369, classes: 16, width: 768, scale: 1.0 / 0.07 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Similarity {
                rows: text.size("rows")?,
                classes: text.size("classes")?,
                width: text.size("width")?,
                scale: text.float("scale")?,
            }))
        },
    }
}
