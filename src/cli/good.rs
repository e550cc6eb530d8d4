//! Options for photos of good parts that others are compared with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Failure;
use super::output::{note, progress};
use super::say::say;
use crate::dapo::ReferenceOptions;
use crate::data::{Collected, ImageEntry, collect};
use crate::files::open_regular;
use crate::inspect::{GoodOptions, GoodPhotos, Inspector};
use crate::ops::Element;
use crate::words::plural;

/// Photos of good parts to compare with.
#[derive(Debug, clap::Args)]
pub struct GoodArgs {
    /// Photos of good parts, or folders of them: each patch of a photo is compared with theirs, too
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub good: Vec<PathBuf>,
    #[command(flatten)]
    pub bank: BankArgs,
}

/// How good photos are kept.
#[derive(Debug, clap::Args)]
pub struct BankArgs {
    /// Most patches of good photos to compare with; more photos are cut to the patches that stand for them best
    #[arg(long, value_name = "N", default_value_t = ReferenceOptions::default().bank_size as u64,
        value_parser = clap::value_parser!(u64).range(16..=1_000_000))]
    bank_size: u64,
    /// Keep the patches as float16: half the memory
    #[arg(long)]
    bank_f16: bool,
    /// Also compare with the good photos turned and mirrored, for parts that lie in any direction
    #[arg(long)]
    turned: bool,
}

/// An inspector with good photos, and a name for them.
#[derive(Debug)]
pub struct Good {
    /// The inspector.
    pub inspector: Inspector,
    /// The photos.
    pub photos: GoodPhotos,
    /// A digest of their contents and of the options: scores depend on it.
    pub digest: String,
}

impl BankArgs {
    fn options(&self) -> GoodOptions {
        let element = if self.bank_f16 { Element::F16 } else { Element::F32 };
        let references = ReferenceOptions { bank_size: self.bank_size as usize, element };
        GoodOptions { references, turned: self.turned }
    }

    /// Has an inspector compare with the photos of these paths.
    ///
    /// # Errors
    /// Paths without a photo, photos that cannot be read or do not make references, those of the device.
    pub fn learn(&self, inspector: Inspector, paths: &[PathBuf]) -> Result<Good, Failure> {
        let Collected { images, left_out } = collect(paths)?;
        left_out.lines().iter().for_each(|line| say!("note: good photos: {line}"));
        let files: Vec<PathBuf> = images.into_iter().map(|entry| entry.path).collect();
        let digest = digest(&files, &format!("{:?}", self.options()))?;
        let bar = progress(files.len(), "good photos");
        let (inspector, photos) =
            inspector.with_good_photos(files, self.options(), |_| bar.inc(1)).map_err(|e| {
                Failure::new(e.to_string()).hint("--good takes photos of parts without any defect")
            })?;
        bar.finish_and_clear();
        let references = inspector.detector().references();
        photos.notes.iter().for_each(|text| note(text));
        references.map_or(&[][..], |r| r.notes()).iter().for_each(|text| note(text));
        if let Some(references) = references {
            say!(
                "comparing with {} of {}",
                plural(references.rows(), "patch"),
                plural(references.photos(), "good photo")
            );
        }
        Ok(Good { inspector, photos, digest })
    }
}

/// Refuses photos that are to be scored and are references, too: such a score is too good.
///
/// # Errors
/// The first photo that is both, by its contents.
pub fn distinct(scored: &[ImageEntry], references: &[PathBuf]) -> Result<(), Failure> {
    if references.is_empty() {
        return Ok(());
    }
    let mut known = HashMap::new();
    for entry in collect(references)?.images {
        known.insert(hash(&entry.path)?, entry.path);
    }
    for entry in scored {
        if let Some(reference) = known.get(&hash(&entry.path)?) {
            let (one, other) = (entry.path.display(), reference.display());
            return Err(Failure::new(format!("{one} is the same photo as {other}, one of --references"))
                .hint("take some photos as references and others to calibrate with: a part is never as far from itself"));
        }
    }
    Ok(())
}

fn hash(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    let mut hash = Sha256::new();
    std::io::copy(&mut open_regular(path).map_err(failed)?, &mut hash).map_err(failed)?;
    Ok(hash.finalize().into())
}

/// SHA-256 of the contents of files, whatever their order and names, and of a text: 16 hexadecimal digits.
fn digest(files: &[PathBuf], options: &str) -> Result<String, Failure> {
    let mut hashes: Vec<[u8; 32]> = files.iter().map(|path| hash(path)).collect::<Result<_, _>>()?;
    hashes.sort_unstable();
    hashes.dedup();
    let mut all = Sha256::new();
    hashes.iter().for_each(|hash| all.update(hash));
    all.update(options);
    Ok(all.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}
