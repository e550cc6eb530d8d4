//! Figures of three small products.

use super::*;
use crate::metrics::{PixelScores, TypeScores};

fn images(scores: &[f32], defective: usize) -> Vec<(f32, bool)> {
    scores.iter().enumerate().map(|(at, &score)| (score, at < defective)).collect()
}

fn example() -> Vec<ProductResult> {
    let mut pixels = PixelScores::new();
    pixels.add(&[0.9, 0.2, 0.6, 0.1], &[true, false, true, false], 2).expect("a map");
    let mut types = TypeScores::new([NORMAL, "hole", "cut"]);
    types.add(&[0.1, 0.9, 0.9, 0.1, 0.1, 0.0], &[1, 0]).expect("maps");
    let bottle = ProductResult {
        name: "bottle".into(),
        image_scores: images(&[0.9, 0.4, 0.5, 0.1], 2),
        pixels: Some(pixels.figures()),
        types: Some(types.figures()),
        ..ProductResult::default()
    };
    let mut holes = TypeScores::new([NORMAL, "hole"]);
    holes.add(&[0.1, 0.9, 0.9, 0.9], &[1, 0]).expect("maps");
    let cable = ProductResult {
        name: "cable".into(),
        image_scores: images(&[0.9, 0.1], 1),
        pixels: Some(PixelScores::new().figures()),
        types: Some(holes.figures()),
        ..ProductResult::default()
    };
    let good =
        ProductResult { name: "wood".into(), image_scores: images(&[0.1], 0), ..ProductResult::default() };
    vec![bottle, cable, good]
}

#[test]
fn means_are_over_the_products_that_have_a_figure() {
    let found = metrics(About::default(), &example());
    // bottle: 3 of 4 pairs; cable: 1; wood has no defective image.
    assert_eq!(found.mean.values[&Figure::ImageAuroc], 0.875);
    assert_eq!(
        found.products["wood"].figures.undefined[&Figure::ImageAuroc],
        "undefined: the only sample is normal; both normal and defective ones are needed"
    );
    assert_eq!(found.mean.values[&Figure::PixelAuroc], 1.0, "of bottle alone");
    assert!(
        found.notes.contains(&"image AUROC: mean over 2 of 3 products; without wood".to_owned()),
        "{:?}",
        found.notes
    );
    assert!(found.notes.iter().any(|n| n.starts_with("bottle: ") && n.contains("cut")), "{:?}", found.notes);
    assert_eq!((found.products["bottle"].images, found.products["bottle"].defective), (4, 2));
    // cable has two images, one of each kind: all its resamples are 1. Of bottle's, one in sixteen has only 0.4
    // against only 0.5, which is 0; more than half are 1.
    assert_eq!(found.mean.intervals[&Figure::ImageAuroc], [0.5, 1.0]);
    assert!(found.mean.bounds.is_empty());
    // Two normal pixels have rates of 0, one half and 1 only.
    assert_eq!(found.mean.undefined.keys().collect::<Vec<_>>(), [&Figure::Aupro]);
}

#[test]
fn types_are_averaged_over_the_products_that_have_them() {
    let found = metrics(About::default(), &example());
    assert_eq!(found.types.keys().collect::<Vec<_>>(), ["hole"], "cut has no pixel, normal is no defect");
    let hole = &found.types["hole"];
    // 1 in bottle; a tie in cable.
    assert_eq!((hole.auroc, hole.support), (Some(0.75), 2));
    let confusion = found.products["bottle"].pixel_confusion.clone().expect("types");
    assert_eq!((confusion.names.len(), &confusion.counts[1]), (3, &vec![0, 1, 0]));
}

#[test]
fn the_order_of_products_makes_no_difference() {
    let mut backwards = example();
    backwards.reverse();
    let bytes =
        |results: &[ProductResult]| serde_json::to_string(&metrics(About::default(), results)).expect("JSON");
    assert_eq!(bytes(&example()), bytes(&backwards));
}

#[test]
fn a_late_curve_is_said() {
    let with = |late| {
        let value = Ok(Bounded { value: 1.0, max_error: 0.0 });
        let pixels = PixelFigures {
            auroc: value.clone(),
            ap: value.clone(),
            f1_max: value.clone(),
            aupro: value,
            late,
        };
        metrics(
            About::default(),
            &[ProductResult { name: "nut".into(), pixels: Some(pixels), ..ProductResult::default() }],
        )
    };
    let late = crate::metrics::LateCurve { rate: 0.2, from_zero: 0.665 };
    let notes = with(Some(late)).notes.join("\n");
    for words in ["nut: 20.0 %", "from 0.200 to 0.3", "it is 66.5"] {
        assert!(notes.contains(words), "{notes}");
    }
    assert!(!with(None).notes.iter().any(|note| note.contains("largest values")));
}

#[test]
fn bounds_of_a_mean_are_the_mean_of_bounds() {
    let with = |name: &str, max_error: f64| {
        let value = Ok(Bounded { value: 0.5, max_error });
        let pixels = PixelFigures {
            auroc: value.clone(),
            ap: value.clone(),
            f1_max: value.clone(),
            aupro: value,
            late: None,
        };
        ProductResult { name: name.into(), pixels: Some(pixels), ..ProductResult::default() }
    };
    let found = metrics(About::default(), &[with("a", 0.02), with("b", 0.0)]);
    assert_eq!(found.mean.bounds[&Figure::Aupro], 0.01);
    assert!(found.products["b"].figures.bounds.is_empty(), "exact");
    assert_eq!(found.mean.undefined[&Figure::ImageAp], "undefined: there are no samples");
}
