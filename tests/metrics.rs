//! Exact figures against scikit-learn and scikit-image, streamed ones against the exact within their bounds.

#[path = "metrics/golden.rs"]
mod golden;
#[path = "metrics/maps.rs"]
mod maps;
#[path = "metrics/memory.rs"]
mod memory;

use dapo_wgpu::metrics::{
    Bounded, PixelCounts, PixelFigures, PixelScores, TypeCounts, TypeScores, Undefined,
};
use maps::{Labelled, blobs, degenerate, noise, squeezed, tied};

/// Every kind of maps.
fn all() -> Vec<(&'static str, Vec<Labelled>)> {
    vec![
        ("noise", noise()),
        ("tied", tied()),
        ("squeezed", squeezed()),
        ("blobs", blobs()),
        ("degenerate", degenerate()),
    ]
}

fn exact(maps: &[Labelled]) -> PixelFigures {
    let mut scores = PixelScores::new();
    for map in maps {
        scores.add(&map.values, &map.mask, map.width).expect("a map");
    }
    scores.figures()
}

fn counted(maps: &[Labelled], range: [f32; 2]) -> PixelCounts {
    let mut counts = PixelCounts::new(range).expect("an interval");
    for map in maps {
        counts.add(&map.values, &map.mask, map.width).expect("a map");
    }
    counts
}

type Named<'a> = (&'static str, &'a Result<Bounded, Undefined>);

fn figures(found: &PixelFigures) -> [Named<'_>; 4] {
    [("auroc", &found.auroc), ("ap", &found.ap), ("f1_max", &found.f1_max), ("aupro", &found.aupro)]
}

#[test]
fn streamed_figures_are_within_their_bounds() {
    for (name, maps) in all() {
        let exact = exact(&maps);
        // The maps' own range, one that is far too wide, so that many values share a bin, and one that is absurd.
        for range in [[0.0, 1.0], [-3.0, 40.0], [-1e4, 1e4]] {
            let streamed = counted(&maps, range).figures();
            for ((figure, exact), (_, found)) in figures(&exact).into_iter().zip(figures(&streamed)) {
                let (exact, found) = match (exact, found) {
                    (Ok(exact), Ok(found)) => (exact, found),
                    // All values in one bin; or no area, which bins cannot tell from a very small one.
                    (Ok(_), Err(Undefined::Coarse)) if range[1] > 1e3 && figure == "aupro" => continue,
                    (Err(Undefined::NoCurve), Err(Undefined::Coarse)) => continue,
                    // Bins may hide that there is no area; then the bound is large.
                    (Err(Undefined::NoCurve), Ok(found)) => {
                        assert!(found.max_error >= 0.5, "{name} {figure} {range:?}: {found:?}");
                        continue;
                    }
                    (exact, found) => {
                        assert_eq!(exact, found, "{name} {figure} {range:?}");
                        continue;
                    }
                };
                assert_eq!(exact.max_error, 0.0);
                let error = (found.value - exact.value).abs();
                assert!(
                    error <= found.max_error + 1e-9,
                    "{name} {figure} {range:?}: {found:?} against {exact:?}, off by {error}"
                );
                assert!(found.max_error <= 1.0, "{name} {figure}: {found:?}");
            }
        }
    }
}

#[test]
fn bounds_are_small_on_maps_as_they_are() {
    for (name, maps) in [("noise", noise()), ("blobs", blobs())] {
        for (figure, found) in figures(&counted(&maps, [0.0, 1.0]).figures()) {
            let found = found.as_ref().expect("defined");
            assert!(found.max_error < 2e-3, "{name} {figure}: {found:?}");
        }
    }
}

#[test]
fn values_that_are_bins_of_their_own_are_exact() {
    let mut counts = PixelCounts::new([0.0, 1.0]).expect("an interval");
    counts.add(&[0.0, 0.25, 0.5, 1.0], &[false, true, false, true], 4).expect("a map");
    assert_eq!(counts.figures().auroc.map(|b| (b.value, b.max_error)), Ok((0.75, 0.0)));
}

#[test]
fn counts_do_not_depend_on_the_division() {
    let maps = [blobs(), noise(), squeezed()].concat();
    let whole = counted(&maps, [0.0, 1.0]);
    for size in [1, 2, 3] {
        let mut merged = PixelCounts::new([0.0, 1.0]).expect("an interval");
        for part in maps.chunks(size).rev() {
            let part = counted(part, [0.0, 1.0]);
            merged.merge(&PixelCounts::from_bytes(&part.to_bytes()).expect("the same")).expect("one range");
        }
        assert!(merged == whole && merged.to_bytes() == whole.to_bytes(), "in parts of {size}");
    }
    let mut other = PixelCounts::new([0.0, 2.0]).expect("an interval");
    assert_eq!(other.merge(&whole), Err(Undefined::Unlike));
    assert_eq!(other.pixels(), 0);
}

