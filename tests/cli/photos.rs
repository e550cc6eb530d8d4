//! Photos that a reader may misunderstand: what the commands make of them, and what they say.

use std::fs::{self, File};
use std::path::Path;

use image::{ImageBuffer, Luma, Rgb, RgbImage, imageops};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use crate::Place;
use crate::common::{self, picture};

/// Writes a photo of a 12-bit camera, white at 4095, into a 16-bit file.
fn save_12_bits(path: &Path, photo: &RgbImage) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    let (width, height) = photo.dimensions();
    let wide = ImageBuffer::from_fn(width, height, |x, y| {
        Rgb(photo.get_pixel(x, y).0.map(|v| (u32::from(v) * 4095 / 255) as u16))
    });
    wide.save(path).expect("a picture");
}

/// Writes a photo as a camera does that was held on its side: turned, with the EXIF orientation 6.
fn save_turned(path: &Path, upright: &RgbImage) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    let stored = imageops::rotate270(upright);
    let mut encoder = TiffEncoder::new(File::create(path).expect("a file")).expect("TIFF");
    let mut page = encoder.new_image::<colortype::RGB8>(stored.width(), stored.height()).expect("a page");
    page.encoder().write_tag(Tag::Orientation, 6u16).expect("a tag");
    page.write_data(stored.as_raw()).expect("pixels");
}

fn save(path: &Path, photo: &RgbImage) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    photo.save(path).expect("a picture");
}

#[test]
fn a_camera_of_12_bits_scores_as_its_8_bit_copy_and_all_commands_say_so() {
    let place = Place::new();
    for seed in 0..9 {
        save(&place.path(&format!("eight/{seed}.png")), &picture(48, 40, seed));
        save_12_bits(&place.path(&format!("twelve/{seed}.png")), &picture(48, 40, seed));
    }
    let scores = |words: &[&str]| -> Vec<f32> {
        let run = place.detect(words).succeeds();
        assert_eq!(
            run.stderr.contains("9 of 9 images: 16-bit samples"),
            words[0] == "twelve",
            "{}",
            run.stderr
        );
        let results = common::results(&place.path("out"));
        assert_eq!(results.notes.iter().any(|note| note.contains("9 of 9")), words[0] == "twelve");
        results.images.iter().map(|image| image.scored().expect("scored").score).collect()
    };
    let (eight, twelve) = (scores(&["eight"]), scores(&["twelve"]));
    assert_eq!(eight, twelve);
    let notes: Vec<String> =
        common::results(&place.path("out")).images[0].scored().expect("scored").notes.clone();
    assert!(notes.len() == 1 && notes[0].contains("12-bit") && notes[0].contains("--bits"), "{notes:?}");
    let page = fs::read_to_string(place.path("out/report.html")).expect("a page");
    assert!(page.contains("9 of 9 images: 16-bit samples") && page.matches("12-bit").count() >= 10);
    assert_eq!(scores(&["twelve", "--bits", "12"]), eight);
    let dark = place.detect(&["twelve", "--bits", "16"]).succeeds();
    assert!(!dark.stderr.contains("16-bit samples"), "as they are: {}", dark.stderr);
    assert_ne!(common::results(&place.path("out")).images[0].scored().expect("scored").score, eight[0]);
    place.detect(&["twelve", "--bits", "7"]).fails_with(&["--bits", "from 8 to 16"]);

    // One dark photo is taken for a camera of 10 bits: a run says that its photos were not read alike.
    let dark: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_fn(48, 40, |x, y| Luma([(x * 19 + y) as u16]));
    dark.save(place.path("twelve/9.png")).expect("a picture");
    let options = ["--model", "model", "--defects", "scratch,hole"];
    let calibrate = ["calibrate", "--good", "twelve", "--false-alarms", "0.2", "--out", "alarm.json"];
    let mixed = "1 with 10 bits, 9 with 12 bits";
    let ran = place.run(&[&calibrate[..], &options].concat()).succeeds();
    assert!(ran.stderr.contains(mixed) && ran.stderr.contains("9 of 10 images"), "{}", ran.stderr);
    let ran = place.run(&[&calibrate[..], &options, &["--bits", "12"]].concat()).succeeds();
    assert!(ran.stderr.contains("10 of 10 images") && !ran.stderr.contains("10 bits,"), "{}", ran.stderr);
    let embed = ["embed", "--model", "model", "--out", "f.safetensors", "--image", "twelve/1.png"];
    let ran = place.run(&[&embed[..], &["twelve/9.png"]].concat()).succeeds();
    assert!(ran.stderr.contains("1 of 2 images: 16-bit samples"), "{}", ran.stderr);
    let watch = ["watch", "twelve", "--out", "lines.jsonl", "--idle", "0.3", "--every", "20"];
    let ran = place.run(&[&watch[..], &options].concat()).succeeds();
    assert!(ran.stderr.contains(mixed), "{}", ran.stderr);
    let lines = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
    assert_eq!(lines.matches("12-bit values").count(), 9, "{lines}");
}

