//! Photos: looking at them, good ones to compare with, and the documents about them.

use std::path::{Path, PathBuf};

use dapo_wgpu::documents::DetectionRun;
use dapo_wgpu::gpu::clock::Instant;
use dapo_wgpu::inspect::picture::Findings;
use dapo_wgpu::inspect::{BoxOptions, GoodOptions, GoodPhotos, Inspector, ReadPhoto};
use dapo_wgpu::report::results::FailedImage;
use dapo_wgpu::report::{ImageResult, Inlined, ReportBuilder, ReportOptions, today};
use js_sys::{Array, Float32Array, Function, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::failure::{Failure, answer};
use crate::progress::{begin, tell};
use crate::session::{Photos, Seen, Session, set_session, take_session, to_js, with_photos, with_session};

/// From which probability on a pixel belongs to a box, and a photo is called defective.
const THRESHOLD: f32 = 0.5;

#[derive(Serialize)]
struct PhotoOutcome<'a> {
    index: usize,
    result: &'a ImageResult,
    pictures: &'a Option<Inlined>,
    seconds: f64,
}

/// Looks at one photo, the bytes of an image file. A file that cannot be read is an outcome; an error is given back where
/// there is no model, and for those of the device.
#[wasm_bindgen(jspi, unchecked_return_type = "PhotoOutcome | Failure")]
pub fn detect(name: String, bytes: Vec<u8>) -> JsValue {
    answer(with_session(|session| look(session, &name, bytes)))
}