#[test]
fn damaged_states_are_errors() {
    let bytes = counted(&tied(), [0.0, 1.0]).to_bytes();
    assert!(bytes.len() < 500, "11 values take {} bytes", bytes.len());
    for length in 0..bytes.len() {
        assert!(PixelCounts::from_bytes(&bytes[..length]).is_err(), "cut to {length}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(PixelCounts::from_bytes(&damaged).is_err(), "byte {at}");
    }
    assert!(TypeCounts::from_bytes(&bytes).is_err(), "of another kind");
    assert!(PixelCounts::from_bytes(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn undefined_figures_say_why() {
    let flat = |mask: Vec<bool>| vec![Labelled { values: vec![0.5; mask.len()], mask, width: 4 }];
    let half: Vec<bool> = (0..16).map(|i| i < 8).collect();
    for figures in [exact(&flat(half.clone())), counted(&flat(half), [0.0, 1.0]).figures()] {
        assert_eq!(figures.auroc.map(|b| b.value), Ok(0.5), "no ranking");
        assert_eq!(figures.aupro, Err(Undefined::Constant { value: 0.5 }));
    }
    let good = flat(vec![false; 16]);
    for figures in [exact(&good), counted(&good, [0.5, 0.5]).figures()] {
        let reason = Undefined::OneClass { positive: false, count: 16 };
        assert_eq!((figures.aupro, figures.f1_max), (Err(reason.clone()), Err(reason)));
    }
    assert_eq!(exact(&flat(vec![true; 16])).ap, Err(Undefined::OneClass { positive: true, count: 16 }));
    assert_eq!(PixelScores::new().figures().aupro, Err(Undefined::Empty));
    assert_eq!(PixelCounts::new([0.0, 1.0]).expect("an interval").figures().aupro, Err(Undefined::Empty));
    for range in [[1.0, 0.0], [0.0, f32::INFINITY], [f32::NAN, 1.0]] {
        assert!(matches!(PixelCounts::new(range), Err(Undefined::Interval { .. })));
    }
}

#[test]
fn a_refused_image_leaves_no_trace() {
    let mut scores = PixelScores::new();
    let mut counts = PixelCounts::new([0.0, 1.0]).expect("an interval");
    let mask = [true, false, false, false];
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let map = [0.5, 0.5, bad, 0.5];
        for found in [scores.add(&map, &mask, 2), counts.add(&map, &mask, 2)] {
            assert!(matches!(found, Err(Undefined::NotFinite { index: 2, .. })), "{bad}: {found:?}");
        }
    }
    for found in [scores.add(&[0.5; 3], &mask, 2), counts.add(&[0.5; 3], &mask, 2)] {
        assert_eq!(found, Err(Undefined::LengthMismatch { scores: 3, labels: 4 }));
    }
    for found in [scores.add(&[0.5; 4], &mask, 3), counts.add(&[0.5; 4], &mask, 0)] {
        assert!(matches!(found, Err(Undefined::Rows { values: 4, .. })), "{found:?}");
    }
    let error = counts.add(&[0.0, 1.5, 0.0, 0.0], &mask, 2).expect_err("outside");
    assert_eq!(error.to_string(), "undefined: score 1 is 1.5, outside 0..=1");
    assert_eq!((scores.pixels(), counts.pixels()), (0, 0));
    counts.add(&[1.00005, -0.00005, 0.5, 0.5], &mask, 2).expect("rounding is forgiven");
    assert_eq!(counts.pixels(), 4);
}

/// Four pixels of three classes, of which one never occurs.
fn types() -> (Vec<f32>, Vec<u8>) {
    let normal = [0.8, 0.1, 0.3, 0.5];
    let scratch = [0.1, 0.7, 0.4, 0.3];
    let hole = [0.1, 0.2, 0.3, 0.2];
    ([normal, scratch, hole].concat(), vec![0, 1, 0, 1])
}

#[test]
fn types_without_pixels_are_left_out_of_the_mean() {
    let (maps, truth) = types();
    let names = ["normal", "scratch", "hole"];
    let mut scores = TypeScores::new(names);
    scores.add(&maps, &truth).expect("maps");
    let mut counts = TypeCounts::new(names, [0.0, 1.0]).expect("an interval");
    counts.add(&maps, &truth).expect("maps");
    let again = TypeCounts::from_bytes(&counts.to_bytes()).expect("the same");
    assert_eq!(again, counts);
    for found in [scores.figures(), again.figures()] {
        // normal: 0.8, 0.3 against 0.1, 0.5: 3 of 4 pairs. scratch: 0.7, 0.3 against 0.1, 0.4: 3 of 4.
        assert_eq!(found.auroc.as_ref().map(|b| b.value), Ok(0.75));
        // Precisions 1 and 2/3 each.
        assert!((found.ap.as_ref().expect("defined").value - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(found.left_out(), ["hole"]);
        let reason = found.classes[2].auroc.clone().expect_err("no pixel").to_string();
        assert_eq!(reason, "undefined: none of the 4 pixels are of class 'hole'");
        // Found: normal, scratch, scratch (0.4), normal: F1 of each 2·1/(2+2), hole neither occurs nor is found.
        assert_eq!((found.f1, found.classes[2].f1), (Ok(0.5), None));
        assert_eq!((found.confusion.count(0, 1), found.confusion.count(1, 0)), (1, 1));
    }
    let mut other = TypeCounts::new(["normal", "hole", "scratch"], [0.0, 1.0]).expect("an interval");
    assert_eq!(other.merge(&counts), Err(Undefined::Unlike));
    let none = TypeScores::new(names).figures();
    assert_eq!((none.auroc, none.f1), (Err(Undefined::Empty), Err(Undefined::Empty)));
}

#[test]
fn types_are_checked() {
    let mut counts = TypeCounts::new(["normal", "hole"], [0.0, 1.0]).expect("an interval");
    assert!(matches!(counts.add(&[0.5; 3], &[0, 1]), Err(Undefined::LengthMismatch { .. })));
    assert!(matches!(counts.add(&[0.5; 4], &[0, 2]), Err(Undefined::NoSuchClass { class: 2, classes: 2 })));
    assert!(matches!(
        counts.add(&[0.5, 0.5, f32::NAN, 0.5], &[0, 1]),
        Err(Undefined::NotFinite { index: 2, .. })
    ));
    assert_eq!(counts, TypeCounts::new(["normal", "hole"], [0.0, 1.0]).expect("an interval"));
}

#[test]
fn saturated_maps_are_told_from_perfect_ones() {
    // Every defective pixel and a fifth of the good ones have the largest value.
    let values: Vec<f32> = (0..1000).map(|i| if i < 280 { 1.0 } else { (i % 90) as f32 / 100.0 }).collect();
    let saturated = [Labelled { mask: (0..1000).map(|i| i < 100).collect(), values, width: 100 }];
    for found in [exact(&saturated), counted(&saturated, [0.0, 1.0]).figures()] {
        let late = found.late.expect("a late curve");
        assert!((late.rate - 0.2).abs() < 1e-12 && found.aupro.expect("a figure").value > 0.999, "{late:?}");
        // A triangle up to 0.2, a rectangle up to 0.3.
        assert!((late.from_zero - 2.0 / 3.0).abs() < 1e-3, "{late:?}");
    }
    for (name, maps) in all() {
        assert_eq!((exact(&maps).late, counted(&maps, [0.0, 1.0]).figures().late), (None, None), "{name}");
    }
}

#[test]
fn states_of_more_than_any_data_set_are_refused() {
    /// A number as states hold it.
    fn digits(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }
    /// A state of one bin with these counts.
    fn state(regions: u64, [positives, negatives, weights]: [u64; 3]) -> Vec<u8> {
        use sha2::Digest;
        let bin = |count: u64| [digits(0), digits(count), digits(65_535)].concat();
        let range = [0.0f32.to_le_bytes(), 1.0f32.to_le_bytes()].concat();
        let mut bytes = [b"dapo-cp\x01".to_vec(), range.clone(), digits(1), range, digits(regions)].concat();
        bytes.extend([bin(positives), bin(negatives), bin(weights)].concat());
        let hash = sha2::Sha256::digest(&bytes);
        bytes.extend(&hash[..8]);
        bytes
    }
    let one = 1 << 40;
    let mut fine = PixelCounts::from_bytes(&state(1, [4, 9, one])).expect("a state");
    let most = PixelCounts::from_bytes(&state(1 << 23, [1 << 46, 1 << 46, one << 23])).expect("the most");
    fine.merge(&fine.clone()).expect("the same range");
    let _ = (most.pixels(), most.figures());
    for (regions, counts) in [
        (1, [u64::MAX, 9, one]),
        (1, [4, u64::MAX, one]),
        (1, [4, 9, u64::MAX]),
        (1, [4, 9, 2 * one]),
        (u64::MAX, [4, 9, one]),
        (1, [(1 << 46) + 1, 9, one]),
    ] {
        assert!(PixelCounts::from_bytes(&state(regions, counts)).is_err(), "{regions} {counts:?}");
    }
}
