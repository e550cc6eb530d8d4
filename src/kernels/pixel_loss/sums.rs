//! The sums over rows of pixels from which the losses follow.

use super::map::{Maps, Pixel};
use crate::gpu::Capabilities;
use crate::kernels::bounds::gamma;
use crate::kernels::family::{Cases, Family, boxed};
use crate::kernels::rows::row_variants;
use crate::kernels::stress::Stress;
use crate::kernels::{Cost, Fill, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};

/// Σ focal, Σ q₀, Σ q₀·b and Σ b of each row of pixels, [images, size, 4], from s [images, grid², classes],
/// class_id (u32) `[images]` and mask [images, size, size].
#[derive(Debug, Clone, PartialEq)]
pub struct PixelSums {
    /// Number of images.
    pub images: usize,
    /// Patches along an edge.
    pub grid: usize,
    /// Pixels along an edge.
    pub size: usize,
    /// Channels of s; 0 is normal.
    pub classes: usize,
}

impl PixelSums {
    fn maps(&self) -> Maps {
        Maps { images: self.images, grid: self.grid, size: self.size, classes: self.classes }
    }

    /// The sums added over the rows of each image, [images, 4].
    pub(super) fn totals(&self, inputs: &[Vec<f64>]) -> Vec<f64> {
        let rows = self.reference(inputs).remove(0);
        let image = |rows: &[f64]| (0..4).map(|i| rows[i..].iter().step_by(4).sum()).collect::<Vec<f64>>();
        rows.chunks(4 * self.size).flat_map(image).collect()
    }

    /// Sums of four values of each pixel over its row.
    fn over_rows(&self, inputs: &[Vec<f64>], values: impl Fn(&Pixel) -> [f64; 4]) -> Vec<f64> {
        let mut sums = vec![0.0; self.images * self.size * 4];
        for (i, pixel) in self.maps().pixels(inputs).enumerate() {
            let row = &mut sums[i / self.size * 4..][..4];
            row.iter_mut().zip(values(&pixel)).for_each(|(sum, value)| *sum += value);
        }
        sums
    }
}

/// A value where the mask marks the pixel.
fn marked(pixel: &Pixel, value: f64) -> f64 {
    if pixel.defect { value } else { 0.0 }
}

impl Problem for PixelSums {
    fn kernel(&self) -> &'static str {
        "pixel_sums"
    }

    fn label(&self) -> String {
        format!(
            "pixel_sums f32 images={} grid={} size={} classes={}",
            self.images, self.grid, self.size, self.classes
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        self.maps().operands()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.images * self.size * 4]
    }

    fn cost(&self) -> Cost {
        let pixels = (self.images * self.size * self.size) as f64;
        let bytes = 4 * (self.maps().input_len() + self.images * self.size * 4);
        Cost { flops: 36.0 * pixels, bytes: bytes as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let rows = self.images * self.size;
        row_variants(rows, caps, |defines, grid| {
            let (gain, floor) = self.maps().smoothing();
            let sizes = [rows, self.grid, self.size, self.classes].map(|n| n as u32);
            let factors = [gain, floor].map(|x| (x as f32).to_bits());
            Plan {
                shader: shader!("pixel_sums.wgsl", defines),
                params: param_bytes(&[&sizes[..], &factors[..]].concat()),
                grid,
            }
        })
    }
}

impl Verifiable for PixelSums {
    fn fill(&self, input: &str) -> Fill {
        self.maps().fill(input)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.over_rows(inputs, |p| [p.focal(), p.normal.0, marked(p, p.normal.0), marked(p, 1.0)])]
    }

    /// The errors of the terms (see `map.rs`), and γₙ of their sums. Counts are exact.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let sum = gamma(self.size);
        vec![self.over_rows(inputs, |p| {
            let normal = p.normal.1 + sum * p.normal.0.abs();
            [1.01 * p.focal_error() + sum * p.focal().abs(), 1.01 * normal, marked(p, 1.01 * normal), 0.0]
        })]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(images, grid, size, classes)| PixelSums { images, grid, size, classes };
    let all = [(1, 1, 1, 2), (2, 1, 5, 3), (2, 7, 7, 3), (3, 4, 13, 5), (1, 6, 137, 21), (2, 9, 4, 2)];
    let mut cases = boxed(all.map(case).to_vec());
    cases.push(Stress::Zeros("s").on(case((2, 3, 7, 4))));
    cases.push(Stress::Fold(3).on(case((5, 3, 10, 3))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "pixel_sums",
        conformance: cases,
        bench: || boxed(vec![PixelSums { images: 8, grid: 37, size: 518, classes: 21 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (images, grid) = (text.size("images")?, text.size("grid")?);
            Ok(Box::new(PixelSums { images, grid, size: text.size("size")?, classes: text.size("classes")? }))
        },
    }
}
