//! The counts of a product in a file, with what proves that they belong to the lines of `images.jsonl`.
//!
//! A file is: eight bytes that name the format, six integers of eight bytes (the product's number, images of the run that the counts reach up
//! to, images with pixels in them, defective images without mask, bytes of the pixels, bytes of the types), the SHA-256 of
//! the lines of `images.jsonl` up to there, the pixels, the types, and the SHA-256 of all before.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::EvalError;
use crate::files::read_regular;
use crate::metrics::{PixelCounts, TypeCounts};
use crate::report::write_atomic;

const MAGIC: &[u8; 8] = b"dapo-e\0\x02";
const INTEGERS: usize = 6;
const HASH: usize = 32;
const HEAD: usize = MAGIC.len() + 8 * INTEGERS + HASH;

/// Counts of one product.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Good or defective.
    pub pixels: PixelCounts,
    /// Types, for methods that predict them.
    pub types: Option<TypeCounts>,
    /// Images whose pixels are in the counts.
    pub images: u64,
    /// Defective images without mask, which are not in the counts.
    pub without_mask: u64,
}

/// Counts as they are saved.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    /// Images of the run that they reach up to.
    pub through: usize,
    /// SHA-256 of the lines of these images.
    pub journal: [u8; HASH],
    /// The counts.
    pub counts: Counts,
}

impl Counts {
    /// Adds the counts of other images of the same product.
    pub(super) fn add(&mut self, other: &Self) -> Result<(), EvalError> {
        let unlike = |e: crate::metrics::Undefined| EvalError::Parts(e.to_string());
        self.pixels.merge(&other.pixels).map_err(unlike)?;
        match (&mut self.types, &other.types) {
            (Some(mine), Some(theirs)) => mine.merge(theirs).map_err(unlike)?,
            (None, None) => {}
            _ => return Err(EvalError::Parts("some parts have types, others do not".into())),
        }
        self.images += other.images;
        self.without_mask += other.without_mask;
        Ok(())
    }
}

/// The file of a product.
pub(super) fn file(folder: &Path, product: usize) -> PathBuf {
    folder.join("counts").join(format!("{product}.bin"))
}

/// Writes the counts of a product.
pub(super) fn write(folder: &Path, product: usize, saved: &Saved) -> Result<(), EvalError> {
    let Saved { through, journal, counts } = saved;
    let pixels = counts.pixels.to_bytes();
    let types = counts.types.as_ref().map_or_else(Vec::new, TypeCounts::to_bytes);
    let (own, through) = (product as u64, *through as u64);
    let lengths = [pixels.len() as u64, types.len() as u64];
    let integers = [own, through, counts.images, counts.without_mask, lengths[0], lengths[1]];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(integers.iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend(journal);
    bytes.extend(pixels);
    bytes.extend(types);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    Ok(write_atomic(file(folder, product), &bytes)?)
}

/// Reads the counts of a product; `None` if there are none.
pub(super) fn read(folder: &Path, product: usize) -> Result<Option<Saved>, EvalError> {
    let path = file(folder, product);
    let bytes = match read_regular(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(EvalError::io(path)(e)),
    };
    let damaged = |problem: &str| EvalError::Damaged { path: path.clone(), problem: problem.to_owned() };
    let sealed = bytes.len().checked_sub(HASH).filter(|end| *end >= HEAD);
    let (all, hash) = bytes.split_at(sealed.ok_or_else(|| damaged("it is cut off"))?);
    if !all.starts_with(MAGIC) {
        return Err(damaged("it holds no counts of this version of the program"));
    }
    if Sha256::digest(all)[..] != *hash {
        return Err(damaged("its checksum does not match: it was changed or cut off"));
    }
    let (head, body) = all.split_at(HEAD);
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[MAGIC.len() + 8 * at + i]));
    let journal = std::array::from_fn(|i| head[HEAD - HASH + i]);
    if number(0) != product as u64 {
        return Err(damaged("it holds the counts of another product"));
    }
    let split = usize::try_from(number(4)).ok().and_then(|at| body.split_at_checked(at));
    let (pixels, types) = split.ok_or_else(|| damaged("it is cut off"))?;
    if types.len() as u64 != number(5) {
        return Err(damaged("it is cut off"));
    }
    let wrong = |e: crate::metrics::StateError| damaged(&e.to_string());
    let types = (!types.is_empty()).then(|| TypeCounts::from_bytes(types)).transpose().map_err(wrong)?;
    let pixels = PixelCounts::from_bytes(pixels).map_err(wrong)?;
    let counts = Counts { pixels, types, images: number(2), without_mask: number(3) };
    Ok(Some(Saved { through: number(1) as usize, journal, counts }))
}
