//! `embed`: CLIP's features of images and texts.

use std::path::PathBuf;

use dapo_wgpu::data::PhotoReader;
use dapo_wgpu::inspect::preprocess;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::detector::open_clip;
use crate::failure;
use crate::images::sources;

/// Features of a batch at a time.
const BATCH: usize = 8;

/// CLIP's features, float32, not scaled to unit length: of images [N, D] and of texts [M, D], None for what is not given.
#[pyfunction]
#[pyo3(signature = (images=None, texts=None, *, model=None, image_size=None, precision="f32", adapter="auto"))]
#[allow(clippy::type_complexity)] // two arrays
pub fn embed<'py>(
    py: Python<'py>,
    images: Option<&Bound<'py, PyAny>>,
    texts: Option<Vec<String>>,
    model: Option<PathBuf>,
    image_size: Option<usize>,
    precision: &str,
    adapter: &str,
) -> PyResult<(Option<Bound<'py, PyArray2<f32>>>, Option<Bound<'py, PyArray2<f32>>>)> {
    let images = images.map(sources).transpose()?.map(|(all, _)| all);
    let (of_images, of_texts, width) = py.detach(|| -> PyResult<_> {
        let clip = open_clip(model, image_size, precision, adapter)?;
        let transform = preprocess(&clip);
        let reader = PhotoReader::new(transform.clone());
        let mut of_images = images.as_ref().map(|_| Vec::new());
        let photos = images.into_iter().flatten().map(|source| source.read(&reader).photo);
        let photos = photos.collect::<Result<Vec<_>, _>>().map_err(failure::image)?;
        for batch in photos.chunks(BATCH) {
            Python::attach(|py| py.check_signals())?;
            let pixels: Vec<f32> = batch.iter().flat_map(|photo| transform.normalise(&photo.inputs[0])).collect();
            let features = clip.encode_images(&pixels).map_err(failure::clip)?;
            of_images.iter_mut().for_each(|all| all.extend_from_slice(&features));
        }
        let of_texts = texts.map(|texts| clip.encode_texts(&texts).map_err(failure::clip)).transpose()?;
        Ok((of_images, of_texts, clip.config().embed_dim))
    })?;
    let array = |features: Vec<f32>| {
        let rows = features.len() / width.max(1);
        PyArray1::from_vec(py, features).reshape([rows, width])
    };
    Ok((of_images.map(array).transpose()?, of_texts.map(array).transpose()?))
}