fn look(session: &mut Session, name: &str, bytes: Vec<u8>) -> Result<JsValue, Failure> {
    let started = Instant::now();
    let path = PathBuf::from(name);
    let photo = session.inspector.reader().read_bytes(&path, bytes.into());
    let read = std::iter::once(ReadPhoto { job: (), photo });
    let inspected = session.inspector.inspect_photos(read).next();
    // One photo has one outcome.
    let inspected = inspected.ok_or_else(|| Failure::new("the engine gave no result"))??;
    let (result, pictures, map) = match inspected.outcome {
        Err(error) => {
            let (path, error) = (name.to_owned(), error.to_string());
            (ImageResult::Failed(FailedImage { path, error, hint: String::new() }), None, Vec::new())
        }
        Ok((photo, detection)) => {
            let boxes = BoxOptions::from(THRESHOLD);
            let findings = Findings::new(&photo, &detection, &session.prompts.defects, boxes)
                .map_err(Failure::new)?
                .with_good(&session.good);
            let result = ImageResult::Scored(findings.result(name.to_owned(), THRESHOLD));
            let pictures = findings.report_image().map_err(Failure::new)?;
            let inlined = page().inline(&result, Some(&pictures)).map_err(Failure::new)?;
            (result, inlined, detection.binary_map())
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let index = with_photos(|photos| photos.seen.len());
    let outcome = to_js(&PhotoOutcome { index, result: &result, pictures: &pictures, seconds })?;
    with_photos(|photos| {
        photos.seconds += seconds;
        photos.seen.push(Seen { result, pictures });
    });
    // A new object takes any field.
    let _ = Reflect::set(&outcome, &"map".into(), &Float32Array::from(&map[..]));
    Ok(outcome)
}

/// Adds a photo that could not be read, for a reason that the page found.
///
/// # Errors
/// None with texts of the page.
#[wasm_bindgen(js_name = addFailed, unchecked_return_type = "PhotoOutcome")]
pub fn add_failed(name: String, error: String, hint: String) -> Result<JsValue, JsValue> {
    let result = ImageResult::Failed(FailedImage { path: name, error, hint });
    let index = with_photos(|photos| photos.seen.len());
    let outcome = to_js(&PhotoOutcome { index, result: &result, pictures: &None, seconds: 0.0 })?;
    let _ = Reflect::set(&outcome, &"map".into(), &Float32Array::new_with_length(0));
    with_photos(|photos| photos.seen.push(Seen { result, pictures: None }));
    Ok(outcome)
}

fn page() -> ReportBuilder {
    ReportBuilder::new(ReportOptions { created: today(), threshold: THRESHOLD, ..ReportOptions::default() })
}

/// Forgets the photos that were looked at, but for those of these numbers, in this order.
#[wasm_bindgen(js_name = keepPhotos)]
pub fn keep_photos(numbers: Vec<usize>) {
    with_photos(|photos| {
        let mut seen: Vec<Option<Seen>> = std::mem::take(&mut photos.seen).into_iter().map(Some).collect();
        photos.seen = numbers.iter().filter_map(|&at| seen.get_mut(at)?.take()).collect();
        if photos.seen.is_empty() {
            photos.seconds = 0.0;
        }
    });
}

#[derive(Serialize)]
struct Documents {
    results: String,
    report: String,
}

/// `results.json` and `report.html` of the photos that were looked at, as the program writes them.
///
/// # Errors
/// No model.
#[wasm_bindgen(unchecked_return_type = "Documents")]
pub fn documents(interrupted: bool) -> Result<JsValue, JsValue> {
    Ok(with_session(|session| to_js(&with_photos(|photos| write(session, photos, interrupted))?))?)
}

fn write(session: &Session, photos: &Photos, interrupted: bool) -> Result<Documents, Failure> {
    let images: Vec<ImageResult> = photos.seen.iter().map(|seen| seen.result.clone()).collect();
    let results = DetectionRun {
        inspector: &session.inspector,
        prompts: &session.prompts,
        model: &session.model,
        good: &session.good,
        threshold: THRESHOLD,
        min_area: None,
        alarm_threshold: THRESHOLD,
        interrupted,
        seconds: photos.seconds,
        notes: Vec::new(),
        left_out_notes: Vec::new(),
        left_out: Default::default(),
        written: Default::default(),
    }
    .results(images);
    let mut page = page();
    for seen in &photos.seen {
        page.push_inlined(&seen.result, seen.pictures.clone());
    }
    Ok(Documents {
        results: results.to_json(Path::new("results.json")).map_err(Failure::new)?,
        report: page.finish(&results).map_err(Failure::new)?,
    })
}

#[derive(Serialize)]
struct GoodInfo {
    photos: usize,
    notes: Vec<String>,
}

/// Learns from photos of good parts, objects with `name` and `bytes`: other photos are compared with them from now on.
/// Without photos, compares with none. Results from before do not belong to those after: see [`keep_photos`]. An error is
/// given back where there is no model or no photo can be read.
#[wasm_bindgen(jspi, js_name = learnGood, unchecked_return_type = "GoodInfo | Failure")]
pub fn learn_good(
    #[wasm_bindgen(unchecked_param_type = "NamedBytes[]")] photos: Array,
    #[wasm_bindgen(unchecked_param_type = "Progress")] progress: Function,
) -> JsValue {
    answer(learn_from(&photos, &progress))
}

fn learn_from(photos: &Array, progress: &Function) -> Result<JsValue, Failure> {
    begin();
    let session = take_session()?;
    let plain = session.inspector.into_detector().without_references();
    let inspector = Inspector::new(plain).with_pictures(dapo_wgpu::inspect::picture::PICTURE_SIDE);
    let session = Session { inspector, good: GoodPhotos::default(), ..session };
    let learned = match photos.length() {
        0 => Ok(None),
        _ => learn(&session.inspector, photos, progress).map(Some),
    };
    let session = match &learned {
        Ok(Some((references, good))) => Session {
            inspector: session.inspector.with_references(references.clone()),
            good: good.clone(),
            ..session
        },
        _ => session,
    };
    let info = GoodInfo { photos: session.good.len(), notes: session.good.notes.clone() };
    set_session(Some(session));
    learned?;
    to_js(&info)
}

fn learn(
    inspector: &Inspector,
    photos: &Array,
    progress: &Function,
) -> Result<(dapo_wgpu::dapo::References, GoodPhotos), Failure> {
    let (reader, all) = (inspector.good_reader(), photos.length() as usize);
    let read = |entry: JsValue| {
        let field = |name: &str| Reflect::get(&entry, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let job = PathBuf::from(field("name").as_string().unwrap_or_default());
        let bytes =
            field("bytes").dyn_into::<Uint8Array>().map_or_else(|_| Vec::new(), |bytes| bytes.to_vec());
        ReadPhoto { photo: reader.read_bytes(&job, bytes.into()), job }
    };
    let mut done = 0;
    let seen = |path: &Path| {
        done += 1;
        let _ = tell(progress, done, all, &path.display().to_string());
    };
    inspector.learn_photos(photos.iter().map(read), GoodOptions::default(), seen).map_err(Failure::from)
}
