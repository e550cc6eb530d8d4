//! Against what `tools/metrics_reference.py` computed with scikit-learn and scikit-image.

use dapo_wgpu::metrics::{Bounded, ConfusionMatrix, TypeCounts, TypeScores, Undefined, image_figures};
use serde_json::Value;

use super::maps::{images_of_a_product, types};
use super::{all, counted, exact, figures};

/// Both sides sum tens of thousands of float64 terms: rounding stays far below.
const TOLERANCE: f64 = 1e-6;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/metrics/figures.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the golden file")).expect("JSON")
}

/// `null` stands for NaN, which scikit-learn's and our "undefined" are.
fn agree(name: &str, found: &Result<Bounded, Undefined>, expected: &Value) {
    match (found, expected.as_f64()) {
        (Ok(found), Some(expected)) => {
            let error = (found.value - expected).abs();
            assert!(error <= found.max_error + TOLERANCE, "{name}: {found:?} instead of {expected}");
        }
        (Err(_), None) if expected.is_null() => {}
        _ => panic!("{name}: {found:?} instead of {expected}"),
    }
}

#[test]
fn pixels_agree_with_scikit_learn_and_scikit_image() {
    let golden = golden();
    for (name, maps) in all() {
        for found in [exact(&maps), counted(&maps, [0.0, 1.0]).figures()] {
            for (figure, found) in figures(&found) {
                agree(&format!("{name} {figure}"), found, &golden["pixels"][name][figure]);
            }
        }
    }
}

#[test]
fn images_agree_with_scikit_learn() {
    let (scores, labels) = images_of_a_product();
    let found = image_figures(&scores, &labels).expect("both kinds");
    let expected = &golden()["images"];
    for (key, found) in [("auroc", found.auroc), ("ap", found.ap), ("f1_max", found.f1_max)] {
        agree(key, &Ok(Bounded::exact(found)), &expected[key]);
    }
}

#[test]
fn types_agree_with_scikit_learn() {
    let golden = golden();
    for classes in [2, 4] {
        let expected = &golden["types"][classes.to_string()];
        let names: Vec<String> = (0..classes).map(|c| format!("class {c}")).collect();
        let mut scores = TypeScores::new(names.clone());
        let mut counts = TypeCounts::new(names.clone(), [0.0, 1.0]).expect("an interval");
        let mut parts = counts.clone();
        for image in types(classes) {
            scores.add(&image.maps, &image.truth).expect("maps");
            counts.add(&image.maps, &image.truth).expect("maps");
            let mut part = TypeCounts::new(names.clone(), [0.0, 1.0]).expect("an interval");
            part.add(&image.maps, &image.truth).expect("maps");
            parts.merge(&part).expect("alike");
        }
        assert!(parts == counts, "shards add up to the whole");
        for found in [scores.figures(), counts.figures()] {
            agree("auroc", &found.auroc, &expected["auroc"]);
            agree("ap", &found.ap, &expected["ap"]);
            agree("f1", &found.f1.clone().map(Bounded::exact), &expected["f1"]);
            for (class, expected) in found.classes.iter().zip(expected["classes"].as_array().expect("a list"))
            {
                agree(&class.name, &class.auroc, &expected["auroc"]);
                agree(&class.name, &class.ap, &expected["ap"]);
                agree(&class.name, &class.f1.map(Bounded::exact).ok_or(Undefined::Empty), &expected["f1"]);
                assert_eq!(Some(class.support), expected["support"].as_u64());
            }
            let rows = expected["confusion"].as_array().expect("rows");
            let count = |m: &ConfusionMatrix, t: usize, p: usize| Some(m.count(t, p));
            for (t, row) in rows.iter().enumerate() {
                for p in 0..classes {
                    assert_eq!(count(&found.confusion, t, p), row[p].as_u64(), "{t} predicted as {p}");
                }
            }
        }
    }
}
