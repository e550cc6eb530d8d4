//! Large photos: what the whole shows is not lost in tiles, and what has no box is counted.

use image::{Rgb, RgbImage};

use crate::Place;
use crate::common;
use dapo_wgpu::report::Results;
use dapo_wgpu::report::results::{ScoredImage, Verdict};

/// A photo of 2000 × 3000 pixels of a cast surface, with dark holes at these places, of 35 × 50 pixels.
fn photo(holes: &[(u32, u32)]) -> RgbImage {
    let noise = |x: u32, y: u32| {
        (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761) >> 28
    };
    RgbImage::from_fn(2000, 3000, |x, y| {
        let inside = holes.iter().any(|&(cx, cy)| {
            let (dx, dy) = ((f64::from(x) - f64::from(cx)) / 17.5, (f64::from(y) - f64::from(cy)) / 25.0);
            dx * dx + dy * dy < 1.0
        });
        let shade = if inside { 12 } else { 150 + noise(x / 2, y / 2) as u8 };
        Rgb([shade, shade, shade])
    })
}

/// Runs the embedded model.
fn detect(place: &Place, words: &[&str]) -> (common::Run, Results) {
    let words =
        [&["detect", "in", "--object", "metal plate", "--defects", "hole,scratch", "--out", "out"], words]
            .concat();
    let run = place.run(&words).succeeds();
    (run, common::results(&place.path("out")))
}

fn only(results: &Results) -> &ScoredImage {
    results.images[0].scored().expect("scored")
}

#[test]
fn a_region_of_the_whole_photo_has_a_box_with_tiles_too() {
    let place = Place::new();
    std::fs::create_dir(place.path("in")).expect("a folder");
    photo(&[(700, 1200)]).save(place.path("in/plate.png")).expect("a photo");
    // The least threshold at which the whole photo has a box somewhere: what it shows is known.
    let (_, whole) = detect(&place, &["--threshold", "0.2", "--save-maps"]);
    let map = common::map(&place.path("out/maps/plate.binary.npy")).1;
    let highest = map.iter().copied().fold(0.0, f32::max);
    let threshold = (0.9 * highest).to_string();
    let _ = whole;
    let plain = detect(&place, &["--threshold", &threshold]).1;
    for tile in ["300", "500", "1500"] {
        let tiled = detect(&place, &["--threshold", &threshold, "--tile", tile]).1;
        // Each box of the whole meets one of the tiled run's: regions become finer, and none goes.
        for found in &only(&plain).boxes {
            let meets = only(&tiled).boxes.iter().any(|b| {
                b.x < found.x + found.width
                    && found.x < b.x + b.width
                    && b.y < found.y + found.height
                    && found.y < b.y + b.height
            });
            assert!(meets, "--tile {tile}: {found:?} has no part in {:?}", only(&tiled).boxes);
        }
        assert_eq!(only(&tiled).score, only(&plain).score, "tiles change the map only");
    }
}

#[test]
fn regions_without_a_box_are_counted_wherever_results_are_shown() {
    let place = Place::new();
    std::fs::create_dir(place.path("in")).expect("a folder");
    photo(&[(700, 1200)]).save(place.path("in/plate.png")).expect("a photo");
    let all = detect(&place, &["--threshold", "0.05", "--min-area", "0"]).1;
    let largest = only(&all).boxes.iter().map(|b| b.area).max().expect("a box at so low a threshold");
    assert!(only(&all).unboxed.is_none_or(|unboxed| unboxed.small == 0));
    assert_eq!(all.settings["min_area"], 0);
    let more = (largest + 1).to_string();
    let (run, none) = detect(&place, &["--threshold", "0.05", "--min-area", &more]);
    let image = only(&none);
    let unboxed = image.unboxed.expect("what has no box is told");
    assert_eq!((image.boxes.len(), unboxed.small), (0, only(&all).boxes.len()));
    assert_eq!(unboxed.least_area, largest + 1);
    assert!(
        image.notes.iter().any(|note| note.contains("without a box") && note.contains(&more)),
        "{:?}",
        image.notes
    );
    assert!(none.notes.iter().any(|note| note.contains("in 1 image without a box")), "{:?}", none.notes);
    assert!(run.stderr.contains("in 1 image without a box") && run.stderr.contains("--min-area"), "{run:#?}");
    let page = std::fs::read_to_string(place.path("out/report.html")).expect("a page");
    assert!(page.contains("without a box"));
    assert_eq!(place.detect(&["in", "--min-area", "-1"]).code, Some(2));
}

#[test]
fn a_good_image_with_boxes_says_why() {
    let place = Place::new();
    place.picture("in/a.png", 1);
    let (run, results) = detect(&place, &["--threshold", "0"]);
    assert_eq!(only(&results).verdict, Some(Verdict::Defective), "{run:#?}");
    // A low threshold of the map, and a high one of the score.
    let score = only(&results).score;
    let alarm = serde_json::json!({
        "schema": "dapo-wgpu/alarm/1", "threshold": score + 0.5 * (1.0 - score), "false_alarm_rate": 0.5, "images": 1,
        "highest": score + 0.5 * (1.0 - score),
        "conditions": {
            "method": results.method, "model": results.model.name, "image_size": results.model.image_size,
            "object": results.object, "defects": results.defects,
        },
    });
    place.write("alarm.json", alarm.to_string().as_bytes());
    let (run, results) = detect(&place, &["--threshold", "0", "--calibration", "alarm.json"]);
    let image = only(&results);
    assert_eq!((image.verdict, image.boxes.len()), (Some(Verdict::Good), 1), "{run:#?}");
    let note =
        "good by the score of the whole image, although 1 region of its map reached 0: look at the box";
    assert_eq!(image.notes, [note]);
    assert!(
        run.stderr.contains("1 image called good by the score of the whole image, with boxes"),
        "{run:#?}"
    );
    assert!(std::fs::read_to_string(place.path("out/report.html")).expect("a page").contains(note));
}
