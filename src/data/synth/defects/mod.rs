//! Defects as operations on a clean scene, each with its mask.

mod lines;
mod marks;
mod regions;
mod spots;

use super::canvas::{Canvas, Plane, Rgb, UNITS, luma};
use super::defect::Defect;
use super::dice::Dice;
use super::scene::Scene;

/// A scene with a defect being drawn on it.
pub(super) struct Draft<'a> {
    /// The scene as it was.
    pub scene: &'a Scene,
    /// Its colours with the defect.
    pub colour: Canvas,
    /// Cover of the defect, 0–1.
    pub mask: Plane,
    /// How strong it is: about 0.3 (subtle) to 1 (plain), more after failed attempts.
    pub strength: f32,
}

/// Cover above which a pixel counts as defective: thin lines cover their pixels only partly.
pub(super) const MASK_LEVEL: f32 = 0.35;

impl Draft<'_> {
    fn size(&self) -> usize {
        self.colour.size
    }

    /// An empty cover plane.
    fn blank(&self) -> Plane {
        Plane::filled(self.size(), 0.0)
    }

    /// Limits `cover` to the object.
    fn on_object(&self, mut cover: Plane) -> Plane {
        for (c, o) in cover.px.iter_mut().zip(&self.scene.object.px) {
            *c *= o;
        }
        cover
    }

    /// Adds `cover` to the mask (the larger value stays).
    fn mark(&mut self, cover: &Plane) {
        for (m, c) in self.mask.px.iter_mut().zip(&cover.px) {
            *m = m.max(*c);
        }
    }

    /// A point on the object; on a thing whose cover is small, the last try may miss.
    fn spot(&self, dice: &mut Dice) -> (f32, f32) {
        let mut at = (0.0, 0.0);
        for _ in 0..40 {
            at = (dice.range(6.0, UNITS - 6.0), dice.range(6.0, UNITS - 6.0));
            if self.scene.object.at(at.0, at.1) > 0.9 {
                break;
            }
        }
        at
    }

    /// Brightness of the clean surface around `(x, y)`.
    fn brightness(&self, x: f32, y: f32) -> f32 {
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
    fn heading(&self, dice: &mut Dice) -> f32 {
        loop {
            let a = dice.angle();
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
fn contrasting(v: f32, dice: &mut Dice) -> Rgb {
    let base =
        if v > 0.55 || (v > 0.3 && dice.chance(0.5)) { dice.range(0.02, 0.12) } else { dice.range(0.7, 1.0) };
    [0; 3].map(|_| base * dice.range(0.85, 1.0))
}

/// A saturated colour of brightness `v`.
fn vivid(v: f32, dice: &mut Dice) -> Rgb {
    let main = dice.int(0, 2);
    let mut c = [dice.range(0.0, 0.25); 3];
    c[main] = dice.range(0.8, 1.0);
    c[(main + dice.int(1, 2)) % 3] = dice.range(0.0, 0.75);
    let k = v / luma(c);
    c.map(|x| (x * k).min(1.0))
}

/// Draws `defect` on `scene`.
pub(super) fn draw<'a>(defect: Defect, scene: &'a Scene, strength: f32, dice: &mut Dice) -> Draft<'a> {
    let mut draft =
        Draft { scene, colour: scene.colour.clone(), mask: Plane::filled(scene.colour.size, 0.0), strength };
    let d = &mut draft;
    match defect {
        Defect::Scratch => lines::scratch(d, dice),
        Defect::Crack => lines::crack(d, dice),
        Defect::Cut => lines::cut(d, dice),
        Defect::Thread => lines::thread(d, dice),
        Defect::Hole => spots::hole(d, dice),
        Defect::Contamination => spots::contamination(d, dice),
        Defect::Poke => spots::poke(d, dice),
        Defect::Dent => spots::dent(d, dice),
        Defect::Glue => spots::glue(d, dice),
        Defect::Stain => regions::stain(d, dice),
        Defect::Color => regions::color(d, dice),
        Defect::Rough => regions::rough(d, dice),
        Defect::Uneven => regions::uneven(d, dice),
        Defect::Fray => marks::fray(d, dice),
        Defect::Bent => regions::bent(d, dice),
        Defect::Broken => marks::broken(d, dice),
        Defect::Missing => marks::missing(d, dice),
        Defect::Print => marks::print(d, dice),
    }
    draft
}
