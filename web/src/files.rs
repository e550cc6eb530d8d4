//! Files that the page was given, read piece by piece: a model may be larger than the memory of WebAssembly.

use std::cell::{Cell, RefCell};
use std::io;

use dapo_wgpu::clip::{ModelFiles, ReadAt};
use js_sys::{Array, ArrayBuffer, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::failure::Failure;
use crate::progress::tell;

#[wasm_bindgen]
extern "C" {
    type Blob;
    #[wasm_bindgen(method, getter)]
    fn size(this: &Blob) -> f64;
    #[wasm_bindgen(method)]
    fn slice(this: &Blob, start: f64, end: f64) -> Blob;

    /// Only workers have it: it blocks.
    type FileReaderSync;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<FileReaderSync, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readAsArrayBuffer)]
    fn read(this: &FileReaderSync, blob: &Blob) -> Result<ArrayBuffer, JsValue>;
}

thread_local! {
    /// The files of the model, by number: values of JavaScript cannot be sent between threads, numbers can.
    static FILES: RefCell<Vec<Blob>> = const { RefCell::new(Vec::new()) };
    static LISTENER: RefCell<Option<Function>> = const { RefCell::new(None) };
    static READ: Cell<u64> = const { Cell::new(0) };
    static ALL: Cell<u64> = const { Cell::new(0) };
}

/// One file of the page, by its number.
#[derive(Debug)]
struct PageFile(usize);

impl PageFile {
    fn with<T>(&self, work: impl FnOnce(&Blob) -> io::Result<T>) -> io::Result<T> {
        FILES.with_borrow(|files| work(files.get(self.0).ok_or(io::ErrorKind::NotFound)?))
    }
}

impl ReadAt for PageFile {
    fn length(&self) -> io::Result<u64> {
        self.with(|blob| Ok(blob.size() as u64))
    }

    fn read_at(&self, start: u64, to: &mut [u8]) -> io::Result<()> {
        self.with(|blob| {
            let end = start + to.len() as u64;
            if end > blob.size() as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let gone = |_| io::Error::other("the browser cannot read it any more; choose the files again");
            let bytes = FileReaderSync::new()
                .and_then(|reader| reader.read(&blob.slice(start as f64, end as f64)))
                .map_err(gone)?;
            Uint8Array::new(&bytes).copy_to(to);
            Ok(())
        })?;
        READ.set(READ.get() + to.len() as u64);
        // Whether to stop is asked elsewhere: a model is loaded as a whole.
        LISTENER.with_borrow(|listener| {
            if let Some(listener) = listener {
                let _ = tell(listener, READ.get() as usize, ALL.get() as usize, "weights");
            }
        });
        Ok(())
    }
}

/// The files of a model: objects with a `name` and a `file`.
///
/// # Errors
/// Something else.
pub fn model_files(name: &str, given: &Array) -> Result<ModelFiles, Failure> {
    let mut files = ModelFiles::new(name);
    let (mut blobs, mut all) = (Vec::new(), 0);
    for entry in given.iter() {
        let field = |name: &str| Reflect::get(&entry, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let file_name = field("name").as_string().ok_or_else(|| Failure::new("a file has no name"))?;
        let blob: Blob = field("file").unchecked_into();
        all += blob.size() as u64;
        files = files.with(file_name, PageFile(blobs.len()));
        blobs.push(blob);
    }
    FILES.set(blobs);
    ALL.set(all);
    Ok(files)
}

/// Has the reading of files told to this listener from now on; `None` ends that.
pub fn listen(listener: Option<Function>) {
    READ.set(0);
    LISTENER.set(listener);
}
