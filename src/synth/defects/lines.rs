//! Line-shaped defects: scratch, crack, cut, thread.

use super::super::canvas::{UNITS, lerp, lerp3, scale3};
use super::super::noise::noise;
use super::super::rng::SeededRng;
use super::super::shapes::{Node, smooth_curve, stroke, walk};
use super::draft::{Draft, contrasting, vivid};

/// Nodes of a slight arc through `at`, `length` long, bulging by `bow` of it.
fn arc(at: (f32, f32), heading: f32, length: f32, bow: f32, width: impl Fn(f32) -> f32) -> Vec<Node> {
    let (cos, sin) = (heading.cos(), heading.sin());
    (0..=14)
        .map(|i| {
            let t = i as f32 / 7.0 - 1.0;
            let (along, across) = (0.5 * length * t, bow * length * (1.0 - t * t));
            Node { x: at.0 + along * cos - across * sin, y: at.1 + along * sin + across * cos, w: width(t) }
        })
        .collect()
}

/// One to four nearly parallel thin lines, mostly bright, often with a dark side, fading in and out.
pub(super) fn scratch(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let heading = d.heading(rng);
    let (length, bow) = (rng.log_range(18.0, 120.0), rng.range(-0.06, 0.06));
    let width = rng.log_range(0.7, 1.9);
    let mut lines = d.empty_coverage();
    for _ in 0..rng.weighted(&[0.0, 5.0, 2.0, 1.0, 1.0]) {
        let place = (at.0 + 3.0 * rng.normal(), at.1 + 3.0 * rng.normal());
        let nodes = arc(place, heading + 0.05 * rng.normal(), length * rng.range(0.6, 1.0), bow, |t| {
            width * (1.05 - 0.5 * t * t)
        });
        stroke(&mut lines, &nodes, 0.0);
    }
    let lines = d.on_object(lines);
    let fade = noise(d.size(), 14.0, 14.0, rng);
    let v = d.brightness(at.0, at.1);
    let bright = v < 0.45 || (v < 0.75 && rng.chance(0.75));
    let k = d.strength * rng.range(0.55, 1.0);
    let target = if bright { [rng.range(0.8, 1.05); 3] } else { scale3([1.0; 3], v * rng.range(0.1, 0.35)) };
    let shade = if rng.chance(0.4) { 0.35 * k } else { 0.0 };
    let (ox, oy) = (-heading.sin() * width, heading.cos() * width);
    let step = UNITS / d.size() as f32;
    for i in 0..lines.px.len() {
        let live = k * (1.0 + 0.3 * fade.px[i]).clamp(0.45, 1.0);
        if shade > 0.0 {
            let (x, y) = ((i % lines.size) as f32 * step - ox, (i / lines.size) as f32 * step - oy);
            let beside = lines.at(x + 0.5 * step, y + 0.5 * step) * (1.0 - lines.px[i]);
            d.colour.px[i] = scale3(d.colour.px[i], 1.0 - shade * beside);
        }
        if lines.px[i] > 0.0 {
            d.colour.px[i] = lerp3(d.colour.px[i], target, live * lines.px[i]);
        }
    }
    d.add_to_mask(&lines);
}

/// A dark turning walk with branches, wider at its root; on grained materials it may follow the grain, but crookedly.
pub(super) fn crack(d: &mut Draft, rng: &mut SeededRng) {
    let length = rng.log_range(28.0, 150.0);
    let heading = match d.scene.grain {
        Some(grain) if rng.chance(0.4) => {
            grain + 0.15 * rng.normal() + if rng.chance(0.5) { 0.0 } else { std::f32::consts::PI }
        }
        _ => rng.angle(),
    };
    let middle = d.point_on_object(rng);
    let start = (middle.0 - 0.4 * length * heading.cos(), middle.1 - 0.4 * length * heading.sin());
    let width = rng.log_range(0.9, 3.0);
    let turn = rng.range(0.45, 0.85);
    let mut lines = d.empty_coverage();
    let trunk = walk(start, heading, length, 2.5, turn, width, rng);
    stroke(&mut lines, &trunk, 0.0);
    for _ in 0..rng.weighted(&[3.0, 3.0, 2.0, 1.0, 1.0]) {
        let from = trunk[rng.int(0, trunk.len() * 2 / 3)];
        let away = heading + rng.sign() * rng.range(0.5, 1.1);
        let branch =
            walk((from.x, from.y), away, length * rng.range(0.15, 0.45), 2.2, turn, 0.7 * width, rng);
        stroke(&mut lines, &branch, 0.0);
    }
    let lines = d.on_object(lines);
    let depth = noise(d.size(), 6.0, 6.0, rng);
    let dark = rng.range(0.03, 0.3);
    let lip = if rng.chance(0.3) { rng.range(0.1, 0.35) * d.strength } else { 0.0 };
    let halo = lines.clone().blurred(1.6);
    for i in 0..lines.px.len() {
        let edge = (halo.px[i] * 2.0).min(1.0) * (1.0 - lines.px[i]);
        let k = d.strength * (0.95 + 0.15 * depth.px[i]).clamp(0.5, 1.0);
        let c = scale3(d.colour.px[i], 1.0 + lip * edge);
        d.colour.px[i] = lerp3(c, scale3(c, dark), k * lines.px[i]);
    }
    d.add_to_mask(&lines);
}

