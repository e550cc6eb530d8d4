//! Which objects there are, how they are drawn, and which defects each can have.

use super::canvas::{Canvas, Plane};
use super::defect::Defect;
use super::error::SynthError;
use super::rng::SeededRng;
use super::{board, fabrics, hardware, round_objects, textures};

/// The function that draws an object.
#[derive(Clone, Copy)]
pub(super) enum Appearance {
    /// A material that fills the frame (or nearly does).
    Texture(fn(usize, &mut SeededRng) -> Canvas),
    /// A whole object: its colours and its coverage.
    Object(fn(usize, &mut SeededRng) -> (Canvas, Plane)),
}

/// An object the generator can draw.
pub struct ObjectKind {
    /// Name in words, for "a photo of a {name}".
    pub name: &'static str,
    pub(super) appearance: Appearance,
    /// Has a vertical grain.
    pub(super) grain: bool,
    /// Hard enough to show hairlines and to break.
    pub(super) hard: bool,
    /// Probability that its edges are seen, for textures.
    pub(super) framed: f32,
    /// Probability of a grayscale camera.
    pub(super) gray: f32,
    /// Defects that make sense on it.
    pub(super) defects: &'static [Defect],
}

impl ObjectKind {
    /// The defects that can occur on this object.
    pub fn defects(&self) -> &'static [Defect] {
        self.defects
    }

    /// The object called `name`, with spaces or underscores.
    ///
    /// # Errors
    /// [`SynthError::UnknownObject`], which lists the known names.
    pub fn find(name: &str) -> Result<&'static ObjectKind, SynthError> {
        let plain = name.trim().replace('_', " ");
        OBJECTS
            .iter()
            .find(|o| o.name == plain)
            .ok_or_else(|| SynthError::UnknownObject { name: name.to_owned(), known: objects().join(", ") })
    }
}

use Defect::*;

/// A material: its drawing, whether it has a grain and is hard, the probabilities of visible edges and a grayscale camera.
const fn texture(
    name: &'static str,
    draw: fn(usize, &mut SeededRng) -> Canvas,
    (grain, hard): (bool, bool),
    (framed, gray): (f32, f32),
    defects: &'static [Defect],
) -> ObjectKind {
    let appearance = Appearance::Texture(draw);
    ObjectKind { name, appearance, grain, hard, framed, gray, defects }
}

/// A whole object: its drawing and the probability of a grayscale camera.
const fn object(
    name: &'static str,
    draw: fn(usize, &mut SeededRng) -> (Canvas, Plane),
    gray: f32,
    defects: &'static [Defect],
) -> ObjectKind {
    let appearance = Appearance::Object(draw);
    ObjectKind { name, appearance, grain: false, hard: true, framed: 0.0, gray, defects }
}

