//! A part that was taught: all that its inspection needs, in one file.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::good::GoodPhotos;
use crate::clip::LFS_POINTER;
use crate::dapo::{Alarm, NearestPatch, ReferencesAbout, SavedReferences};
use crate::data::ReadOptions;
use crate::report::results::{Model, Program};

/// Value of [`PartAbout::schema`].
pub const SCHEMA: &str = "dapo-wgpu/part/2";
/// The entry of the file's metadata that holds a [`PartAbout`].
const ENTRY: &str = "dapo-wgpu";
const CLASSES: &str = "class_embeddings";
const ORIGINS: &str = "origins";
const LEARNER: &str = "learner";

/// What a part was taught with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartAbout {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote the file.
    pub program: Program,
    /// The model.
    pub model: Model,
    /// Digest of the model's files.
    pub model_files: String,
    /// How weights are stored on the device.
    pub weights: String,
    /// What the photos show, as prompts call it; none for that of a learner.
    pub object: Option<String>,
    /// The defects to look for.
    pub defects: Vec<String>,
    /// How photos are read.
    pub reading: ReadOptions,
    /// Edge and overlap of tiles, if photos are cut.
    pub tile: Option<(u32, f32)>,
    /// About the references.
    pub references: ReferencesAbout,
    /// Digest of the good photos.
    pub references_digest: String,
    /// The good photos, for what is shown of them.
    pub good: GoodPhotos,
    /// The threshold for alarms, if it was calibrated.
    pub alarm: Option<Alarm>,
}

/// A part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Settings.
    pub about: PartAbout,
    /// Embeddings of the classes, normal first, [classes, embed_dim]; none for a learner, which makes its own.
    pub classes: Option<Vec<f32>>,
    /// The file of a learner.
    pub learner: Option<Vec<u8>>,
    /// The good photos' patches.
    pub references: SavedReferences,
}

/// Why a file is no part.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Not a safetensors file, or a broken one.
    #[error("not a part of dapo-wgpu teach: {0}")]
    File(String),
    /// Not one of this program, or of another version.
    #[error("{0}")]
    About(String),
}

fn layer(at: usize) -> String {
    format!("references.{at}")
}

fn picture(at: usize) -> String {
    format!("picture.{at}")
}

