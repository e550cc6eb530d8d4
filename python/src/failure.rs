//! Errors of the engine as exceptions, with what to do.

use std::fmt::Display;

use dapo_wgpu::clip::ClipError;
use dapo_wgpu::dapo::learner::DapoError;
use dapo_wgpu::gpu::GpuError;
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};

create_exception!(dapo_wgpu, EngineError, PyRuntimeError, "The device, the model or the prompts failed.");
create_exception!(dapo_wgpu, ImageError, PyValueError, "An image cannot be read.");

/// A message, and what to do about it.
pub fn engine(message: impl Display, hint: &str) -> PyErr {
    match hint.is_empty() {
        true => EngineError::new_err(message.to_string()),
        false => EngineError::new_err(format!("{message}\nhint: {hint}")),
    }
}

pub fn gpu(error: GpuError) -> PyErr {
    engine(&error, &error.hint())
}

pub fn clip(error: ClipError) -> PyErr {
    engine(&error, &error.hint())
}

pub fn dapo(error: DapoError) -> PyErr {
    engine(&error, &error.hint())
}

pub fn image(error: impl Display) -> PyErr {
    ImageError::new_err(error.to_string())
}

/// A wrong argument.
pub fn argument(message: impl Display) -> PyErr {
    PyValueError::new_err(message.to_string())
}
