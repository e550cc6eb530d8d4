//! How many images of a run were read in a way that its user should know of.

use std::collections::BTreeMap;

use super::image::ReadInfo;
use crate::words::plural;

/// Counts of the notes of images; see [`ReadInfo::notes`].
#[derive(Debug, Clone, Default)]
pub struct ReadTally {
    images: usize,
    notes: BTreeMap<String, usize>,
    /// Images with samples of more than 8 bits, by the bits that were used.
    bits: BTreeMap<u8, usize>,
}

impl ReadTally {
    /// Counts an image. The notes that no image before had are the answer.
    pub fn add(&mut self, info: &ReadInfo) -> Vec<String> {
        *info.bits.map_or(&mut 0, |bits| self.bits.entry(bits).or_default()) += 1;
        self.add_notes(&info.notes)
    }

    /// Counts an image of which only the notes are known. The answer is that of [`add`](Self::add).
    pub fn add_notes(&mut self, notes: &[String]) -> Vec<String> {
        self.images += 1;
        let mut new = Vec::new();
        for note in notes {
            let count = self.notes.entry(note.clone()).or_default();
            *count += 1;
            new.extend((*count == 1).then(|| note.clone()));
        }
        new
    }

    /// A line for each kind of note, with the number of images that have it; none where all images are ordinary.
    pub fn lines(&self) -> Vec<String> {
        let count = |n: usize| match self.images {
            1 => "the image".to_owned(),
            images => format!("{n} of {}", plural(images, "image")),
        };
        let mut lines: Vec<String> =
            self.notes.iter().map(|(note, &n)| format!("{}: {note}", count(n))).collect();
        if self.bits.len() > 1 {
            let each: Vec<String> =
                self.bits.iter().map(|(bits, n)| format!("{n} with {bits} bits")).collect();
            lines.push(format!(
                "16-bit files were read with different numbers of bits ({}): where one camera took them, scores do not \
                 compare; state its bits with --bits",
                each.join(", ")
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_and_a_mixture_of_bits_is_said() {
        let info = |bits: Option<u8>, notes: &[&str]| ReadInfo {
            notes: notes.iter().map(|&n| n.to_owned()).collect(),
            bits,
            ..ReadInfo::plain((1, 1))
        };
        let mut tally = ReadTally::default();
        assert!(tally.add(&info(None, &[])).is_empty());
        assert!(tally.lines().is_empty());
        assert_eq!(tally.add(&info(Some(12), &["dark"])), ["dark"]);
        assert!(tally.add(&info(Some(12), &["dark"])).is_empty());
        assert_eq!(tally.lines(), ["2 of 3 images: dark"]);
        tally.add(&info(Some(16), &[]));
        let lines = tally.lines();
        assert_eq!(lines[0], "2 of 4 images: dark");
        assert!(
            lines[1].contains("2 with 12 bits, 1 with 16 bits") && lines[1].contains("--bits"),
            "{lines:?}"
        );
    }
}
