//! What to generate.

use super::canvas::SIZE_RANGE;
use super::catalogue::{OBJECTS, ObjectKind, SURFACE};
use super::defect::Defect;
use super::error::{MAX_COUNT, SynthError};
use super::photos::Photos;
use std::path::PathBuf;

/// What to generate.
#[derive(Clone, Debug)]
pub struct SynthOptions {
    /// Seed of the whole set.
    pub seed: u64,
    /// Image side in pixels, within [`SIZE_RANGE`].
    pub size: usize,
    /// Names of objects; empty for all.
    pub objects: Vec<String>,
    /// Names of defects; empty for all. Each object gets those that it can have.
    pub defects: Vec<String>,
    /// Good training images an object ([`write_mvtec`](super::write_mvtec) only).
    pub train_good: usize,
    /// Good test images an object ([`write_mvtec`](super::write_mvtec) only).
    pub test_good: usize,
    /// Test images an object and defect ([`write_mvtec`](super::write_mvtec) only).
    pub per_defect: usize,
    /// Folder of photographs of materials, `<material>/*`, that some of the surfaces are parts of; with it, one more
    /// object "surface" is of any of them.
    pub textures: Option<PathBuf>,
    /// All images of an object are of one product: material, colours, shape, light and camera are the same
    /// ([`write_mvtec`](super::write_mvtec) only).
    pub one_product: bool,
    /// Writes, beside each training image, another good image of the same product
    /// ([`write_shards`](super::write_shards) only).
    pub references: bool,
    /// Replace a non-empty output folder.
    pub overwrite: bool,
}

impl Default for SynthOptions {
    /// All objects and defects at 128×128: 20 good images to train, 20 to test, 8 a defect.
    fn default() -> Self {
        SynthOptions {
            seed: 0,
            size: 128,
            objects: Vec::new(),
            defects: Vec::new(),
            train_good: 20,
            test_good: 20,
            per_defect: 8,
            textures: None,
            one_product: false,
            references: false,
            overwrite: false,
        }
    }
}

/// What was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Images without a defect.
    pub good: usize,
    /// Images with one.
    pub defective: usize,
    /// Objects drawn.
    pub objects: usize,
}

/// The chosen objects, each with the chosen defects that it can have.
pub(super) type Choice = Vec<(&'static ObjectKind, Vec<Defect>)>;

impl SynthOptions {
    /// The photographs of materials, read.
    pub(super) fn photos(&self) -> Result<Option<Photos>, SynthError> {
        self.textures.as_deref().map(Photos::read).transpose()
    }

    /// The chosen objects with the chosen defects that each can have; objects without any are left out if `need_defects`.
    pub(super) fn choice(&self, need_defects: bool) -> Result<Choice, SynthError> {
        if !SIZE_RANGE.contains(&self.size) {
            return Err(SynthError::Size { size: self.size });
        }
        let counts = [self.train_good, self.test_good, self.per_defect];
        if let Some(&count) = counts.iter().find(|&&count| count > MAX_COUNT) {
            return Err(SynthError::Count { count });
        }
        let wanted = self.defects.iter().map(|n| Defect::find(n)).collect::<Result<Vec<_>, _>>()?;
        let surface = self.textures.as_ref().map(|_| &SURFACE);
        let kinds: Vec<&ObjectKind> = if self.objects.is_empty() {
            OBJECTS.iter().chain(surface).collect()
        } else {
            let find = |n: &String| match surface {
                Some(surface) if n.trim() == surface.name => Ok(surface),
                _ => ObjectKind::find(n),
            };
            self.objects.iter().map(find).collect::<Result<_, _>>()?
        };
        let mut choice = Choice::new();
        for kind in kinds {
            let fits: Vec<Defect> =
                kind.defects().iter().copied().filter(|d| wanted.is_empty() || wanted.contains(d)).collect();
            if fits.is_empty() && need_defects && !self.objects.is_empty() {
                let possible = kind.defects().iter().map(|d| d.name()).collect::<Vec<_>>().join(", ");
                return Err(SynthError::NothingPossible { object: kind.name.to_owned(), possible });
            }
            // Among all objects, one that cannot have the chosen defects is simply left out.
            if (!fits.is_empty() || !need_defects) && !choice.iter().any(|(k, _)| k.name == kind.name) {
                choice.push((kind, fits));
            }
        }
        Ok(choice)
    }
}
