//! What a file states of its pixels beside them: the bits that its samples hold, and which way up they are.

use std::io::{BufReader, Read, Seek, SeekFrom};

use ::image::ImageFormat;
use tiff::decoder::Decoder;
use tiff::tags::Tag;

use super::input::Input;
use crate::data::orientation::of_exif;

/// EXIF data are small where they hold no thumbnail, and their first directory comes first.
const EXIF_BYTES: u64 = 1 << 16;

/// Statements of a file. Damaged ones count as absent: the decoder will say what is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Bits of 16-bit samples that hold the image.
    pub bits: Option<u8>,
    /// Whether 0 is stored for white (TIFF): decoders turn samples over within all 16 bits.
    pub white_is_zero: bool,
    /// EXIF orientation, 1 to 8.
    pub exif: u8,
}

impl Facts {
    /// Reads what stands beside the pixels of a PNG, TIFF, PNM or WebP; that of JPEG is read with its headers.
    pub(super) fn read(format: ImageFormat, file: &mut Input) -> Self {
        let mut facts = Self { bits: None, white_is_zero: false, exif: 1 };
        if file.seek(SeekFrom::Start(0)).is_err() {
            return facts;
        }
        // None where something is damaged; what was found before holds.
        let _ = match format {
            ImageFormat::Png => facts.png(BufReader::new(file)),
            ImageFormat::Tiff => facts.tiff(BufReader::new(file)),
            ImageFormat::Pnm => facts.pnm(file),
            ImageFormat::WebP => facts.webp(BufReader::new(file)),
            _ => None,
        };
        facts
    }

    /// `sBIT` and `eXIf`, which may also stand behind the pixels.
    fn png(&mut self, mut file: BufReader<&mut Input>) -> Option<()> {
        let mut colours = 3;
        file.seek_relative(8).ok()?;
        loop {
            let mut head = [0; 8];
            file.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            let mut read = 0;
            if matches!(&head[4..], b"IHDR" | b"sBIT" | b"eXIf") {
                let mut body = Vec::new();
                read = file.by_ref().take(u64::from(length).min(EXIF_BYTES)).read_to_end(&mut body).ok()?;
                match &head[4..] {
                    // Gray has one channel beside alpha, colour three.
                    b"IHDR" => colours = if body.get(9).is_some_and(|kind| kind & 2 == 0) { 1 } else { 3 },
                    // The widest of them: a bit less of blue does not make white darker.
                    b"sBIT" => {
                        self.bits = body.iter().take(colours).max().copied().filter(|n| (1..=16).contains(n));
                    }
                    _ => self.exif = of_exif(&body).unwrap_or(1),
                }
            }
            // The rest and a checksum.
            file.seek_relative(i64::from(length) - read as i64 + 4).ok()?;
            if &head[4..] == b"IEND" {
                return Some(());
            }
        }
    }

    /// The chunk `EXIF`. The decoder would reserve whatever length it states.
    fn webp(&mut self, mut file: BufReader<&mut Input>) -> Option<()> {
        file.seek_relative(12).ok()?;
        loop {
            let mut head = [0; 8];
            file.read_exact(&mut head).ok()?;
            let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
            if head.starts_with(b"EXIF") {
                let mut body = Vec::new();
                file.take(length.min(EXIF_BYTES)).read_to_end(&mut body).ok()?;
                self.exif = of_exif(&body).unwrap_or(1);
                return Some(());
            }
            file.seek_relative((length + length % 2) as i64).ok()?;
        }
    }

    /// `MaxSampleValue`, `Orientation`, and whether white is zero.
    fn tiff(&mut self, file: BufReader<&mut Input>) -> Option<()> {
        let mut decoder = Decoder::new(file).ok()?;
        if let Ok(Some(exif)) = decoder.find_tag_unsigned::<u16>(Tag::Orientation) {
            self.exif = u8::try_from(exif).ok().filter(|exif| (1..=8).contains(exif)).unwrap_or(1);
        }
        let colours = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation);
        self.white_is_zero = matches!(colours, Ok(Some(0)));
        let white = decoder.find_tag_unsigned_vec::<u16>(Tag::Unknown(281)).ok()??;
        let white = white.into_iter().max().filter(|&white| white > 0)?;
        // 65535 is what some programs write whatever the camera has: it states nothing.
        self.bits = Some((16 - white.leading_zeros()) as u8).filter(|&bits| bits < 16);
        Some(())
    }

    /// The largest value: samples are scaled to the full range when it is another than that of their bytes.
    fn pnm(&mut self, file: &mut Input) -> Option<()> {
        let mut head = Vec::new();
        file.take(4096).read_to_end(&mut head).ok()?;
        let text = String::from_utf8_lossy(&head);
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).take(64).collect();
        let white = match *words.first()? {
            "P7" => *words.iter().skip_while(|&&word| word != "MAXVAL").nth(1)?,
            _ => *words.get(3)?,
        };
        // 65535 is what many programs write whatever the camera has: it states nothing.
        self.bits = white.parse::<u16>().ok().filter(|&white| (256..65535).contains(&white)).map(|_| 16);
        Some(())
    }
}
