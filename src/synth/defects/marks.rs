//! Defects at borders and of shape: broken, missing, fray, print.

use super::super::canvas::{Plane, UNITS, lerp, lerp3, luma, scale3, smoothstep};
use super::super::noise::{fractal, noise};
use super::super::rng::SeededRng;
use super::super::shapes::{Blob, Node, box_distance, stroke};
use super::draft::{Draft, contrasting, vivid};

/// A point on the object's border (the frame's, if the object fills it) and the direction outwards.
fn border(d: &Draft, rng: &mut SeededRng) -> ((f32, f32), f32) {
    let (mut x, mut y) = d.point_on_object(rng);
    let way = rng.angle();
    let (dx, dy) = (way.cos(), way.sin());
    for _ in 0..200 {
        let (nx, ny) = (x + dx, y + dy);
        if !(1.0..UNITS - 1.0).contains(&nx)
            || !(1.0..UNITS - 1.0).contains(&ny)
            || d.scene.object.at(nx, ny) < 0.5
        {
            break;
        }
        (x, y) = (nx, ny);
    }
    ((x, y), way)
}

/// A part broken away: a chunk out of the border, or on a surface that fills the picture as often a shell out of its middle.
pub(super) fn broken(d: &mut Draft, rng: &mut SeededRng) {
    let fills = d.scene.object.px.iter().all(|v| *v > 0.99);
    if rng.chance(if fills { 0.5 } else { 0.15 }) { spalled(d, rng) } else { chunk(d, rng) }
}

/// A shell split off the surface: facets that face the light or turn from it, steps between them, and an edge that is lit on one
/// side and casts a shadow on the other. Large ones cover most of the picture.
fn spalled(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let size = d.size();
    let r = rng.log_range(7.0, 46.0);
    let outline = Blob::new(at, (r, r * rng.range(0.3, 1.0)), rng.angle(), 0.3, 7, rng);
    let jag = noise(size, 3.5, 3.5, rng);
    let fine = noise(size, 1.3, 1.3, rng);
    let cell = rng.range(0.25, 0.7) * r.min(24.0);
    let relief = fractal(size, cell, 3, 0.55, rng);
    let light = rng.angle();
    let (lx, ly) = (1.2 * light.cos(), 1.2 * light.sin());
    let v = d.brightness(at.0, at.1);
    let k = d.strength.min(1.0);
    // Fresh fracture is mostly darker than a ground face and brighter than a coated one.
    let tone = if rng.chance(if v < 0.25 { 0.35 } else { 0.7 }) {
        rng.range(0.35, 0.9)
    } else {
        rng.range(1.1, 1.9)
    };
    let (facets, grain) = (rng.range(0.15, 0.55), rng.range(0.05, 0.3));
    let (lit, shade) = (rng.range(0.0, 0.8) * k, rng.range(0.1, 0.8) * k);
    let edge = 1.2 / r;
    let mut shell = d.empty_coverage();
    let step = UNITS / size as f32;
    for i in 0..size * size {
        let (x, y) = (((i % size) as f32 + 0.5) * step, ((i / size) as f32 + 0.5) * step);
        let depth = outline.depth(x, y) + 0.10 * jag.px[i];
        if depth < -0.5 {
            continue;
        }
        let on = d.scene.object.px[i];
        let coverage = smoothstep(-0.5 * edge, 0.5 * edge, depth) * on;
        let slope = (relief.at(x + lx, y + ly) - relief.at(x - lx, y - ly)) * 0.5 * cell.min(6.0);
        let c = d.colour.px[i];
        let inside = d.scene.foreign.as_ref().map_or(0.0, |other| (other.px[i] - 1.0).clamp(-0.8, 1.5));
        let level = tone * (1.0 + facets * slope.clamp(-1.5, 1.5) + grain * fine.px[i] + inside).max(0.1);
        let face = lerp3(scale3(c, level), [v * level; 3], 0.6);
        let out = lerp3(c, face, coverage * (0.4 + 0.6 * k));
        // Which flank of the edge this is: the outline's own slope against the light.
        let side = (outline.depth(x + lx, y + ly) - outline.depth(x - lx, y - ly)) * r / 2.4;
        let crest = smoothstep(1.8 / r, 0.0, (depth - 0.2 / r).abs()) * on;
        d.colour.px[i] = if side > 0.0 {
            lerp3(out, [lerp(v, 1.0, 0.7); 3], lit * crest * side.min(1.0))
        } else {
            scale3(out, 1.0 - shade * crest * side.abs().min(1.0))
        };
        shell.px[i] = coverage;
    }
    d.add_to_mask(&shell);
}

