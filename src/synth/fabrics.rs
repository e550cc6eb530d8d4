//! Soft, woven and grown materials.

use super::canvas::{Canvas, Plane, Rgb, UNITS, lerp3, scale3, smoothstep};
use super::noise::{fractal, noise};
use super::rng::SeededRng;
use super::textures::near_gray;

/// A dyed or natural colour of medium brightness.
fn dye(rng: &mut SeededRng) -> Rgb {
    match rng.int(0, 2) {
        0 => near_gray(0.15, 0.85, 0.05, rng),
        1 => scale3([0.78, 0.70, 0.58], rng.range(0.5, 1.15)),
        _ => {
            let hue = [rng.unit(), rng.unit(), rng.unit()];
            lerp3(hue, [0.5; 3], rng.range(0.2, 0.6))
        }
    }
}

/// Plain or twill weave of two yarns, with uneven yarn thickness and brightness.
pub(super) fn woven_fabric(size: usize, rng: &mut SeededRng) -> Canvas {
    let (px, py) = (rng.range(3.2, 8.0), rng.range(3.2, 8.0));
    let (wx, wy) = (noise(size, 20.0, 30.0, rng), noise(size, 30.0, 20.0, rng));
    let jitter = rng.range(0.05, 0.45);
    let twill = rng.chance(0.3);
    let warp = dye(rng);
    let weft = if rng.chance(0.5) { scale3(warp, rng.range(0.8, 1.15)) } else { dye(rng) };
    let yarns: Vec<f32> = (0..128).map(|_| 1.0 + 0.06 * rng.normal()).collect();
    let depth = rng.range(0.25, 0.7);
    let grain = noise(size, 0.9, 0.9, rng);
    let k = rng.range(0.02, 0.08);
    let step = UNITS / size as f32;
    let mut out = Canvas::filled(size, [0.0; 3]);
    for (i, p) in out.px.iter_mut().enumerate() {
        let (x, y) = ((i % size) as f32 * step, (i / size) as f32 * step);
        let (u, v) = (x / px + jitter * wx.px[i], y / py + jitter * wy.px[i]);
        let (iu, iv) = (u.floor() as i32, v.floor() as i32);
        let over = if twill { (iu + iv).rem_euclid(3) != 0 } else { (iu + iv).rem_euclid(2) == 0 };
        let (fu, fv) = (u - iu as f32 - 0.5, v - iv as f32 - 0.5);
        // Across the yarn it is round, along it dives under its neighbours.
        let (across, along, colour, id) = if over { (fu, fv, warp, iu) } else { (fv, fu, weft, iv + 57) };
        let height = (1.0 - 4.0 * across * across) * (1.0 - 1.8 * along * along);
        let shade = (1.0 - depth) + depth * height.max(0.0);
        *p = scale3(colour, shade * yarns[id.rem_euclid(128) as usize] * (1.0 + k * grain.px[i]));
    }
    out
}

/// Welded or woven wires over a plain background.
pub(super) fn wire_grid(size: usize, rng: &mut SeededRng) -> Canvas {
    let (px, py) = (rng.range(10.0, 24.0), rng.range(10.0, 24.0));
    let half = rng.range(1.2, 3.0);
    let (ox, oy) = (rng.range(0.0, px), rng.range(0.0, py));
    let diamond = rng.chance(0.4);
    let bright = rng.chance(0.6);
    let wire = if bright { near_gray(0.5, 0.9, 0.05, rng) } else { near_gray(0.1, 0.35, 0.05, rng) };
    let background = if bright { near_gray(0.03, 0.25, 0.08, rng) } else { near_gray(0.55, 0.95, 0.05, rng) };
    let grain = noise(size, 1.5, 1.5, rng);
    let wobble = noise(size, 40.0, 40.0, rng);
    let sway = rng.range(0.0, 0.6);
    let step = UNITS / size as f32;
    let mut out = Canvas::filled(size, background);
    for (i, p) in out.px.iter_mut().enumerate() {
        let (mut x, mut y) = ((i % size) as f32 * step + sway * wobble.px[i], (i / size) as f32 * step);
        if diamond {
            let k = std::f32::consts::FRAC_1_SQRT_2;
            (x, y) = (k * (x + y), k * (y - x));
        }
        let d = |v: f32, o: f32, period: f32| ((v - o).rem_euclid(period) - 0.5 * period).abs();
        let (dx, dy) = (d(x, ox, px), d(y, oy, py));
        let near = dx.min(dy);
        let coverage = smoothstep(half + 0.6, half - 0.6, near);
        let round = 1.0 - 0.6 * (near / half).min(1.0).powi(2);
        let shade = round * (1.0 + 0.04 * grain.px[i]);
        *p = lerp3(scale3(*p, 1.0 + 0.05 * grain.px[i]), scale3(wire, shade), coverage);
    }
    out
}

