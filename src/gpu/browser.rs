//! What a browser tells of its adapter, and what it must be asked for, where wgpu does not pass it on.

use std::cell::Cell;

use js_sys::{Array, Function, Object, Promise, Proxy, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::wait;

/// WebGPU's name of the feature.
const SUBGROUPS: &str = "subgroups";

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

/// Whether the adapter offers subgroups, which every device that is opened from now on then asks for. wgpu 30 does not
/// know the feature in browsers (<https://github.com/gfx-rs/wgpu/issues/10146>); once it does, this goes.
pub(super) fn request_subgroups() -> bool {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if !request().is_some_and(|adapter| offers_subgroups(&adapter)) {
        return false;
    }
    if DONE.get() {
        return true;
    }
    let prototype = field(&field(&js_sys::global(), "GPUAdapter"), "prototype");
    let Ok(original) = field(&prototype, "requestDevice").dyn_into::<Function>() else { return false };
    let apply = |original: Function, adapter: JsValue, arguments: Array| -> JsValue {
        add_subgroups(&adapter, &arguments.get(0));
        Reflect::apply(&original, &adapter, &arguments).unwrap_or(JsValue::UNDEFINED)
    };
    let apply = Closure::<dyn Fn(Function, JsValue, Array) -> JsValue>::new(apply).into_js_value();
    let handler = Object::new();
    let proxied = Reflect::set(&handler, &"apply".into(), &apply)
        .and_then(|_| Reflect::set(&prototype, &"requestDevice".into(), &Proxy::new(&original, &handler)));
    DONE.set(proxied == Ok(true));
    DONE.get()
}

/// Adds the feature to the descriptor of a device, if the adapter has it.
fn add_subgroups(adapter: &JsValue, descriptor: &JsValue) {
    let wanted = field(descriptor, "requiredFeatures").dyn_into::<Array>();
    if let (true, Ok(wanted)) = (offers_subgroups(adapter), wanted) {
        wanted.push(&SUBGROUPS.into());
    }
}

fn offers_subgroups(adapter: &JsValue) -> bool {
    let features = field(adapter, "features");
    let has = field(&features, "has").dyn_into::<Function>();
    has.and_then(|has| has.call1(&features, &SUBGROUPS.into())).is_ok_and(|has| has.is_truthy())
}

/// `navigator.gpu.requestAdapter`, for the same adapter as wgpu's.
fn request() -> Option<JsValue> {
    let gpu = field(&field(&js_sys::global(), "navigator"), "gpu");
    let options = Object::new();
    Reflect::set(&options, &"powerPreference".into(), &"high-performance".into()).ok()?;
    let request: Function = field(&gpu, "requestAdapter").dyn_into().ok()?;
    let promise: Promise = request.call1(&gpu, &options).ok()?.dyn_into().ok()?;
    let adapter = wait::block_on(wasm_bindgen_futures::JsFuture::from(promise)).ok()?;
    (!adapter.is_null()).then_some(adapter)
}

/// A field of a JavaScript object; undefined where there is none.
fn field(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
