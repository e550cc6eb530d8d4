//! `Detector`: opened once, called with images.

use std::path::PathBuf;

use dapo_wgpu::clip::{Clip, ClipOptions, Factors, embedded};
use dapo_wgpu::dapo::{DEFAULT_DEFECTS, Detector as Engine, Prompts};
use dapo_wgpu::gpu::{AdapterChoice, Gpu, GpuOptions};
use dapo_wgpu::inspect::picture::Findings;
use dapo_wgpu::inspect::{BoxOptions, GoodOptions, GoodPhotos, Inspector, ReadPhoto};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::failure;
use crate::images::{Source, sources};
use crate::results::Detection;

/// Opens a model on a device.
///
/// # Errors
/// No device, no model.
pub fn open_clip(model: Option<PathBuf>, image_size: Option<usize>, precision: &str, adapter: &str) -> PyResult<Clip> {
    let factors = match precision {
        "f32" => Factors::F32,
        "f16" => Factors::F16,
        other => return Err(failure::argument(format!("precision is 'f32' or 'f16', not {other:?}"))),
    };
    let gpu = Gpu::open(&GpuOptions { adapter: AdapterChoice::from(adapter), ..GpuOptions::default() });
    let gpu = gpu.map_err(failure::gpu)?;
    let options = ClipOptions { image_size, factors, ..ClipOptions::default() };
    match model {
        Some(folder) => Clip::open(&gpu, &folder, options),
        None => Clip::from_files(&gpu, &embedded::files(), options),
    }
    .map_err(failure::clip)
}

/// Finds, localises and names defects in images.
#[pyclass(module = "dapo_wgpu")]
pub struct Detector {
    inspector: Inspector,
    prompts: Prompts,
    good: GoodPhotos,
    threshold: f32,
    boxes: BoxOptions,
}

#[pymethods]
impl Detector {
    #[new]
    #[pyo3(signature = (object=None, defects=None, *, good=None, model=None, image_size=None, batch=8, threshold=0.5,
        box_threshold=0.5, min_area=None, turned=false, precision="f32", adapter="auto"))]
    #[allow(clippy::too_many_arguments)] // keywords of Python
    fn new(
        py: Python<'_>,
        object: Option<String>,
        defects: Option<Vec<String>>,
        good: Option<&Bound<'_, PyAny>>,
        model: Option<PathBuf>,
        image_size: Option<usize>,
        batch: usize,
        threshold: f32,
        box_threshold: f32,
        min_area: Option<u64>,
        turned: bool,
        precision: &str,
        adapter: &str,
    ) -> PyResult<Self> {
        for (name, value) in [("threshold", threshold), ("box_threshold", box_threshold)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(failure::argument(format!("{name} is a probability from 0 to 1, not {value}")));
            }
        }
        let defects = defects.unwrap_or_else(|| DEFAULT_DEFECTS.map(str::to_owned).to_vec());
        let prompts = Prompts::new(object.as_deref(), &defects).map_err(failure::argument)?;
        let good = good.map(sources).transpose()?.map(|(all, _)| all).unwrap_or_default();
        let opened = py.detach(|| -> PyResult<(Inspector, GoodPhotos)> {
            let clip = open_clip(model, image_size, precision, adapter)?;
            let detector = Engine::new(clip, &prompts).map_err(failure::clip)?;
            let inspector = Inspector::new(detector).with_batch(batch);
            if good.is_empty() {
                return Ok((inspector, GoodPhotos::default()));
            }
            let reader = inspector.good_reader();
            let photos = good.into_iter().enumerate().map(|(at, source)| {
                let ReadPhoto { job, photo } = source.read(&reader);
                ReadPhoto { job: PathBuf::from(job.unwrap_or_else(|| format!("good {at}"))), photo }
            });
            let options = GoodOptions { turned, ..GoodOptions::default() };
            let learned = inspector.learn_photos(photos, options, |_| ());
            let (references, photos) = learned.map_err(|e| failure::engine(e, ""))?;
            Ok((inspector.with_references(references), photos))
        });
        let (inspector, good) = opened?;
        let boxes = BoxOptions { threshold: box_threshold, min_area };
        Ok(Self { inspector, prompts, good, threshold, boxes })
    }

    /// Looks at one image, or at several in batches.
    #[pyo3(signature = (images, *, errors="raise"))]
    fn __call__<'py>(&self, py: Python<'py>, images: &Bound<'py, PyAny>, errors: &str) -> PyResult<Bound<'py, PyAny>> {
        if !["raise", "return"].contains(&errors) {
            return Err(failure::argument(format!("errors is 'raise' or 'return', not {errors:?}")));
        }
        let (all, single) = sources(images)?;
        let found = py.detach(|| self.look(all, errors == "raise"))?;
        let mut found = found.into_iter().map(|outcome| match outcome {
            Ok(detection) => Ok(Bound::new(py, detection)?.into_any()),
            Err(error) => Ok(error.into_value(py).into_bound(py).into_any()),
        });
        match single {
            true => found.next().unwrap_or_else(|| Err(failure::argument("no image"))),
            false => Ok(PyList::new(py, found.collect::<PyResult<Vec<_>>>()?)?.into_any()),
        }
    }

    /// What is in the images, as the prompts call it.
    #[getter]
    fn object(&self) -> String {
        self.prompts.object.clone()
    }

    /// The defects that are looked for.
    #[getter]
    fn defects(&self) -> Vec<String> {
        self.prompts.defects.clone()
    }

    /// The device, its driver, and whether it is software.
    #[getter]
    fn adapter(&self) -> String {
        self.inspector.detector().clip().gpu().adapter().line()
    }

    /// Remarks: good photos that were left out, prompts that were cut.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.inspector.detector().notes().into_iter().chain(self.good.notes.iter().cloned()).collect()
    }

    fn __repr__(&self) -> String {
        format!("Detector(object={:?}, defects={:?}, adapter={:?})", self.prompts.object, self.prompts.defects, self.adapter())
    }
}

impl Detector {
    /// Results in order. An image that cannot be read ends the call, or is an exception among the results.
    fn look(&self, images: Vec<Source>, raise: bool) -> PyResult<Vec<PyResult<Detection>>> {
        let reader = self.inspector.reader();
        let photos = images.into_iter().map(|source| source.read(&reader));
        let mut found = Vec::new();
        for inspected in self.inspector.inspect_photos(photos) {
            // Ctrl-C ends the call here.
            Python::attach(|py| py.check_signals())?;
            let inspected = inspected.map_err(failure::dapo)?;
            let outcome = match inspected.outcome {
                Err(error) => Err(failure::image(error)),
                Ok((photo, detection)) => {
                    let findings = Findings::new(&photo, &detection, &self.prompts.defects, self.boxes)
                        .map_err(|e| failure::engine(e, ""))?
                        .with_good(&self.good);
                    let path = inspected.job.clone();
                    let scored = findings.result(path.clone().unwrap_or_default(), self.threshold);
                    Ok(Detection::new(path, scored, detection.binary_map(), detection.size))
                }
            };
            match outcome {
                Err(error) if raise => return Err(error),
                outcome => found.push(outcome),
            }
        }
        Ok(found)
    }
}
