//! The camera: light, tone, colour, optics, sensor and compression. All of it is normal on good images.

use super::canvas::{Canvas, Plane, Rgb, UNITS, luma, smoothstep};
use super::noise::noise;
use super::rng::SeededRng;

/// One exposure's settings. Tone is applied pixel by pixel, so that the visibility of a defect can be computed with it.
pub(super) struct Camera {
    light: Plane,
    curve: Vec<f32>,
    tint: Rgb,
    gray: bool,
    blur: f32,
    sharpen: f32,
    read_noise: f32,
    shot_noise: f32,
    rows: Option<Plane>,
    quality: Option<f32>,
}

/// The tone curve covers light of 0 to this value; brighter is clipped.
const CURVE_TOP: f32 = 2.0;
const CURVE_STEPS: usize = 2048;

impl Camera {
    /// Draws a camera for `scene`, exposed for its brightness. `gray` is the probability of a grayscale one.
    pub fn draw(scene: &Canvas, gray: f32, rng: &mut SeededRng) -> Camera {
        let size = scene.size;
        let light = light(size, rng);
        let lit =
            scene.px.iter().zip(&light.px).map(|(c, l)| luma(*c) * l).sum::<f32>() / scene.px.len() as f32;
        // An operator sets the exposure so that something can be seen, but dark parts stay dark and bright ones bright.
        let wanted = rng.range(0.2, 0.62);
        let gain = (wanted / lit.max(0.02)).powf(0.5).clamp(0.35, 5.0);
        let (contrast, gamma) = (rng.log_range(0.6, 1.4), rng.log_range(0.72, 1.4));
        let (pivot, lift) = (0.4, rng.range(-0.06, 0.1));
        let curve = (0..=CURVE_STEPS).map(|i| {
            let v = i as f32 / CURVE_STEPS as f32 * CURVE_TOP * gain;
            // A soft shoulder instead of hard clipping, as most cameras have.
            let v = (pivot + contrast * (v - pivot) + lift).max(0.0).powf(gamma);
            if v > 0.8 { 1.0 - 0.2 * (-(v - 0.8) / 0.2).exp() } else { v }
        });
        let warm = rng.range(-0.1, 0.1) * f32::from(rng.chance(0.6));
        let rows = rng.chance(0.12).then(|| {
            let k = rng.range(0.008, 0.045);
            let long = 600.0;
            let lines =
                if rng.chance(0.7) { noise(size, 0.5, long, rng) } else { noise(size, long, 0.5, rng) };
            lines.map(|t| 1.0 + k * t)
        });
        Camera {
            light,
            curve: curve.collect(),
            tint: [1.0 + warm, 1.0 + rng.range(-0.03, 0.03), 1.0 - warm],
            gray: rng.chance(gray),
            blur: if rng.chance(0.55) { rng.range(0.25, 0.95) } else { 0.0 },
            sharpen: if rng.chance(0.15) { rng.range(0.2, 0.9) } else { 0.0 },
            read_noise: if rng.chance(0.75) { rng.log_range(0.002, 0.028) } else { 0.0 },
            shot_noise: if rng.chance(0.3) { rng.log_range(0.005, 0.04) } else { 0.0 },
            rows,
            quality: rng.chance(0.2).then(|| rng.range(0.012, 0.05)),
        }
    }

    /// Light and tone on pixel `i`: what an ideal sensor would report for `colour`.
    pub fn expose(&self, i: usize, colour: Rgb) -> Rgb {
        let tone = |v: f32| {
            self.curve[((v * self.light.px[i] * (CURVE_STEPS as f32 / CURVE_TOP)) as usize).min(CURVE_STEPS)]
        };
        let c = [0, 1, 2].map(|k| tone((colour[k] * self.tint[k]).max(0.0)));
        if self.gray { [luma(c); 3] } else { c }
    }

    /// Strength of the random noise, as a deviation on the 0–1 scale.
    pub fn noise_level(&self) -> f32 {
        self.read_noise + 0.6 * self.shot_noise
    }

