//! The greedy choice of k centres, a step at a time: few points that stand for many.

use super::bounds::{TINY, flushed, gamma};
use super::family::{Cases, Family, boxed};
use super::inputs::{Fill, Inputs};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define, DeviceClass};

/// One step of farthest-first traversal (Gonzalez 1985, Theoretical Computer Science 38): the point that is farthest from
/// all centres becomes a centre, and the distances of all points from their nearest centre follow.
///
/// Inputs: x [width, stride], a point a column, with [`stride`](Self::stride) columns of which those after the last point
/// are not looked at; squared distances `[points]`; and of each group of [`GROUP`] points the largest of these, values
/// `[groups]`, and the first point that has it, places `[groups]` as whole numbers. Outputs: the last three after the
/// step. The new centre's distance is [`TAKEN`], which is less than any distance. Of equal distances the first point's
/// counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Farthest {
    /// Number of points, at most [`MAX_POINTS`].
    pub points: usize,
    /// Dimensions of a point.
    pub width: usize,
}

/// Points of a workgroup, whose farthest is written.
pub const GROUP: usize = 256;
/// Most points: places are float32, which counts to 2²⁴.
pub const MAX_POINTS: usize = 1 << 24;
/// The distance of a point that is a centre.
pub const TAKEN: f32 = -1.0;

impl Farthest {
    /// Columns of x: the points, and zeros up to a multiple of four.
    pub fn stride(&self) -> usize {
        self.points.next_multiple_of(4)
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.points.div_ceil(GROUP)
    }

    /// The new centre: exact, since it is only looked up.
    fn centre(&self, inputs: &[Vec<f64>]) -> usize {
        let candidates = inputs[2].iter().zip(&inputs[3]).map(|(&value, &place)| (value, place as usize));
        let later = |best: (f64, usize), next: (f64, usize)| {
            let better = next.0 > best.0 || (next.0 == best.0 && next.1 < best.1);
            if better { next } else { best }
        };
        candidates.reduce(later).map_or(0, |(_, place)| place)
    }

    /// Squared distance of each point from the new centre.
    fn squared_distances(&self, inputs: &[Vec<f64>]) -> Vec<f64> {
        let (centre, stride) = (self.centre(inputs), self.stride());
        let away = |point: usize, d: usize| inputs[0][d * stride + point] - inputs[0][d * stride + centre];
        (0..self.points).map(|point| (0..self.width).map(|d| away(point, d).powi(2)).sum()).collect()
    }
}

impl Problem for Farthest {
    fn kernel(&self) -> &'static str {
        "farthest"
    }

    fn label(&self) -> String {
        format!("farthest f32 points={} width={}", self.points, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![
            Operand::f32("x", self.width * self.stride()),
            Operand::f32("distances", self.points),
            Operand::f32("values", self.groups()),
            Operand::f32("places", self.groups()),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.points, self.groups(), self.groups()]
    }

    fn cost(&self) -> Cost {
        let (points, width, groups) = (self.points as f64, self.width as f64, self.groups() as f64);
        Cost { flops: 3.0 * points * width, bytes: 4.0 * (points * width + 2.0 * points + 4.0 * groups) }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |element, pack: usize| {
            let defines = vec![
                ("T", Define::Type(element)),
                ("VEC4", Define::Flag(pack == 4)),
                ("WG", Define::Number((GROUP / 4) as u32)),
            ];
            let sizes = [self.points, self.stride() / pack, self.width, self.groups()];
            Plan {
                shader: shader!("farthest.wgsl", defines),
                params: param_bytes(&sizes.map(|n| n as u32)),
                grid: linear_grid(self.groups(), caps),
            }
        };
        let (scalar, vec4) =
            (Variant::always("scalar", plan("f32", 1)), Variant::always("vec4", plan("vec4<f32>", 4)));
        match caps.class {
            DeviceClass::Gpu => vec![scalar, vec4],
            DeviceClass::SimdCpu => vec![vec4, scalar],
        }
    }
}

