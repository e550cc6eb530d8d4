//! The loss, computed from sums over pixels.

use crate::gpu::Capabilities;
use crate::kernels::bounds::{DIVISION, TINY, U, flushed, gamma};
use crate::kernels::family::{Cases, Family, boxed};
use crate::kernels::rows::row_variants;
use crate::kernels::{Cost, Fill, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};

/// loss `[1]` = scale·Σ (focal·F/pixels + dice_normal·dice(q₀, 1 − b) + dice_defect·dice(1 − q₀, b)) over
/// images, with dice(a, t) = 1 − (2Σat + 1)/(Σa + Σt + 1), from totals [images, 4]: F = Σ focal, Σ q₀,
/// Σ q₀·b and Σ b.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelLoss {
    /// Number of images.
    pub images: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Weight of the mean focal loss.
    pub focal: f32,
    /// Weight of the dice loss of good pixels.
    pub dice_normal: f32,
    /// Weight of the dice loss of marked pixels.
    pub dice_defect: f32,
    /// Multiplies the sum: 1/images makes it a mean.
    pub scale: f32,
}

/// An image's dice losses, 1 − above/below each, and how far float32 is off.
pub(super) struct Dice {
    /// Of the good pixels: numerator and denominator.
    pub normal: (f64, f64),
    /// Of the marked ones.
    pub defect: (f64, f64),
    /// Of either numerator: two sums and an exact product round.
    pub above_error: f64,
    /// Of either denominator: three sums round.
    pub below_error: f64,
}

impl Dice {
    pub fn new(total: &[f64], pixels: f64) -> Self {
        let (normal, both, defect) = (total[1], total[2], total[3]);
        let magnitude = normal.abs() + both.abs() + defect.abs();
        Self {
            normal: (2.0 * (normal - both) + 1.0, normal + (pixels - defect) + 1.0),
            defect: (2.0 * (defect - both) + 1.0, (pixels - normal) + defect + 1.0),
            above_error: gamma(2) * (2.0 * magnitude + 1.0),
            below_error: gamma(3) * (magnitude + pixels + 1.0),
        }
    }

    /// Error of 1 − above/below.
    fn loss_error(&self, (above, below): (f64, f64)) -> f64 {
        let ratio = (above / below).abs();
        let of_ratio = self.above_error / below.abs() + ratio * (self.below_error / below.abs() + DIVISION);
        1.01 * of_ratio + U * (1.0 + ratio)
    }
}

impl PixelLoss {
    fn images(&self, totals: &[f64], value: impl Fn(f64, Dice) -> f64) -> f64 {
        totals.chunks(4).map(|t| value(t[0], Dice::new(t, self.pixels as f64))).sum()
    }

    pub(super) fn weights(&self) -> [f64; 3] {
        [f64::from(self.focal) / self.pixels as f64, f64::from(self.dice_normal), f64::from(self.dice_defect)]
    }
}

impl Problem for PixelLoss {
    fn kernel(&self) -> &'static str {
        "pixel_loss"
    }

    fn label(&self) -> String {
        format!(
            "pixel_loss f32 images={} pixels={} focal={} dice_normal={} dice_defect={} scale={}",
            self.images, self.pixels, self.focal, self.dice_normal, self.dice_defect, self.scale
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("totals", 4 * self.images)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![1]
    }

    fn cost(&self) -> Cost {
        let images = self.images as f64;
        Cost { flops: 20.0 * images, bytes: 16.0 * images + 4.0 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        row_variants(1, caps, |defines, grid| {
            let [focal, normal, defect] = self.weights().map(|w| (w as f32).to_bits());
            let pixels = (self.pixels as f32).to_bits();
            Plan {
                shader: shader!("pixel_loss.wgsl", defines),
                params: param_bytes(&[
                    self.images as u32,
                    pixels,
                    focal,
                    normal,
                    defect,
                    self.scale.to_bits(),
                ]),
                grid,
            }
        })
    }
}

impl Verifiable for PixelLoss {
    fn fill(&self, _: &str) -> Fill {
        totals_fill(self.pixels)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [focal, normal, defect] = self.weights();
        let loss = |(above, below): (f64, f64)| 1.0 - above / below;
        let sum = self.images(&inputs[0], |f, dice| {
            focal * f + normal * loss(dice.normal) + defect * loss(dice.defect)
        });
        vec![vec![f64::from(self.scale) * sum]]
    }

    /// Each dice loss has the errors of its sums, a division and a difference. The weight of the focal
    /// loss is rounded; a product and two sums round in each image, and γₙ those of all images.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [focal, normal, defect] = self.weights();
        let error = self.images(&inputs[0], |f, dice| {
            let losses = [(normal, dice.normal), (defect, dice.defect)];
            let own = losses.map(|(weight, ratio)| weight.abs() * dice.loss_error(ratio));
            let size = losses.map(|(weight, (above, below))| weight.abs() * (1.0 - above / below).abs());
            let size = (focal * f).abs() + size[0] + size[1];
            own[0] + own[1] + gamma(4 + self.images) * size + focal.abs() * flushed(f) + 3.0 * TINY
        });
        vec![vec![1.01 * f64::from(self.scale).abs() * error + U * expected[0][0].abs() + TINY]]
    }
}

/// The sums of images: each of at most a pixel's number, so that no denominator is near zero.
pub(super) fn totals_fill(pixels: usize) -> Fill {
    Fill::Between { low: 0.0, high: pixels as f32 }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |images, pixels, [focal, dice_normal, dice_defect]: [f32; 3], scale| PixelLoss {
        images,
        pixels,
        focal,
        dice_normal,
        dice_defect,
        scale,
    };
    boxed(vec![
        case(1, 1, [1.0, 1.0, 1.0], 1.0),
        case(2, 49, [1.0, 1.0, 1.0], 0.5),
        case(7, 169, [4.0, 0.5, 2.0], 1.0 / 7.0),
        case(300, 36, [1.0, 0.0, 1.0], 1.0),
        case(8, 268_324, [0.0, 1.0, 0.0], 0.125),
    ])
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "pixel_loss",
        conformance: cases,
        bench: || {
            let (focal, dice_normal, dice_defect) = (1.0, 1.0, 1.0);
            let pixels = 518 * 518;
            boxed(vec![PixelLoss { images: 64, pixels, focal, dice_normal, dice_defect, scale: 1.0 }])
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(PixelLoss {
                images: text.size("images")?,
                pixels: text.size("pixels")?,
                focal: text.float("focal")?,
                dice_normal: text.float("dice_normal")?,
                dice_defect: text.float("dice_defect")?,
                scale: text.float("scale")?,
            }))
        },
    }
}
