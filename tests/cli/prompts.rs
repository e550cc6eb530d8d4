//! Names of defects on their way into prompts, and what a model's files have beyond its network.

use std::fs;

use safetensors::Dtype;

use crate::Place;
use crate::common::model::Tiny;

#[test]
fn prompts_that_are_cut_are_said_and_equal_ones_refused() {
    let place = Place::new();
    place.picture("a.png", 1);
    // The tiny model reads 64 tokens, one for each letter.
    let long = "x".repeat(60);
    let run = place.detect(&["a.png", "--defects", &format!("hole,{long}")]).succeeds();
    let words = format!("note: 16 of 16 prompts for '{long}' are longer than the 64 tokens");
    assert!(run.stderr.contains(&words), "{run:#?}");
    let results = fs::read_to_string(place.path("out/results.json")).expect("results");
    assert!(results.contains("are longer than the 64 tokens"), "{results}");
    assert!(!run.stderr.contains("for 'hole'"), "{run:#?}");
    fs::remove_dir_all(place.path("out")).expect("the results");

    // Two names that differ only where nobody reads.
    let names = format!("{long}a,hole,{long}b");
    let run = place.detect(&["a.png", "--defects", &names]);
    run.fails_with(&[&format!("'{long}a' and '{long}b' are one class"), "reads only 64 tokens", "shorter"]);
    // Two spellings of one name; a name that is that of the good class.
    for (names, twice) in [("hole,HOLE", "twice"), ("a b,a  b", "twice"), ("it\u{2019}s,it's", "twice")] {
        place.detect(&["a.png", "--defects", names]).fails_with(&[twice, "a name of its own"]);
    }
    place.left_nothing();
}

#[test]
fn a_text_tower_that_makes_all_texts_equal_is_refused() {
    let place = Place::new();
    place.picture("a.png", 1);
    let mut tiny = Tiny::new();
    tiny.tensors.get_mut("text_projection.weight").expect("the tensor").1.fill(0.0);
    tiny.write(&place.path("model"), Dtype::F32);
    for command in [
        &["detect", "a.png", "--out", "out"][..],
        &["calibrate", "--good", "a.png", "--false-alarms", "0.5", "--out", "alarm.json"],
    ] {
        let run = place.run(&[command, &["--model", "model", "--defects", "scratch,hole"]].concat());
        run.fails_with(&["'good' and 'scratch' are one class to this model", "text tower is damaged"]);
    }
    place.left_nothing();
    assert!(!place.path("alarm.json").exists());
}

#[test]
fn what_is_not_read_of_a_text_is_said() {
    let place = Place::new();
    place.picture("a.png", 1);
    // The tiny tokenizer knows ASCII only, and puts the end token where it knows nothing else.
    let embed =
        |text: &str| place.run(&["embed", "--model", "model", "--text", text, "--out", "o.safetensors"]);
    for text in ["br\u{fc}chig", "a <|endoftext|> b"] {
        let run = embed(text).succeeds();
        assert!(run.stderr.contains(text) && run.stderr.contains("are not read"), "{run:#?}");
    }
    // What is not read cannot tell two defects apart.
    let words = ["--model", "model", "--defects", "\u{fc}a,\u{fc}b", "--out", "out"];
    place
        .run(&[&["detect", "a.png"][..], &words].concat())
        .fails_with(&["one class to this model", "not read"]);
    place.left_nothing();
    // Repaired before, these are ASCII.
    for (text, plain) in [("the bolt\u{2019}s \u{fb01}n", "the bolt's fin"), ("a &amp;amp; b", "a & b")] {
        embed(text).succeeds();
        let repaired = fs::read(place.path("o.safetensors")).expect("features");
        embed(plain).succeeds();
        assert!(fs::read(place.path("o.safetensors")).expect("features") == repaired, "{text}");
    }
    // Too long: said, and done.
    let run = embed(&"long ".repeat(20)).succeeds();
    assert!(run.stderr.contains("is 18 tokens longer than the 64"), "{run:#?}");
}

#[test]
fn tensors_beyond_the_network_are_said() {
    let place = Place::new();
    place.picture("a.png", 1);
    let mut tiny = Tiny::new();
    tiny.tensors.insert("visual_projection.bias".into(), (vec![12], vec![1.0; 12]));
    tiny.tensors.insert("text_model.embeddings.position_ids".into(), (vec![1], vec![0.0]));
    tiny.write(&place.path("model"), Dtype::F32);
    let run = place.detect(&["a.png"]).succeeds();
    let words = "not part of CLIP's network and are not used: `visual_projection.bias`";
    assert_eq!(run.stderr.matches(words).count(), 1, "{run:#?}");
    assert!(run.stderr.contains("note: model/model.safetensors: 1 of"), "{run:#?}");
    assert!(fs::read_to_string(place.path("out/results.json")).expect("results").contains(words));
    let run = place.run(&["embed", "--model", "model", "--text", "x", "--out", "o.safetensors"]).succeeds();
    assert!(run.stderr.contains(words), "{run:#?}");
}