/// The largest of a group's distances, and the first point that has it.
fn largest(group: &[f64], first: usize) -> (f64, usize) {
    let pairs = group.iter().copied().zip(first..);
    pairs.reduce(|best, next| if next.0 > best.0 { next } else { best }).unwrap_or((f64::NAN, first))
}

impl Verifiable for Farthest {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let centre = self.centre(inputs);
        let mut next: Vec<f64> =
            self.squared_distances(inputs).iter().zip(&inputs[1]).map(|(new, old)| new.min(*old)).collect();
        next[centre] = f64::from(TAKEN);
        let (values, places) =
            next.chunks(GROUP).enumerate().map(|(g, group)| largest(group, g * GROUP)).unzip();
        let places: Vec<usize> = places;
        vec![next, values, places.into_iter().map(|place| place as f64).collect()]
    }

    /// A term (x − c)² has three roundings and all terms are positive, so a distance is off by γ of itself; the least of two
    /// and the largest of many are off by no more than the farthest off of them. A difference, its square and each partial
    /// sum may be flushed; a difference that is lost counts twice with itself. Which point is the farthest can be told only
    /// from those that are nearer by twice that.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let width = self.width as f64;
        let error = |distance: &f64| {
            // Equal points have differences of zero, exactly.
            if *distance == 0.0 {
                return 0.0;
            }
            let lost = 2.0 * flushed(distance.sqrt()) * distance.sqrt() + 2.0 * TINY;
            gamma(self.width + 2) * distance + width * lost
        };
        let mut errors: Vec<f64> = self.squared_distances(inputs).iter().map(error).collect();
        errors[self.centre(inputs)] = 0.0;
        let mut bounds = [errors, Vec::new(), Vec::new()];
        for (g, group) in expected[0].chunks(GROUP).enumerate() {
            let worst = bounds[0][g * GROUP..][..group.len()].iter().copied().fold(0.0, f64::max);
            let (value, place) = (expected[1][g], expected[2][g]);
            // Without an error the first of equal distances is known.
            let unsure = |v: f64| worst > 0.0 && value - v <= 2.0 * worst;
            let near = group.iter().zip(g * GROUP..).filter(|(v, _)| unsure(**v));
            let apart = near.map(|(_, at)| (at as f64 - place).abs()).fold(0.0, f64::max);
            bounds[1].push(worst);
            bounds[2].push(apart);
        }
        bounds.into()
    }

    fn fill(&self, input: &str) -> Fill {
        match input {
            "places" => Fill::Between { low: 0.0, high: self.points as f32 },
            // As far as points that are drawn from a normal distribution are, and as near.
            "distances" => Fill::Around { mean: self.width as f32, deviation: self.width as f32 },
            _ => Fill::default(),
        }
    }

    /// Which of two denormal values is larger, or whether a NaN is, decides which point is the centre; a device may decide
    /// either way.
    fn defined_for(&self) -> &'static [Inputs] {
        &[Inputs::Normal, Inputs::Wide]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |points, width| Farthest { points, width };
    let mut cases = boxed(vec![
        case(1, 1),
        case(5, 3),
        case(50, 64),
        // A group and a point more, and one that ends within four.
        case(257, 7),
        case(1022, 16),
        // More groups than a workgroup has invocations.
        case(256 * 256 + 300, 1),
    ]);
    cases.push(Stress::Fold(2).on(case(1300, 5)));
    cases.push(Stress::Zeros("values").on(case(2000, 2)));
    cases.push(Stress::Zeros("x").on(case(600, 3)));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "farthest",
        conformance: cases,
        // What is chosen from when the bank of good photos is full twice over.
        bench: || boxed(vec![Farthest { points: 16384, width: 64 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let problem = Farthest { points: text.size("points")?, width: text.size("width")? };
            if problem.points > MAX_POINTS {
                return Err(format!("'points={}': at most {MAX_POINTS}", problem.points));
            }
            Ok(Box::new(problem))
        },
    }
}