/// A chunk broken out of the border: jagged, partly background showing, partly a grainy fractured face, with a bright ridge.
fn chunk(d: &mut Draft, rng: &mut SeededRng) {
    let (mut at, way) = border(d, rng);
    let full = d.scene.object.px.iter().all(|v| *v > 0.99);
    if full && rng.chance(0.4) {
        at = (if at.0 < 64.0 { 1.0 } else { UNITS - 1.0 }, if at.1 < 64.0 { 1.0 } else { UNITS - 1.0 });
    }
    let r = rng.log_range(8.0, 27.0);
    let (rx, ry) = (r * rng.range(0.6, 1.0), r * rng.range(0.8, 1.4));
    let place = (at.0 + 0.1 * r * way.cos(), at.1 + 0.1 * r * way.sin());
    let blob = Blob::new(place, (rx, ry), way, 0.3, 7, rng);
    let jag = noise(d.size(), 3.5, 3.5, rng);
    let grain = noise(d.size(), 1.3, 1.3, rng);
    let plates = noise(d.size(), 5.0, 5.0, rng);
    // Share of the chunk that is fractured face rather than background.
    let face = if rng.chance(0.35) { 2.0 } else { rng.range(0.08, 0.45) };
    let v = d.brightness(at.0 - 0.7 * r * way.cos(), at.1 - 0.7 * r * way.sin());
    let tone = if v < 0.4 { v * rng.range(1.3, 2.2) + 0.05 } else { v * rng.range(0.4, 0.8) };
    let k = d.strength.min(1.0);
    let ridge = rng.range(0.2, 0.8) * k;
    let reach = blob.reach() + 3.0;
    let mut chunk = d.empty_coverage();
    let size = d.size();
    Plane::visit_box(
        size,
        (place.0 - reach, place.1 - reach),
        (place.0 + reach, place.1 + reach),
        |i, x, y| {
            let on = d.scene.object.px[i];
            let depth = blob.depth(x, y) + 0.10 * jag.px[i];
            let edge = 1.2 / r;
            let coverage = smoothstep(-0.5 * edge, 0.5 * edge, depth) * on;
            let rough = tone * (1.0 + 0.28 * grain.px[i] + 0.22 * plates.px[i]).max(0.15);
            let c = d.colour.px[i];
            let stone = scale3(c, rough / luma(c).max(0.05));
            let shown = lerp3(
                stone,
                d.scene.background.px[i],
                smoothstep(face - 0.04, face + 0.04, depth + 0.1 * plates.px[i]),
            );
            let crest = smoothstep(1.6 / r, 0.0, (depth - 0.3 / r).abs());
            let out = lerp3(c, shown, coverage * (0.5 + 0.5 * k));
            d.colour.px[i] = lerp3(out, [lerp(v, 1.0, 0.75); 3], 0.7 * ridge * crest * on);
            chunk.px[i] = coverage;
        },
    );
    d.add_to_mask(&chunk);
}

/// A clean-edged part that is not there: a box, a disc or a strip through which the background shows, with an inner shadow.
pub(super) fn missing(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let angle = rng.angle();
    let (cos, sin) = (angle.cos(), angle.sin());
    let shape = rng.weighted(&[4.0, 0.8, 2.5]);
    let (hx, hy) = match shape {
        0 => (rng.log_range(8.0, 26.0), rng.log_range(6.0, 20.0)),
        1 => {
            let r = rng.log_range(13.0, 24.0);
            (r, r)
        }
        _ => (90.0, rng.log_range(3.5, 14.0)),
    };
    let round = if shape == 1 { hx } else { rng.range(0.3, 3.0) };
    let size = d.size();
    let scale = size as f32 / UNITS;
    let distance = Plane::from_fn(size, |x, y| {
        let (u, v) = (x - at.0, y - at.1);
        // The strip starts at the chosen point and runs off the object.
        let u = u * cos + v * sin - if shape == 2 { 85.0 } else { 0.0 };
        box_distance(u, v * cos - (x - at.0) * sin, hx, hy, round)
    });
    let shade = rng.range(0.2, 0.6);
    let (sx, sy) = (rng.range(-3.0, 3.0), rng.range(-3.0, 3.0));
    let k = (0.35 + 0.65 * d.strength).min(1.0);
    let step = 1.0 / scale;
    let mut gap = d.empty_coverage();
    for i in 0..size * size {
        let coverage = (0.5 - distance.px[i] * scale).clamp(0.0, 1.0) * d.scene.object.px[i];
        if coverage > 0.0 {
            let (x, y) = ((i % size) as f32 * step, (i / size) as f32 * step);
            // What remains throws a shadow on the background seen through the gap.
            let shadow = 1.0 - shade * smoothstep(-4.0, 0.5, distance.at(x + sx, y + sy));
            d.colour.px[i] = lerp3(d.colour.px[i], scale3(d.scene.background.px[i], shadow), coverage * k);
        }
        gap.px[i] = coverage;
    }
    d.add_to_mask(&gap);
}

