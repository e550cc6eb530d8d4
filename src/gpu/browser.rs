//! What a browser tells of its adapter, which wgpu does not pass on.

use wasm_bindgen::{JsCast, JsValue};

use super::wait;

/// The browser's adapter by the words of WebGPU. Browsers leave fields empty so that people cannot be told apart.
#[derive(Debug, Clone, Default)]
pub(super) struct BrowserAdapter {
    /// `nvidia`, `amd`, `intel`, `apple`, `google`, …
    vendor: String,
    /// A family of GPUs: `ampere`, `gcn-5`, `swiftshader`.
    architecture: String,
    /// A name for people; mostly empty.
    description: String,
}

impl BrowserAdapter {
    /// Asks the browser; empty where it has no WebGPU or no adapter.
    pub(super) fn ask() -> Self {
        request().map_or_else(Self::default, |adapter| {
            let info = field(&adapter, "info");
            let text = |name: &str| field(&info, name).as_string().unwrap_or_default();
            Self {
                vendor: text("vendor"),
                architecture: text("architecture"),
                description: text("description"),
            }
        })
    }

    /// What is known of it, most telling first: `Apple M2`, or `nvidia ampere`.
    pub(super) fn name(&self) -> String {
        let words = [&self.vendor, &self.architecture].map(|word| word.trim()).join(" ");
        match (self.description.trim(), words.trim()) {
            ("", "") => "an adapter that the browser does not name".to_owned(),
            ("", words) => words.to_owned(),
            (description, "") => description.to_owned(),
            (description, words) => format!("{description} ({words})"),
        }
    }
}

/// `navigator.gpu.requestAdapter`, for the same adapter as wgpu's.
fn request() -> Option<JsValue> {
    let gpu = field(&field(&js_sys::global(), "navigator"), "gpu");
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"powerPreference".into(), &"high-performance".into()).ok()?;
    let request: js_sys::Function = field(&gpu, "requestAdapter").dyn_into().ok()?;
    let promise: js_sys::Promise = request.call1(&gpu, &options).ok()?.dyn_into().ok()?;
    let adapter = wait::block_on(wasm_bindgen_futures::JsFuture::from(promise)).ok()?;
    (!adapter.is_null()).then_some(adapter)
}

/// A field of a JavaScript object; undefined where there is none.
fn field(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
