//! `dapo_wgpu` for Python: the engine's detector, features, devices and conformance test.
//!
//! The GIL is released while the device works; Ctrl-C is looked at between batches.

mod detector;
mod failure;
mod features;
mod images;
mod laboratory;
mod results;

use pyo3::prelude::*;

/// The native part of the package `dapo_wgpu`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("EngineError", module.py().get_type::<failure::EngineError>())?;
    module.add("ImageError", module.py().get_type::<failure::ImageError>())?;
    module.add_class::<detector::Detector>()?;
    module.add_class::<results::Detection>()?;
    module.add_class::<results::Box>()?;
    module.add_function(wrap_pyfunction!(features::embed, module)?)?;
    module.add_function(wrap_pyfunction!(laboratory::devices, module)?)?;
    module.add_function(wrap_pyfunction!(laboratory::check, module)?)
}
