//! Options of how photos are read, and what is said of it.

use clap::{Args, ValueEnum};

use super::say::say;
use crate::data::{Bits, Orient, ReadOptions, ReadTally};

/// How photos are read.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReadArgs {
    /// How many bits of 16-bit files the camera fills, such as 12: white is 4095 then; 16 for all of them [default: what
    /// the file states, or the fewest of 8, 10, 12 and 14 that a dark photo fits; said with each photo]
    #[arg(help_heading = "Reading photos", long, value_name = "N", value_parser = bits)]
    bits: Option<Bits>,
    /// Which way up photos are read, and boxes given: upright by their EXIF orientation, or as the pixels are stored
    #[arg(help_heading = "Reading photos", long, value_enum, default_value = "exif")]
    orient: Way,
    /// Read JPEG files as far as they go, with a missing end or bytes between their segments; said with each photo
    #[arg(long, help_heading = "Reading photos")]
    lenient: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// Upright
    Exif,
    /// As stored
    Stored,
}

fn bits(text: &str) -> Result<Bits, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Bits::Auto),
        (_, Ok(bits @ 8..=16)) => Ok(Bits::Lower(bits)),
        _ => Err("expected a whole number from 8 to 16, or auto".to_owned()),
    }
}

impl From<ReadOptions> for ReadArgs {
    fn from(options: ReadOptions) -> Self {
        let orient = match options.orient {
            Orient::Exif => Way::Exif,
            Orient::Stored => Way::Stored,
        };
        Self { bits: Some(options.bits), orient, lenient: options.lenient }
    }
}

impl ReadArgs {
    /// The library's name for them.
    pub fn options(&self) -> ReadOptions {
        let orient = match self.orient {
            Way::Exif => Orient::Exif,
            Way::Stored => Orient::Stored,
        };
        ReadOptions { bits: self.bits.unwrap_or_default(), orient, lenient: self.lenient }
    }
}

impl ReadArgs {
    /// The options that change pixels, where they are not the default ones, as they are given.
    pub fn words(&self) -> String {
        let bits = match self.bits {
            Some(Bits::Lower(bits)) => Some(format!("--bits {bits}")),
            Some(Bits::Auto) | None => None,
        };
        let orient = matches!(self.orient, Way::Stored).then(|| "--orient stored".to_owned());
        bits.into_iter().chain(orient).collect::<Vec<_>>().join(" ")
    }

    /// Text that names the options, for comparison; empty for the default ones.
    pub fn difference(&self) -> String {
        match self.options() {
            options if options == ReadOptions::default() => String::new(),
            options => format!(" {options:?}"),
        }
    }
}

/// Tells how images were read, where that is not as one may expect.
pub fn tell(tally: &ReadTally) {
    for line in tally.lines() {
        say!("note: {line}");
    }
}
