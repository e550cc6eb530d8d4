//! `score`: maps of other programs.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use dapo_wgpu::report::metrics::{Figure, ImageRecord, Metrics};
use dapo_wgpu::report::write_npy;
use image::{GrayImage, ImageBuffer, Luma};

use crate::Place;
use crate::common::{Run, assert_whole};

const SIDE: usize = 4;

/// A product with two good images and two with a hole in the upper left quarter, and their maps as .npy.
fn place() -> Place {
    let place = Place::new();
    for (image, values) in maps() {
        let folder = image.split('/').next().expect("a folder");
        save(&place.path(&format!("data/cup/test/{image}.png")), |_, _| 100);
        if folder != "good" {
            let mask = place.path(&format!("data/cup/ground_truth/{image}_mask.png"));
            save(&mask, |x, y| if x < 2 && y < 2 { 255 } else { 0 });
        }
        npy(&place, &image, &[SIDE, SIDE], &values);
    }
    place
}

/// What the four maps are, with their images: a hole found, a hole half found, a quiet and a loud good image.
fn maps() -> Vec<(String, Vec<f32>)> {
    let map = |value: fn(usize, usize) -> u16| -> Vec<f32> {
        (0..SIDE * SIDE).map(|at| f32::from(value(at % SIDE, at / SIDE))).collect()
    };
    vec![
        ("hole/000".into(), map(|x, y| if x < 2 && y < 2 { 200 } else { 10 })),
        ("hole/001".into(), map(|x, y| if x < 1 && y < 2 { 150 } else { 20 })),
        ("good/000".into(), map(|x, _| x as u16)),
        ("good/001".into(), map(|x, y| if x == 3 && y == 3 { 160 } else { 5 })),
    ]
}

fn save(path: &Path, value: impl Fn(u32, u32) -> u8) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    GrayImage::from_fn(SIDE as u32, SIDE as u32, |x, y| Luma([value(x, y)])).save(path).expect("writable");
}