/// Wear: on hard faces a coating rubbed off in an elongated patch with feathered ends, on soft ones loose fibres.
pub(super) fn fray(d: &mut Draft, rng: &mut SeededRng) {
    if d.scene.grain.is_some() || rng.chance(0.4) {
        worn(d, rng);
    } else {
        fibres(d, rng);
    }
}

/// A long patch along the grain in which the surface is matt and flat, its outline feathered along the grain.
fn worn(d: &mut Draft, rng: &mut SeededRng) {
    let grain = d.scene.grain.unwrap_or(std::f32::consts::FRAC_PI_2);
    let size = d.size();
    let (long, wide) = (rng.log_range(22.0, 70.0), rng.log_range(7.0, 26.0));
    let mut at = d.point_on_object(rng);
    if rng.chance(0.5) {
        // Often it starts at an end of the part.
        let side = rng.sign();
        at = (at.0 + side * 60.0 * grain.cos(), at.1 + side * 60.0 * grain.sin());
    }
    let lean = grain + 0.12 * rng.normal();
    let blob = Blob::new(at, (long, wide), lean, 0.08, 3, rng);
    let teeth = noise(size, 1.5, rng.range(10.0, 40.0), rng);
    let feather = rng.range(0.0, 0.12);
    let smooth = d.colour.blurred(3.5);
    let flat = rng.range(0.1, 0.6);
    let v = d.brightness(at.0.clamp(4.0, 124.0), at.1.clamp(4.0, 124.0));
    let k = rng.range(0.3, 0.6) * d.strength;
    let gain = if v > 0.12 && rng.chance(0.7) { 1.0 - k } else { 1.0 + 1.2 * k };
    let rim = rng.range(-0.15, 0.25) * d.strength;
    let mottle = noise(size, 5.0, 12.0, rng);
    let mut area = d.empty_coverage();
    let edge = 1.6 / wide;
    for i in 0..size * size {
        let (x, y) = ((i % size) as f32 * UNITS / size as f32, (i / size) as f32 * UNITS / size as f32);
        let depth = blob.depth(x, y) + feather * teeth.px[i];
        let t = smoothstep(-edge, edge, depth) * d.scene.object.px[i];
        if t > 0.0 {
            let c = d.colour.px[i];
            let inner = scale3(lerp3(smooth.px[i], c, flat), (gain * (1.0 + 0.03 * mottle.px[i])).max(0.05));
            d.colour.px[i] = scale3(lerp3(c, inner, t), 1.0 + rim * 4.0 * t * (1.0 - t));
            area.px[i] = t;
        }
    }
    d.add_to_mask(&area);
}

/// A border come apart: a band of background with a brush of loose, crossing fibres over it.
fn fibres(d: &mut Draft, rng: &mut SeededRng) {
    let side = rng.int(0, 3);
    let (middle, half) = (rng.range(20.0, 108.0), rng.range(12.0, 36.0));
    let deep = rng.range(7.0, 20.0);
    // `across` runs along the chosen border, `inward` away from it.
    let place = |across: f32, inward: f32| match side {
        0 => (across, inward),
        1 => (across, UNITS - inward),
        2 => (inward, across),
        _ => (UNITS - inward, across),
    };
    let size = d.size();
    let ragged = noise(size, 4.0, 4.0, rng);
    let step = UNITS / size as f32;
    let mut area = d.empty_coverage();
    let k = (0.4 + 0.6 * d.strength).min(1.0);
    for i in 0..size * size {
        let (x, y) = (((i % size) as f32 + 0.5) * step, ((i / size) as f32 + 0.5) * step);
        let (across, inward) = match side {
            0 => (x, y),
            1 => (x, UNITS - y),
            2 => (y, x),
            _ => (y, UNITS - x),
        };
        let t = (across - middle) / half;
        let limit = deep * (1.0 - t * t) + 1.5 * ragged.px[i];
        let coverage =
            smoothstep(0.8, -0.8, inward - limit) * f32::from(t.abs() < 1.0) * d.scene.object.px[i];
        d.colour.px[i] = lerp3(d.colour.px[i], d.scene.background.px[i], coverage * k);
        area.px[i] = coverage;
    }
    let at = place(middle, deep + 4.0);
    let v = d.brightness(at.0, at.1);
    let pixel = ((at.1 / step) as usize).min(size - 1) * size + ((at.0 / step) as usize).min(size - 1);
    let own = scale3(d.scene.colour.px[pixel], 1.15);
    let (light, dark) = ([lerp(v, 1.0, 0.5); 3], scale3(own, 0.5));
    for _ in 0..(half * rng.range(0.5, 1.1)) as usize {
        let t = rng.range(-1.0, 1.0);
        let root = deep * (1.0 - t * t) + rng.range(0.0, 4.0);
        let (from, lean) = (middle + t * half, rng.range(-0.7, 0.7));
        let length = (root + 2.0) * rng.range(0.5, 1.1);
        let w = rng.range(0.6, 1.5);
        let bend = rng.range(-3.0, 3.0);
        let nodes: Vec<Node> = (0..=5)
            .map(|n| {
                let s = n as f32 / 5.0;
                let (x, y) = place(from + lean * s * length + bend * s * s, root - s * length);
                Node { x, y, w }
            })
            .collect();
        let colour = if rng.chance(0.5) {
            own
        } else if rng.chance(0.6) {
            light
        } else {
            dark
        };
        let mut one = d.empty_coverage();
        stroke(&mut one, &nodes, 0.0);
        d.colour.tint(&one, colour, k);
    }
    d.add_to_mask(&area);
}