/// Upright photos with a defect, in three ways of storing photo and mask; good ones beside them.
fn data_sets(place: &Place) -> [&'static str; 3] {
    let sets = ["plain", "mask_upright", "mask_stored"];
    for set in sets {
        let at = |name: &str| place.path(&format!("{set}/data/{name}"));
        for seed in 0..4 {
            let (kind, photo) = (if seed < 2 { "good" } else { "bad" }, picture(40, 64, seed));
            let path = at(&format!("test/{kind}/{seed}.tif"));
            if set == "plain" {
                save(&path, &photo)
            } else {
                save_turned(&path, &photo)
            }
            let mask: ImageBuffer<Luma<u8>, Vec<u8>> =
                ImageBuffer::from_fn(40, 64, |x, y| Luma([if x < 16 && y < 30 { 255 } else { 0 }]));
            if kind == "bad" {
                let path = at(&format!("ground_truth/bad/{seed}_mask.png"));
                fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
                let mask = if set == "mask_stored" { imageops::rotate270(&mask) } else { mask };
                mask.save(path).expect("a mask");
            }
        }
    }
    sets
}

#[test]
fn turned_photos_have_the_figures_of_upright_ones_whichever_way_their_masks_are() {
    let place = Place::new();
    let (mut figures, mut exact) = (Vec::new(), Vec::new());
    for set in data_sets(&place) {
        let (data, out) = (format!("{set}/data"), format!("{set}/run"));
        let run = place.run(&["eval", "--data", &data, "--model", "model", "--out", &out]).succeeds();
        let read = |name: &str| fs::read_to_string(place.path(&format!("{out}/{name}"))).expect("a file");
        let metrics: serde_json::Value = serde_json::from_str(&read("metrics.json")).expect("JSON");
        let turned = set != "plain";
        for text in [&run.stderr, &read("metrics.json"), &read("report.html")] {
            assert_eq!(text.contains("4 of 4 images: turned clockwise"), turned, "{set}: {text:.3000}");
            assert_eq!(text.contains("2 of 4 images: its mask has the shape"), set == "mask_stored", "{set}");
        }
        figures.push((metrics["mean"].clone(), metrics["products"].clone()));
        let (kept, scored) = (format!("{set}/kept"), format!("{set}/scored"));
        place.run(&["eval", "--data", &data, "--model", "model", "--out", &kept, "--save-maps"]).succeeds();
        let maps = format!("{kept}/maps");
        let run = place.run(&["score", "--predictions", &maps, "--data", &data, "--out", &scored]).succeeds();
        assert_eq!(run.stderr.contains("EXIF"), turned, "{}", run.stderr);
        let text = fs::read_to_string(place.path(&format!("{scored}/metrics.json"))).expect("a file");
        let metrics: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        exact.push((metrics["mean"].clone(), metrics["products"].clone()));
        let inspected = place.run(&["data", "inspect", &data]).succeeds();
        assert!(inspected.stdout.contains("40x64 (4)"), "{}", inspected.stdout);
        assert!(!inspected.stdout.contains("both are scaled"), "{}", inspected.stdout);
    }
    assert_eq!(figures[0], figures[1]);
    assert_eq!(figures[0], figures[2]);
    assert!(exact[0] == exact[1] && exact[0] == exact[2], "{exact:#?}");
    // As stored, the same photos have other scores, and the run is another one.
    let stored =
        ["eval", "--data", "plain/data", "--model", "model", "--out", "plain/run", "--orient", "stored"];
    place.run(&stored).fails_with(&["plain/run"]);
}