/// Tufts: strong short-range noise, in rows or loose, with clouds of lay.
pub(super) fn carpet(size: usize, rng: &mut SeededRng) -> Canvas {
    let cell = rng.range(1.2, 2.8);
    let tufts = noise(size, cell, cell * rng.range(0.8, 1.5), rng);
    let lay = fractal(size, rng.range(15.0, 40.0), 2, 0.6, rng);
    let mut texture = tufts.add(&lay, rng.range(0.1, 0.35));
    if rng.chance(0.4) {
        let wave = std::f32::consts::TAU / rng.range(3.5, 8.0);
        let wobble = noise(size, 8.0, 8.0, rng);
        let rows = Plane::from_fn(size, |_, y| y).add(&wobble, 0.7).map(|v| (v * wave).sin());
        texture = texture.add(&rows, rng.range(0.4, 1.0));
    }
    let (a, b) = (dye(rng), dye(rng));
    let fleck = noise(size, 2.0, 2.0, rng);
    let mixed = if rng.chance(0.4) { rng.range(0.2, 0.6) } else { 0.0 };
    let mut out = Canvas::shaded(a, &texture.standardised(), rng.range(0.08, 0.22));
    for (p, t) in out.px.iter_mut().zip(&fleck.px) {
        let k = smoothstep(0.3, 1.0, *t) * mixed;
        *p = lerp3(*p, b, k);
    }
    out
}

/// Pebbled hide: a cellular pattern with dark creases between domed grains.
pub(super) fn leather(size: usize, rng: &mut SeededRng) -> Canvas {
    let cell = rng.range(2.6, 6.0);
    let across = (UNITS / cell) as usize + 3;
    let seeds: Vec<(f32, f32)> =
        (0..across * across).map(|_| (rng.range(0.05, 0.95), rng.range(0.05, 0.95))).collect();
    let wobble = noise(size, 10.0, 10.0, rng);
    let pebbles = Plane::from_fn(size, |x, y| {
        let (u, v) = (x / cell + 1.0, y / cell + 1.0);
        let (cu, cv) = (u as usize, v as usize);
        let (mut first, mut second) = (9.0f32, 9.0f32);
        for b in cv - 1..=cv + 1 {
            for a in cu - 1..=cu + 1 {
                let s = seeds[b.min(across - 1) * across + a.min(across - 1)];
                let (dx, dy) = (a as f32 + s.0 - u, b as f32 + s.1 - v);
                let d = dx * dx + dy * dy;
                if d < first {
                    second = first;
                    first = d;
                } else if d < second {
                    second = d;
                }
            }
        }
        smoothstep(0.0, 0.45, second.sqrt() - first.sqrt())
    });
    let base = match rng.int(0, 3) {
        0 => near_gray(0.06, 0.3, 0.05, rng),
        1 => near_gray(0.5, 0.85, 0.06, rng),
        _ => scale3([0.56, 0.34, 0.20], rng.range(0.5, 1.4)),
    };
    let mut out = Canvas::shaded(base, &pebbles.standardised(), rng.range(0.04, 0.17));
    let k = rng.range(0.01, 0.06);
    out.modulate(&wobble, |t| 1.0 + k * t);
    out
}

/// Planed wood: rings cut lengthwise, so bands of changing width along y, with pores and fibres.
pub(super) fn wood(size: usize, rng: &mut SeededRng) -> Canvas {
    let warp = noise(size, 30.0, rng.range(60.0, 160.0), rng);
    let fibres = noise(size, 0.9, rng.range(15.0, 60.0), rng);
    let pores = noise(size, 0.8, rng.range(4.0, 12.0), rng);
    let period = rng.range(5.0, 22.0);
    let (swing, slope) = (rng.range(0.3, 1.6), rng.range(-0.08, 0.08));
    let rings = Plane::from_fn(size, |x, y| (x + slope * y) / period)
        .add(&warp, swing)
        // Late wood is a sharp dark edge after a slow ramp.
        .map(|v| v.rem_euclid(1.0).powi(3));
    let dark = rng.range(0.08, 0.4);
    let base = scale3(
        rng.pick(&[
            [0.80, 0.62, 0.42],
            [0.62, 0.42, 0.26],
            [0.88, 0.76, 0.58],
            [0.42, 0.27, 0.18],
            [0.70, 0.66, 0.60],
        ]),
        rng.range(0.75, 1.1),
    );
    let late = [base[0] * 0.72, base[1] * 0.58, base[2] * 0.45];
    let (f, p) = (rng.range(0.02, 0.08), rng.range(0.02, 0.12));
    let mut out = Canvas::filled(size, base);
    for (i, c) in out.px.iter_mut().enumerate() {
        let fine = 1.0 + f * fibres.px[i] - p * (pores.px[i] - 1.2).max(0.0);
        *c = scale3(lerp3(*c, late, dark * 2.0 * rings.px[i]), fine);
    }
    out
}
