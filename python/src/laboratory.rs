//! `devices` and `check`.

use dapo_wgpu::gpu::{AdapterChoice, Gpu, GpuOptions, ShaderMode, adapter};
use dapo_wgpu::kernels::registry::{Registry, Tier};
use dapo_wgpu::lab::check::{Checking, select};
use pyo3::prelude::*;

use crate::failure;

/// A value as Python's own lists and dicts.
fn to_python<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|e| failure::engine(e, ""))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// The adapters of this machine, best first, each a dict with `adapter` and `capabilities`.
#[pyfunction]
pub fn devices(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let found = py.detach(adapter::list);
    to_python(py, &found)
}

/// Checks kernels on a device against float64; the dict is what `dapo-wgpu check --json` prints.
#[pyfunction]
#[pyo3(signature = (cases=None, *, full=false, seed=1, adapter="auto", checked=false))]
pub fn check<'py>(
    py: Python<'py>,
    cases: Option<Vec<String>>,
    full: bool,
    seed: u64,
    adapter: &str,
    checked: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let tier = if full { Tier::Full } else { Tier::Small };
    let registry = Registry::builtin();
    let cases = select(&registry, registry.conformance(tier), &cases.unwrap_or_default()).map_err(failure::argument)?;
    let report = py.detach(|| -> PyResult<_> {
        let mode = if checked { ShaderMode::Checked } else { ShaderMode::Trusted };
        let options = GpuOptions { adapter: AdapterChoice::from(adapter), mode, ..GpuOptions::default() };
        let gpu = Gpu::open(&options).map_err(failure::gpu)?;
        let mut checking = Checking::new(&gpu, &cases, tier, seed);
        while checking.upcoming().is_some() {
            Python::attach(|py| py.check_signals())?;
            checking.step().map_err(failure::gpu)?;
        }
        Ok(checking.report())
    })?;
    to_python(py, &report)
}