/// A slit opened by a blade: dark, widest in the middle, one lip catching the light.
pub(super) fn cut(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let heading = d.heading(rng);
    let (length, bow) = (rng.log_range(18.0, 70.0), rng.range(-0.12, 0.12));
    let width = rng.range(2.8, 6.5);
    let profile = |t: f32| width * (1.0 - t * t).max(0.0).powf(0.7) + 0.3;
    let mut slit = d.empty_coverage();
    stroke(&mut slit, &arc(at, heading, length, bow, profile), 0.0);
    let side = rng.sign();
    let shift = 0.5 * width + 0.5;
    let lip_at = (at.0 - side * shift * heading.sin(), at.1 + side * shift * heading.cos());
    let mut lip = d.empty_coverage();
    stroke(&mut lip, &arc(lip_at, heading, 0.9 * length, bow, |t| 1.6 * (1.0 - t * t) + 0.3), 1.0);
    let (slit, lip) = (d.on_object(slit), d.on_object(lip));
    let v = d.brightness(at.0, at.1);
    let inner = scale3([1.0; 3], rng.range(0.02, 0.3) * v.max(0.15));
    let gloss = rng.range(0.4, 0.9) * d.strength;
    let lip_colour = [lerp(v, 1.0, 0.8); 3];
    d.colour.tint(&lip, lip_colour, gloss);
    let k = (d.strength * 1.2).min(1.0);
    d.colour.tint(&slit, inner, k);
    d.add_to_mask(&slit);
    d.add_to_mask(&lip);
}

/// A fibre lying on the surface in smooth bends, with its shadow beside it.
pub(super) fn thread(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let mut heading = rng.angle();
    let mut points = vec![at];
    let span = rng.range(9.0, 20.0);
    let curl = rng.range(-0.35, 0.35);
    let (mut x, mut y) = at;
    for _ in 0..rng.int(3, 8) {
        heading += curl + 0.7 * rng.normal();
        x += span * heading.cos();
        y += span * heading.sin();
        points.push((x, y));
    }
    let width = rng.range(1.1, 2.3);
    let curve = smooth_curve(&points, 7, width);
    let mut fibre = d.empty_coverage();
    stroke(&mut fibre, &curve, 0.0);
    let mut shadow = d.empty_coverage();
    let (sx, sy) = (rng.range(0.6, 2.0) * rng.sign(), rng.range(0.6, 2.0) * rng.sign());
    let cast: Vec<Node> = curve.iter().map(|n| Node { x: n.x + sx, y: n.y + sy, w: n.w }).collect();
    stroke(&mut shadow, &cast, 1.2);
    let v = d.brightness(at.0, at.1);
    let colour = if rng.chance(0.45) { vivid(rng.range(0.25, 0.7), rng) } else { contrasting(v, rng) };
    let depth = rng.range(0.3, 0.65) * d.strength;
    d.colour.modulate(&shadow, |t| 1.0 - depth * t);
    // Twist: the fibre brightens and darkens along its length.
    let twist = noise(d.size(), 3.0, 3.0, rng);
    for (i, t) in fibre.px.iter().enumerate() {
        if *t > 0.0 {
            let c = scale3(colour, (1.0 + 0.12 * twist.px[i]).clamp(0.6, 1.3));
            d.colour.px[i] = lerp3(d.colour.px[i], c, t * (0.35 + 0.65 * d.strength).min(1.0));
        }
    }
    d.add_to_mask(&fibre);
}
