//! A defect in the making, and the colours that defects share.

use super::super::canvas::{Canvas, Plane, Rgb, UNITS, luma};
use super::super::rng::SeededRng;
use super::super::scene::Scene;

/// A scene with a defect being drawn on it.
pub(in crate::synth) struct Draft<'a> {
    /// The scene as it was.
    pub scene: &'a Scene,
    /// Its colours with the defect.
    pub colour: Canvas,
    /// Coverage of the defect, 0–1.
    pub mask: Plane,
    /// How strong it is: about 0.3 (subtle) to 1 (plain), more after failed attempts.
    pub strength: f32,
}

/// Coverage above which a pixel counts as defective: thin lines fill their pixels only partly.
pub(in crate::synth) const MASK_LEVEL: f32 = 0.35;

impl Draft<'_> {
    pub fn size(&self) -> usize {
        self.colour.size
    }

    /// An empty coverage plane.
    pub fn empty_coverage(&self) -> Plane {
        Plane::filled(self.size(), 0.0)
    }

    /// Limits `coverage` to the object.
    pub fn on_object(&self, mut coverage: Plane) -> Plane {
        for (c, o) in coverage.px.iter_mut().zip(&self.scene.object.px) {
            *c *= o;
        }
        coverage
    }

    /// Adds `coverage` to the mask (the larger value stays).
    pub fn add_to_mask(&mut self, coverage: &Plane) {
        for (m, c) in self.mask.px.iter_mut().zip(&coverage.px) {
            *m = m.max(*c);
        }
    }

    /// A point on the object; on an object whose coverage is small, the last try may miss.
    pub fn point_on_object(&self, rng: &mut SeededRng) -> (f32, f32) {
        let mut at = (0.0, 0.0);
        for _ in 0..40 {
            at = (rng.range(6.0, UNITS - 6.0), rng.range(6.0, UNITS - 6.0));
            if self.scene.object.at(at.0, at.1) > 0.9 {
                break;
            }
        }
        at
    }

    /// Brightness of the clean surface around `(x, y)`.
    pub fn brightness(&self, x: f32, y: f32) -> f32 {
        let n = self.size() as f32 / UNITS;
        let pixel = |v: f32| ((v * n) as isize).clamp(0, self.size() as isize - 1) as usize;
        let (mut sum, mut count) = (0.0, 0.0);
        for (dx, dy) in [(0.0, 0.0), (5.0, 0.0), (-5.0, 0.0), (0.0, 5.0), (0.0, -5.0)] {
            sum += luma(self.scene.colour.px[pixel(y + dy) * self.size() + pixel(x + dx)]);
            count += 1.0;
        }
        sum / count
    }

    /// A heading well off the surface's grain, where there is one: a line along the grain is a normal streak.
    pub fn heading(&self, rng: &mut SeededRng) -> f32 {
        loop {
            let a = rng.angle();
            let Some(grain) = self.scene.grain else {
                return a;
            };
            if (a - grain).sin().abs() > 0.22 {
                return a;
            }
        }
    }
}

/// A colour that stands out against brightness `v`: dark on bright, bright on dark.
pub(super) fn contrasting(v: f32, rng: &mut SeededRng) -> Rgb {
    let base =
        if v > 0.55 || (v > 0.3 && rng.chance(0.5)) { rng.range(0.02, 0.12) } else { rng.range(0.7, 1.0) };
    [0; 3].map(|_| base * rng.range(0.85, 1.0))
}

/// A saturated colour of brightness `v`.
pub(super) fn vivid(v: f32, rng: &mut SeededRng) -> Rgb {
    let main = rng.int(0, 2);
    let mut c = [rng.range(0.0, 0.25); 3];
    c[main] = rng.range(0.8, 1.0);
    c[(main + rng.int(1, 2)) % 3] = rng.range(0.0, 0.75);
    let k = v / luma(c);
    c.map(|x| (x * k).min(1.0))
}
