//! Options for photos of good parts that others are compared with.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Failure;
use super::output::{note, progress};
use super::say::say;
use crate::dapo::ReferenceOptions;
use crate::data::{Collected, Tiling, collect};
use crate::files::{UNREADABLE, digest, digest_of};
use crate::inspect::{GoodOptions, GoodPhotos, Inspector};
use crate::ops::Element;
use crate::words::plural;

/// Photos of good parts to compare with.
#[derive(Debug, Clone, clap::Args)]
pub struct GoodArgs {
    /// Photos of good parts, or folders of them: each patch of a photo is compared with theirs, too
    #[arg(help_heading = "Photos of good parts", long, num_args = 1.., value_name = "PATH")]
    pub good: Vec<PathBuf>,
    #[command(flatten)]
    pub bank: BankArgs,
}

/// How good photos are kept.
#[derive(Debug, Clone, clap::Args)]
pub struct BankArgs {
    /// Most patches of good photos to compare with; more photos are cut to the patches that stand for them best
    #[arg(help_heading = "Photos of good parts", long, value_name = "N", default_value_t = ReferenceOptions::default().bank_size as u64,
        value_parser = clap::value_parser!(u64).range(16..=1_000_000))]
    bank_size: u64,
    /// Keep the patches as float16: half the memory
    #[arg(long, help_heading = "Photos of good parts")]
    bank_f16: bool,
    /// Also compare with the good photos turned and mirrored, for parts that lie in any direction
    #[arg(long, help_heading = "Photos of good parts")]
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

impl GoodArgs {
    /// Refuses options of a bank without photos for it: they would change nothing.
    ///
    /// # Errors
    /// An option that has no use.
    pub fn check(&self, has_photos: bool) -> Result<(), Failure> {
        let BankArgs { bank_size, bank_f16, turned } = self.bank;
        let given = [
            ("--bank-size", bank_size != ReferenceOptions::default().bank_size as u64),
            ("--bank-f16", bank_f16),
            ("--turned", turned),
        ];
        match given.into_iter().find(|(_, given)| *given && !has_photos) {
            Some((option, _)) => {
                Err(Failure::usage(format!("{option} is about photos of good parts, and there are none"))
                    .hint("name some with --good"))
            }
            None => Ok(()),
        }
    }
}

impl BankArgs {
    /// As the inspector takes them.
    pub fn options(&self) -> GoodOptions {
        let element = if self.bank_f16 { Element::F16 } else { Element::F32 };
        let references = ReferenceOptions { bank_size: self.bank_size as usize, element };
        GoodOptions { references, turned: self.turned }
    }

    /// The photos of these paths, which are files or folders.
    ///
    /// # Errors
    /// Paths without a photo.
    pub fn photos(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let Collected { images, left_out } = collect(paths)?;
        left_out.lines().iter().for_each(|line| say!("note: good photos: {line}"));
        Ok(images.into_iter().map(|entry| entry.path).collect())
    }

    /// Has an inspector compare with the photos of these paths.
    ///
    /// # Errors
    /// Paths without a photo, photos that cannot be read or do not make references, those of the device.
    pub fn learn(&self, inspector: Inspector, paths: &[PathBuf]) -> Result<Good, Failure> {
        let mut files = self.photos(paths)?;
        // By what they hold: neither names nor the order of options change what is learned.
        files.sort_by_cached_key(|path| digest(path));
        let mut digest = self.options().digest(&files);
        if let Some(Tiling { edge, overlap }) = inspector.tiling() {
            digest = digest_of(format!("{digest} in tiles of {edge}, overlap {overlap}").as_bytes())[..16]
                .to_owned();
        }
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

/// Refuses photos that are to be scored and are references, too: such a score is too good. `option` gave the references.
///
/// # Errors
/// The first photo that is both, by its contents.
pub fn distinct(scored: &[PathBuf], references: &[PathBuf], option: &str) -> Result<(), Failure> {
    // A file that cannot be read has its own error where it is scored, or learned from.
    let read = |path: &PathBuf| Some(digest(path)).filter(|digest| digest != UNREADABLE);
    let known: HashMap<String, &PathBuf> =
        references.iter().filter_map(|path| Some((read(path)?, path))).collect();
    for path in scored.iter().filter(|_| !known.is_empty()) {
        if let Some(reference) = read(path).and_then(|digest| known.get(&digest)) {
            let (one, other) = (path.display(), reference.display());
            return Err(Failure::new(format!("{one} is the same photo as {other}, one of {option}"))
                .hint("a part is never as far from itself as from others: take some photos as references and others to be scored"));
        }
    }
    Ok(())
}
