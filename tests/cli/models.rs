//! Model folders with something wrong.

use std::fs;
use std::path::Path;

use safetensors::Dtype;
use serde_json::json;

use crate::Place;
use crate::common;
use crate::common::model::{Tiny, write_raw, write_tiny};

/// Something done to a valid model folder.
type Damage = fn(&Path);

/// Writes the model again after a change to its parts.
fn rewrite(folder: &Path, change: impl FnOnce(&mut Tiny)) {
    let mut tiny = Tiny::new();
    change(&mut tiny);
    tiny.write(folder, Dtype::F32);
}

/// Adds one row to a tensor.
fn one_row_more(tiny: &mut Tiny, name: &str) {
    let (shape, values) = tiny.tensors.get_mut(name).expect("the tensor");
    let row = values.len() / shape[0];
    shape[0] += 1;
    values.extend(vec![0.0; row]);
}

/// The configuration of the text tower.
fn text(tiny: &mut Tiny) -> &mut serde_json::Map<String, serde_json::Value> {
    tiny.config["text_config"].as_object_mut().expect("an object")
}

/// Replaces one element of a tensor.
fn set(tiny: &mut Tiny, name: &str, element: usize, value: f32) {
    tiny.tensors.get_mut(name).expect("the tensor").1[element] = value;
}

const WEIGHTS: &str = "model.safetensors";

