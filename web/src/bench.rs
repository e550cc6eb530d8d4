//! Benchmarks on the browser's device: its ceilings, and kernels below them.

use std::path::Path;

use dapo_wgpu::documents::roofline;
use dapo_wgpu::kernels::registry::Registry;
use dapo_wgpu::lab::bench::ceilings::{ceilings, ceilings_again};
use dapo_wgpu::lab::bench::formats::Format;
use dapo_wgpu::lab::bench::request::Variants;
use dapo_wgpu::lab::bench::{BenchReport, Comparison, DEFAULT_THRESHOLD, measure};
use dapo_wgpu::lab::check::select;
use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Failure, answer};
use crate::progress::{begin, stopped, tell};
use crate::session::{gpu, to_js};

#[derive(Serialize)]
struct BenchOutcome {
    /// As `bench --out` writes it.
    json: String,
    /// As `bench` prints it.
    text: String,
    /// As `bench --plot` draws it.
    svg: String,
    partial: bool,
}

/// Measures the ceilings of the device and times kernels: all cases, or those that a text of `cases` is part of, each
/// `repeat` times. `old` is the JSON of an earlier run, and `old_name` the name of its file. An error is given back for a
/// case that there is not, JSON of something else, and those of the device.
#[wasm_bindgen(jspi, unchecked_return_type = "BenchOutcome | Failure")]
pub fn bench(
    cases: Vec<String>,
    repeat: usize,
    old: Option<String>,
    old_name: Option<String>,
    #[wasm_bindgen(unchecked_param_type = "Progress")] progress: Function,
) -> JsValue {
    let old_name = old_name.unwrap_or_else(|| "earlier.json".to_owned());
    answer(run(&cases, repeat.max(1), old.as_deref().map(|text| (text, old_name.as_str())), &progress))
}

fn run(
    wanted: &[String],
    repeat: usize,
    old: Option<(&str, &str)>,
    progress: &Function,
) -> Result<JsValue, Failure> {
    begin();
    let old = old
        .map(|(text, name)| Ok((BenchReport::from_json(Path::new(name), text.as_bytes())?, name)))
        .transpose()
        .map_err(|error: dapo_wgpu::lab::bench::OldReportError| Failure::new(error))?;
    let (gpu, registry) = (gpu()?, Registry::builtin());
    let cases = select(&registry, registry.bench(), wanted).map_err(Failure::new)?;
    let mut progress = |done: usize, all: usize, what: &str| tell(progress, done, all, what);
    let before = ceilings(&gpu, repeat, &mut progress)?;
    let timings = measure::kernels(&gpu, &before, &cases, &Variants::default(), repeat, &mut progress)?;
    let partial = stopped().is_break();
    let after = (!partial).then(|| ceilings_again(&gpu, &before, repeat, &mut progress)).transpose()?;
    let partial = partial || stopped().is_break();
    let report = BenchReport::new(&gpu, before, timings);
    let mut report = BenchReport { ceilings_after: after.filter(|_| !partial), partial, ..report };
    report.comparison =
        old.map(|(old, name)| Comparison::new(&old, &report, name.to_owned(), DEFAULT_THRESHOLD));
    to_js(&BenchOutcome {
        json: report.render(Format::Json).map_err(Failure::new)?,
        text: report.render(Format::Table).map_err(Failure::new)?,
        svg: roofline(&report).svg(),
        partial,
    })
}
