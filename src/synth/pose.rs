//! The place of an object in the frame, and drawing in the object's own coordinates.

use super::canvas::{Canvas, Plane, Rgb, UNITS};
use super::rng::SeededRng;
use super::shapes::inside;

/// The position, rotation and scale of an object in the frame.
pub(super) struct Pose {
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    /// Design units per unit of the object's own drawing.
    scale: f32,
}

impl Pose {
    /// Near the middle, at scale `low..high`, turned by any angle (or only slightly, if `upright`).
    ///
    /// The parts of some products always lie in the same way, those of others in a new way in each photo.
    pub fn new(low: f32, high: f32, upright: bool, rng: &mut SeededRng) -> Self {
        let (same, mut own) = (rng.chance(0.6), rng.fields());
        let scale = rng.range(low, high);
        let rng = if same { rng } else { &mut own };
        let angle = if upright { rng.range(-0.15, 0.15) } else { rng.angle() };
        let centre = 0.5 * UNITS;
        let (x, y) = (centre + rng.range(-8.0, 8.0), centre + rng.range(-8.0, 8.0));
        Pose { x, y, cos: angle.cos(), sin: angle.sin(), scale }
    }

    fn local(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = ((x - self.x) / self.scale, (y - self.y) / self.scale);
        (dx * self.cos + dy * self.sin, dy * self.cos - dx * self.sin)
    }
}

/// Draws an object pixel by pixel: `f` gets object coordinates and returns the signed distance (own units) and the colour.
pub(super) fn draw(
    size: usize,
    pose: &Pose,
    mut f: impl FnMut(usize, f32, f32) -> (f32, Rgb),
) -> (Canvas, Plane) {
    let per_unit = size as f32 / UNITS * pose.scale;
    let mut colours = Vec::with_capacity(size * size);
    let mut i = 0;
    let coverage = Plane::from_fn(size, |x, y| {
        let (u, v) = pose.local(x, y);
        let (d, colour) = f(i, u, v);
        i += 1;
        colours.push(colour);
        inside(d, per_unit)
    });
    (Canvas { size, px: colours }, coverage)
}
