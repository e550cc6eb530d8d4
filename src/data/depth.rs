//! How many bits the samples of a 16-bit file really have.
//!
//! Cameras of 10, 12 and 14 bits are stored in 16-bit files, mostly in the lower bits: white is then 4095 of 65535, and
//! the photo nearly black for a reader who takes the file at its word. The rule, in this order:
//!
//! 1. A number of bits that was asked for (`--bits`) holds.
//! 2. What the file states holds where its samples agree: the `sBIT` chunk of PNG, `MaxSampleValue` of TIFF, the
//!    largest value in the header of PNM.
//! 3. Samples that reach 2^14, a quarter of white, are read as they are: nobody stores less in a photo that is used.
//! 4. Samples that are all multiples of 256 or of 257 were widened from 8 bits and are read as they are.
//! 5. Otherwise they have the smallest of 8, 10, 12 and 14 bits that all of them fit, and the photo has a note that
//!    says so, for a truly dark photo looks the same. One exception: samples in steps, as where 10, 12 or 14 bits fill
//!    the *upper* bits, are read as they are, which is a note, too.

/// White of a 16-bit file from which on nothing is guessed.
const BRIGHT: u16 = 1 << 14;
/// The widths that are looked for.
const WIDTHS: [u8; 4] = [8, 10, 12, 14];

/// The bits of 16-bit samples that hold the photo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Bits {
    /// By the rule of the [module](self).
    #[default]
    Auto,
    /// So many, from 8 to 16, in the lower bits; 16 reads samples as they are.
    Lower(u8),
}

/// Which values occur among the samples of an image.
pub(super) struct Values {
    seen: Vec<u64>,
}

/// What is to be done with 16-bit samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Depth {
    /// Bits that hold the photo, from the lowest; 16 for samples that are read as they are.
    pub bits: u8,
    /// What a user should know of it.
    pub note: Option<String>,
}

impl Values {
    /// Of colour samples, without alpha.
    pub(super) fn new(samples: impl Iterator<Item = u16>) -> Self {
        let mut seen = vec![0u64; 1024];
        for value in samples {
            seen[usize::from(value >> 6)] |= 1 << (value & 63);
        }
        Self { seen }
    }

    /// Those that occur, in order.
    fn iter(&self) -> impl Iterator<Item = u16> {
        (0..=u16::MAX).filter(|v| self.seen[usize::from(v >> 6)] >> (v & 63) & 1 == 1)
    }

    fn largest(&self) -> u16 {
        self.iter().last().unwrap_or(0)
    }

    fn all_multiples_of(&self, of: u16) -> bool {
        self.iter().all(|value| value % of == 0)
    }

    /// 10, 12 or 14 where all values are what so many bits become that fill the upper ones: shifted, with their own
    /// upper bits repeated below, or scaled and rounded. Values must be many, for few are so by chance.
    fn upper_bits(&self) -> Option<u8> {
        let widened = |bits: u8, value: u16| {
            let (shift, white) = (16 - bits, (1u32 << bits) - 1);
            let upper = value >> shift;
            let scaled = (u32::from(upper) * 65535 + white / 2) / white;
            [upper << shift, upper << shift | upper >> (bits - shift), scaled as u16]
        };
        let fits = |bits: u8| (0..3).any(|way| self.iter().all(|value| widened(bits, value)[way] == value));
        let many = self.iter().count() >= 16;
        [10, 12, 14].into_iter().find(|&bits| many && fits(bits))
    }
}

/// Decides by the rule of the [module](self). `stated` are the bits that the file states.
pub(super) fn depth(values: &Values, asked: Bits, stated: Option<u8>) -> Depth {
    let largest = values.largest();
    let white = |bits: u8| (1u32 << bits) - 1;
    let fits = |bits: u8| u32::from(largest) <= white(bits);
    let noted = |bits: u8, note: String| Depth { bits, note: Some(note) };
    let silent = Depth { bits: 16, note: None };
    if let Bits::Lower(bits) = asked {
        return match bits {
            16.. => silent,
            _ if fits(bits) => {
                noted(bits, format!("16-bit samples were read as {bits}-bit values, as asked"))
            }
            _ => noted(
                bits,
                format!(
                    "16-bit samples were read as {bits}-bit values, as asked, but some exceed {}; they became white: \
                     give a larger --bits",
                    white(bits)
                ),
            ),
        };
    }
    if let Some(bits) = stated {
        // The specification of PNG puts significant bits at the top; many programs put them at the bottom.
        let lower = bits < 16 && fits(bits) && (bits < 8 || !values.all_multiples_of(1 << (16 - bits)));
        return match lower {
            true => noted(
                bits.max(8),
                format!("16-bit samples were read as {}-bit values, as the file states", bits.max(8)),
            ),
            false => silent,
        };
    }
    if largest >= BRIGHT || values.all_multiples_of(256) || values.all_multiples_of(257) {
        return silent;
    }
    let bits = WIDTHS.into_iter().find(|&bits| fits(bits)).unwrap_or(16);
    // The grays of a photo of this width, were it one. 8 bits are an 8-bit photo that was scaled to the width.
    if values.upper_bits().is_some_and(|upper| upper + bits != 24) {
        let note = format!(
            "16-bit samples are dark, none exceeds {}, but come in steps as where fewer bits fill the upper ones: they \
             were read as they are; if the camera has {bits} bits, give --bits {bits}",
            white(bits)
        );
        return noted(16, note);
    }
    let note = format!(
        "16-bit samples were read as {bits}-bit values, because none exceeds {}; state the camera's bits with --bits, \
         or --bits 16 for a photo that is meant to be dark",
        white(bits)
    );
    noted(bits, note)
}

