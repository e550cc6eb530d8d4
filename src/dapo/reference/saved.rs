//! References without a device: what a file of them holds.

use half::f16;
use serde::{Deserialize, Serialize};

use super::layers;
use super::references::{NearestPatch, References};
use super::usual::Usual;
use crate::clip::Clip;
use crate::ops::{Element, OpError};

/// What is known of references besides their rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferencesAbout {
    /// The blocks whose hidden states are compared, counted from 1.
    pub layers: Vec<usize>,
    /// Cells along an edge.
    pub grid: usize,
    /// Elements of a row.
    pub width: usize,
    /// Good photos, without copies of one another.
    pub photos: usize,
    /// Whether the rows are float16 on the device.
    pub f16: bool,
    /// The median distance of good patches at each layer.
    pub units: Vec<f64>,
    /// The logarithm of a distance among good patches.
    pub distance: Usual,
    /// The words' log-odds of any defect among good patches.
    pub words: Usual,
    /// What the user should know of the good photos.
    pub notes: Vec<String>,
}

/// References on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedReferences {
    /// What is known of them.
    pub about: ReferencesAbout,
    /// Rows of unit length of each layer, [rows, width].
    pub rows: Vec<Vec<f16>>,
    /// Where each row is from.
    pub origins: Vec<NearestPatch>,
}

impl References {
    /// All that [`SavedReferences::open`] needs.
    pub fn save(&self) -> SavedReferences {
        SavedReferences {
            about: ReferencesAbout {
                layers: self.layers.clone(),
                grid: self.grid,
                width: self.width,
                photos: self.photos,
                f16: self.element == Element::F16,
                units: self.units.clone(),
                distance: self.distance,
                words: self.words,
                notes: self.notes.clone(),
            },
            rows: self.rows.clone(),
            origins: self.origins.clone(),
        }
    }
}

impl SavedReferences {
    /// Puts them on the device of a model.
    ///
    /// # Errors
    /// [`OpError::Shape`] for references of another model, or ones that do not fit together; those of the device.
    pub fn open(&self, clip: &Clip) -> Result<References, OpError> {
        let Self { about, rows, origins } = self;
        let vision = clip.vision();
        let wrong =
            |expected: String, found: Vec<usize>| Err(OpError::Shape { op: "references", expected, found });
        let own = (layers(vision.depth()), vision.grid(), vision.width());
        if (&about.layers, about.grid, about.width) != (&own.0, own.1, own.2) {
            return wrong(
                format!("blocks {:?} of {} x {} patches of {} elements", own.0, own.1, own.1, own.2),
                [about.layers.clone(), vec![about.grid, about.width]].concat(),
            );
        }
        let elements = origins.len() * about.width;
        if origins.is_empty()
            || rows.len() != about.layers.len()
            || rows.iter().any(|layer| layer.len() != elements)
            || about.units.len() != rows.len()
        {
            return wrong(
                format!("{elements} elements in each of {} layers", about.layers.len()),
                vec![rows.len()],
            );
        }
        let finite = rows.iter().flatten().all(|value| value.is_finite())
            && about.units.iter().all(|unit| unit.is_finite() && *unit > 0.0)
            && about.distance.is_valid()
            && about.words.is_valid();
        if !finite {
            return wrong("finite numbers".into(), Vec::new());
        }
        let element = if about.f16 { Element::F16 } else { Element::F32 };
        Ok(References {
            element,
            width: about.width,
            banks: References::banks(clip.gpu(), rows, about.width, element)?,
            rows: rows.clone(),
            layers: about.layers.clone(),
            grid: about.grid,
            photos: about.photos,
            origins: origins.clone(),
            units: about.units.clone(),
            distance: about.distance,
            words: about.words,
            notes: about.notes.clone(),
        })
    }
}
