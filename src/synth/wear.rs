//! Normal variation of a flat surface, which is not a defect: bright streaks, soft bands, clouds of shade, machining
//! marks, water marks, hairlines and specks too faint to matter.

use super::canvas::{Canvas, Plane, UNITS};
use super::catalogue::ObjectKind;
use super::noise::{fractal, noise};
use super::rng::SeededRng;
use super::shapes::{Blob, Node, frame_point, stroke, walk};

/// Adds normal wear to `colour`, more on materials with a grain.
pub(super) fn apply(colour: &mut Canvas, kind: &ObjectKind, rng: &mut SeededRng) {
    let size = colour.size;
    let busy = if kind.grain { 1.0 } else { 0.45 };
    if rng.chance(0.6 * busy) {
        streaks(colour, rng);
    }
    if rng.chance(0.5 * busy) {
        // Soft bands along the grain: lamps, wear of the grinding wheel.
        let band = noise(size, rng.range(8.0, 40.0), rng.range(80.0, 600.0), rng);
        let k = rng.range(0.03, 0.22);
        colour.modulate(&band, |t| (1.0 + k * t).max(0.3));
    }
    if rng.chance(0.4) {
        let cloud = fractal(size, rng.range(12.0, 45.0), rng.int(1, 3), 0.6, rng);
        let k = rng.range(0.02, 0.11);
        colour.modulate(&cloud, |t| (1.0 + k * t).max(0.3));
    }
    if rng.chance(0.15 * busy) {
        let (period, k) = (rng.range(2.5, 10.0), rng.range(0.01, 0.06));
        let wobble = noise(size, 60.0, 60.0, rng);
        let marks = Plane::from_fn(size, |x, _| x).add(&wobble, rng.range(0.0, 2.0));
        colour.modulate(&marks, |v| 1.0 + k * (v / period * std::f32::consts::TAU).sin());
    }
    if kind.hard && rng.chance(0.4) {
        hairlines(colour, rng);
    }
    if rng.chance(0.2) {
        water_mark(colour, rng);
    }
    if rng.chance(0.3) {
        let mut specks = Plane::filled(size, 0.0);
        for _ in 0..rng.int(2, 25) {
            let r = rng.range(0.3, 0.8);
            Blob::new(frame_point(0.0, rng), (r, r), 0.0, 0.0, 0, rng).draw(&mut specks, 0.8);
        }
        let k = rng.range(-0.16, 0.16);
        colour.modulate(&specks, |t| 1.0 + k * t);
    }
}

/// Joints and seams: straight lines over the whole surface that belong there.
pub(super) fn seams(colour: &mut Canvas, rng: &mut SeededRng) {
    let size = colour.size;
    let (w, lean) = (rng.log_range(0.5, 3.0), rng.range(-0.03, 0.03));
    let k = if rng.chance(0.75) { -rng.range(0.15, 0.7) } else { rng.range(0.1, 0.5) };
    let (upright, pitch) = (rng.chance(0.5), rng.range(24.0, 140.0));
    let mut at = rng.range(0.0, pitch);
    while at < UNITS {
        let mut line = Plane::filled(size, 0.0);
        let ends = [(at - 64.0 * lean, -4.0), (at + 64.0 * lean, UNITS + 4.0)];
        let nodes = ends.map(|(a, b)| if upright { Node { x: a, y: b, w } } else { Node { x: b, y: a, w } });
        stroke(&mut line, &nodes, 0.8);
        colour.modulate(&line, |t| 1.0 + k * t);
        at += pitch;
    }
}

/// Single lines along the grain, mostly bright and soft, whole or broken.
fn streaks(colour: &mut Canvas, rng: &mut SeededRng) {
    let size = colour.size;
    let lean = rng.range(-0.02, 0.02);
    let breaks = noise(size, 1.2, rng.range(3.0, 40.0), rng);
    let broken = rng.range(0.0, 0.6);
    let crowd = rng.range(0.0, UNITS);
    for _ in 0..rng.weighted(&[0.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5]) {
        // Streaks cluster: half of them lie near one place.
        let x = if rng.chance(0.5) { crowd + 6.0 * rng.normal() } else { rng.range(0.0, UNITS) };
        let whole = rng.chance(0.6);
        let (y0, y1) = if whole {
            (-4.0, UNITS + 4.0)
        } else {
            let y = rng.range(-30.0, 110.0);
            (y, y + rng.range(25.0, 100.0))
        };
        let w = rng.log_range(0.5, 3.0);
        let soft = w * rng.range(0.5, 1.5);
        let k = if rng.chance(0.7) { rng.range(0.05, 0.5) } else { -rng.range(0.04, 0.22) };
        let mut line = Plane::filled(size, 0.0);
        let nodes = [
            Node { x: x + lean * y0, y: y0, w: if whole { w } else { 0.2 } },
            Node { x: x + lean * 0.5 * (y0 + y1), y: 0.5 * (y0 + y1), w },
            Node { x: x + lean * y1, y: y1, w: if whole { w } else { 0.2 } },
        ];
        stroke(&mut line, &nodes, soft);
        for ((c, t), b) in colour.px.iter_mut().zip(&line.px).zip(&breaks.px) {
            if *t > 0.0 {
                let f = 1.0 + k * t * (1.0 - broken + broken * b).clamp(0.0, 1.6);
                *c = c.map(|v| v * f);
            }
        }
    }
}

/// A few faint wandering lines, as handling leaves on hard faces.
fn hairlines(colour: &mut Canvas, rng: &mut SeededRng) {
    let mut lines = Plane::filled(colour.size, 0.0);
    for _ in 0..rng.int(1, 6) {
        let start = frame_point(0.0, rng);
        let (heading, length) = (rng.angle(), rng.range(10.0, 50.0));
        let nodes = walk(start, heading, length, 3.0, 0.25, rng.range(0.4, 0.9), rng);
        stroke(&mut lines, &nodes, 0.6);
    }
    let k = rng.range(0.03, 0.13);
    colour.modulate(&lines, |t| 1.0 - k * t);
}

/// The faint outline of a dried drop, a little off in tone inside.
fn water_mark(colour: &mut Canvas, rng: &mut SeededRng) {
    let blob = Blob::new(
        frame_point(-5.0, rng),
        (rng.range(8.0, 30.0), rng.range(8.0, 30.0)),
        rng.angle(),
        0.15,
        4,
        rng,
    );
    let size = colour.size;
    let mut coverage = Plane::filled(size, 0.0);
    blob.draw(&mut coverage, 2.5);
    let (edge, inner) = (rng.range(-0.07, 0.07), rng.range(-0.035, 0.035));
    // 4t(1 - t) is the band in which the coverage passes from 0 to 1.
    colour.modulate(&coverage, |t| 1.0 + inner * t + edge * 4.0 * t * (1.0 - t));
}