/// A sample as a byte: the upper eight of `bits`, white where it exceeds them.
pub(super) fn narrow(value: u16, bits: u8) -> u8 {
    (value >> (bits.clamp(8, 16) - 8)).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(values: impl IntoIterator<Item = u32>, asked: Bits, stated: Option<u8>) -> Depth {
        depth(&Values::new(values.into_iter().map(|v| v as u16)), asked, stated)
    }

    fn found(values: impl IntoIterator<Item = u32>) -> (u8, bool) {
        let Depth { bits, note } = decided(values, Bits::Auto, None);
        (bits, note.is_some())
    }

    /// A camera's values, noisy, up to `largest`.
    fn noisy(largest: u32) -> impl Iterator<Item = u32> {
        (0..2000u32).map(move |i| i.wrapping_mul(2_654_435_761) % (largest + 1)).chain([largest])
    }

    #[test]
    fn camera_values_in_the_lower_bits_are_found_and_said() {
        for bits in [8, 10, 12, 14] {
            let white = (1 << bits) - 1;
            // Noisy, noisy and not quite white, and an 8-bit photo scaled to the width in each of the usual ways.
            assert_eq!(found(noisy(white)), (bits, true), "{bits}");
            assert_eq!(found(noisy(white * 2 / 3)), (bits, true), "{bits}");
            assert_eq!(found((0..256).map(|v| v << (bits - 8))), (bits, true), "{bits}");
            assert_eq!(found((0..200).map(|v| v * white / 255)), (bits, true), "{bits}");
            assert_eq!(found((3..=255).map(|v| (v * white + 127) / 255)), (bits, true), "{bits}");
            assert_eq!(found([0, white]), (bits, true), "two values of {bits} bits");
        }
    }

    #[test]
    fn what_fills_the_upper_bits_is_left_alone() {
        assert_eq!(found(noisy(65535)), (16, false));
        assert_eq!(found(noisy(20000)), (16, false), "a dim photo of 16 bits");
        for bits in [10, 12, 14] {
            assert_eq!(
                found(noisy((1 << bits) - 1).map(|v| v << (16 - bits))),
                (16, false),
                "{bits} bits on top"
            );
        }
        // Dark photos widened from 8 bits come back as they were.
        assert_eq!(found((0..16).map(|v| v * 257)), (16, false));
        assert_eq!(found((0..40).map(|v| v << 8)), (16, false));
        assert_eq!(found([0, 0]), (16, false), "black");
        // Dark photos of 10 and 12 bits on top: said.
        assert_eq!(found((0..64).map(|v| v << 6)), (16, true));
        assert_eq!(found((0..1000).map(|v| v << 4)), (16, true));
    }

    #[test]
    fn what_is_asked_or_stated_comes_first() {
        assert_eq!(decided(noisy(900), Bits::Lower(12), None).bits, 12);
        assert_eq!(decided(noisy(900), Bits::Lower(16), None), Depth { bits: 16, note: None });
        assert_eq!(decided(noisy(900), Bits::Lower(12), Some(10)).bits, 12);
        let cut = decided(noisy(9000), Bits::Lower(12), None);
        assert!(cut.bits == 12 && cut.note.is_some_and(|n| n.contains("larger --bits")));
        assert_eq!(decided(noisy(900), Bits::Auto, Some(12)).bits, 12);
        // PNG's own sense of sBIT: at the top, however dark.
        assert_eq!(decided(noisy(200).map(|v| v << 4), Bits::Auto, Some(12)), Depth { bits: 16, note: None });
        assert_eq!(decided(noisy(60000), Bits::Auto, Some(12)), Depth { bits: 16, note: None });
        assert_eq!(decided(noisy(900), Bits::Auto, Some(16)), Depth { bits: 16, note: None });
    }

    #[test]
    fn bytes_are_the_upper_bits() {
        assert_eq!([0, 255, 256, 65535].map(|v| narrow(v, 16)), [0, 0, 1, 255]);
        assert_eq!([0, 15, 16, 4095, 4096, 65535].map(|v| narrow(v, 12)), [0, 0, 1, 255, 255, 255]);
        for bits in [8, 10, 12, 14, 16] {
            let white = (1u32 << bits) - 1;
            let back: Vec<u8> = (0..256).map(|v| narrow(((v * white + 127) / 255) as u16, bits)).collect();
            assert_eq!(back, (0..=255).collect::<Vec<u8>>(), "{bits}");
        }
    }
}
