//! The gradient of the losses by the probabilities of patches.

use super::loss::{Dice, PixelLoss, totals_fill};
use super::map::{Maps, Pixel};
use super::sums::PixelSums;
use crate::gpu::Capabilities;
use crate::kernels::bounds::{DIVISION, TINY, U, flushed, gamma};
use crate::kernels::derivative::Derivative;
use crate::kernels::family::{Cases, Family, boxed};
use crate::kernels::rows::row_variants;
use crate::kernels::stress::Stress;
use crate::kernels::{Cost, Fill, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};

/// The gradient of [`PixelLoss`] by s, [images, grid², classes], from s, class_id, mask (as of
/// [`PixelSums`]), totals [images, 4] and dy `[1]`. Zero but for channel 0 and that of the image's class.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelLossBackward {
    /// Number of images.
    pub images: usize,
    /// Patches along an edge.
    pub grid: usize,
    /// Pixels along an edge.
    pub size: usize,
    /// Channels of s; 0 is normal.
    pub classes: usize,
    /// Weight of the mean focal loss.
    pub focal: f32,
    /// Weight of the dice loss of good pixels.
    pub dice_normal: f32,
    /// Weight of the dice loss of marked pixels.
    pub dice_defect: f32,
    /// What multiplied the sum.
    pub scale: f32,
}

impl PixelLossBackward {
    fn maps(&self) -> Maps {
        Maps { images: self.images, grid: self.grid, size: self.size, classes: self.classes }
    }

    fn sums(&self) -> PixelSums {
        PixelSums { images: self.images, grid: self.grid, size: self.size, classes: self.classes }
    }

    fn loss(&self) -> PixelLoss {
        PixelLoss {
            images: self.images,
            pixels: self.size * self.size,
            focal: self.focal,
            dice_normal: self.dice_normal,
            dice_defect: self.dice_defect,
            scale: self.scale,
        }
    }

    /// What a focal loss' slope is multiplied by.
    fn focal_factor(&self) -> f64 {
        self.loss().weights()[0] * self.maps().smoothing().0
    }

    /// The three terms of the dice losses' derivative by q₀ at a pixel: of both numerators, and of Σat.
    fn dice(&self, dice: &Dice, defect: bool) -> [f64; 3] {
        let [_, normal, marked] = self.loss().weights();
        [
            normal * dice.normal.0 / dice.normal.1.powi(2),
            -marked * dice.defect.0 / dice.defect.1.powi(2),
            if defect { 2.0 * marked / dice.defect.1 } else { -2.0 * normal / dice.normal.1 },
        ]
    }

    /// First order in the errors of numerators and denominators, then two sums.
    fn dice_error(&self, dice: &Dice, defect: bool) -> f64 {
        let [_, normal, marked] = self.loss().weights();
        let terms = self.dice(dice, defect).map(f64::abs);
        let below = [dice.normal.1, dice.defect.1].map(|b| dice.below_error / b.abs());
        let above = |weight: f64, (_, below): (f64, f64)| weight.abs() * dice.above_error / below.powi(2);
        let last = if defect { below[1] } else { below[0] };
        1.01 * (above(normal, dice.normal)
            + above(marked, dice.defect)
            + terms[0] * (2.0 * below[0] + DIVISION + 2.0 * U)
            + terms[1] * (2.0 * below[1] + DIVISION + 2.0 * U)
            + terms[2] * (last + DIVISION + U))
            + 2.0 * U * terms.iter().sum::<f64>()
            + 6.0 * TINY
    }

    /// Gathers values of pixels, those by channel 0 and by the pixel's own, into the cells of s.
    fn gather(&self, inputs: &[Vec<f64>], value: impl Fn(&Pixel, &Dice) -> (f64, f64)) -> Vec<f64> {
        let pixels = (self.size * self.size) as f64;
        let dice: Vec<Dice> = inputs[3].chunks(4).map(|t| Dice::new(t, pixels)).collect();
        let mut ds = vec![0.0; inputs[0].len()];
        for pixel in self.maps().pixels(inputs) {
            let (normal, own) = value(&pixel, &dice[pixel.image]);
            for &(cell, weight) in pixel.taps.iter().filter(|t| t.1 > 0.0) {
                ds[cell * self.classes] += weight * normal;
                ds[cell * self.classes + pixel.channel] += weight * own;
            }
        }
        ds
    }

    /// Whether an element of ds can be other than zero.
    fn reached(&self, inputs: &[Vec<f64>], i: usize) -> bool {
        let image = i / (self.grid * self.grid * self.classes);
        let class = (inputs[1][image] as usize).min(self.classes - 1);
        [0, class].contains(&(i % self.classes))
    }
}

