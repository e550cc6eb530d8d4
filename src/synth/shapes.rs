//! Outlines and lines that surfaces and defects are drawn with, as anti-aliased coverage planes in `[0, 1]`.

use super::canvas::{Plane, UNITS, smoothstep};
use super::rng::SeededRng;

/// A point of a stroke: place and full width, in design units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub x: f32,
    pub y: f32,
    pub w: f32,
}

/// Draws a polyline of varying width into `coverage` (the larger value stays). `soft` widens the edge, in design units.
pub(super) fn stroke(coverage: &mut Plane, nodes: &[Node], soft: f32) {
    let size = coverage.size;
    let edge = (0.5 / coverage.scale()).max(soft);
    for pair in nodes.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let reach = 0.5 * a.w.max(b.w) + edge;
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let inv = 1.0 / (dx * dx + dy * dy).max(1e-6);
        let lo = (a.x.min(b.x) - reach, a.y.min(b.y) - reach);
        let hi = (a.x.max(b.x) + reach, a.y.max(b.y) + reach);
        Plane::visit_box(size, lo, hi, |i, x, y| {
            let t = (((x - a.x) * dx + (y - a.y) * dy) * inv).clamp(0.0, 1.0);
            let (ex, ey) = (x - a.x - t * dx, y - a.y - t * dy);
            let half = 0.5 * (a.w + (b.w - a.w) * t);
            // A line thinner than a pixel keeps its integral: it covers the pixel only partly.
            let thin = (half / (0.5 * edge)).min(1.0);
            let d = (ex * ex + ey * ey).sqrt();
            let v = ((half.max(0.5 * edge) - d) / edge + 0.5).clamp(0.0, 1.0) * thin;
            coverage.px[i] = coverage.px[i].max(v);
        });
    }
}

/// A closed outline in polar form: an ellipse with harmonics on its radius.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub x: f32,
    pub y: f32,
    /// Mean radius across and along, in design units.
    pub rx: f32,
    pub ry: f32,
    cos: f32,
    sin: f32,
    /// (order, amplitude relative to the radius, phase).
    waves: Vec<(f32, f32, f32)>,
}

impl Blob {
    /// A blob at `(x, y)`, turned by `angle`. `ragged` 0 is an ellipse, 0.3 a splash; `orders` says how many harmonics.
    pub fn new(
        at: (f32, f32),
        radii: (f32, f32),
        angle: f32,
        ragged: f32,
        orders: usize,
        rng: &mut SeededRng,
    ) -> Self {
        let waves = (2..2 + orders)
            .map(|k| (k as f32, ragged * rng.range(0.3, 1.0) / (k as f32).sqrt() * rng.sign(), rng.angle()))
            .collect();
        Blob { x: at.0, y: at.1, rx: radii.0, ry: radii.1, cos: angle.cos(), sin: angle.sin(), waves }
    }

    /// Relative depth at `(x, y)`: 1 in the centre, 0 on the outline, negative outside.
    pub fn depth(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let (u, v) = ((dx * self.cos + dy * self.sin) / self.rx, (dy * self.cos - dx * self.sin) / self.ry);
        let r = (u * u + v * v).sqrt();
        // Far out no harmonic matters; this saves the arc tangent.
        if r > 2.0 {
            return 1.0 - r;
        }
        if self.waves.is_empty() {
            return 1.0 - r;
        }
        let theta = v.atan2(u);
        let rim = 1.0 + self.waves.iter().map(|(k, a, p)| a * (k * theta + p).cos()).sum::<f32>();
        1.0 - r / rim.max(0.15)
    }

    /// Largest distance from the centre that may be inside.
    pub fn reach(&self) -> f32 {
        let swell: f32 = self.waves.iter().map(|w| w.1.abs()).sum();
        self.rx.max(self.ry) * (1.0 + swell)
    }

    /// Draws the blob into `coverage` with an edge `soft` design units wide (the larger value stays).
    pub fn draw(&self, coverage: &mut Plane, soft: f32) {
        let unit = self.rx.min(self.ry);
        let edge = (1.0 / coverage.scale()).max(soft) / unit;
        let reach = self.reach() + soft;
        let (lo, hi) = ((self.x - reach, self.y - reach), (self.x + reach, self.y + reach));
        Plane::visit_box(coverage.size, lo, hi, |i, x, y| {
            let v = smoothstep(-0.5 * edge, 0.5 * edge, self.depth(x, y));
            coverage.px[i] = coverage.px[i].max(v);
        });
    }
}