/// What is done, and the words that the message must have.
fn damages() -> Vec<(&'static str, Damage, &'static [&'static str])> {
    vec![
        ("no config", |f| fs::remove_file(f.join("config.json")).unwrap(), &["config.json", "neither"]),
        (
            "config is text",
            |f| fs::write(f.join("config.json"), "size: 3").unwrap(),
            &["config.json", "not valid JSON", "line 1"],
        ),
        ("config is a list", |f| fs::write(f.join("config.json"), "[1]").unwrap(), &["config.json"]),
        (
            "another architecture",
            |f| rewrite(f, |t| t.config["model_type"] = json!("siglip")),
            &["config.json", "model_type", "siglip", "clip"],
        ),
        (
            "a size that is a word",
            |f| rewrite(f, |t| t.config["vision_config"]["patch_size"] = json!("eight")),
            &["config.json", "vision_config.patch_size", "eight"],
        ),
        (
            "an absent end token",
            |f| rewrite(f, |t| drop(text(t).remove("eos_token_id"))),
            &["config.json", "`text_config.eos_token_id` is 49407", "absent", "with 189", "Write 189 there"],
        ),
        (
            "an end token that is null",
            |f| rewrite(f, |t| drop(text(t).insert("eos_token_id".into(), json!(null)))),
            &["`text_config.eos_token_id` is 49407", "`null`", "Write 189 there"],
        ),
        (
            "an end token that no text has",
            |f| rewrite(f, |t| drop(text(t).insert("eos_token_id".into(), json!(60)))),
            &["`text_config.eos_token_id` is 60,", "all texts would be the same"],
        ),
        (
            "the start token in place of the end token",
            |f| rewrite(f, |t| drop(text(t).insert("eos_token_id".into(), json!(188)))),
            &["`text_config.eos_token_id` is 188,", "all texts would be the same"],
        ),
        (
            "NaN in a tensor of a block",
            |f| rewrite(f, |t| set(t, "text_model.encoder.layers.1.mlp.fc2.weight", 65, f32::NAN)),
            &[WEIGHTS, "`text_model.encoder.layers.1.mlp.fc2.weight` has the value NaN at index [1, 1]"],
        ),
        (
            "infinity in a row of the token table that the text does not use",
            |f| rewrite(f, |t| set(t, "text_model.embeddings.token_embedding.weight", 2, f32::INFINITY)),
            &[
                WEIGHTS,
                "token_embedding.weight` has the value inf at index [0, 2]",
                "download the file again",
            ],
        ),
        (
            "weights so large that sums overflow",
            |f| rewrite(f, |t| t.tensors.get_mut("text_projection.weight").unwrap().1.fill(3.0e38)),
            &["model: the features of a text are not finite numbers", "float32"],
        ),
        ("no weights", |f| fs::remove_file(f.join(WEIGHTS)).unwrap(), &[WEIGHTS, "not found", "download"]),
        ("empty weights", |f| fs::write(f.join(WEIGHTS), "").unwrap(), &[WEIGHTS, "download"]),
        (
            "weights cut short",
            |f| {
                let bytes = fs::read(f.join(WEIGHTS)).unwrap();
                fs::write(f.join(WEIGHTS), &bytes[..bytes.len() - 1000]).unwrap();
            },
            &[WEIGHTS, "tensor", "download it again"],
        ),
        (
            "weights cut in the header",
            |f| {
                let bytes = fs::read(f.join(WEIGHTS)).unwrap();
                fs::write(f.join(WEIGHTS), &bytes[..100]).unwrap();
            },
            &[WEIGHTS, "header", "download it again"],
        ),
        (
            "a header length beyond the file",
            |f| write_raw(&f.join(WEIGHTS), u64::MAX, "{}", b""),
            &[WEIGHTS, "header of 18446744073709551615 bytes"],
        ),
        (
            "a header that is not JSON",
            |f| write_raw(&f.join(WEIGHTS), 7, "{oops:}", b""),
            &[WEIGHTS, "header is not JSON"],
        ),
        (
            "offsets beyond the data",
            |f| {
                let header = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8000]}}"#;
                write_raw(&f.join(WEIGHTS), header.len() as u64, header, &[0; 8]);
            },
            &[WEIGHTS, "`w`", "8000", "only 8"],
        ),
        (
            "a shape whose size overflows",
            |f| {
                let header =
                    r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#;
                write_raw(&f.join(WEIGHTS), header.len() as u64, header, &[0; 8]);
            },
            &[WEIGHTS, "`w`", "does not fit"],
        ),
        (
            "a norm of another length",
            |f| rewrite(f, |t| one_row_more(t, "vision_model.post_layernorm.weight")),
            &[WEIGHTS, "`vision_model.post_layernorm.weight`", "[17]", "expected [16]"],
        ),
        (
            "a matrix in a block of another shape",
            |f| rewrite(f, |t| one_row_more(t, "text_model.encoder.layers.1.mlp.fc1.weight")),
            &[WEIGHTS, "`text_model.encoder.layers.1.mlp.fc1.weight`", "[65, 16]", "expected [64, 16]"],
        ),
        (
            "a missing tensor",
            |f| rewrite(f, |t| drop(t.tensors.remove("visual_projection.weight"))),
            &[WEIGHTS, "`visual_projection.weight`", "missing", "nearest"],
        ),
        (
            "a missing tensor in a block",
            |f| rewrite(f, |t| drop(t.tensors.remove("vision_model.encoder.layers.1.self_attn.k_proj.bias"))),
            &[WEIGHTS, "layers.1.self_attn.k_proj.bias", "missing"],
        ),
        (
            "no tokenizer",
            |f| fs::remove_file(f.join("tokenizer.json")).unwrap(),
            &["tokenizer.json", "not found", "download"],
        ),
        (
            "a broken tokenizer",
            |f| fs::write(f.join("tokenizer.json"), "{\"version\":").unwrap(),
            &["tokenizer.json", "not a tokenizer"],
        ),
        (
            "a tokenizer without an end token",
            |f| {
                rewrite(f, |t| {
                    t.tokenizer["added_tokens"].as_array_mut().unwrap().pop();
                    t.tokenizer["model"]["vocab"].as_object_mut().unwrap().remove("<|endoftext|>");
                    t.tokenizer["model"]["unk_token"] = json!(null);
                });
            },
            &["tokenizer.json", "<|endoftext|>"],
        ),
        (
            "a tokenizer of a larger model",
            |f| {
                rewrite(f, |t| {
                    t.tokenizer["model"]["vocab"]["larger"] = json!(49_407);
                });
            },
            &["tokenizer.json", "49407", "rows"],
        ),
    ]
}

#[test]
fn every_damage_is_named_and_nothing_is_written() {
    let place = Place::new();
    for (what, damage, words) in damages() {
        println!("{what}");
        let folder = place.path("model");
        fs::remove_dir_all(&folder).expect("the last model");
        write_tiny(&folder);
        damage(&folder);
        let run = place.run(&["embed", "--model", "model", "--text", "a nut", "--out", "o.safetensors"]);
        run.fails_with(words);
        assert!(!place.path("o.safetensors").exists());
    }
    // The last one again through the other command that loads models.
    place.picture("a.png", 1);
    place.detect(&["a.png"]).fails_with(&["tokenizer.json"]);
    place.left_nothing();
}