fn npy(place: &Place, image: &str, shape: &[usize], values: &[f32]) {
    let path = place.path(&format!("maps/cup/test/{image}.npy"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    write_npy(path, shape, values).expect("writable");
}

fn score(place: &Place, more: &[&str]) -> Run {
    let words = ["score", "--predictions", "maps", "--data", "data", "--out", "out"];
    place.run(&[&words, more].concat())
}

fn metrics(place: &Place) -> Metrics {
    assert_whole(&place.path("out"));
    serde_json::from_slice(&fs::read(place.path("out/metrics.json")).expect("metrics.json"))
        .expect("the schema")
}

fn images(place: &Place) -> Vec<ImageRecord> {
    let text = fs::read_to_string(place.path("out/images.jsonl")).expect("images.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("the schema")).collect()
}

#[track_caller]
fn close(metrics: &Metrics, figure: Figure, expected: f64) {
    let figures = &metrics.products["cup"].figures;
    let bound = figures.bounds.get(&figure).copied().unwrap_or(0.0);
    let found = figures.values[&figure];
    assert!((found - expected).abs() <= bound + 1e-9, "{figure:?}: {found} ± {bound} instead of {expected}");
}

/// The figures of the maps of `place`, by hand.
fn assert_figures(metrics: &Metrics) {
    // Holes: 200 four times, 150 twice, 20 twice. Elsewhere: 160 once, 20 twelve times, the rest less.
    close(metrics, Figure::PixelAuroc, (4.0 * 56.0 + 2.0 * 55.0 + 2.0 * (43.0 + 6.0)) / (8.0 * 56.0));
    close(metrics, Figure::PixelAp, (4.0 + 2.0 * 6.0 / 7.0 + 2.0 * 8.0 / 21.0) / 8.0);
    close(metrics, Figure::PixelF1Max, 2.0 * 6.0 / (7.0 + 8.0));
    // Scores 200, 150 against 3, 160.
    close(metrics, Figure::ImageAuroc, 0.75);
    // The thresholds below 20 raise 13 of 56 alarms (those from 10 to 20) or more than 0.3. Above, one alarm up to 160,
    // then none: the overlaps are 1, 3/4 (up to 150), 1/2; in the end the rate is 0.
    let (first, one) = (13.0 / 56.0, 1.0 / 56.0);
    let area = (first - one) * (1.0 + 0.75) / 2.0 + one * (0.5 + 0.5) / 2.0;
    close(metrics, Figure::Aupro, area / first);
}

#[test]
fn figures_are_right_exactly_and_in_bins() {
    let place = place();
    let ran = score(&place, &["--name", "ours"]).succeeds();
    assert!(ran.stdout.contains("image AUROC") && ran.stdout.contains("cup"), "{ran:#?}");
    let found = metrics(&place);
    assert_figures(&found);
    assert_eq!((found.method.as_str(), found.data.images, found.adapter.is_none()), ("ours", 4, true));
    assert!(found.products["cup"].figures.bounds.is_empty(), "exact");
    let records = images(&place);
    assert_eq!(records.len(), 4);
    assert_eq!((records[2].path.as_str(), records[2].score), ("cup/test/hole/000.png", Some(200.0)));
    assert_eq!((records[2].truth.as_deref(), records[0].truth.as_deref()), (Some("hole"), None));

    let json = score(&place, &["--streaming", "--json"]).succeeds().stdout;
    let streamed = metrics(&place);
    assert_eq!(serde_json::from_str::<Metrics>(&json).expect("JSON"), streamed);
    assert_figures(&streamed);
    assert_eq!(streamed.settings["streamed"], serde_json::json!(["cup"]));
    assert_eq!(streamed.data, found.data);
}

#[test]
fn formats_give_the_same_figures() {
    let place = place();
    score(&place, &[]).succeeds();
    let expected = metrics(&place);
    let archive = |bytes: &[u8], method| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file("arr_0.npy", options).expect("an archive");
        zip.write_all(bytes).expect("an archive");
        zip.finish().expect("an archive").into_inner()
    };
    let way = |place: &Place, image: &str, values: &[f32], kind: &str| {
        let old = place.path(&format!("maps/cup/test/{image}.npy"));
        let path = |end: &str| place.path(&format!("maps/cup/test/{image}{end}"));
        let picture = |values: &[f32]| -> ImageBuffer<Luma<u16>, Vec<u16>> {
            let samples = values.iter().map(|&v| v as u16).collect();
            ImageBuffer::from_raw(SIDE as u32, SIDE as u32, samples).expect("a picture")
        };
        match kind {
            "png16" => picture(values).save(path("_map.png")).expect("writable"),
            "tiff16" => picture(values).save(path(".tiff")).expect("writable"),
            "tiff32f" => {
                let file = fs::File::create(path(".tif")).expect("writable");
                let mut encoder = tiff::encoder::TiffEncoder::new(file).expect("a file");
                type Gray = tiff::encoder::colortype::Gray32Float;
                encoder.write_image::<Gray>(SIDE as u32, SIDE as u32, values).expect("writable");
            }
            "npz" => {
                let bytes = fs::read(&old).expect("a map");
                fs::write(path(".npz"), archive(&bytes, zip::CompressionMethod::Stored)).expect("writable");
            }
            "npz compressed" => {
                let bytes = fs::read(&old).expect("a map");
                fs::write(path(".npz"), archive(&bytes, zip::CompressionMethod::Deflated)).expect("writable");
            }
            _ => fs::copy(&old, path(".binary.npy")).map(drop).expect("writable"),
        }
        fs::remove_file(old).expect("it was there");
    };
    for kind in ["png16", "tiff16", "tiff32f", "npz", "npz compressed", "suffix"] {
        let place = self::place();
        for (image, values) in maps() {
            way(&place, &image, &values, kind);
        }
        score(&place, &[]).succeeds();
        let found = metrics(&place);
        assert_eq!(found.products, expected.products, "{kind}");
    }
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let place = place();
    npy(&place, "hole/001", &[2, 2], &[0.0, 1.0, f32::NAN, 0.0]);
    score(&place, &[]).fails_with(&["hole/001.npy", "row 1, column 0", "NaN"]);
    npy(&place, "hole/001", &[3, 2, 2], &[0.0; 12]);
    score(&place, &[]).fails_with(&["hole/001.npy", "3 channels", "normal, hole"]);
    fs::remove_file(place.path("maps/cup/test/hole/001.npy")).expect("it was there");
    score(&place, &[]).fails_with(&["1 of 4", "cup/test/hole/001.png", "maps/cup/test/hole/001.npy"]);
    assert!(!place.path("out/metrics.json").exists());

    let ran = score(&place, &["--allow-missing"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let found = metrics(&place);
    assert_eq!((found.failed.len(), found.products["cup"].images), (1, 3));
    assert_eq!(found.failed[0].path, "cup/test/hole/001.png");
    assert!(images(&place)[3].error.is_some() && images(&place)[3].score.is_none());

    place.write("maps/cup/test/hole/001.npy", b"no array");
    score(&place, &[]).fails_with(&["hole/001.npy", "magic"]);
    let ran = score(&place, &["--allow-missing", "--streaming"]);
    assert_eq!((ran.code, metrics(&place).failed.len()), (Some(3), 1), "{ran:#?}");
    fs::remove_dir_all(place.path("maps")).expect("they were there");
    score(&place, &["--allow-missing"]).fails_with(&["4 of 4"]);
}

#[test]
fn the_images_themselves_are_not_maps() {
    let place = place();
    let words = ["score", "--predictions", "data", "--data", "data", "--out", "out"];
    place.run(&words).fails_with(&["4 of 4 images have no map"]);
}

#[test]
fn scores_come_from_a_table_or_a_rule() {
    let place = place();
    let table = "score,image\n1,cup/test/hole/000.png\n2,cup/test/hole/001.png\n3,cup/test/good/000.png\n";
    place.write("scores.csv", table.as_bytes());
    score(&place, &["--scores", "scores.csv"]).fails_with(&["scores.csv", "1 of 4", "cup/test/good/001.png"]);
    place.write("scores.csv", format!("{table}1.5,cup/test/good/001.png\n").as_bytes());
    score(&place, &["--scores", "scores.csv"]).succeeds();
    close(&metrics(&place), Figure::ImageAuroc, 0.25);
    // The mean of the 17 largest of 16 is that of all: 57.5, 36.25 against 1.5, 14.7.
    score(&place, &["--image-score", "top-17"]).succeeds();
    close(&metrics(&place), Figure::ImageAuroc, 1.0);
    assert_eq!(images(&place)[2].score, Some(57.5));
    place.write("scores.csv", b"score,image\nnan,cup/test/hole/000.png\n");
    score(&place, &["--scores", "scores.csv"]).fails_with(&["scores.csv", "line 2", "nan"]);
}

#[test]
fn maps_have_any_size() {
    let place = place();
    for (image, values) in maps() {
        // Twice as high: each row doubled.
        let rows = values.chunks(SIDE).flat_map(|row| [row, row].concat()).collect::<Vec<_>>();
        npy(&place, &image, &[1, 2 * SIDE, SIDE], &rows);
    }
    score(&place, &[]).succeeds();
    assert_figures(&metrics(&place));
    // The middle between two rows that are the same is that row.
    score(&place, &["--size", "4"]).succeeds();
    assert_figures(&metrics(&place));
}

#[test]
fn channels_give_types() {
    let place = place();
    for (image, values) in maps() {
        let defect = values.iter().map(|v| v / 256.0);
        let both: Vec<f32> = defect.clone().map(|v| 1.0 - v).chain(defect).collect();
        npy(&place, &image, &[2, SIDE, SIDE], &both);
    }
    for mode in ["--exact", "--streaming"] {
        score(&place, &[mode]).succeeds();
        let found = metrics(&place);
        let cup = &found.products["cup"];
        // One channel is the other reversed: both have the AUROC of the pixels.
        let auroc = (4.0 * 56.0 + 2.0 * 55.0 + 2.0 * 49.0) / (8.0 * 56.0);
        close(&found, Figure::MultiAuroc, auroc);
        close(&found, Figure::PixelAuroc, auroc);
        // Above one half: 200 four times and 150 twice rightly, 160 once wrongly.
        let confusion = cup.pixel_confusion.clone().expect("types");
        assert_eq!(
            (confusion.names, confusion.counts),
            (vec!["normal".to_owned(), "hole".to_owned()], vec![vec![55, 1], vec![2, 6]])
        );
        close(&found, Figure::MultiF1, (110.0 / 113.0 + 12.0 / 15.0) / 2.0);
        assert_eq!((cup.types["hole"].support, found.types["hole"].support), (8, 1));
    }
}
