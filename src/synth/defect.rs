//! The kinds of defect.

use super::error::SynthError;

macro_rules! defects {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// A kind of defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Defect {
            $(#[doc = $doc] $variant,)*
        }

        impl Defect {
            /// All kinds, in the order of [`defects()`].
            pub const ALL: &'static [Defect] = &[$(Defect::$variant,)*];

            /// Name in words, for "a photo of a {object} with a {name} defect".
            pub fn name(self) -> &'static str {
                match self { $(Defect::$variant => $name,)* }
            }
        }
    };
}

defects! {
    Scratch "scratch" "Thin, nearly straight, mostly bright lines of even width.",
    Crack "crack" "A dark, jagged, branching line that tapers off.",
    Hole "hole" "One or a few dark pits with sharp rims.",
    Contamination "contamination" "A swarm of foreign specks.",
    Stain "stain" "A soft-edged, uneven darkening, at times with a dried rim.",
    Color "color" "A patch of a wrong, saturated hue.",
    Cut "cut" "A smooth, wide slit, pointed at both ends, with a raised lip.",
    Broken "broken" "A jagged chunk out of the border, or a shell split off the surface, with a fractured face.",
    Bent "bent" "A pattern pushed out of shape.",
    Thread "thread" "A thin, smoothly winding fibre lying on top, with a shadow.",
    Glue "glue" "A glossy, raised drop with highlights.",
    Rough "rough" "A region roughened to coarse grain.",
    Missing "missing" "A clean-edged part that is absent, so that the background shows.",
    Poke "poke" "A small puncture with a raised ring and radial folds.",
    Uneven "uneven" "A large part whose brightness or texture differs, along a boundary.",
    Fray "fray" "A worn-off patch with feathered edges, or loose fibres along a border.",
    Dent "dent" "A smooth hollow that shows by its light and shade only.",
    Print "print" "Ink where none belongs: digits, a cross, a ring, bars.",
}

impl Defect {
    /// The defect called `name`.
    ///
    /// # Errors
    /// [`SynthError::UnknownDefect`], which lists the known names.
    pub fn find(name: &str) -> Result<Defect, SynthError> {
        let plain = name.trim();
        Defect::ALL
            .iter()
            .copied()
            .find(|d| d.name() == plain)
            .ok_or_else(|| SynthError::UnknownDefect { name: name.to_owned(), known: defects().join(", ") })
    }
}

/// Names of all defects, in the order of [`Defect::ALL`].
pub fn defects() -> Vec<&'static str> {
    Defect::ALL.iter().map(|d| d.name()).collect()
}
