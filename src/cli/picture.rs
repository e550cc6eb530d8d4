//! From one detection to boxes, pictures and map files.

use std::path::Path;

use image::RgbImage;

use super::Failure;
use crate::dapo::Detection;
use crate::dapo::regions::{RegionOptions, Threshold, find_regions};
use crate::report::overlay::{self, ALPHA};
use crate::report::results::{DefectBox, MapFiles, NORMAL, ScoredImage, Verdict};
use crate::report::{MapView, ReportImage, write_npy};

/// Longest side of an overlay.
pub const PICTURE_SIDE: u32 = overlay::MAX_SIDE;
/// Longest side of a picture in the report.
const THUMBNAIL_SIDE: u32 = 512;
/// Edge of the small per-class maps in the report.
const CLASS_MAP_SIDE: u32 = 96;

/// Boxes around the regions whose defect probability is at least `threshold`, in original pixels.
///
/// # Errors
/// NaN in a map.
pub fn boxes(
    detection: &Detection,
    binary: &[f32],
    original: (u32, u32),
    defects: &[String],
    threshold: f32,
) -> Result<Vec<DefectBox>, Failure> {
    let size = (detection.size, detection.size);
    let options = RegionOptions { threshold: Threshold::Fixed(threshold), ..RegionOptions::default() };
    let regions = find_regions(binary, size, original, Some(&detection.maps), &options)?;
    let name = |class: Option<usize>| defects[class.unwrap_or(detection.defect)].clone();
    Ok(regions
        .into_iter()
        .map(|r| DefectBox {
            x: r.x,
            y: r.y,
            width: r.width,
            height: r.height,
            score: r.score.clamp(0.0, 1.0),
            area: r.area,
            defect_type: name(r.class),
        })
        .collect())
}

/// An image's entry in results, without files.
pub fn scored(
    path: String,
    (width, height): (u32, u32),
    detection: &Detection,
    defects: &[String],
    boxes: Vec<DefectBox>,
    alarm_threshold: f32,
) -> ScoredImage {
    let names = std::iter::once(NORMAL.to_owned()).chain(defects.iter().cloned());
    ScoredImage {
        path,
        width,
        height,
        score: detection.score,
        verdict: Some(Verdict::of(detection.score, alarm_threshold)),
        defect_type: defects[detection.defect].clone(),
        type_probability: detection.probabilities[1 + detection.defect],
        probabilities: names.zip(detection.probabilities.iter().copied()).collect(),
        boxes,
        overlay: None,
        maps: None,
    }
}

/// Writes the overlay below `out` and returns its relative path.
///
/// # Errors
/// An unwritable file.
pub fn save_overlay(
    out: &Path,
    stem: &str,
    picture: &RgbImage,
    binary: MapView<'_>,
    boxes: &[DefectBox],
    original: (u32, u32),
) -> Result<String, Failure> {
    let colours = binary.colours(picture.width(), picture.height());
    let mut overlay = overlay::blend(picture, &colours, ALPHA);
    overlay::draw_boxes(&mut overlay, boxes, original);
    let name = format!("overlays/{stem}.png");
    save(out, &name, |path| Ok(overlay::save_png(&overlay, path)?))?;
    Ok(name)
}

/// Writes the raw maps below `out` and returns their relative paths.
///
/// # Errors
/// An unwritable file.
pub fn save_maps(out: &Path, stem: &str, detection: &Detection, binary: &[f32]) -> Result<MapFiles, Failure> {
    let size = detection.size;
    let classes = detection.maps.len() / (size * size);
    let names = [format!("maps/{stem}.binary.npy"), format!("maps/{stem}.multi.npy")];
    // The raw maps of a learner are the sums over its feature layers, as the method defines them.
    let layers = detection.layers as f32;
    let raw = |values: &[f32]| values.iter().map(|p| p * layers).collect::<Vec<_>>();
    save(out, &names[0], |path| Ok(write_npy(path, &[size, size], &raw(binary))?))?;
    save(out, &names[1], |path| Ok(write_npy(path, &[classes, size, size], &raw(&detection.maps))?))?;
    let [binary, multi] = names;
    Ok(MapFiles { binary: Some(binary), multi: Some(multi) })
}

fn save(out: &Path, name: &str, write: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let path = out.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::new(format!("{}: cannot create this folder: {e}", folder.display())))?;
    }
    write(&path)
}

/// The pictures that the report shows of one image.
///
/// # Errors
/// NaN in a map.
pub fn report_image(
    picture: &RgbImage,
    detection: &Detection,
    binary: MapView<'_>,
    names: &[String],
) -> Result<ReportImage, Failure> {
    let thumbnail = overlay::fit(picture, THUMBNAIL_SIDE);
    let (width, height) = thumbnail.dimensions();
    let area = detection.size * detection.size;
    let maps = detection.maps[area..]
        .chunks(area)
        .zip(names)
        .map(|(map, name)| Ok((name.as_str(), MapView::new(map, detection.size, detection.size)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(ReportImage {
        heat: binary.colours(width, height),
        class_maps: overlay::small_multiples(&maps, (width, height), CLASS_MAP_SIDE),
        thumbnail,
    })
}