/// Every object, textures first.
///
/// The last argument is the compatibility table: a defect is left out where it cannot occur (a broken carpet), would not
/// show (a bend in plain concrete), or would look like another kind there. `color` is left out for the materials that are
/// inspected in grayscale.
#[rustfmt::skip]
pub const OBJECTS: &[ObjectKind] = &[
    texture("metal plate", textures::metal_plate, (true, true), (0.35, 0.5),
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Broken, Thread, Glue, Rough, Uneven, Fray, Dent, Print, Poke]),
    texture("magnetic tile", textures::magnetic_tile, (true, true), (0.6, 0.95),
        &[Scratch, Crack, Hole, Contamination, Stain, Broken, Thread, Glue, Rough, Uneven, Fray, Print]),
    texture("steel strip", textures::steel_strip, (true, true), (0.25, 0.8),
        &[Scratch, Crack, Hole, Contamination, Stain, Broken, Glue, Rough, Uneven, Fray, Dent, Print]),
    texture("stone tile", textures::stone_tile, (false, true), (0.3, 0.3),
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Broken, Thread, Glue, Rough, Uneven, Print]),
    texture("concrete", textures::concrete, (false, true), (0.15, 0.4),
        &[Crack, Hole, Stain, Color, Broken, Thread, Glue, Uneven, Print, Cut]),
    texture("paper", textures::paper, (false, false), (0.3, 0.3),
        &[Hole, Contamination, Stain, Color, Cut, Thread, Glue, Rough, Missing, Poke, Uneven, Fray, Dent, Print]),
    texture("plastic sheet", textures::plastic_sheet, (false, true), (0.3, 0.3),
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Cut, Broken, Thread, Glue, Rough, Missing, Poke, Uneven, Dent, Print]),
    texture("woven fabric", fabrics::woven_fabric, (false, false), (0.15, 0.3),
        &[Hole, Contamination, Stain, Color, Cut, Bent, Thread, Glue, Missing, Poke, Uneven, Fray, Print]),
    texture("wire grid", fabrics::wire_grid, (false, true), (0.1, 0.4),
        &[Contamination, Color, Broken, Bent, Thread, Glue, Missing, Uneven]),
    texture("carpet", fabrics::carpet, (false, false), (0.15, 0.3),
        &[Hole, Contamination, Stain, Color, Cut, Thread, Glue, Missing, Uneven, Fray, Print]),
    texture("leather", fabrics::leather, (false, false), (0.2, 0.3),
        &[Scratch, Hole, Contamination, Stain, Color, Cut, Thread, Glue, Rough, Missing, Poke, Uneven, Fray, Dent, Print]),
    texture("wood", fabrics::wood, (true, true), (0.3, 0.3),
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Cut, Broken, Thread, Glue, Rough, Missing, Poke, Uneven, Fray, Dent, Print]),
    object("bottle", round_objects::bottle, 0.2,
        &[Scratch, Crack, Contamination, Color, Broken, Thread, Glue, Missing]),
    object("metal nut", hardware::metal_nut, 0.4,
        &[Scratch, Crack, Hole, Contamination, Color, Broken, Thread, Glue, Rough, Missing, Dent]),
    object("washer", hardware::washer, 0.4,
        &[Scratch, Crack, Hole, Contamination, Color, Broken, Bent, Thread, Glue, Rough, Missing, Dent]),
    object("gear", hardware::gear, 0.4,
        &[Scratch, Crack, Hole, Contamination, Color, Broken, Bent, Thread, Glue, Rough, Missing, Dent]),
    object("screw", hardware::screw, 0.4,
        &[Scratch, Contamination, Color, Broken, Bent, Thread, Glue, Missing]),
    object("pill", round_objects::pill, 0.25,
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Broken, Thread, Glue, Rough, Missing, Poke, Print]),
    object("capsule", round_objects::capsule, 0.25,
        &[Scratch, Crack, Hole, Contamination, Stain, Color, Cut, Broken, Thread, Glue, Missing, Poke, Dent, Print]),
    object("hazelnut", round_objects::hazelnut, 0.25,
        &[Scratch, Crack, Hole, Contamination, Color, Cut, Broken, Thread, Rough, Print]),
    object("circuit board", board::circuit_board, 0.25,
        &[Scratch, Crack, Hole, Contamination, Color, Cut, Broken, Bent, Thread, Glue, Missing]),
];

/// A material that no other kind stands for: drawn from photographs, so not one of [`OBJECTS`].
pub(super) const SURFACE: ObjectKind = texture(
    "surface",
    textures::concrete,
    (false, true),
    (0.25, 0.4),
    &[
        Scratch,
        Crack,
        Hole,
        Contamination,
        Stain,
        Color,
        Cut,
        Broken,
        Thread,
        Glue,
        Rough,
        Missing,
        Poke,
        Uneven,
        Fray,
        Dent,
        Print,
    ],
);

/// Names of all objects, in the catalogue's order.
pub fn objects() -> Vec<&'static str> {
    OBJECTS.iter().map(|o| o.name).collect()
}
