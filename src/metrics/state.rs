//! Counts as bytes and back, for checkpoints.
//!
//! A state is: the magic bytes, the kind, the version, then its fields, then eight bytes of the SHA-256 of all before.
//! Integers are LEB128: seven bits a byte, the lowest first. A histogram is pairs of a run of zeros and the count after
//! it, up to its last bin, so that empty bins cost little.

use sha2::{Digest, Sha256};

use super::bins::Grid;

const MAGIC: &[u8; 6] = b"dapo-c";
const VERSION: u8 = 1;
const CHECKSUM: usize = 8;
/// Most pixels of a state: no data set has as many, and the sum of any number of states fits 64 bits.
const MOST: u64 = 1 << 46;

/// Why bytes cannot be read as counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of counts: {reason}")]
pub struct StateError {
    /// What is wrong.
    pub reason: &'static str,
}

fn wrong<T>(reason: &'static str) -> Result<T, StateError> {
    Err(StateError { reason })
}

/// The sum of counts; none where it does not fit.
pub(super) fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count))
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes)[..CHECKSUM].to_vec()
}

/// Writes a state.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn new(kind: u8) -> Self {
        Self([MAGIC.as_slice(), &[kind, VERSION]].concat())
    }

    pub fn integer(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub fn float(&mut self, value: f32) {
        self.0.extend(value.to_le_bytes());
    }

    /// The interval of a grid; the number of bins belongs to the kind.
    pub fn grid(&mut self, grid: &Grid) {
        self.float(grid.low);
        self.float(grid.high);
    }

    pub fn text(&mut self, text: &str) {
        self.integer(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    pub fn histogram(&mut self, counts: &[u64]) {
        let mut zeros = 0;
        for &count in counts {
            if count == 0 {
                zeros += 1;
            } else {
                self.integer(zeros);
                self.integer(count);
                zeros = 0;
            }
        }
        if zeros > 0 {
            self.integer(zeros);
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend(checksum(&self.0));
        self.0
    }
}

/// Reads a state.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], kind: u8) -> Result<Self, StateError> {
        let Some(body) = bytes.len().checked_sub(CHECKSUM).map(|end| &bytes[..end]) else {
            return wrong("it is too short");
        };
        let Some(head) = body.strip_prefix(MAGIC) else {
            return wrong("it does not begin with the magic bytes");
        };
        if head.get(1) != Some(&VERSION) {
            return wrong("its version is unknown");
        }
        if head[0] != kind {
            return wrong("its counts are of another kind");
        }
        if bytes[body.len()..] != checksum(body) {
            return wrong("its checksum does not match; it is damaged");
        }
        Ok(Self(&head[2..]))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else { return wrong("it ends early") };
        self.0 = rest;
        Ok(taken)
    }

    pub fn integer(&mut self) -> Result<u64, StateError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        wrong("a number has too many digits")
    }

    pub fn float(&mut self) -> Result<f32, StateError> {
        let bytes = self.take(4)?;
        Ok(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub fn grid(&mut self, bins: usize) -> Result<Grid, StateError> {
        let range = [self.float()?, self.float()?];
        Grid::new(range, bins).or_else(|_| wrong("its range is not an interval"))
    }

    pub fn text(&mut self) -> Result<String, StateError> {
        let length = self.integer()?;
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        String::from_utf8(bytes.to_vec()).or_else(|_| wrong("a name is not UTF-8"))
    }

    pub fn histogram(&mut self, length: usize) -> Result<Vec<u64>, StateError> {
        let mut counts = Vec::with_capacity(length);
        while counts.len() < length {
            let zeros = self.integer()?;
            if zeros > (length - counts.len()) as u64 {
                return wrong("a histogram has too many bins");
            }
            counts.resize(counts.len() + zeros as usize, 0);
            if counts.len() < length {
                counts.push(self.integer()?);
            }
        }
        Ok(counts)
    }

    /// A histogram of pixels.
    pub fn pixels(&mut self, length: usize) -> Result<Vec<u64>, StateError> {
        let counts = self.histogram(length)?;
        match total(&counts) {
            Some(0..=MOST) => Ok(counts),
            _ => wrong("it has more pixels than any data set"),
        }
    }

    pub fn finish(self) -> Result<(), StateError> {
        if self.0.is_empty() { Ok(()) } else { wrong("it has bytes after its end") }
    }
}
