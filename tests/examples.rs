//! The programs in `examples/` do what they say.

#[path = "../examples/detect.rs"]
mod detect;

#[test]
fn detect_names_a_defect_and_where_it_is() {
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/samples/bottle_broken.png");
    let lines = detect::detect(photo, "bottle", &["broken", "contamination"]).expect("a detection");
    assert!(lines[0].starts_with("score 0.9") || lines[0].starts_with("score 1.0"), "{lines:?}");
    assert!(lines[0].ends_with("broken"), "{lines:?}");
    assert!(lines.len() > 1 && lines[1].contains("px"), "no box: {lines:?}");
}
