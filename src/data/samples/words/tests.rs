//! Labels as people write them.

use super::*;

#[test]
fn good_is_good_however_it_is_written() {
    let words = GoodWords::default();
    for label in [
        "good",
        "OK",
        " Ok ",
        "okay",
        "Normal",
        "NOMINAL",
        "pass",
        "Passed",
        "non-defective",
        "Non Defective",
        "defect-free",
        "DEFECT_FREE",
        "defectfree",
        "anomaly_free",
        "Anomaly–free",
        "no defects",
        "0",
        "0.0",
        "none",
        "",
        " ",
        "-",
        "i.O.",
        "n/a",
        "False",
    ] {
        assert!(words.means(label) && words.defect(label).is_none(), "{label:?}");
    }
    for label in ["abnormal", "not ok", "NOK", "n.i.O.", "no good", "ko", "1", "defective", "Fail", "bad"] {
        assert!(!words.means(label) && is_unnamed(label), "{label:?}");
        assert_eq!(words.resembled(label), None, "{label:?}");
    }
    for label in ["scratch", "00x", "?", "2", "glue strip"] {
        assert!(!words.means(label) && !is_unnamed(label), "{label:?}");
    }
}

#[test]
fn words_are_added() {
    let words = GoodWords::with(["Gut", "sans défaut", " "]);
    assert!(words.means("gut") && words.means("Sans-Défaut") && words.means("ok"));
    assert!(!GoodWords::default().means("gut"));
    assert_eq!(words.resembled("sans_defaut").as_deref(), Some("sansdéfaut"));
}

#[test]
fn what_looks_like_good_is_found_and_names_of_defects_are_not() {
    let words = GoodWords::default();
    for label in [
        "okay1",
        "good_parts",
        "ok2",
        "OK-parts",
        "part_ok",
        "goods",
        "goood",
        "godo",
        "norml",
        "normals",
        "scratch-free",
        "no_defect_found",
        "defekt-free",
        "nomial",
        "0k",
        "okk",
        "passed_qc",
        "non-defectiv",
    ] {
        assert!(words.resembled(label).is_some(), "{label:?}");
    }
    for label in [
        "scratch",
        "broken_large",
        "fold",
        "hole",
        "wood",
        "cable_swap",
        "pill_type",
        "line",
        "no screw",
        "crack",
        "not_good_2",
        "color",
        "irregular wick",
        "missing",
        "oil",
        "HS",
        "AK",
        "BX",
        "bent",
        "nonuniform",
        "paste",
    ] {
        let found = words.resembled(label);
        // One letter away from "good": the only names of things among these.
        assert!(found.is_none() || label == "wood", "{label:?} {found:?}");
    }
}

#[test]
fn words_for_good_are_known_in_any_spelling_of_their_accents() {
    let good = GoodWords::with(["F\u{e4}hig", "bo\u{302}n"]);
    for label in ["fa\u{308}hig", "F\u{c4}HIG", "b\u{f4}n", "bo\u{302}n"] {
        assert!(good.means(label), "{label:?}");
    }
    assert!(!good.means("fahig"));
}
