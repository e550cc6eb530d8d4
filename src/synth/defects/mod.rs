//! Defects as operations on a clean scene, each with its mask.

mod draft;
mod lines;
mod marks;
mod regions;
mod spots;

pub(super) use draft::{Draft, MASK_LEVEL};

use super::canvas::Plane;
use super::defect::Defect;
use super::rng::SeededRng;
use super::scene::Scene;

/// Draws `defect` on `scene`.
pub(super) fn draw<'a>(defect: Defect, scene: &'a Scene, strength: f32, rng: &mut SeededRng) -> Draft<'a> {
    let mut draft =
        Draft { scene, colour: scene.colour.clone(), mask: Plane::filled(scene.colour.size, 0.0), strength };
    let d = &mut draft;
    match defect {
        Defect::Scratch => lines::scratch(d, rng),
        Defect::Crack => lines::crack(d, rng),
        Defect::Cut => lines::cut(d, rng),
        Defect::Thread => lines::thread(d, rng),
        Defect::Hole => spots::hole(d, rng),
        Defect::Contamination => spots::contamination(d, rng),
        Defect::Poke => spots::poke(d, rng),
        Defect::Dent => spots::dent(d, rng),
        Defect::Glue => spots::glue(d, rng),
        Defect::Stain => regions::stain(d, rng),
        Defect::Color => regions::color(d, rng),
        Defect::Rough => regions::rough(d, rng),
        Defect::Uneven => regions::uneven(d, rng),
        Defect::Fray => marks::fray(d, rng),
        Defect::Bent => regions::bent(d, rng),
        Defect::Broken => marks::broken(d, rng),
        Defect::Missing => marks::missing(d, rng),
        Defect::Print => marks::print(d, rng),
    }
    draft
}
