//! What a detector says of an image.

use std::collections::BTreeMap;

use dapo_wgpu::report::results::{DefectBox, ScoredImage, Verdict};
use numpy::{PyArray2, PyArrayMethods};
use pyo3::prelude::*;

/// A box around one defective region, in pixels of the image, origin at the top left.
#[pyclass(frozen, get_all, module = "dapo_wgpu")]
#[derive(Debug, Clone)]
pub struct Box {
    /// Left edge.
    x: u32,
    /// Top edge.
    y: u32,
    width: u32,
    height: u32,
    /// Anomaly value of the region, 0 to 1.
    score: f32,
    /// Pixels of the region itself.
    area: u64,
    /// The defect that fits the region best.
    r#type: String,
}

#[pymethods]
impl Box {
    fn __repr__(&self) -> String {
        let Self { x, y, width, height, score, r#type, .. } = self;
        format!("Box(type={:?}, score={score:.3}, x={x}, y={y}, width={width}, height={height})", r#type)
    }
}

impl From<&DefectBox> for Box {
    fn from(found: &DefectBox) -> Self {
        let DefectBox { x, y, width, height, score, area, ref defect_type, .. } = *found;
        Self { x, y, width, height, score, area, r#type: defect_type.clone() }
    }
}

/// The result of one image.
#[pyclass(frozen, module = "dapo_wgpu")]
#[derive(Debug)]
pub struct Detection {
    /// The path of a file; None for pixels.
    #[pyo3(get)]
    path: Option<String>,
    /// Width and height of the image in pixels.
    #[pyo3(get)]
    size: (u32, u32),
    /// How anomalous the whole image is, 0 to 1.
    #[pyo3(get)]
    score: f32,
    /// Whether the score reaches the threshold.
    #[pyo3(get)]
    defective: bool,
    /// The most likely defect, also where the score is low.
    #[pyo3(get)]
    r#type: String,
    /// Probability of "normal" and of each defect; they sum to 1.
    #[pyo3(get)]
    probabilities: BTreeMap<String, f32>,
    /// Regions above the box threshold, the highest first.
    #[pyo3(get)]
    boxes: Vec<Box>,
    /// How the image was read where that is not as one may expect.
    #[pyo3(get)]
    notes: Vec<String>,
    map: Vec<f32>,
    side: usize,
}

impl Detection {
    pub fn new(path: Option<String>, image: ScoredImage, map: Vec<f32>, side: usize) -> Self {
        Self {
            path,
            size: (image.width, image.height),
            score: image.score,
            defective: image.verdict == Some(Verdict::Defective),
            r#type: image.defect_type,
            probabilities: image.probabilities,
            boxes: image.boxes.iter().map(Box::from).collect(),
            notes: image.notes,
            map,
            side,
        }
    }
}

#[pymethods]
impl Detection {
    /// Probability of a defect at each pixel of the model's input, float32 [S, S]; it covers the whole image.
    #[getter]
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        numpy::PyArray1::from_slice(py, &self.map).reshape([self.side, self.side])
    }

    fn __repr__(&self) -> String {
        let verdict = if self.defective { "defective" } else { "good" };
        format!("Detection({verdict}, score={:.3}, type={:?}, boxes={})", self.score, self.r#type, self.boxes.len())
    }
}
