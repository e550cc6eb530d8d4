//! Pixels measured exactly or in bins, behind one name.

use crate::metrics::{
    MultiFigures, PixelCounts, PixelFigures, PixelScores, TypeCounts, TypeScores, Undefined,
};

/// All pixels of a product.
pub enum Meter {
    /// Every value.
    Exact(PixelScores),
    /// In bins.
    Streaming(PixelCounts),
}

impl Meter {
    /// Exact without a range, in bins of it with one.
    ///
    /// # Errors
    /// As [`PixelCounts::new`].
    pub fn new(range: Option<[f32; 2]>) -> Result<Self, Undefined> {
        Ok(match range {
            None => Self::Exact(PixelScores::new()),
            Some(range) => Self::Streaming(PixelCounts::new(range)?),
        })
    }

    /// Adds one image.
    ///
    /// # Errors
    /// As [`PixelScores::add`] and [`PixelCounts::add`].
    pub fn add(&mut self, map: &[f32], mask: &[bool], width: usize) -> Result<(), Undefined> {
        match self {
            Self::Exact(scores) => scores.add(map, mask, width),
            Self::Streaming(counts) => counts.add(map, mask, width),
        }
    }

    /// The figures of everything added.
    pub fn figures(self) -> PixelFigures {
        match self {
            Self::Exact(scores) => scores.figures(),
            Self::Streaming(counts) => counts.figures(),
        }
    }
}

/// All channels of a product.
pub enum TypeMeter {
    /// Every value.
    Exact(TypeScores),
    /// In bins.
    Streaming(TypeCounts),
}

impl TypeMeter {
    /// Exact without a range, in bins of it with one.
    ///
    /// # Errors
    /// As [`TypeCounts::new`].
    pub fn new(classes: &[String], range: Option<[f32; 2]>) -> Result<Self, Undefined> {
        let names = classes.iter().cloned();
        Ok(match range {
            None => Self::Exact(TypeScores::new(names)),
            Some(range) => Self::Streaming(TypeCounts::new(names, range)?),
        })
    }

    /// Adds one image.
    ///
    /// # Errors
    /// As [`TypeScores::add`] and [`TypeCounts::add`].
    pub fn add(&mut self, maps: &[f32], truth: &[u8]) -> Result<(), Undefined> {
        match self {
            Self::Exact(scores) => scores.add(maps, truth),
            Self::Streaming(counts) => counts.add(maps, truth),
        }
    }

    /// The figures of everything added.
    pub fn figures(self) -> MultiFigures {
        match self {
            Self::Exact(scores) => scores.figures(),
            Self::Streaming(counts) => counts.figures(),
        }
    }
}
