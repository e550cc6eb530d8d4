//! Opening and closing the device.

use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::lab::Device;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Failure, answer};
use crate::session::{gpu, set_gpu, to_js};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfo {
    name: String,
    kind: String,
    software: bool,
    summary: String,
    version: String,
    subgroups: bool,
    max_buffer_bytes: u64,
    max_binding_bytes: u64,
}

/// Opens the browser's device anew; a model that was loaded is gone. An error is given back where there is no adapter, or
/// none that opens.
#[wasm_bindgen(jspi, js_name = openDevice, unchecked_return_type = "DeviceInfo | Failure")]
pub fn open_device() -> JsValue {
    answer(open())
}

fn open() -> Result<JsValue, Failure> {
    set_gpu(None);
    let opened = Gpu::open(&GpuOptions::default())?;
    let (device, limits) = (Device::of(&opened), &opened.capabilities().limits);
    let info = DeviceInfo {
        name: device.adapter.name.clone(),
        kind: device.adapter.kind.clone(),
        software: device.adapter.software,
        summary: device.summary(),
        version: device.version.clone(),
        subgroups: opened.capabilities().subgroups.is_some(),
        max_buffer_bytes: limits.buffer,
        max_binding_bytes: limits.storage_binding,
    };
    set_gpu(Some(opened));
    to_js(&info)
}

/// Gives the device back with all of its memory. A call under way ends with an error that says so.
#[wasm_bindgen(js_name = closeDevice)]
pub fn close_device() {
    if let Ok(gpu) = gpu() {
        gpu.close();
    }
}