    /// Takes the picture.
    pub fn capture(&self, scene: &Canvas, rng: &mut SeededRng) -> Canvas {
        let size = scene.size;
        let px = scene.px.iter().enumerate().map(|(i, c)| self.expose(i, *c)).collect();
        let mut image = Canvas { size, px };
        // Sensor effects belong to pixels, not to the scene, so lengths here are in pixels.
        let pixel = UNITS / size as f32;
        if self.blur > 0.0 {
            image = image.blurred(self.blur * pixel.min(1.0));
        }
        if self.sharpen > 0.0 {
            let soft = image.blurred(pixel);
            for (c, s) in image.px.iter_mut().zip(&soft.px) {
                *c = [0, 1, 2].map(|k| c[k] + self.sharpen * (c[k] - s[k]));
            }
        }
        if let Some(rows) = &self.rows {
            image.modulate(rows, |t| t);
        }
        if self.read_noise + self.shot_noise > 0.0 {
            for c in &mut image.px {
                let sigma = self.read_noise + self.shot_noise * luma(*c).max(0.0).sqrt();
                let (a, b) = rng.normal_pair();
                if self.gray {
                    *c = c.map(|v| v + sigma * a);
                } else {
                    // Mostly common to the channels, as after demosaicing.
                    *c = [
                        c[0] + sigma * (0.8 * a + 0.6 * b),
                        c[1] + sigma * a,
                        c[2] + sigma * (0.8 * a - 0.6 * b),
                    ];
                }
            }
        }
        if let Some(step) = self.quality {
            quantise_blocks(&mut image, step);
        }
        image
    }
}

/// Brightness over the frame: lamp falloff, vignette, a specular band, a shadow, shaded sides.
fn light(size: usize, rng: &mut SeededRng) -> Plane {
    let (ramp, way) = (rng.range(0.0, 0.35) * f32::from(rng.chance(0.7)), rng.angle());
    let (rx, ry) = (ramp * way.cos(), ramp * way.sin());
    let vignette = if rng.chance(0.5) { rng.range(0.1, 0.75) } else { 0.0 };
    let (vx, vy) = (rng.range(-0.4, 0.4), rng.range(-0.4, 0.4));
    // A bright band from a lamp over a glossy or curved face; upright, level or oblique.
    let band = if rng.chance(0.3) { rng.range(0.15, 0.9) } else { 0.0 };
    let band_way = if rng.chance(0.7) { 0.0 } else { rng.angle() };
    let (band_at, band_width) = (rng.range(-1.1, 1.1), rng.log_range(0.08, 0.6));
    let (bx, by) = (band_way.cos(), band_way.sin());
    // Curved parts fall into shade on one or both sides.
    let sides = [0; 2].map(|_| if rng.chance(0.25) { rng.range(0.15, 0.85) } else { 0.0 });
    let side_width = rng.range(0.15, 0.7);
    let sideways = rng.chance(0.75);
    // The shadow of something beside the part, with a more or less sharp edge.
    let shadow = if rng.chance(0.12) { rng.range(0.12, 0.55) } else { 0.0 };
    let (shadow_way, shadow_at, soft) = (rng.angle(), rng.range(-0.5, 0.8), rng.log_range(0.02, 0.4));
    let (shadow_x, shadow_y) = (shadow_way.cos(), shadow_way.sin());
    // All terms are smooth, so a coarse grid would do; one pass of plain arithmetic is fast enough.
    Plane::from_fn(size, |x, y| {
        let (u, v) = (x / 64.0 - 1.0, y / 64.0 - 1.0);
        let mut l = 1.0 + rx * u + ry * v;
        if vignette > 0.0 {
            let (du, dv) = (u - vx, v - vy);
            l *= 1.0 - vignette * smoothstep(0.3, 2.4, du * du + dv * dv);
        }
        if band > 0.0 {
            let t = (u * bx + v * by - band_at) / band_width;
            l *= 1.0 + band / (1.0 + t * t * t * t);
        }
        if shadow > 0.0 {
            l *= 1.0 - shadow * smoothstep(-soft, soft, u * shadow_x + v * shadow_y - shadow_at);
        }
        let s = if sideways { u } else { v };
        if sides[0] > 0.0 {
            l *= 1.0 - sides[0] * smoothstep(side_width - 1.0, -1.05, s);
        }
        if sides[1] > 0.0 {
            l *= 1.0 - sides[1] * smoothstep(1.0 - side_width, 1.05, s);
        }
        l.max(0.05)
    })
}

