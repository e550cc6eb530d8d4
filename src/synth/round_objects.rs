//! Rounded objects: bottle, pill, capsule, hazelnut. Each function returns the object's colours and its coverage.

use super::canvas::{Canvas, Plane, lerp3, scale3, smoothstep};
use super::noise::{fractal, noise};
use super::pose::{Pose, draw};
use super::rng::SeededRng;
use super::shapes::{Blob, box_distance};
use super::textures::near_gray;

/// The mouth of a bottle from above: rings of glass with reflections around a dark opening.
pub(super) fn bottle(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.25, false, rng);
    let glass = rng.pick(&[[0.36, 0.20, 0.08], [0.12, 0.30, 0.14], [0.55, 0.62, 0.60], [0.20, 0.18, 0.16]]);
    let (outer, inner) = (rng.range(44.0, 52.0), rng.range(18.0, 30.0));
    let ring: Vec<f32> = (0..64).map(|_| rng.normal()).collect();
    let (gloss, light) = (rng.range(0.3, 1.0), rng.angle());
    let lobes = rng.int(2, 4) as f32;
    let hole = scale3(glass, rng.range(0.1, 0.5));
    let grain = noise(size, 1.5, 1.5, rng);
    draw(size, &pose, |i, u, v| {
        let r = u.hypot(v);
        let a = v.atan2(u);
        let t = r * 0.6;
        let k = (t as usize).min(62);
        let profile = ring[k] + (ring[k + 1] - ring[k]) * t.fract();
        let shine = (0.5 + 0.5 * (lobes * (a - light)).cos()).powi(4) * gloss;
        let wall = scale3(glass, 1.0 + 0.35 * profile);
        let wall = lerp3(wall, [0.95; 3], (shine * (0.35 + 0.3 * profile)).clamp(0.0, 0.9));
        let colour = lerp3(hole, wall, smoothstep(inner - 1.0, inner + 1.0, r));
        (r - outer, scale3(colour, 1.0 + 0.03 * grain.px[i]))
    })
}

/// A round or oval tablet, domed, speckled, sometimes scored.
pub(super) fn pill(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.25, false, rng);
    let base = match rng.int(0, 2) {
        0 => near_gray(0.75, 0.95, 0.04, rng),
        _ => lerp3([rng.unit(), rng.unit(), rng.unit()], [0.85; 3], rng.range(0.4, 0.8)),
    };
    let (rx, ry) = (rng.range(34.0, 50.0), rng.range(28.0, 36.0));
    let score = if rng.chance(0.5) { rng.range(1.0, 2.0) } else { 0.0 };
    let (light, k) = (rng.angle(), rng.range(0.1, 0.35));
    let specks = noise(size, 1.6, 1.6, rng);
    let (level, fleck) = (rng.range(1.2, 3.0), rng.range(0.1, 0.4));
    let grain = noise(size, 1.0, 1.0, rng);
    draw(size, &pose, |i, u, v| {
        let (a, b) = (u / rx, v / ry);
        let r = a.hypot(b);
        let dome = smoothstep(0.55, 1.0, r);
        let mut shade = 1.0 + k * dome * (b.atan2(a) - light).cos() - 0.2 * dome;
        if score > 0.0 {
            shade *= 1.0 - 0.3 * smoothstep(score + 0.7, score - 0.7, u.abs())
                + 0.1 * smoothstep(0.8, 0.0, (u - score - 1.0).abs());
        }
        let speck = 1.0 - fleck * smoothstep(level, level + 0.5, specks.px[i]);
        ((r - 1.0) * rx.min(ry), scale3(base, shade * speck * (1.0 + 0.015 * grain.px[i])))
    })
}

/// A two-part gelatine capsule with a band and highlights.
pub(super) fn capsule(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.9, 1.3, false, rng);
    let hue =
        |rng: &mut SeededRng| lerp3([rng.unit(), rng.unit(), rng.unit()], [0.5; 3], rng.range(0.0, 0.5));
    let (left, right) = (hue(rng), if rng.chance(0.3) { near_gray(0.85, 0.95, 0.02, rng) } else { hue(rng) });
    let (long, half) = (rng.range(44.0, 54.0), rng.range(16.0, 22.0));
    let (seam, shine, gloss) = (rng.range(-8.0, 8.0), rng.range(-0.6, 0.6), rng.range(0.2, 0.8));
    let grain = noise(size, 1.2, 1.2, rng);
    draw(size, &pose, |i, u, v| {
        let step = if u < seam { 0.8 } else { 0.0 };
        let d = box_distance(u, v, long, half + step, half + step);
        let across = v / half;
        let body = 0.55 + 0.5 * (1.0 - across * across).max(0.0);
        let colour = scale3(if u < seam { left } else { right }, body * (1.0 + 0.02 * grain.px[i]));
        let edge = smoothstep(1.4, 0.2, (u - seam).abs()) * 0.35;
        let spot =
            smoothstep(0.16, 0.02, (across - shine).abs()) * smoothstep(long, long - 18.0, u.abs()) * gloss;
        (d, lerp3(scale3(colour, 1.0 - edge), [1.0; 3], 0.7 * spot))
    })
}

/// A hazelnut: a brown shell with meridian stripes and a pale cap.
pub(super) fn hazelnut(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.9, 1.25, false, rng);
    let shell = scale3([0.58, 0.36, 0.20], rng.range(0.6, 1.25));
    let cap = scale3([0.78, 0.66, 0.50], rng.range(0.7, 1.1));
    let outline = Blob::new((0.0, 0.0), (rng.range(38.0, 46.0), rng.range(36.0, 42.0)), 0.0, 0.03, 3, rng);
    let stripes: Vec<f32> = (0..96).map(|_| rng.normal()).collect();
    let (light, contrast) = (rng.angle(), rng.range(0.06, 0.2));
    let cap_y = rng.range(-46.0, -8.0);
    let mottle = fractal(size, 8.0, 3, 0.7, rng);
    draw(size, &pose, |i, u, v| {
        let depth = outline.depth(u, v);
        let r = (1.0 - depth).clamp(0.0, 1.0);
        // Meridians meet at the tip, far below the lower end.
        let t = (u / (90.0 - v)).atan() * 60.0 + 48.0;
        let k = t.clamp(0.0, 94.0) as usize;
        let stripe = stripes[k] + (stripes[k + 1] - stripes[k]) * t.fract();
        let on_cap = smoothstep(3.0, -3.0, v - cap_y + 2.0 * mottle.px[i]);
        let body = lerp3(scale3(shell, 1.0 + contrast * stripe), cap, 0.8 * on_cap);
        let ball = 0.5 + 0.55 * (1.0 - r * r).sqrt() + 0.15 * r * (v.atan2(u) - light).cos();
        (-depth * 38.0, scale3(body, ball * (1.0 + 0.06 * mottle.px[i])))
    })
}
