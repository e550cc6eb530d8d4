//! Models: the embedded one, or the files of a folder.

use dapo_wgpu::clip::config::ClipConfig;
use dapo_wgpu::clip::weights::Checkpoint;
use dapo_wgpu::clip::{Clip, ClipOptions, Folder, embedded};
use dapo_wgpu::dapo::{Detector, Prompts};
use dapo_wgpu::documents::model;
use dapo_wgpu::inspect::picture::PICTURE_SIDE;
use dapo_wgpu::inspect::{GoodPhotos, Inspector};
use js_sys::{Array, Function};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Failure, answer};
use crate::files::{listen, model_files};
use crate::session::{Session, gpu, set_session, take_session, to_js, with_session};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelNeeds {
    name: String,
    image_size: usize,
    patch_size: usize,
    parameters: u64,
    device_bytes: u64,
}

/// What a model asks of the device, from its configuration and the headers of its weights.
///
/// # Errors
/// Files that are no model of this program.
#[wasm_bindgen(js_name = describeModel, unchecked_return_type = "ModelNeeds")]
pub fn describe_model(
    name: &str,
    #[wasm_bindgen(unchecked_param_type = "ModelFile[]")] files: &Array,
) -> Result<JsValue, JsValue> {
    let files = model_files(name, files)?;
    Ok(to_js(&needs(Folder::Memory(&files))?)?)
}

fn needs(folder: Folder<'_>) -> Result<ModelNeeds, Failure> {
    let config = ClipConfig::read(folder).map_err(Failure::new)?;
    let weights = Checkpoint::read(folder, config.layout).map_err(Failure::new)?;
    let names: Vec<&str> = weights.names().collect();
    let elements = |name: &str| weights.any_shape(name).map_or(0, |tensor| tensor.len() as u64);
    let parameters = names.iter().map(|name| elements(name)).sum();
    // The table of tokens stays with the host.
    let table = names.iter().filter(|name| name.ends_with("token_embedding.weight"));
    let on_device: u64 = parameters - table.map(|name| elements(name)).sum::<u64>();
    Ok(ModelNeeds {
        name: config.name.clone(),
        image_size: config.vision.image_size,
        patch_size: config.vision.patch_size,
        parameters,
        device_bytes: 4 * on_device,
    })
}

/// Loads a model and asks what to look for: the embedded model without files. Results from before do not belong to those
/// after. An error is given back for files that are no model of this program, too little memory, and names that cannot be
/// looked for.
#[wasm_bindgen(jspi, js_name = loadModel, unchecked_return_type = "ModelInfo | Failure")]
pub fn load_model(
    name: Option<String>,
    #[wasm_bindgen(unchecked_param_type = "ModelFile[] | undefined")] files: Option<Array>,
    object: Option<String>,
    defects: Vec<String>,
    #[wasm_bindgen(unchecked_param_type = "Progress")] progress: Function,
) -> JsValue {
    answer(load(name, files, object.as_deref(), &defects, progress))
}

fn load(
    name: Option<String>,
    files: Option<Array>,
    object: Option<&str>,
    defects: &[String],
    progress: Function,
) -> Result<JsValue, Failure> {
    set_session(None);
    let demonstration = files.is_none();
    let files = match files {
        None => embedded::files(),
        Some(files) => model_files(&name.unwrap_or_default(), &files)?,
    };
    listen(Some(progress));
    let opened = open(&files, demonstration, object, defects);
    listen(None);
    let session = opened?;
    let info = info(&session);
    set_session(Some(session));
    to_js(&info)
}

fn open(
    files: &dapo_wgpu::clip::ModelFiles,
    demonstration: bool,
    object: Option<&str>,
    defects: &[String],
) -> Result<Session, Failure> {
    let prompts = question(object, defects)?;
    let clip = Clip::from_files(&gpu()?, files, ClipOptions::default())?;
    let model = model(&clip, demonstration);
    let detector = Detector::new(clip, &prompts)?;
    // A blank photo, so that the pipelines are compiled when the first one comes.
    let size = detector.clip().vision().image_size();
    detector.detect(&vec![0.0; 3 * size * size])?;
    Ok(Session { inspector: inspector(detector), prompts, model, good: GoodPhotos::default() })
}

fn inspector(detector: Detector) -> Inspector {
    Inspector::new(detector).with_pictures(PICTURE_SIDE)
}

fn question(object: Option<&str>, defects: &[String]) -> Result<Prompts, Failure> {
    Prompts::new(object, defects)
        .map_err(|error| Failure::new(error.to_string().replace("--defects ", "the list of defects ")))
}

/// Asks for other defects, with the same model. Good photos are forgotten, and results from before do not belong to those
/// after. An error is given back for names that cannot be looked for.
#[wasm_bindgen(jspi, js_name = setQuestion, unchecked_return_type = "ModelInfo | Failure")]
pub fn set_question(object: Option<String>, defects: Vec<String>) -> JsValue {
    answer(ask(object.as_deref(), &defects))
}

fn ask(object: Option<&str>, defects: &[String]) -> Result<JsValue, Failure> {
    let prompts = question(object, defects)?;
    let session = take_session()?;
    let mut detector = session.inspector.into_detector().without_references();
    let asked = detector.set_prompts(&prompts);
    let prompts = if asked.is_ok() { prompts } else { session.prompts };
    let session = Session {
        inspector: inspector(detector),
        prompts,
        good: GoodPhotos::default(),
        model: session.model,
    };
    let info = info(&session);
    set_session(Some(session));
    asked?;
    to_js(&info)
}

/// What is loaded.
///
/// # Errors
/// When nothing is.
#[wasm_bindgen(js_name = currentModel, unchecked_return_type = "ModelInfo")]
pub fn current_model() -> Result<JsValue, JsValue> {
    Ok(with_session(|session| to_js(&info(session)))?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelInfo {
    name: String,
    image_size: u32,
    patch_size: u32,
    demonstration: bool,
    object: String,
    defects: Vec<String>,
    good_photos: usize,
    device_bytes: u64,
    notes: Vec<String>,
}

fn info(session: &Session) -> ModelInfo {
    let clip = session.inspector.detector().clip();
    ModelInfo {
        name: session.model.name.clone(),
        image_size: session.model.image_size,
        patch_size: session.model.patch_size,
        demonstration: session.model.demonstration,
        object: session.prompts.object.clone(),
        defects: session.prompts.defects.clone(),
        good_photos: session.good.len(),
        device_bytes: clip.gpu().memory().held(),
        notes: clip.notes().to_vec(),
    }
}