#[test]
fn boxes_drawn_on_the_upright_photo_fit_it_whatever_size_their_list_gives() {
    let place = Place::new();
    let mut figures = Vec::new();
    let sizes = [r#""width": 40, "height": 64,"#, r#""width": 64, "height": 40,"#, ""];
    for (case, size) in
        [("plain", sizes[0])].into_iter().chain(["upright", "stored", "none"].into_iter().zip(sizes))
    {
        let mut images = Vec::new();
        for seed in 0..4 {
            let path = place.path(&format!("{case}/data/{seed}.tif"));
            let photo = picture(40, 64, seed);
            if case == "plain" {
                save(&path, &photo)
            } else {
                save_turned(&path, &photo)
            }
            images.push(format!(r#"{{"id": {seed}, {size} "file_name": "{seed}.tif"}}"#));
        }
        let annotation =
            |image: u32| format!(r#"{{"image_id": {image}, "category_id": 1, "bbox": [4, 34, 20, 26]}}"#);
        let list = format!(
            r#"{{"images": [{}], "annotations": [{}, {}], "categories": [{{"id": 1, "name": "scratch"}}]}}"#,
            images.join(", "),
            annotation(2),
            annotation(3)
        );
        place.write(&format!("{case}/data/_annotations.coco.json"), list.as_bytes());
        let (data, out) = (format!("{case}/data"), format!("{case}/run"));
        place.run(&["eval", "--data", &data, "--model", "model", "--out", &out]).succeeds();
        let text = fs::read_to_string(place.path(&format!("{out}/metrics.json"))).expect("metrics");
        let metrics: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        figures.push(metrics["mean"].clone());
    }
    assert!(figures.iter().all(|f| *f == figures[0]), "{figures:#?}");
}

#[test]
fn files_that_ask_for_too_much_are_errors_of_their_own_and_the_run_goes_on() {
    let place = Place::new();
    place.picture("in/good.png", 1);
    let jpeg = place.picture_bytes("a.jpg");
    place.write("in/sparse.jpg", &jpeg[..jpeg.len() / 2]);
    let sparse = fs::OpenOptions::new().write(true).open(place.path("in/sparse.jpg")).expect("a file");
    let is_sparse = sparse.set_len(1 << 43).is_ok();
    place.write("in/line.png", &common::png_header(1, 1 << 28));
    place.write("in/flat.png", &common::png_header(16_384, 16_384));
    place.write("in/flat.ppm", b"P6 16384 16384 255\n");
    place.write("in/flat.pbm", b"P4 16384 16384\n");
    let run = place.detect(&["in"]);
    assert_eq!(run.code, Some(3), "{run:#?}");
    let results = common::results(&place.path("out"));
    for image in &results.images {
        let text = serde_json::to_string(image).expect("JSON");
        let expected: &[&str] = match image.path().rsplit('/').next().expect("a name") {
            "good.png" => &["\"score\""],
            "sparse.jpg" if is_sparse => &["8796093022208 bytes", "at most 1073741824"],
            "sparse.jpg" => &["error"],
            "line.png" => &["1x268435456", "limit of 1048576"],
            _ => &["16384x16384 pixels in a file of"],
        };
        assert!(expected.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn named_pipes_are_refused_wherever_a_file_is_named() {
    let place = Place::new();
    place.picture("in/a.png", 1);
    let pipe = place.path("pipe.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    for name in ["pipe.png", "pipe.safetensors", "pipe.toml", "pipe.pt", "maps/a.npy", "piped/config.json"] {
        let path = place.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::hard_link(&pipe, &path).expect("a link");
    }
    let cases: [&[&str]; 9] = [
        &["detect", "in", "--out", "out", "--model", "model", "--calibration", "pipe.json"],
        &["detect", "in", "--out", "out", "--model", "model", "--learner", "pipe.safetensors"],
        &["detect", "in", "--out", "out", "--model", "piped"],
        &["detect", "pipe.png", "--out", "out", "--model", "model"],
        &["train", "--data", "in", "--out", "run", "--model", "model", "--config", "pipe.toml"],
        &["watch", "in", "--out", "pipe.json", "--model", "model", "--idle", "0.1"],
        &["table", "pipe.json"],
        &["import", "pipe.pt", "--out", "imported"],
        &["data", "inspect", "in", "--description", "pipe.toml"],
    ];
    for words in cases {
        let run = place.run(words);
        assert!(run.code.is_some_and(|code| code != 0), "{words:?}: {run:#?}");
        // A model folder is one that has its files.
        let named = ["named pipe", "not a regular file", "piped: not a CLIP model folder"]
            .iter()
            .any(|word| run.stderr.contains(word));
        // A folder of one image is no data set, which may be found out first.
        assert!(named || words.contains(&"in") && words[0] != "detect", "{words:?}: {}", run.stderr);
    }
}
