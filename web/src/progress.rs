//! Progress to JavaScript, and requests to stop from it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

static STOP: AtomicBool = AtomicBool::new(false);

/// Ends the call under way at its next step, with what was done. May be called while another call is suspended.
#[wasm_bindgen]
pub fn stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Forgets a request to stop; each call that can be stopped begins so.
pub fn begin() {
    STOP.store(false, Ordering::Relaxed);
}

/// Whether the call under way is to end.
pub fn stopped() -> ControlFlow<()> {
    match STOP.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Tells how far a call is: steps done, steps in all, and the one that comes.
pub fn tell(report: &Function, done: usize, all: usize, what: &str) -> ControlFlow<()> {
    // What a listener throws is no concern of the work.
    let _ = report.call3(&JsValue::UNDEFINED, &(done as f64).into(), &(all as f64).into(), &what.into());
    stopped()
}
