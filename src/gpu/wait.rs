//! Every wait for a device, and nothing else.
//!
//! Natively a wait blocks its thread. A page may not be blocked: there the whole call is suspended, down to the export
//! that JavaScript called (WebAssembly's JavaScript Promise Integration), and goes on when the device has answered.
//! So no function is `async`, and the layers above do not know where they run; `docs/browser.md` says why.
//!
//! A browser's device lies behind another process, and each answer takes a trip there and back. What natively costs
//! next to nothing is left out there where it may be: small allocations are not checked one by one.

use std::future::Future;

use super::error::GpuError;

#[cfg(not(target_arch = "wasm32"))]
pub(super) use native::{block_on, map, settle};
#[cfg(target_arch = "wasm32")]
pub(super) use suspended::{block_on, map, settle};

/// Bytes from which on an allocation is waited for, where that takes long. Errors of smaller ones arrive with a later
/// wait, as those of the whole device do.
const CHECKED_FROM: Option<u64> = if cfg!(target_arch = "wasm32") { Some(16 << 20) } else { None };

/// Creates something of `bytes` on the device: `None` when there is no memory for it.
pub(super) fn allocate<T>(device: &wgpu::Device, bytes: u64, create: impl FnOnce() -> T) -> Option<T> {
    if CHECKED_FROM.is_some_and(|least| bytes < least) {
        return Some(create());
    }
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let created = create();
    block_on(scope.pop()).is_none().then_some(created)
}

/// Creates something that the device may reject: its message where it does.
///
/// Error scopes belong to the thread that opens them.
pub(super) fn validate<T>(device: &wgpu::Device, create: impl FnOnce() -> T) -> Result<T, String> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let created = create();
    match block_on(scope.pop()) {
        None => Ok(created),
        Some(error) => Err(error.to_string()),
    }
}

fn lost(reason: impl ToString) -> GpuError {
    GpuError::Lost { reason: reason.to_string() }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Future, GpuError, lost};

    /// The outcome of a future.
    pub(in crate::gpu) fn block_on<F: Future>(future: F) -> F::Output {
        pollster::block_on(future)
    }

    /// Waits until the device has done everything that was submitted.
    pub(in crate::gpu) fn settle(device: &wgpu::Device, _: &wgpu::Queue) -> Result<(), GpuError> {
        device.poll(wgpu::PollType::wait_indefinitely()).map(|_| ()).map_err(lost)
    }

    /// Waits until the host can read a buffer.
    pub(in crate::gpu) fn map(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<(), GpuError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver lives until the poll below returns.
            let _ = sender.send(result);
        });
        device.poll(wgpu::PollType::wait_indefinitely()).map_err(lost)?;
        receiver.recv().map_err(lost)?.map_err(|error| lost(format!("read-back failed: {error}")))
    }
}

#[cfg(target_arch = "wasm32")]
mod suspended {
    use std::cell::{Cell, RefCell};
    use std::collections::HashMap;
    use std::pin::{Pin, pin};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::task::{Context, Poll, Wake, Waker};

    use super::{Future, GpuError, lost};

    thread_local! {
        /// What ends the suspensions under way, by their number.
        static RESUMES: RefCell<HashMap<u64, js_sys::Function>> = RefCell::default();
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }

    /// Wakes the suspension of this number. A waker must be `Send`, which JavaScript's values are not.
    struct Resume(u64);

    impl Wake for Resume {
        fn wake(self: Arc<Self>) {
            let resume = RESUMES.with_borrow_mut(|resumes| resumes.remove(&self.0));
            if let Some(resume) = resume {
                // Settling a promise runs nothing of ours and cannot fail.
                let _ = resume.call0(&wasm_bindgen::JsValue::UNDEFINED);
            }
        }
    }

    /// The outcome of a future. The call is suspended as long as it is pending.
    pub(in crate::gpu) fn block_on<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            let number = NUMBER.replace(NUMBER.get() + 1);
            // The promise is there before the future is asked, which may wake at once.
            let promise = js_sys::Promise::new(&mut |resolve, _| {
                RESUMES.with_borrow_mut(|resumes| resumes.insert(number, resolve));
            });
            let waker = Waker::from(Arc::new(Resume(number)));
            if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                RESUMES.with_borrow_mut(|resumes| resumes.remove(&number));
                return outcome;
            }
            #[expect(deprecated, reason = "how wasm-bindgen marks what may change; its version is pinned")]
            js_sys::futures::jspi_block_on_promise(&promise)
                .expect("the promise is only ever resolved, and exports that wait are entered as promising");
        }
    }

    /// What a callback of the browser will bring.
    struct Slot<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

    impl<T> Slot<T> {
        fn new() -> Self {
            Self(Arc::new(Mutex::new((None, None))))
        }

        fn clone(&self) -> Self {
            Self(Arc::clone(&self.0))
        }

        fn state(&self) -> MutexGuard<'_, (Option<T>, Option<Waker>)> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn fill(&self, value: T) {
            let waker = {
                let mut state = self.state();
                state.0 = Some(value);
                state.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    impl<T> Future for Slot<T> {
        type Output = T;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
            let mut state = self.state();
            match state.0.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    state.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        }
    }

    /// Waits until the device has done everything that was submitted.
    pub(in crate::gpu) fn settle(_: &wgpu::Device, queue: &wgpu::Queue) -> Result<(), GpuError> {
        let done = Slot::new();
        let into = done.clone();
        queue.on_submitted_work_done(move || into.fill(()));
        block_on(done);
        Ok(())
    }

    /// Waits until the host can read a buffer.
    pub(in crate::gpu) fn map(_: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<(), GpuError> {
        let mapped = Slot::new();
        let into = mapped.clone();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| into.fill(result));
        block_on(mapped).map_err(|error| lost(format!("read-back failed: {error}")))
    }
}