/// The seven segments of a digit: (from, to) in a cell one wide and two tall.
const SEGMENTS: [((f32, f32), (f32, f32)); 7] = [
    ((0.0, 0.0), (1.0, 0.0)),
    ((1.0, 0.0), (1.0, 1.0)),
    ((1.0, 1.0), (1.0, 2.0)),
    ((0.0, 2.0), (1.0, 2.0)),
    ((0.0, 1.0), (0.0, 2.0)),
    ((0.0, 0.0), (0.0, 1.0)),
    ((0.0, 1.0), (1.0, 1.0)),
];
/// Which segments each digit shows.
const DIGITS: [u8; 10] = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];

/// Stray ink: one to four digits, a cross, a ring or bars, evenly thick, a little worn.
pub(super) fn print(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let angle = if rng.chance(0.5) { 0.15 * rng.normal() } else { rng.angle() };
    let (cos, sin) = (angle.cos(), angle.sin());
    let tall = rng.log_range(5.0, 15.0);
    let w = (0.28 * tall).clamp(1.2, 3.6) * rng.range(0.7, 1.1);
    let mut ink = d.empty_coverage();
    let mut line = |from: (f32, f32), to: (f32, f32)| {
        let node =
            |p: (f32, f32)| Node { x: at.0 + p.0 * cos - p.1 * sin, y: at.1 + p.0 * sin + p.1 * cos, w };
        stroke(&mut ink, &[node(from), node(to)], 0.0);
    };
    match rng.weighted(&[5.0, 1.5, 1.5, 1.5]) {
        0 => {
            let count = rng.int(1, 4);
            for n in 0..count {
                let digit = DIGITS[rng.int(0, 9)];
                let left = (n as f32 - 0.5 * count as f32) * 1.6 * tall;
                for (bit, (a, b)) in SEGMENTS.iter().enumerate() {
                    if digit >> bit & 1 == 1 {
                        let at = |p: &(f32, f32)| (left + p.0 * tall, (p.1 - 1.0) * tall);
                        line(at(a), at(b));
                    }
                }
            }
        }
        1 => {
            line((-tall, -tall), (tall, tall));
            line((tall, -tall), (-tall, tall));
        }
        2 => {
            for n in 0..24 {
                let p = |n: usize| {
                    let a = n as f32 / 24.0 * std::f32::consts::TAU;
                    (tall * a.cos(), tall * a.sin())
                };
                line(p(n), p(n + 1));
            }
        }
        _ => {
            for n in 0..rng.int(3, 6) {
                let x = (n as f32 - 2.0) * 2.4 * w;
                line((x, -tall), (x, tall));
            }
        }
    }
    let ink = d.on_object(ink);
    let v = d.brightness(at.0, at.1);
    let colour = if rng.chance(0.25) { vivid(0.35, rng) } else { contrasting(v, rng) };
    let worn = noise(d.size(), 2.0, 2.0, rng);
    let fade = rng.range(0.0, 0.3);
    let k = (rng.range(0.6, 1.0) * (0.4 + 0.6 * d.strength)).min(1.0);
    for (i, t) in ink.px.iter().enumerate() {
        if *t > 0.0 {
            let live = (1.0 - fade * worn.px[i].max(0.0)).clamp(0.2, 1.0);
            d.colour.px[i] = lerp3(d.colour.px[i], colour, t * k * live);
        }
    }
    d.add_to_mask(&ink);
}
