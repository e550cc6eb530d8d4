//! The results of photos that an inspector has looked at.

use std::collections::BTreeMap;

use crate::clip::{Clip, embedded};
use crate::dapo::{Prompts, TOP_PATCHES};
use crate::gpu::AdapterSummary;
use crate::inspect::{GoodPhotos, Inspector, box_remarks};
use crate::report::results::{Adapter, ImageResult, LeftOut, Model, Program, Results, SCHEMA, Timing};

/// The device as results name it.
pub fn adapter(summary: &AdapterSummary) -> Adapter {
    Adapter {
        name: summary.name.clone(),
        backend: summary.backend.clone(),
        kind: summary.kind.clone(),
        driver: format!("{} {}", summary.driver, summary.driver_info).trim().to_owned(),
        software: summary.software,
    }
}

/// The model as results name it; the embedded one is for demonstration, and lies in no folder.
pub fn model(clip: &Clip, demonstration: bool) -> Model {
    Model {
        name: if demonstration { embedded::NAME.to_owned() } else { clip.config().name.clone() },
        path: if demonstration { String::new() } else { clip.folder().display().to_string() },
        image_size: clip.vision().image_size() as u32,
        patch_size: clip.config().vision.patch_size as u32,
        embed_dim: clip.config().embed_dim as u32,
        precision: clip.factors().name().into(),
        demonstration,
        weights_sha256: None,
    }
}

/// A run of detection, without its images.
#[derive(Debug)]
pub struct DetectionRun<'a> {
    /// What looked at them.
    pub inspector: &'a Inspector,
    /// What was looked for.
    pub prompts: &'a Prompts,
    /// The model, see [`model`].
    pub model: &'a Model,
    /// Photos of good parts that images were compared with; may be empty.
    pub good: &'a GoodPhotos,
    /// Defect probability from which a pixel belongs to a box.
    pub threshold: f32,
    /// Least area of a box in pixels of the photo, where one was asked for.
    pub min_area: Option<u64>,
    /// Score from which an image is called defective.
    pub alarm_threshold: f32,
    /// Whether images are missing because the run was stopped.
    pub interrupted: bool,
    /// Seconds from the first image to the last result.
    pub seconds: f64,
    /// Remarks about the run and how its images were read.
    pub notes: Vec<String>,
    /// Remarks about files that were not looked at.
    pub left_out_notes: Vec<String>,
    /// Files that were not looked at.
    pub left_out: LeftOut,
    /// The files beside the results, with the beginning of the SHA-256 of each.
    pub written: BTreeMap<String, String>,
}

impl DetectionRun<'_> {
    /// The results with these images, in the order of the run.
    pub fn results(self, images: Vec<ImageResult>) -> Results {
        let detector = self.inspector.detector();
        let gpu = detector.clip().gpu();
        let scored = images.iter().filter(|image| image.scored().is_some()).count();
        let remarks = box_remarks(images.iter().filter_map(ImageResult::scored));
        let mut settings = BTreeMap::from([
            ("temperature".to_owned(), detector.temperature().into()),
            ("top_patches".into(), TOP_PATCHES.into()),
            ("threshold".into(), self.threshold.into()),
            ("alarm_threshold".into(), self.alarm_threshold.into()),
            ("batch".into(), self.inspector.batch().into()),
            ("interrupted".into(), self.interrupted.into()),
        ]);
        settings.extend(self.inspector.tiling().map(|tiling| ("tile".to_owned(), tiling.edge.into())));
        settings.extend((!self.good.is_empty()).then(|| ("good_photos".to_owned(), self.good.len().into())));
        settings.extend(self.min_area.map(|area| ("min_area".to_owned(), area.into())));
        let notes = gpu
            .notes()
            .into_iter()
            .chain(detector.notes())
            .chain(self.good.notes.iter().cloned())
            .chain(self.notes)
            .chain(remarks)
            .chain(self.left_out_notes);
        Results {
            schema: SCHEMA.to_owned(),
            program: Program::own(),
            adapter: adapter(gpu.adapter()),
            model: self.model.clone(),
            object: self.prompts.object.clone(),
            method: detector.method().into(),
            defects: self.prompts.defects.clone(),
            settings,
            timing: Timing {
                images: scored,
                seconds: self.seconds,
                images_per_second: scored as f64 / self.seconds.max(1e-9),
            },
            notes: notes.collect(),
            left_out: self.left_out,
            images,
            written: self.written,
        }
    }
}