/// Compression as JPEG does it to brightness: coefficients of the 8×8 discrete cosine transform, rounded to steps that
/// grow with the frequency.
fn quantise_blocks(image: &mut Canvas, step: f32) {
    let size = image.size;
    let mut basis = [[0.0f32; 8]; 8];
    for (k, row) in basis.iter_mut().enumerate() {
        for (n, v) in row.iter_mut().enumerate() {
            let norm = if k == 0 { (0.125f32).sqrt() } else { 0.5 };
            *v = norm * (std::f32::consts::PI / 8.0 * (n as f32 + 0.5) * k as f32).cos();
        }
    }
    let mut block = [[0.0f32; 8]; 8];
    for by in (0..size - size % 8).step_by(8) {
        for bx in (0..size - size % 8).step_by(8) {
            for (r, line) in block.iter_mut().enumerate() {
                for (c, v) in line.iter_mut().enumerate() {
                    *v = luma(image.px[(by + r) * size + bx + c]);
                }
            }
            let before = block;
            let half = product(&basis, &block, false);
            let mut freq = product(&half, &basis, true);
            for (r, line) in freq.iter_mut().enumerate() {
                for (c, v) in line.iter_mut().enumerate() {
                    let q = step * (1.0 + 0.9 * (r + c) as f32);
                    *v = (*v / q).round() * q;
                }
            }
            let turned = transposed(&basis);
            let half = product(&turned, &freq, false);
            let after = product(&half, &turned, true);
            for r in 0..8 {
                for c in 0..8 {
                    let change = after[r][c] - before[r][c];
                    let p = &mut image.px[(by + r) * size + bx + c];
                    *p = p.map(|v| v + change);
                }
            }
        }
    }
}

type Block = [[f32; 8]; 8];

fn transposed(a: &Block) -> Block {
    let mut out = [[0.0; 8]; 8];
    for (r, row) in a.iter().enumerate() {
        for (c, v) in row.iter().enumerate() {
            out[c][r] = *v;
        }
    }
    out
}

/// `a · b`, or `a · bᵀ`.
fn product(a: &Block, b: &Block, turn: bool) -> Block {
    let b = if turn { transposed(b) } else { *b };
    let mut out = [[0.0; 8]; 8];
    for (row, line) in out.iter_mut().zip(a) {
        for (k, v) in line.iter().enumerate() {
            for (o, w) in row.iter_mut().zip(&b[k]) {
                *o += v * w;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_quantisation_leaves_the_image_alone() {
        let plane = noise(64, 3.0, 3.0, &mut SeededRng::new(1, "jpeg"));
        let clean = Canvas::shaded([0.5; 3], &plane, 0.1);
        let mut image = clean.clone();
        quantise_blocks(&mut image, 1e-5);
        // The transform is orthonormal: the error is bounded by the largest step, 1e-5 · 13.6 / 2 a coefficient.
        let worst = image.px.iter().zip(&clean.px).map(|(a, b)| (a[0] - b[0]).abs()).fold(0.0, f32::max);
        assert!(worst < 5e-4, "worst {worst}");
        quantise_blocks(&mut image, 0.1);
        assert!(image.px.iter().zip(&clean.px).any(|(a, b)| (a[0] - b[0]).abs() > 0.01));
    }

    #[test]
    fn a_gray_camera_gives_gray() {
        let mut rng = SeededRng::new(4, "gray");
        let scene = Canvas::filled(32, [0.8, 0.3, 0.1]);
        let image = Camera::draw(&scene, 1.0, &mut rng).capture(&scene, &mut rng);
        assert!(image.px.iter().all(|c| (c[0] - c[1]).abs() < 1e-5 && (c[1] - c[2]).abs() < 1e-5));
    }
}
