//! Image files, good, odd and bad.

use std::fs;

use image::{ImageBuffer, Luma, Rgb};

use crate::common::{self, png_header};
use crate::{Place, fixture};

#[test]
fn a_bad_image_alone_fails_with_its_reason() {
    let place = Place::new();
    let png = place.picture_bytes("a.png");
    let jpg = place.picture_bytes("a.jpg");
    let cases: [(&str, Vec<u8>, &[&str]); 8] = [
        ("text.png", b"this is no picture".to_vec(), &["not a readable image", "PNG, JPEG"]),
        ("empty.png", vec![], &["empty (0 bytes)"]),
        ("short.png", png[..png.len() / 2].to_vec(), &["cut short", "again"]),
        ("header.png", png[..20].to_vec(), &["cut short", "again"]),
        ("short.jpg", jpg[..jpg.len() / 2].to_vec(), &["cut short", "again"]),
        ("huge.png", png_header(20_000, 20_000), &["20000x20000", "400 megapixels", "tiles"]),
        ("flat.png", png_header(0, 7), &["damaged"]),
        ("pointer.jpg", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), &["git lfs pull"]),
    ];
    for (name, bytes, words) in &cases {
        place.write(name, bytes);
        let run = place.run(&["embed", "--model", "model", "--image", name, "--out", "o.safetensors"]);
        run.fails_with(&[*name]).fails_with(words);
        assert!(!place.path("o.safetensors").exists(), "{name}: half an output");
    }

    // All of them at once: each has its error in the results, and nothing is cut short.
    let names: Vec<&str> = cases.iter().map(|c| c.0).collect();
    let run = place.detect(&names);
    assert_eq!(run.code, Some(1), "{run:#?}");
    let results = common::results(&place.path("out"));
    assert_eq!(results.images.len(), cases.len());
    assert!(results.images.iter().all(|image| image.scored().is_none()));
    common::assert_whole(&place.path("out"));
    assert_eq!(common::files(&place.path("out")), ["report.html", "results.json"]);
}

#[test]
fn a_missing_file_and_an_empty_folder_stop_the_run_before_it_begins() {
    let place = Place::new();
    fs::create_dir(place.path("nothing")).expect("a folder");
    place.write("nothing/notes.txt", b"no picture");
    place.picture("good.png", 1);
    place.detect(&["good.png", "missing.png"]).fails_with(&["missing.png", "no such file"]);
    place.detect(&["nothing"]).fails_with(&["nothing", "no images found", ".png"]);
    place.detect(&["good.png/inside"]).fails_with(&["good.png/inside"]);
    assert!(!place.path("out").exists(), "not even the folder is made");
    let run = place.run(&["detect", "--out", "out"]);
    assert_eq!(run.code, Some(2), "no image named: {run:#?}");
}

#[test]
fn odd_but_valid_images_are_scored() {
    let place = Place::new();
    let folder = place.path("odd");
    fs::create_dir(&folder).expect("a folder");
    let fixtures = [("cmyk.jpg", 24, 16), ("gray16.png", 4, 2), ("palette_clear.png", 24, 16)];
    let others = [("progressive.jpg", 24, 16), ("ycck.jpg", 24, 16)];
    for (name, ..) in fixtures.iter().chain(&others) {
        fs::copy(fixture(name), folder.join(name)).expect("a fixture");
    }
    common::save_picture(&folder, "one.png", (1, 1), 3);
    common::save_picture(&folder, "strip.png", (2000, 3), 3);
    let rgb16 = ImageBuffer::from_fn(31, 17, |x, y| Rgb([(x * 2000) as u16, (y * 3000) as u16, 40_000]));
    rgb16.save(folder.join("rgb16.png")).expect("a picture");
    let gray: ImageBuffer<Luma<u8>, _> = ImageBuffer::from_fn(9, 9, |x, y| Luma([(x * y) as u8]));
    gray.save(folder.join("gray.bmp")).expect("a picture");

    let run = place.detect(&["odd", "--save-maps"]).succeeds();
    assert_eq!(run.stdout.lines().count(), 9, "one line an image: {}", run.stdout);
    let out = place.path("out");
    common::assert_whole(&out);
    let results = common::results(&out);
    assert_eq!(results.images.len(), 9);
    let sizes = [("one.png", 1, 1), ("rgb16.png", 31, 17), ("gray.bmp", 9, 9), ("strip.png", 2000, 3)];
    for (name, width, height) in fixtures.into_iter().chain(others).chain(sizes) {
        let image = results.images.iter().find(|i| i.path().ends_with(name)).expect("an entry");
        let image = image.scored().unwrap_or_else(|| panic!("{name}: {image:?}"));
        assert_eq!((image.width, image.height), (width, height), "{name}");
        let overlay = image::open(out.join(image.overlay.as_ref().expect("an overlay"))).expect("a PNG");
        // Overlays are for display: no side above 1600.
        let shown = if width > 1600 { (1600, 3) } else { (width, height) };
        assert_eq!((overlay.width(), overlay.height()), shown, "{name}");
    }
}

