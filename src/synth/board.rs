//! The circuit board.

use super::canvas::{Canvas, Plane, Rgb, UNITS, lerp3, scale3, smoothstep};
use super::noise::noise;
use super::rng::SeededRng;
use super::shapes::{Blob, Node, box_distance, inside, stroke};
use super::textures::near_gray;

/// A printed circuit board: solder mask, traces, pads, chips and small parts; it fills the frame or shows one edge.
pub(super) fn circuit_board(size: usize, rng: &mut SeededRng) -> (Canvas, Plane) {
    let board = scale3(
        rng.pick(&[
            [0.06, 0.36, 0.16],
            [0.05, 0.20, 0.45],
            [0.45, 0.08, 0.08],
            [0.10, 0.10, 0.11],
            [0.12, 0.45, 0.30],
        ]),
        rng.range(0.7, 1.2),
    );
    let weave = noise(size, 1.5, 1.5, rng);
    let mut out = Canvas::shaded(board, &weave, 0.04);
    let mut traces = Plane::filled(size, 0.0);
    for _ in 0..rng.int(6, 14) {
        // Traces run on a grid of tracks and bend by 45°, as routers lay them.
        let (mut x, mut y) = (rng.int(0, 32) as f32 * 4.0, rng.int(0, 32) as f32 * 4.0);
        let w = rng.range(0.9, 2.2);
        let mut nodes = vec![Node { x, y, w }];
        let mut way = rng.int(0, 7);
        for _ in 0..rng.int(2, 4) {
            let (dx, dy) = [
                (1.0, 0.0),
                (0.7, 0.7),
                (0.0, 1.0),
                (-0.7, 0.7),
                (-1.0, 0.0),
                (-0.7, -0.7),
                (0.0, -1.0),
                (0.7, -0.7),
            ][way % 8];
            let run = rng.range(12.0, 50.0);
            x += dx * run;
            y += dy * run;
            nodes.push(Node { x, y, w });
            way += rng.pick(&[1, 7]);
        }
        stroke(&mut traces, &nodes, 0.0);
    }
    out.tint(&traces, lerp3(board, [0.75, 0.75, 0.45], 0.35), 0.9);
    let mut pads = Plane::filled(size, 0.0);
    let mut vias = Plane::filled(size, 0.0);
    for _ in 0..rng.int(4, 18) {
        let at = (rng.int(1, 31) as f32 * 4.0, rng.int(1, 31) as f32 * 4.0);
        let r = rng.range(1.6, 3.0);
        Blob::new(at, (r, r), 0.0, 0.0, 0, rng).draw(&mut pads, 0.5);
        Blob::new(at, (0.45 * r, 0.45 * r), 0.0, 0.0, 0, rng).draw(&mut vias, 0.5);
    }
    let solder = rng.pick(&[[0.78, 0.78, 0.76], [0.82, 0.68, 0.36]]);
    out.tint(&pads, solder, 1.0);
    out.tint(&vias, [0.05; 3], 0.9);
    for _ in 0..rng.int(1, 4) {
        chip(&mut out, solder, rng);
    }
    let turned = rng.chance(0.5);
    let edge = if rng.chance(0.35) { rng.range(4.0, 14.0) } else { -10.0 };
    let coverage =
        Plane::from_fn(size, |x, y| inside(edge - if turned { x } else { y }, size as f32 / UNITS));
    (out, coverage)
}

/// One packaged part with two rows of legs (or two end caps, if small).
fn chip(out: &mut Canvas, solder: Rgb, rng: &mut SeededRng) {
    let (cx, cy) = (rng.range(14.0, 114.0), rng.range(14.0, 114.0));
    let small = rng.chance(0.5);
    let (hx, hy) = if small {
        (rng.range(4.0, 7.0), rng.range(2.5, 4.0))
    } else {
        (rng.range(9.0, 20.0), rng.range(7.0, 14.0))
    };
    let turned = rng.chance(0.5);
    let body = if small {
        rng.pick(&[[0.62, 0.50, 0.36], [0.1, 0.1, 0.1], [0.8, 0.78, 0.7]])
    } else {
        near_gray(0.05, 0.2, 0.05, rng)
    };
    let pitch = rng.range(3.2, 5.0);
    let reach = hx.max(hy) + 4.0;
    let scale = out.size as f32 / UNITS;
    Plane::visit_box(out.size, (cx - reach, cy - reach), (cx + reach, cy + reach), |i, x, y| {
        let (u, v) = if turned { (y - cy, x - cx) } else { (x - cx, y - cy) };
        if small {
            let caps = inside(box_distance(u, v, hx + 1.5, hy, 0.3), scale);
            out.px[i] = lerp3(out.px[i], solder, caps);
        } else {
            let legs = inside(box_distance(u, v, hx - 1.0, hy + 3.0, 0.0), scale);
            let comb = smoothstep(0.5, 0.28, ((u / pitch).rem_euclid(1.0) - 0.5).abs());
            out.px[i] = lerp3(out.px[i], solder, legs * comb);
        }
        let d = box_distance(u, v, if small { hx - 1.0 } else { hx }, hy, 0.6);
        let rim = if u + v < 0.0 { 1.25 } else { 0.85 };
        let shade = if d > -1.0 { rim } else { 1.0 };
        out.px[i] = lerp3(out.px[i], scale3(body, shade), inside(d, scale));
    });
}
