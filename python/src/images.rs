//! What stands for an image in Python: a path, a PIL image, a NumPy array.

use std::path::PathBuf;

use dapo_wgpu::data::{Mode, Photo, PhotoReader, Raster};
use dapo_wgpu::inspect::ReadPhoto;
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::failure::{argument, image};

/// An image that is to be read.
#[derive(Debug, Clone)]
pub enum Source {
    File(PathBuf),
    Pixels(Raster),
}

impl Source {
    /// Takes a path (`str`, `os.PathLike`), a PIL image, or an array [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of uint8.
    ///
    /// # Errors
    /// Anything else.
    pub fn new(item: &Bound<'_, PyAny>) -> PyResult<Self> {
        if item.is_instance_of::<PyString>() || item.hasattr("__fspath__")? {
            return Ok(Self::File(item.extract()?));
        }
        if item.hasattr("convert")? && item.hasattr("mode")? {
            let mode: String = item.getattr("mode")?.extract()?;
            let wanted = if ["L", "LA", "RGBA"].contains(&mode.as_str()) { mode.as_str() } else { "RGB" };
            let converted = item.call_method1("convert", (wanted,))?;
            let array = item.py().import("numpy")?.call_method1("asarray", (converted,))?;
            return Self::array(&array);
        }
        if item.hasattr("__array__")? {
            return Self::array(item);
        }
        let kind = item.get_type().name()?;
        Err(argument(format!("an image is a path, a PIL image or a NumPy array of uint8, not {kind}")))
    }

    fn array(item: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = item.py().import("numpy")?.call_method1("ascontiguousarray", (item,))?;
        let array: PyReadonlyArrayDyn<'_, u8> = array.extract().map_err(|_| {
            let dtype = item.getattr("dtype").map_or_else(|_| "?".to_owned(), |dtype| dtype.to_string());
            argument(format!("an array of an image has dtype uint8 and values 0 to 255, not {dtype}"))
        })?;
        let (height, width, channels) = match *array.shape() {
            [height, width] => (height, width, 1),
            [height, width, channels] => (height, width, channels),
            ref other => return Err(argument(format!("an array of an image is [H, W] or [H, W, C], not {other:?}"))),
        };
        let mode = match channels {
            1 => Mode::L,
            2 => Mode::La,
            3 => Mode::Rgb,
            4 => Mode::Rgba,
            n => return Err(argument(format!("an image has 1 to 4 channels, the last axis of the array, not {n}"))),
        };
        let raster = Raster::new(width as u32, height as u32, mode, array.as_slice()?.to_vec());
        raster.map(Self::Pixels).ok_or_else(|| image("an image without pixels"))
    }

    /// What results call it: its path, or nothing.
    pub fn name(&self) -> Option<String> {
        match self {
            Source::File(path) => Some(path.display().to_string()),
            Source::Pixels(_) => None,
        }
    }

    /// Reads it.
    pub fn read(self, reader: &PhotoReader) -> ReadPhoto<Option<String>> {
        let job = self.name();
        let photo: Result<Photo, _> = match self {
            Source::File(path) => reader.read(&path),
            Source::Pixels(raster) => Ok(reader.read_raster(raster)),
        };
        ReadPhoto { job, photo }
    }
}

/// One image, or several; and whether it was one.
///
/// # Errors
/// As [`Source::new`].
pub fn sources(images: &Bound<'_, PyAny>) -> PyResult<(Vec<Source>, bool)> {
    if images.is_instance_of::<PyList>() || images.is_instance_of::<PyTuple>() {
        let all = images.try_iter()?.map(|item| Source::new(&item?)).collect::<PyResult<_>>()?;
        return Ok((all, false));
    }
    // An array [N, H, W, C] is N images.
    if images.hasattr("__array__")? && images.getattr("ndim").is_ok_and(|n| n.eq(4).unwrap_or(false)) {
        let all = images.try_iter()?.map(|item| Source::new(&item?)).collect::<PyResult<_>>()?;
        return Ok((all, false));
    }
    Ok((vec![Source::new(images)?], true))
}
