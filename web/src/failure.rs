//! Errors as JavaScript gets them.

use dapo_wgpu::clip::ClipError;
use dapo_wgpu::dapo::learner::DapoError;
use dapo_wgpu::gpu::GpuError;
use dapo_wgpu::inspect::GoodError;
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    message: String,
    hint: String,
    /// Whether the device is gone: nothing works until it is opened again.
    lost: bool,
}

impl Failure {
    /// With this message.
    pub fn new(message: impl ToString) -> Self {
        Self { message: message.to_string(), ..Self::default() }
    }

    /// With what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

impl From<GpuError> for Failure {
    fn from(error: GpuError) -> Self {
        let lost = matches!(error, GpuError::Lost { .. });
        // Natively there are options and environment variables; here there are none.
        let hint = match &error {
            GpuError::NoAdapter => {
                "the browser has WebGPU but gives no adapter: update the driver, and see chrome://gpu or about:support"
            }
            GpuError::DeviceRefused { .. } => "close other pages that use the GPU, and load this page again",
            GpuError::OutOfMemory { .. } | GpuError::TooLarge { .. } => {
                "take a smaller model or fewer defects, or close other pages and programs that use the GPU"
            }
            GpuError::Lost { .. } => "the page opens it again; if that recurs, update the driver",
            _ => {
                "this is a bug of dapo-wgpu or of the browser: please report it with the message and the device"
            }
        };
        let message = match &error {
            GpuError::NoAdapter => "the browser gives no WebGPU adapter".to_owned(),
            _ => error.to_string(),
        };
        Self { message, hint: hint.to_owned(), lost }
    }
}

impl From<DapoError> for Failure {
    fn from(error: DapoError) -> Self {
        Self { lost: error.device_lost(), ..Self::new(error) }
    }
}

impl From<ClipError> for Failure {
    fn from(error: ClipError) -> Self {
        DapoError::from(error).into()
    }
}

impl From<GoodError> for Failure {
    fn from(error: GoodError) -> Self {
        match error {
            GoodError::Model(error) => error.into(),
            other => Self::new(other),
        }
    }
}

/// What an export that suspends gives back: its value, or an `Error` in place of throwing it. A `Result` would be written
/// to the stack of WebAssembly, whose pointer wasm-bindgen 0.2.130 leaves 16 bytes too high after a suspended call that
/// did so: one call after the other, it would grow into the data beyond.
pub fn answer(result: Result<JsValue, Failure>) -> JsValue {
    result.unwrap_or_else(JsValue::from)
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = js_sys::Error::new(&failure.message);
        for (name, value) in [("hint", failure.hint.into()), ("lost", failure.lost.into())] {
            // A new object takes any field.
            let _ = Reflect::set(&error, &name.into(), &value);
        }
        error.into()
    }
}
