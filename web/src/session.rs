//! What is open: the device, the model, the question, and the photos that were looked at.

use std::cell::RefCell;

use dapo_wgpu::dapo::Prompts;
use dapo_wgpu::gpu::Gpu;
use dapo_wgpu::inspect::{GoodPhotos, Inspector};
use dapo_wgpu::report::results::Model;
use dapo_wgpu::report::{ImageResult, Inlined};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::failure::Failure;

/// A photo that was looked at.
#[derive(Debug)]
pub struct Seen {
    /// Its result, or why it has none.
    pub result: ImageResult,
    /// Its pictures for the page.
    pub pictures: Option<Inlined>,
}

/// A model with a question.
#[derive(Debug)]
pub struct Session {
    /// The model on the device.
    pub inspector: Inspector,
    /// What is looked for.
    pub prompts: Prompts,
    /// What results say of the model.
    pub model: Model,
    /// Photos of good parts.
    pub good: GoodPhotos,
}

/// The photos that were looked at. They stay when the device is lost.
#[derive(Debug, Default)]
pub struct Photos {
    /// In order.
    pub seen: Vec<Seen>,
    /// Seconds that they took.
    pub seconds: f64,
}

thread_local! {
    static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) };
    static PHOTOS: RefCell<Photos> = const { RefCell::new(Photos { seen: Vec::new(), seconds: 0.0 }) };
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// The open device.
///
/// # Errors
/// When there is none.
pub fn gpu() -> Result<Gpu, Failure> {
    GPU.with_borrow(Clone::clone).ok_or_else(|| Failure::new("no device is open").hint("load the page again"))
}

/// Replaces the device; the model went with the one before.
pub fn set_gpu(gpu: Option<Gpu>) {
    SESSION.set(None);
    GPU.set(gpu);
}

/// Replaces the model.
pub fn set_session(session: Option<Session>) {
    SESSION.set(session);
}

/// The model, to be changed by value; [`set_session`] gives it back.
///
/// # Errors
/// When none is loaded.
pub fn take_session() -> Result<Session, Failure> {
    SESSION.take().ok_or_else(|| Failure::new("no model is loaded").hint("load a model first"))
}

/// Works with the model. It is not borrowed meanwhile: the work may be suspended, and JavaScript go on.
///
/// # Errors
/// When none is loaded; those of the work.
pub fn with_session<T>(work: impl FnOnce(&mut Session) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut session = take_session()?;
    let result = work(&mut session);
    set_session(Some(session));
    result
}

/// Works with the photos. The work must not wait for the device.
pub fn with_photos<T>(work: impl FnOnce(&mut Photos) -> T) -> T {
    PHOTOS.with_borrow_mut(work)
}

/// A value as a JavaScript object.
///
/// # Errors
/// None with the types of this crate.
pub fn to_js(value: &impl Serialize) -> Result<JsValue, Failure> {
    let json = serde_json::to_string(value).map_err(Failure::new)?;
    js_sys::JSON::parse(&json).map_err(|_| Failure::new("the engine wrote JSON that the browser cannot read"))
}