impl Problem for PixelLossBackward {
    fn kernel(&self) -> &'static str {
        "pixel_loss_backward"
    }

    fn label(&self) -> String {
        format!(
            "pixel_loss_backward f32 images={} grid={} size={} classes={} focal={} dice_normal={} \
             dice_defect={} scale={}",
            self.images,
            self.grid,
            self.size,
            self.classes,
            self.focal,
            self.dice_normal,
            self.dice_defect,
            self.scale
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        let own = vec![Operand::f32("totals", 4 * self.images), Operand::f32("dy", 1)];
        [self.maps().operands(), own].concat()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.images * self.grid * self.grid * self.classes]
    }

    /// Each pixel once; that a cell recomputes its pixels is arithmetic of the method and not counted.
    fn cost(&self) -> Cost {
        let pixels = (self.images * self.size * self.size) as f64;
        let bytes = 4 * (self.maps().input_len() + self.outputs()[0] + 4 * self.images);
        Cost { flops: 40.0 * pixels, bytes: bytes as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let cells = self.images * self.grid * self.grid;
        row_variants(cells, caps, |defines, grid| {
            let (gain, floor) = self.maps().smoothing();
            let [_, normal, defect] = self.loss().weights();
            let sizes = [cells, self.grid, self.size, self.classes].map(|n| n as u32);
            let factors = [gain, floor, self.focal_factor(), normal, defect, f64::from(self.scale)];
            Plan {
                shader: shader!("pixel_loss_backward.wgsl", defines),
                params: param_bytes(&[&sizes[..], &factors.map(|x| (x as f32).to_bits())[..]].concat()),
                grid,
            }
        })
    }
}

impl Verifiable for PixelLossBackward {
    fn fill(&self, input: &str) -> Fill {
        match input {
            "totals" => totals_fill(self.size * self.size),
            input => self.maps().fill(input),
        }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let upstream = f64::from(self.scale) * inputs[4][0];
        let mut ds = self.gather(inputs, |pixel, dice| {
            let dice = self.dice(dice, pixel.defect).iter().sum();
            (dice, self.focal_factor() * pixel.focal_slope())
        });
        for (i, ds) in ds.iter_mut().enumerate() {
            *ds = if self.reached(inputs, i) { upstream * *ds } else { 0.0 };
        }
        vec![ds]
    }

    /// The errors of the terms; two quotients and two products in each weight's use, the sum of focal
    /// and dice, and γₙ over the pixels that reach a cell; then two products.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let span = self.size.max(2) - 1;
        let reach = if self.grid == 1 { self.size } else { self.size.min(2 * span / (self.grid - 1) + 2) };
        let sum = gamma(13 + reach * reach);
        let mut bound = self.gather(inputs, |pixel, dice| {
            let terms: f64 = self.dice(dice, pixel.defect).iter().map(|t| t.abs()).sum();
            let factor = self.focal_factor().abs();
            let slope = factor * pixel.focal_slope().abs();
            let own = factor * pixel.focal_slope_error() + (sum + 2.0 * U) * slope + 4.0 * TINY;
            (self.dice_error(dice, pixel.defect) + sum * terms + 2.0 * TINY, own)
        });
        // What is gathered bounds the error of a sum; the sum itself comes from the reference.
        let (scale, dy) = (f64::from(self.scale).abs(), inputs[4][0].abs());
        let upstream = scale * dy;
        for (i, bound) in bound.iter_mut().enumerate() {
            let ds = expected[0][i].abs();
            let sum = if upstream > 0.0 { ds / upstream } else { 0.0 };
            let lost = (scale * flushed(dy) + TINY) * (sum + *bound) + TINY;
            let own = 1.01 * upstream * (*bound + TINY) + 2.0 * U * ds + lost;
            *bound = if self.reached(inputs, i) { own } else { 0.0 };
        }
        vec![bound]
    }

    fn derivative(&self) -> Option<Derivative> {
        let (sums, loss) = (self.sums(), self.loss());
        let forward = sums.clone();
        Some(Derivative {
            prepare: Box::new(move |inputs| inputs[3] = sums.totals(&inputs[..3])),
            ..Derivative::of(vec![0], move |inputs| {
                inputs[4][0] * loss.reference(&[forward.totals(&inputs[..3])])[0][0]
            })
        })
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(images, grid, size, classes), [focal, dice_normal, dice_defect]: [f32; 3], scale| {
        PixelLossBackward { images, grid, size, classes, focal, dice_normal, dice_defect, scale }
    };
    let all = [1.0, 1.0, 1.0];
    let mut cases = boxed(vec![
        case((1, 1, 1, 2), all, 1.0),
        case((2, 1, 5, 3), all, 1.0),
        case((4, 5, 5, 3), all, 0.25),
        case((3, 4, 13, 5), [4.0, 0.5, 2.0], 1.0),
        case((2, 6, 17, 21), [1.0, 0.0, 0.0], 1.0),
        case((2, 3, 8, 4), [0.0, 1.0, 0.0], 1.0),
        case((2, 3, 8, 4), [0.0, 0.0, 1.0], 1.0),
        case((1, 3, 29, 2), all, 1.0),
        case((2, 9, 4, 2), all, 1.0),
    ]);
    cases.push(Stress::Zeros("s").on(case((2, 3, 7, 4), all, 1.0)));
    cases.push(Stress::Fold(3).on(case((2, 5, 6, 3), all, 1.0)));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "pixel_loss_backward",
        conformance: cases,
        bench: || {
            boxed(vec![PixelLossBackward {
                images: 8,
                grid: 37,
                size: 518,
                classes: 21,
                focal: 1.0,
                dice_normal: 1.0,
                dice_defect: 1.0,
                scale: 1.0,
            }])
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(PixelLossBackward {
                images: text.size("images")?,
                grid: text.size("grid")?,
                size: text.size("size")?,
                classes: text.size("classes")?,
                focal: text.float("focal")?,
                dice_normal: text.float("dice_normal")?,
                dice_defect: text.float("dice_defect")?,
                scale: text.float("scale")?,
            }))
        },
    }
}