/// A turning walk from `start`: steps of `step` units, heading changing by about `turn` radians each, tapering off.
pub(super) fn walk(
    start: (f32, f32),
    heading: f32,
    length: f32,
    step: f32,
    turn: f32,
    w: f32,
    rng: &mut SeededRng,
) -> Vec<Node> {
    let count = (length / step).ceil().max(2.0) as usize;
    let (mut x, mut y) = start;
    let mut angle = heading;
    let mut nodes = Vec::with_capacity(count + 1);
    for i in 0..=count {
        let left = 1.0 - i as f32 / count as f32;
        nodes.push(Node { x, y, w: w * (0.35 + 0.65 * left) * rng.range(0.7, 1.3) });
        // The heading is pulled back, so that the walk wanders but keeps going.
        angle += turn * rng.normal() + 0.35 * (heading - angle);
        x += step * angle.cos();
        y += step * angle.sin();
    }
    nodes
}

/// A smooth curve through `points` (uniform Catmull-Rom), `per` nodes a span, of width `w`.
pub(super) fn smooth_curve(points: &[(f32, f32)], per: usize, w: f32) -> Vec<Node> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut nodes = Vec::with_capacity(points.len() * per);
    for i in 0..points.len() as isize - 1 {
        let (p0, p1, p2, p3) = (at(i - 1), at(i), at(i + 1), at(i + 2));
        for k in 0..per {
            let t = k as f32 / per as f32;
            let mix = |a: f32, b: f32, c: f32, d: f32| {
                let (t2, t3) = (t * t, t * t * t);
                0.5 * (2.0 * b
                    + (c - a) * t
                    + (2.0 * a - 5.0 * b + 4.0 * c - d) * t2
                    + (3.0 * b - a - 3.0 * c + d) * t3)
            };
            nodes.push(Node { x: mix(p0.0, p1.0, p2.0, p3.0), y: mix(p0.1, p1.1, p2.1, p3.1), w });
        }
    }
    let last = points[points.len() - 1];
    nodes.push(Node { x: last.0, y: last.1, w });
    nodes
}

/// Anti-aliased inside of a signed distance `d` (design units, negative inside) at `scale` pixels a unit.
pub(super) fn inside(d: f32, scale: f32) -> f32 {
    (0.5 - d * scale).clamp(0.0, 1.0)
}

/// Signed distance to a box of half sizes `(hx, hy)` with corners rounded by `round`.
pub(super) fn box_distance(x: f32, y: f32, hx: f32, hy: f32, round: f32) -> f32 {
    let (qx, qy) = (x.abs() - hx + round, y.abs() - hy + round);
    qx.max(0.0).hypot(qy.max(0.0)) + qx.max(qy).min(0.0) - round
}

/// A random point of the frame, `margin` units off its border.
pub(super) fn frame_point(margin: f32, rng: &mut SeededRng) -> (f32, f32) {
    (rng.range(margin, UNITS - margin), rng.range(margin, UNITS - margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_area_and_stroke_length_are_right() {
        let mut rng = SeededRng::new(1, "shape");
        let mut coverage = Plane::filled(128, 0.0);
        Blob::new((64.0, 64.0), (20.0, 10.0), 0.4, 0.0, 0, &mut rng).draw(&mut coverage, 1.0);
        let area: f32 = coverage.px.iter().sum();
        // π · 20 · 10 = 628; the soft edge moves it by well under 3 %.
        assert!((area - 628.0).abs() < 19.0, "area {area}");
        let mut coverage = Plane::filled(256, 0.0);
        let nodes = [Node { x: 20.0, y: 64.0, w: 2.0 }, Node { x: 100.0, y: 64.0, w: 2.0 }];
        stroke(&mut coverage, &nodes, 0.0);
        let area = coverage.px.iter().sum::<f32>() / 4.0;
        // 80 × 2 units and two round caps (π).
        assert!((area - 163.0).abs() < 5.0, "area {area}");
    }

    #[test]
    fn curve_passes_through_its_points() {
        let points = [(10.0, 10.0), (30.0, 50.0), (90.0, 20.0)];
        let nodes = smooth_curve(&points, 8, 1.0);
        for p in points {
            assert!(nodes.iter().any(|n| (n.x - p.0).hypot(n.y - p.1) < 1e-3));
        }
    }
}
