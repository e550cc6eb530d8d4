//! What the end-to-end tests share: running the program, small models and images, and reading
//! what a run wrote.
#![allow(dead_code)] // every test binary uses its own part of this

pub mod model;
pub mod schemas;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dapo_wgpu::report::{NpyData, Results, read_npy};
use image::{ImageBuffer, Rgb, RgbImage};
use safetensors::SafeTensors;

/// The program, with its shaders' run-time checks on and its cache below the build folder.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dapo-wgpu"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    command.env("DAPO_CHECKED", "1").env("XDG_CACHE_HOME", cache).env("RUST_BACKTRACE", "0");
    command
}

/// The exit code and output of a finished run.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
        let run =
            Run { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!run.stderr.contains("panicked"), "a panic: {run:#?}");
        if let Ok(document) = serde_json::from_str(&run.stdout) {
            schemas::assert_follows(&document, "what is printed");
        }
        run
    }
}

impl Run {
    /// Asserts success.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Asserts failure with a message that has all of `words`, and nothing on standard output.
    #[track_caller]
    pub fn fails_with(self, words: &[&str]) -> Self {
        assert!(matches!(self.code, Some(1..=3)), "should fail: {self:#?}");
        assert!(self.stderr.contains("error:"), "no error line: {self:#?}");
        assert_eq!(self.stdout, "", "a failed run prints no results");
        for word in words {
            assert!(self.stderr.contains(word), "the message lacks {word:?}: {self:#?}");
        }
        self
    }
}

/// Runs a prepared command.
pub fn finish(command: &mut Command) -> Run {
    command.output().expect("the program starts").into()
}

/// Runs the program with `args`.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    finish(program().args(args))
}

/// All files below `folder`, as paths relative to it with `/`, sorted; empty if there is no folder.
pub fn files(folder: &Path) -> Vec<String> {
    fn visit(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                visit(root, &path, found);
            } else {
                let relative = path.strip_prefix(root).expect("below the root");
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let mut found = Vec::new();
    visit(folder, folder, &mut found);
    found.sort();
    found
}

/// Asserts that every file below `folder` that carries a format's name is a whole file of it.
#[track_caller]
pub fn assert_whole(folder: &Path) {
    for name in files(folder) {
        let path = folder.join(&name);
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if hidden {
            continue; // a temporary file that a killed run could not remove
        }
        match path.extension().and_then(OsStr::to_str) {
            Some("json" | "jsonl") => schemas::assert_file_follows(&path),
            Some("png") => {
                image::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            Some("npy") => {
                read_npy(&path).unwrap_or_else(|e| panic!("{e}"));
            }
            Some("html") => {
                let text = fs::read_to_string(&path).expect("readable");
                assert!(text.trim_end().ends_with("</html>"), "{name} is cut short");
            }
            Some("safetensors") => {
                let bytes = fs::read(&path).expect("readable");
                SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            Some("lock") => assert_eq!(fs::metadata(&path).expect("readable").len(), 0, "{name}"),
            Some("bin" | "csv" | "md" | "tex") => {} // what they hold is compared by the tests of their commands
            _ => panic!("an unexpected file: {name}"),
        }
    }
}

/// Reads and checks `results.json` of a run, through the library and by what its documentation
/// promises.
#[track_caller]
pub fn results(out: &Path) -> Results {
    schemas::assert_file_follows(&out.join("results.json"));
    let results = Results::load(out.join("results.json")).expect("valid results");
    for image in results.images.iter().filter_map(|i| i.scored()) {
        // Float32 softmax and products: a few roundings of at most 2⁻²⁴ for each of a dozen classes.
        let sum: f32 = image.probabilities.values().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{}: probabilities sum to {sum}", image.path);
        assert!(results.defects.contains(&image.defect_type) && image.defect_type != "normal");
        assert_eq!(image.type_probability, image.probabilities[&image.defect_type]);
        assert!(image.boxes.is_sorted_by(|a, b| a.score >= b.score), "{}: boxes unsorted", image.path);
        for found in &image.boxes {
            assert!(found.width > 0 && found.height > 0 && found.area > 0);
            assert!(found.x + found.width <= image.width && found.y + found.height <= image.height);
            assert!(found.area <= u64::from(found.width) * u64::from(found.height));
            assert!(results.defects.contains(&found.defect_type));
        }
    }
    results
}

/// `results.json` without what may differ between two equal runs.
pub fn timeless(out: &Path) -> serde_json::Value {
    let bytes = fs::read(out.join("results.json")).expect("results");
    let mut json: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    json.as_object_mut().expect("an object").remove("timing");
    json
}

/// A float32 map file: its shape and values.
#[track_caller]
pub fn map(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let array = read_npy(path).expect("a map");
    let NpyData::F32(values) = array.data else { panic!("{} is not float32", path.display()) };
    (array.shape, values)
}

/// One float32 tensor of a safetensors file: shape and values.
#[track_caller]
pub fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = file.tensor(name).expect("the tensor");
    assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}");
    let values = view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    (view.shape().to_vec(), values)
}

/// ‖a − b‖ / ‖b‖ in float64.
#[track_caller]
pub fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().all(|x| x.is_finite()), "not finite");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    difference / norm(&mut b.iter().map(|&b| f64::from(b)))
}

/// The worst [`relative_error`] among rows of `width`.
#[track_caller]
pub fn worst_row(a: &[f32], b: &[f32], width: usize) -> f64 {
    assert_eq!(a.len(), b.len());
    a.chunks(width).zip(b.chunks(width)).map(|(a, b)| relative_error(a, b)).fold(0.0, f64::max)
}

/// A coloured gradient with a few dark spots, different for every seed.
pub fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        let spot = (x / 9 * 7 + y / 11 * 5 + seed * 13).is_multiple_of(17);
        let shade = if spot { 20 } else { 140 + ((x * 3 + y * 2 + seed * 31) % 80) as u8 };
        Rgb([shade, shade.wrapping_sub((seed % 12) as u8), 255 - shade / 2])
    })
}

/// Writes [`picture`] to `folder/name` in the format that the extension says.
pub fn save_picture(folder: &Path, name: &str, (width, height): (u32, u32), seed: u32) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    picture(width, height, seed).save(&path).expect("a picture");
    path
}

/// The PNG signature and a header chunk that announces 8-bit gray of this size, and no pixels.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    let crc = crc32(&chunk);
    file.extend(chunk);
    file.extend(crc.to_be_bytes());
    // The start of a pixel chunk that the file does not hold.
    file.extend([0, 1, 0, 0, b'I', b'D', b'A', b'T', 0x78, 0x9c]);
    file
}

/// The checksum of PNG chunks (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
