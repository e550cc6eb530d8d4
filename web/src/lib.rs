//! The exports of dapo-wgpu to JavaScript: the same engine, in a worker of the browser.
//!
//! Everything that waits for the device is an export that returns a promise: the browser suspends the call and goes on
//! with its other work (`docs/browser.md`). Calls are made one after the other; `worker.js` queues them. Only
//! [`stop`](progress::stop) and [`close_device`](device::close_device) may be called meanwhile.

// wasm-bindgen marks exports that suspend as what may change; its version is pinned.
#![expect(deprecated, reason = "each export that suspends is marked by it")]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod bench;
mod check;
mod detect;
mod device;
mod failure;
mod files;
mod model;
mod progress;
mod session;
mod types;

use wasm_bindgen::prelude::wasm_bindgen;

/// Says what went wrong in the browser's console before a panic ends the engine.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The version of the engine.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