impl Part {
    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// [`PartError::File`] when numbers do not fit together.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PartError> {
        let broken = |e: safetensors::SafeTensorError| PartError::File(e.to_string());
        let Self { about, classes, learner, references } = self;
        let (rows, width) = (references.origins.len(), about.references.width);
        let origins: Vec<u32> = references.origins.iter().flat_map(|o| [o.photo, o.input, o.cell]).collect();
        let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, &[u8])> = BTreeMap::new();
        tensors.insert(ORIGINS.into(), (Dtype::U32, vec![rows, 3], bytemuck::cast_slice(&origins)));
        for (at, values) in references.rows.iter().enumerate() {
            tensors.insert(layer(at), (Dtype::F16, vec![rows, width], bytemuck::cast_slice(values)));
        }
        if let Some(values) = classes {
            let width = about.model.embed_dim.max(1) as usize;
            let shape = vec![values.len() / width, width];
            tensors.insert(CLASSES.into(), (Dtype::F32, shape, bytemuck::cast_slice(values)));
        }
        for (at, bytes) in about.good.pictures().enumerate() {
            tensors.insert(picture(at), (Dtype::U8, vec![bytes.len()], bytes));
        }
        if let Some(bytes) = learner {
            tensors.insert(LEARNER.into(), (Dtype::U8, vec![bytes.len()], bytes));
        }
        let views = tensors
            .into_iter()
            .map(|(name, (dtype, shape, data))| {
                Ok((name, TensorView::new(dtype, shape, data).map_err(broken)?))
            })
            .collect::<Result<Vec<_>, PartError>>()?;
        let text = serde_json::to_string(about).map_err(|e| PartError::About(e.to_string()))?;
        safetensors::serialize(views, Some(HashMap::from([(ENTRY.to_owned(), text)]))).map_err(broken)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PartError> {
        if bytes.starts_with(LFS_POINTER) {
            return Err(PartError::File("it is a placeholder of Git LFS; run: git lfs pull".into()));
        }
        let broken = |e: safetensors::SafeTensorError| PartError::File(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let text = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let text = text.ok_or_else(|| PartError::File("it has no description".into()))?;
        #[derive(Deserialize)]
        struct Version {
            schema: String,
        }
        let unclear = |e: serde_json::Error| PartError::About(format!("its description cannot be read: {e}"));
        let version: Version = serde_json::from_str(text).map_err(unclear)?;
        if version.schema != SCHEMA {
            let found = version.schema;
            return Err(PartError::About(format!("its schema is '{found}', this program reads '{SCHEMA}'")));
        }
        let mut about: PartAbout = serde_json::from_str(text).map_err(unclear)?;
        about
            .alarm
            .as_ref()
            .map_or(Ok(()), Alarm::check)
            .map_err(|e| PartError::About(format!("alarm: {e}")))?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let data = |name: &str, dtype: Dtype| -> Result<Option<Vec<u8>>, PartError> {
            match file.tensor(name) {
                Err(_) => Ok(None),
                Ok(view) if view.dtype() == dtype => Ok(Some(view.data().to_vec())),
                Ok(view) => Err(PartError::File(format!("{name} is {:?}, not {dtype:?}", view.dtype()))),
            }
        };
        let there = |name: String, dtype: Dtype| {
            data(&name, dtype)?.ok_or_else(|| PartError::File(format!("it has no {name}")))
        };
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let origin = |bytes: &[u8]| NearestPatch {
            photo: word(&bytes[..4]),
            input: word(&bytes[4..8]),
            cell: word(&bytes[8..12]),
        };
        let halves =
            |bytes: Vec<u8>| bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
        let rows = (0..about.references.layers.len().min(64))
            .map(|at| Ok(halves(there(layer(at), Dtype::F16)?)))
            .collect::<Result<Vec<Vec<f16>>, PartError>>()?;
        let pictures = (0..about.good.len()).map(|at| data(&picture(at), Dtype::U8));
        let pictures = pictures.collect::<Result<Vec<_>, PartError>>()?;
        about.good = about.good.with_pictures(pictures.into_iter().map(Option::unwrap_or_default));
        let classes = data(CLASSES, Dtype::F32)?
            .map(|bytes| bytes.chunks_exact(4).map(|b| f32::from_bits(word(b))).collect::<Vec<f32>>());
        if classes.iter().flatten().any(|value| !value.is_finite()) {
            return Err(PartError::File(format!("{CLASSES} has a value that is not finite")));
        }
        if rows.iter().flatten().any(|value| !value.is_finite()) {
            return Err(PartError::File("a reference has a value that is not finite".into()));
        }
        let origins: Vec<NearestPatch> =
            there(ORIGINS.into(), Dtype::U32)?.chunks_exact(12).map(origin).collect();
        if about.tile.is_some_and(|(edge, overlap)| edge < 16 || !(0.0..=0.9).contains(&overlap)) {
            return Err(PartError::About("tile: no size from 16 pixels and overlap from 0 to 0.9".into()));
        }
        if about.references.grid >= 1 << 16 || !about.good.fits(about.references.grid, &origins) {
            return Err(PartError::About("good: photos, tiles and patches do not belong together".into()));
        }
        Ok(Self {
            classes,
            learner: data(LEARNER, Dtype::U8)?,
            references: SavedReferences { rows, origins, about: about.references.clone() },
            about,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dapo::Usual;

    /// One photo with a tile of 8 × 8 pixels.
    fn good(grid: u32, size: [u32; 2]) -> GoodPhotos {
        let tile = serde_json::json!({ "x": 0, "y": 0, "width": 8, "height": 8 });
        let photo = serde_json::json!({ "path": "a.png", "size": size, "tiles": [tile] });
        serde_json::from_value(serde_json::json!({ "photos": [photo], "grid": grid, "notes": [] }))
            .expect("photos")
    }

    pub(crate) fn part() -> Part {
        let usual = Usual::fit(vec![0.0, 1.0, 2.0], 0.1).expect("a sample");
        let references = ReferencesAbout {
            layers: vec![1, 2],
            grid: 2,
            width: 3,
            photos: 1,
            f16: false,
            units: vec![0.5, 0.25],
            distance: usual,
            words: usual,
            notes: vec!["a note".into()],
        };
        let rows = vec![vec![f16::from_f32(0.5); 6], vec![f16::from_f32(-1.0); 6]];
        let origin = |cell| NearestPatch { photo: 0, input: 0, cell };
        let about = PartAbout {
            schema: SCHEMA.into(),
            program: Program::own(),
            model: Model {
                name: "m".into(),
                path: String::new(),
                image_size: 16,
                patch_size: 8,
                embed_dim: 2,
                precision: "f32".into(),
                demonstration: true,
                weights_sha256: None,
            },
            model_files: "00".into(),
            weights: "f32".into(),
            object: Some("nut".into()),
            defects: vec!["scratch".into()],
            reading: ReadOptions::default(),
            tile: Some((64, 0.25)),
            references: references.clone(),
            references_digest: "12".into(),
            good: good(2, [8, 8]),
            alarm: None,
        };
        let references = SavedReferences { about: references, rows, origins: vec![origin(1), origin(3)] };
        Part { about, classes: Some(vec![0.5, 0.25, 1.0, -1.0]), learner: Some(vec![1, 2, 3]), references }
    }

    #[test]
    fn a_part_reads_back_as_it_was() {
        let part = part();
        assert_eq!(Part::from_bytes(&part.to_bytes().expect("bytes")).expect("a part"), part);
        let bare = Part { classes: None, learner: None, ..part };
        assert_eq!(Part::from_bytes(&bare.to_bytes().expect("bytes")).expect("a part"), bare);
    }

    #[test]
    fn what_is_no_part_is_said() {
        let error = |bytes: &[u8]| Part::from_bytes(bytes).expect_err("no part").to_string();
        assert!(error(b"").contains("not a part"));
        assert!(error(b"version https://git-lfs.github.com/spec/v1\noid").contains("git lfs pull"));
        let bytes = part().to_bytes().expect("bytes");
        assert!(error(&bytes[..bytes.len() - 1]).contains("not a part"));
        let mut other = part();
        other.about.schema = "dapo-wgpu/part/9".into();
        assert!(error(&other.to_bytes().expect("bytes")).contains("part/9"));
        let mut spoilt = part();
        spoilt.classes = Some(vec![f32::NAN; 4]);
        assert!(error(&spoilt.to_bytes().expect("bytes")).contains("not finite"));
        // What was edited, and would be divided by, counted or looked up.
        for (good, tile) in [
            (good(0, [8, 8]), None),
            (good(3, [8, 8]), None),
            (good(2, [8, 7]), None),
            (good(2, [8, 8]), Some((0, 0.25))),
            (good(2, [8, 8]), Some((64, 1.0))),
        ] {
            let mut edited = part();
            (edited.about.good, edited.about.tile) = (good, tile);
            let error = error(&edited.to_bytes().expect("bytes"));
            assert!(error.contains("do not belong together") || error.contains("tile: no size"), "{error}");
        }
        let mut far = part();
        far.references.origins[0].photo = 1;
        assert!(error(&far.to_bytes().expect("bytes")).contains("do not belong together"));
        let none = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), None).expect("bytes");
        assert!(error(&none).contains("no description"));
    }
}