#[test]
fn one_bad_image_among_twelve_does_not_affect_the_others() {
    let place = Place::new();
    for number in 0..12 {
        place.picture(&format!("twelve/{number:02}.png"), number);
    }
    place.write("twelve/07.png", b"broken");
    let run = place.detect(&["twelve", "--batch", "5"]);
    assert_eq!(run.code, Some(3), "{run:#?}");
    assert!(run.stderr.contains("07.png") && run.stderr.contains("1 of 12"), "{}", run.stderr);
    let out = place.path("out");
    let results = common::results(&out);
    assert_eq!(results.images.len(), 12);
    assert_eq!(results.timing.images, 11, "images processed without error");
    for (number, image) in results.images.iter().enumerate() {
        assert!(image.path().ends_with(&format!("{number:02}.png")), "in input order");
        assert_eq!(image.scored().is_none(), number == 7);
    }
    let json = common::timeless(&out);
    let failed = &json["images"][7];
    assert!(failed["error"].as_str().expect("an error").contains("not a readable image"), "{failed}");
    assert!(failed.get("score").is_none());
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("07.png") && page.contains("not a readable image"));
    assert_eq!(common::files(&out.join("overlays")).len(), 11);
    common::assert_whole(&out);
}

#[test]
fn files_with_the_same_stem_do_not_overwrite_each_other() {
    let place = Place::new();
    for (seed, name) in ["a/x.png", "b/x.png", "a/x.bmp", "a/X.PNG"].into_iter().enumerate() {
        place.picture(name, seed as u32);
    }
    let inputs = ["a/x.png", "b/x.png", "a/x.bmp", "a/X.PNG"];
    place.detect(&[&inputs[..], &["--save-maps"]].concat()).succeeds();
    let out = place.path("out");
    let results = common::results(&out);
    let images: Vec<_> = results.images.iter().map(|i| i.scored().expect("scored")).collect();
    let mut written: Vec<String> = Vec::new();
    for image in &images {
        let maps = image.maps.as_ref().expect("maps");
        let names = [image.overlay.clone(), maps.binary.clone(), maps.multi.clone()];
        written.extend(names.into_iter().flatten().map(|name| name.to_lowercase()));
    }
    assert_eq!(written.len(), 12);
    written.sort();
    written.dedup();
    assert_eq!(written.len(), 12, "each has its own, also where case does not count: {written:?}");
    assert_eq!(common::files(&out).len(), 12 + 2);
}

#[test]
fn names_with_special_characters_are_safe() {
    let place = Place::new();
    let names = ["schräg – ü.png", "50% #1 & <b>.png", "a b/c 'd'.png"];
    for (seed, name) in names.iter().enumerate() {
        // Some systems do not have such names.
        if !cfg!(windows) || !name.contains('<') {
            place.picture(&format!("in/{name}"), seed as u32);
        }
    }
    place.detect(&["in", "--object", "<i>\"nut\"</i>", "--defects", "<script>,ü"]).succeeds();
    let out = place.path("out");
    common::assert_whole(&out);
    let results = common::results(&out);
    for image in results.images.iter().map(|i| i.scored().expect("scored")) {
        assert!(out.join(image.overlay.as_ref().expect("an overlay")).is_file());
    }
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(!page.contains("<i>\"nut\"") && page.matches("<script").count() == 1, "names become no markup");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_unicode_is_safe() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.picture("plain.png", 1);
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe.png");
    if fs::copy(place.path("plain.png"), place.path("").join(name)).is_err() {
        return; // a file system that takes Unicode only
    }
    common::finish(place.detection(&["plain.png"]).arg(name)).succeeds();
    assert_eq!(common::results(&place.path("out")).images.len(), 2);
}
