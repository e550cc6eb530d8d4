//! Metal parts: nut, washer, gear, screw.

use super::canvas::{Canvas, Plane, Rgb, scale3, smoothstep};
use super::noise::{fractal, noise};
use super::pose::{Pose, draw};
use super::rng::SeededRng;
use super::shapes::box_distance;
use super::textures::near_gray;
use std::f32::consts::{PI, TAU};

/// A steel, brass or blackened base colour.
fn metal(rng: &mut SeededRng) -> Rgb {
    match rng.int(0, 4) {
        0 => scale3([0.78, 0.64, 0.38], rng.range(0.6, 1.1)),
        1 => near_gray(0.15, 0.35, 0.08, rng),
        _ => near_gray(0.4, 0.8, 0.06, rng),
    }
}

/// Shading of a facet turned towards angle `a`, under a light from `light`.
fn facet(a: f32, light: f32, k: f32) -> f32 {
    1.0 + k * (a - light).cos()
}

/// A hexagonal nut, from above: chamfered, brushed, with a threaded bore.
pub(super) fn metal_nut(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.2, false, rng);
    let base = metal(rng);
    let (apothem, bore) = (rng.range(40.0, 46.0), rng.range(17.0, 25.0));
    let (light, k) = (rng.angle(), rng.range(0.1, 0.35));
    let grain = fractal(size, 3.0, 2, 0.8, rng);
    let rough = rng.range(0.03, 0.1);
    let pitch = rng.range(2.0, 3.5);
    draw(size, &pose, |i, u, v| {
        let r = u.hypot(v);
        let a = v.atan2(u);
        let side = ((a / (PI / 3.0)).round()) * (PI / 3.0);
        let hex = r * (a - side).cos() - apothem;
        let mut shade = 1.0 + 0.4 * k * (0.15 * r + a).sin();
        if hex > -4.0 {
            shade = facet(side, light, 1.5 * k) * 0.85;
        }
        if r < bore + 5.0 {
            // The thread's turns, lit from the opposite side because they face inwards.
            shade = facet(a + PI, light, k) * (0.55 + 0.35 * ((bore + 5.0 - r) / pitch * TAU).sin());
        }
        (hex.max(bore - r), scale3(base, (shade * (1.0 + rough * grain.px[i])).max(0.02)))
    })
}

/// A flat ring of sheet metal.
pub(super) fn washer(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.25, false, rng);
    let base = metal(rng);
    let (outer, inner) = (rng.range(40.0, 50.0), rng.range(14.0, 24.0));
    let (light, k, sweep) = (rng.angle(), rng.range(0.1, 0.4), rng.range(0.0, 0.35));
    let grain = fractal(size, 3.0, 2, 0.8, rng);
    let rings: Vec<f32> = (0..128).map(|_| rng.normal()).collect();
    let turned = rng.range(0.0, 0.08);
    draw(size, &pose, |i, u, v| {
        let r = u.hypot(v);
        let a = v.atan2(u);
        let d = (r - outer).max(inner - r);
        let edge = smoothstep(-3.0, -0.5, d);
        let flat = 1.0 + sweep * (2.0 * (a - light)).cos() + turned * rings[((r * 2.0) as usize).min(127)];
        let out = if r > 0.5 * (outer + inner) { a } else { a + PI };
        let shade = flat * (1.0 + edge * 2.0 * k * (out - light).cos());
        (d, scale3(base, (shade * (1.0 + 0.06 * grain.px[i])).max(0.02)))
    })
}

/// A spur gear with a bore.
pub(super) fn gear(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.2, false, rng);
    let base = metal(rng);
    let teeth = rng.int(9, 22) as f32;
    let (outer, bore) = (rng.range(42.0, 50.0), rng.range(8.0, 16.0));
    let depth = rng.range(5.0, 9.0);
    let (hub, light, k) = (bore + rng.range(5.0, 12.0), rng.angle(), rng.range(0.1, 0.35));
    let grain = fractal(size, 4.0, 3, 0.8, rng);
    draw(size, &pose, |i, u, v| {
        let r = u.hypot(v);
        let a = v.atan2(u);
        let tooth = smoothstep(-0.35, 0.35, (teeth * a).cos());
        let rim = outer - depth * (1.0 - tooth);
        let d = (r - rim).max(bore - r);
        let step =
            smoothstep(hub - 1.0, hub + 1.0, r) - smoothstep(outer - depth - 6.0, outer - depth - 4.0, r);
        let edge = smoothstep(-2.5, -0.3, d);
        let shade = 1.0 - 0.25 * step + edge * k * (a - light).cos() + 0.1 * (a - light).cos();
        (d, scale3(base, (shade * (1.0 + 0.06 * grain.px[i])).max(0.02)))
    })
}

/// A screw from the side: head, threaded shank, tip.
pub(super) fn screw(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let pose = Pose::new(0.85, 1.25, false, rng);
    let base = metal(rng);
    let (half, pitch) = (rng.range(6.5, 10.0), rng.range(4.5, 7.5));
    let (head, tall) = (rng.range(14.0, 19.0), rng.range(8.0, 14.0));
    let depth = rng.range(1.2, 2.6);
    let shine = rng.range(-0.5, 0.5);
    let grain = noise(size, 1.2, 1.2, rng);
    draw(size, &pose, |i, u, v| {
        let head_d = box_distance(u + 50.0 - 0.5 * tall, v, 0.5 * tall, head, 3.0);
        // The two flanks of a thread are half a turn apart.
        let turn = (u / pitch * TAU + if v > 0.0 { 0.0 } else { PI }).sin();
        let taper = smoothstep(54.0, 38.0, u);
        let width = (half + depth * turn * smoothstep(-28.0, -24.0, u)) * taper;
        let shank_d = (v.abs() - width).max(u - 53.0).max(-50.0 + tall - 1.0 - u);
        let on_head = head_d < shank_d;
        let across = v / if on_head { head } else { half };
        let body = 0.35 + 0.75 * (1.0 - (across - shine) * (across - shine)).max(0.0);
        let thread =
            if on_head || u < -26.0 { 1.0 } else { 1.0 + 0.4 * ((u + v * 0.25) / pitch * TAU).sin() };
        (head_d.min(shank_d), scale3(base, body * thread * (1.0 + 0.05 * grain.px[i])))
    })
}