#[test]
fn a_path_that_is_no_model_folder() {
    let place = Place::new();
    place.picture("a.png", 1);
    let embed =
        |model: &str| place.run(&["embed", "--model", model, "--text", "x", "--out", "o.safetensors"]);
    embed("unknown").fails_with(&["unknown", "does not exist"]);
    embed("a.png").fails_with(&["a.png", "it is a file", "folder"]);
    embed("model/config.json").fails_with(&["config.json", "it is a file"]);
}

#[test]
fn weights_that_are_not_numbers_give_an_error_and_no_results() {
    let place = Place::new();
    place.picture("a.png", 1);
    rewrite(&place.path("model"), |t| {
        let (_, values) = t.tensors.get_mut("visual_projection.weight").expect("the tensor");
        values.fill(f32::NAN);
    });
    let run = place.detect(&["a.png"]);
    assert!(run.code != Some(0), "NaN is not a score: {run:#?}");
    assert!(run.stderr.contains("NaN") || run.stderr.contains("finite"), "{run:#?}");
    common::assert_whole(&place.path("out"));
}

#[test]
fn weights_beyond_the_range_of_float16_are_named_when_they_are_stored_so() {
    let place = Place::new();
    let embed = ["embed", "--model", "model", "--text", "a nut", "--out", "o.safetensors", "--weights"];
    let name = "text_model.encoder.layers.0.self_attn.q_proj.weight";
    rewrite(&place.path("model"), |t| set(t, name, 17, -1.0e5));
    let run = place.run(&[&embed[..], &["f16"]].concat());
    run.fails_with(&[WEIGHTS, name, "-100000 at index [1, 1]", "leave out --weights f16"]);
    assert!(!place.path("o.safetensors").exists());
    place.run(&[&embed[..], &["f32"]].concat()).succeeds();
}

#[test]
fn the_image_size_must_be_made_of_patches() {
    let place = Place::new();
    place.picture("a.png", 1);
    let run = place.detect(&["a.png", "--image-size", "20"]);
    run.fails_with(&["image size 20", "patches of 8", "--image-size 16 or 24"]);
    place.detect(&["a.png", "--image-size", "0"]).fails_with(&["--image-size", "from 1 to"]);
    place.left_nothing();
    place.detect(&["a.png", "--image-size", "40", "--save-maps"]).succeeds();
    let (shape, _) = common::map(&place.path("out/maps/a.binary.npy"));
    assert_eq!(shape, [40, 40]);
}

#[test]
fn an_absurd_image_size_is_refused() {
    let place = Place::new();
    for size in ["8000000", "34359738368", "18446744073709551608", "18446744073709551615"] {
        println!("{size}");
        let arguments = ["embed", "--model", "model", "--text", "x", "--out", "o.safetensors"];
        place.run(&[&arguments[..], &["--image-size", size]].concat()).fails_with(&["--image-size"]);
    }
}

#[test]
fn without_a_cache_the_error_says_what_to_set() {
    let place = Place::new();
    place.write("file", b"");
    fs::create_dir(place.path("tmp")).expect("a folder");
    // (cache, temporary folder): a path below a regular file cannot be made, not even by root.
    let embed = |cache: &str, temporary: &str| {
        let mut command = place.program();
        let path = |name: &str| place.path(name);
        command.env("XDG_CACHE_HOME", path(cache)).env("HOME", path(cache)).env("LOCALAPPDATA", path(cache));
        command.env("TMPDIR", path(temporary)).env("TMP", path(temporary)).env("TEMP", path(temporary));
        common::finish(command.args(["embed", "--text", "a nut", "--out", "e.safetensors"]))
    };
    embed("file/cache", "file/tmp").fails_with(&["cannot unpack", "XDG_CACHE_HOME", "--model"]);
    embed("file/cache", "tmp").succeeds();
    // A folder of the user's own below the temporary one, which all users share.
    let own = fs::read_dir(place.path("tmp")).expect("the folder").flatten().map(|entry| entry.path());
    let own: Vec<_> = own.filter(|path| path.is_dir()).collect();
    assert!(own.len() == 1 && own[0].display().to_string().contains("dapo-wgpu"), "{own:?}");
    common::assert_whole(&own[0]);
}
