//! Conformance of the browser's device: does it compute right?

use dapo_wgpu::kernels::registry::{Registry, Tier};
use dapo_wgpu::lab::check::{Checking, select};
use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Failure, answer};
use crate::progress::{begin, tell};
use crate::session::{gpu, to_js};

#[derive(Serialize)]
struct CheckOutcome {
    passed: bool,
    partial: bool,
    runs: usize,
    failed: usize,
    seconds: f64,
    kernels: Vec<KernelVerdict>,
    /// As `check --out` writes it.
    json: String,
    /// For people, to go with a bug report.
    text: String,
}

#[derive(Serialize)]
struct KernelVerdict {
    kernel: String,
    cases: usize,
    runs: usize,
    failed: usize,
    worst: f64,
}

fn verdicts(checking: &Checking<'_>) -> Vec<KernelVerdict> {
    let verdict = |kernel: &dapo_wgpu::lab::check::KernelReport| KernelVerdict {
        kernel: kernel.kernel.clone(),
        cases: kernel.cases,
        runs: kernel.runs,
        failed: kernel.failed.len(),
        worst: kernel.worst,
    };
    checking.kernels().iter().map(verdict).collect()
}

/// Runs the conformance suite: all cases of the tier, or those that a text of `cases` is part of. `progress` is called
/// before each case with the cases done, all cases and the label of the next, and `verdict` after each with the verdicts
/// by kernel so far. A wrong result is an outcome; an error is given back for a case that there is not, and those of the
/// device.
#[wasm_bindgen(jspi, unchecked_return_type = "CheckOutcome | Failure")]
pub fn check(
    cases: Vec<String>,
    full: bool,
    #[wasm_bindgen(unchecked_param_type = "Progress")] progress: Function,
    #[wasm_bindgen(unchecked_param_type = "(kernels: KernelVerdict[]) => void")] verdict: Function,
) -> JsValue {
    answer(run(&cases, full, &progress, &verdict))
}

fn run(wanted: &[String], full: bool, progress: &Function, verdict: &Function) -> Result<JsValue, Failure> {
    begin();
    let (gpu, registry) = (gpu()?, Registry::builtin());
    let tier = if full { Tier::Full } else { Tier::Small };
    let cases = select(&registry, registry.conformance(tier), wanted).map_err(Failure::new)?;
    let mut checking = Checking::new(&gpu, &cases, tier, 1);
    while let Some(case) = checking.upcoming() {
        if tell(progress, checking.done(), cases.len(), &case.label()).is_break() {
            break;
        }
        checking.step()?;
        let _ = verdict.call1(&JsValue::UNDEFINED, &to_js(&verdicts(&checking))?);
    }
    let report = checking.report();
    let json = serde_json::to_string_pretty(&report).map_err(Failure::new)? + "\n";
    to_js(&CheckOutcome {
        passed: report.passed,
        partial: report.partial,
        runs: report.outcomes.len(),
        failed: report.kernels.iter().map(|kernel| kernel.failed.len()).sum(),
        seconds: report.seconds,
        kernels: verdicts(&checking),
        text: report.text(),
        json,
    })
}
