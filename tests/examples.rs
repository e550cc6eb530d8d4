//! The programs in `examples/` do what they say.

#[path = "../examples/detect.rs"]
mod detect;
#[path = "../examples/kernel.rs"]
mod kernel;
#[path = "../examples/train.rs"]
mod train;

#[test]
fn detect_names_a_defect_and_where_it_is() {
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/samples/bottle_broken.png");
    let lines = detect::detect(photo, "bottle", &["broken", "contamination"]).expect("a detection");
    assert!(lines[0].starts_with("score 0.9") || lines[0].starts_with("score 1.0"), "{lines:?}");
    assert!(lines[0].ends_with("broken"), "{lines:?}");
    assert!(lines.len() > 1 && lines[1].contains("px"), "no box: {lines:?}");
}

#[test]
fn kernel_squares_and_has_a_gradient() {
    let (y, dx) = kernel::square(&[1.0, -2.0, 3.0]).expect("a device");
    assert_eq!((y, dx), (vec![1.0, 4.0, 9.0], vec![2.0, -4.0, 6.0]));
}

#[test]
fn train_lowers_the_loss_and_leaves_a_learner() {
    let (losses, learner) = train::train(4).expect("four steps");
    assert!(losses[3] < losses[0], "{losses:?}");
    let file = dapo_wgpu::dapo::learner::LearnerFile::from_bytes(&learner).expect("a learner's file");
    assert!(file.description.is_some() && file.class_vectors.is_some());
}
