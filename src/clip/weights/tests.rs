use super::*;
use crate::clip::fixtures::{self, Tensors, write_json, write_raw, write_weights};
use safetensors::Dtype as FileDtype;
use serde_json::json;
use tempfile::{TempDir, tempdir};

const FILE: &str = "model.safetensors";

/// A folder with one weight file of the given header and data.
fn raw(header: &str, data: &[u8]) -> TempDir {
    let dir = tempdir().unwrap();
    write_raw(&dir.path().join(FILE), header, data);
    dir
}

fn open(dir: &TempDir) -> Result<Checkpoint, ModelError> {
    Checkpoint::open(dir.path(), Layout::HuggingFace)
}

#[track_caller]
fn message<T>(result: Result<T, ModelError>, parts: &[&str]) {
    let message = result.err().expect("must fail").to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn every_float_type_widens_exactly_at_any_alignment() {
    let numbers = fixtures::values(3, 2500);
    for dtype in [FileDtype::F32, FileDtype::F16, FileDtype::BF16] {
        let dir = tempdir().unwrap();
        let tensors = Tensors::from([("w".to_owned(), (vec![50, 50], numbers.clone()))]);
        write_weights(&dir.path().join(FILE), &tensors, dtype);
        let file = open(&dir).unwrap();
        let view = file.tensor("w", &[50, 50]).unwrap();
        assert_eq!(view.to_f32().unwrap(), numbers);
        let rows = view.rows_f32(&[49, 0, 49]).unwrap();
        assert_eq!(rows, [&numbers[2450..], &numbers[..50], &numbers[2450..]].concat());
        message(view.rows_f32(&[1, 50]), &["row 50", "`w` has 50 rows"]);
        let table = file.table("w", 50, 50).unwrap();
        drop(file); // the table keeps the file
        assert_eq!(table.rows(&[7]).unwrap(), numbers[350..400]);
    }
    // A header of odd length puts every element at an odd address.
    let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} "#;
    assert_eq!(header.len() % 2, 1);
    let dir = raw(header, &1.5f32.to_le_bytes());
    assert_eq!(open(&dir).unwrap().tensor("a", &[1]).unwrap().to_f32().unwrap(), [1.5]);
}

#[test]
fn special_values_survive() {
    let half: Vec<u8> = [0x0001u16, 0x8000, 0xfbff, 0x7bff].iter().flat_map(|x| x.to_le_bytes()).collect();
    let dir = raw(r#"{"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"#, &half);
    let found = open(&dir).unwrap().any_shape("h").unwrap().to_f32().unwrap();
    // Smallest subnormal, minus zero, smallest and largest finite value (IEEE 754 binary16).
    let expected = [2f32.powi(-24), -0.0, -65504.0, 65504.0];
    assert_eq!(found.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected.map(f32::to_bits));
}

#[test]
fn long_tensors_are_read_in_blocks() {
    // Two blocks and a part of a third; every element differs from its neighbours.
    let mut numbers: Vec<f32> = (0..600_000).map(|n| n as f32).collect();
    let write = |numbers: &[f32]| {
        let dir = tempdir().unwrap();
        let tensors = Tensors::from([("w".to_owned(), (vec![6000, 100], numbers.to_vec()))]);
        write_weights(&dir.path().join(FILE), &tensors, FileDtype::F32);
        dir
    };
    let dir = write(&numbers);
    assert_eq!(open(&dir).unwrap().any_shape("w").unwrap().to_f32().unwrap(), numbers);
    (numbers[590_021], numbers[590_500]) = (f32::NEG_INFINITY, f32::NAN);
    let file = open(&write(&numbers)).unwrap();
    message(file.any_shape("w").unwrap().to_f32(), &["`w` has the value -inf at index [5900, 21]"]);
    message(file.table("w", 6000, 100).map(drop), &["[5900, 21]"]);
    assert!(file.any_shape("w").unwrap().rows_f32(&[5899, 5901]).is_ok());
    message(file.any_shape("w").unwrap().rows_f32(&[5905]), &["NaN at index [5905, 0]"]);
}

#[test]
fn a_file_that_is_cut_while_it_is_open_gives_an_error() {
    let dir = tempdir().unwrap();
    let tensors = Tensors::from([("w".to_owned(), (vec![50, 50], fixtures::values(3, 2500)))]);
    write_weights(&dir.path().join(FILE), &tensors, FileDtype::F32);
    let file = open(&dir).unwrap();
    let length = std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    let whole = std::fs::OpenOptions::new().write(true).open(dir.path().join(FILE)).unwrap();
    whole.set_len(length - 8).unwrap();
    message(file.any_shape("w").unwrap().to_f32(), &[FILE, "`w`", &format!("ended before byte {length}")]);
}

#[test]
fn lying_headers_are_refused() {
    let two = |a: &str, b: &str| format!(r#"{{"a":{a},"b":{b}}}"#);
    let f32x1 =
        |from: usize, to: usize| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":[{from},{to}]}}"#);
    let cases: [(String, usize, &[&str]); 10] = [
        (two(&f32x1(0, 4), &f32x1(4, 8)), 7, &["`b`", "byte 8", "holds only 7"]),
        (two(&f32x1(0, 4), &f32x1(0, 4)), 4, &["overlaps"]),
        (two(&f32x1(0, 4), &f32x1(5, 9)), 9, &["`b`", "gap"]),
        (two(&f32x1(0, 4), &f32x1(4, 8)), 12, &["4 bytes after the last tensor"]),
        (two(&f32x1(0, 4), &f32x1(8, 4)), 8, &["`b`", "before it starts"]),
        (format!(r#"{{"a":{}}}"#, f32x1(0, 3)), 3, &["`a`", "does not fit its 3 bytes"]),
        (
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#.into(),
            4,
            &["does not fit"],
        ),
        (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#.into(), 4, &["`a`", "malformed"]),
        (r#"{"a":{"dtype":"F32","shape":[1]}}"#.into(), 4, &["`a`", "data_offsets"]),
        ("[1, 2]".into(), 0, &["header is not JSON"]),
    ];
    for (header, bytes, parts) in cases {
        message(open(&raw(&header, &vec![0; bytes])), parts);
    }
}

#[test]
fn lying_lengths_are_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join(FILE);
    for (bytes, part) in [
        (vec![], "ends after 0 bytes"),
        (vec![1, 2, 3], "ends after 3 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "header of 18446744073709551615 bytes"),
        ([&40u64.to_le_bytes()[..], b"{}"].concat(), "header of 40 bytes but 2 bytes follow"),
        ([&2u64.to_le_bytes()[..], b"\xff\xff"].concat(), "not JSON"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        message(open(&dir), &[FILE, part, "download it again"]);
    }
    // A download that stopped early.
    fixtures::write_hf(dir.path(), FileDtype::F32);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    message(open(&dir), &["the file holds only"]);
}

#[test]
fn wrong_tensors_are_named() {
    let dir = tempdir().unwrap();
    let tensors = Tensors::from([
        ("layers.0.weight".to_owned(), (vec![2, 3], fixtures::values(0, 6))),
        ("layers.1.weight".to_owned(), (vec![2, 3], fixtures::values(1, 6))),
    ]);
    write_weights(&dir.path().join(FILE), &tensors, FileDtype::F32);
    let file = open(&dir).unwrap();
    message(file.tensor("layers.0.weight", &[3, 2]), &["`layers.0.weight`", "[2, 3]", "expected [3, 2]"]);
    message(file.any_shape("layer.0.weight"), &["`layer.0.weight` is missing", "nearest: `layers.0.weight`"]);
    assert_eq!(file.names().collect::<Vec<_>>(), ["layers.0.weight", "layers.1.weight"]);
}

#[test]
fn other_types_may_be_present_but_not_used() {
    let header = r#"{"__metadata__":{"format":"pt"},"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},
        "new":{"dtype":"F8_E9M9","shape":[3],"data_offsets":[8,11]}}"#;
    let dir = raw(header, &[0; 11]);
    let file = open(&dir).unwrap();
    message(file.any_shape("ids"), &["`ids` is stored as I64", "F32, F16 or BF16"]);
    message(file.any_shape("new"), &["F8_E9M9"]);
}

#[test]
fn shards() {
    let dir = tempdir().unwrap();
    let part = |name: &str, seed| Tensors::from([(name.to_owned(), (vec![2], fixtures::values(seed, 2)))]);
    write_weights(&dir.path().join("one.safetensors"), &part("a", 1), FileDtype::F32);
    let index = |map| write_json(dir.path(), "model.safetensors.index.json", &json!({"weight_map": map}));
    index(json!({"b": "two.safetensors", "a": "one.safetensors"}));
    message(open(&dir), &["two.safetensors", "file not found", "lists it"]);
    write_weights(&dir.path().join("two.safetensors"), &part("b", 2), FileDtype::F16);
    let file = open(&dir).unwrap();
    assert_eq!(file.tensor("a", &[2]).unwrap().to_f32().unwrap(), fixtures::values(1, 2));
    assert_eq!(file.tensor("b", &[2]).unwrap().to_f32().unwrap(), fixtures::values(2, 2));
    assert_eq!(file.table("b", 2, 1).err().map(|e| e.to_string().contains("[2]")), Some(true));
    index(json!({"c": "one.safetensors"}));
    message(open(&dir), &["weight_map", "`c` in one.safetensors"]);
    index(json!({"a": "../one.safetensors"}));
    message(open(&dir), &["not a plain file name"]);
    index(json!(3));
    message(open(&dir), &["index.json", "not valid JSON"]);
}

#[test]
fn a_pointer_of_git_lfs_is_no_weights() {
    let dir = tempdir().unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 1710540580\n";
    for name in [FILE, "pytorch_model.safetensors"] {
        std::fs::write(dir.path().join(name), pointer).unwrap();
        message(open(&dir), &[name, "git lfs pull"]);
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
}

#[test]
fn weights_of_another_name_are_used_if_there_is_one_choice() {
    let whole = |layout| match layout {
        Layout::HuggingFace => fixtures::hf_tensors(),
        Layout::OpenClip => fixtures::open_clip_tensors(),
    };
    let names = [
        (Layout::HuggingFace, "pytorch_model.safetensors"),
        (Layout::HuggingFace, "model.fp16.safetensors"),
        (Layout::OpenClip, "open_clip_pytorch_model.safetensors"),
        (Layout::OpenClip, "epoch_32.safetensors"),
    ];
    for (layout, name) in names {
        let dir = tempdir().unwrap();
        write_weights(&dir.path().join(name), &whole(layout), FileDtype::F32);
        // A learner may lie there, too.
        let learner = Tensors::from([("prompt_learner.x".to_owned(), (vec![1], vec![0.0]))]);
        write_weights(&dir.path().join("learner.safetensors"), &learner, FileDtype::F32);
        let file = Checkpoint::open(dir.path(), layout).unwrap();
        assert!(file.path().ends_with(name) && file.contains(layout.mark()));
        // The usual name comes first.
        write_weights(&dir.path().join(layout.weights_file()), &whole(layout), FileDtype::F32);
        assert!(Checkpoint::open(dir.path(), layout).unwrap().path().ends_with(layout.weights_file()));
        std::fs::remove_file(dir.path().join(layout.weights_file())).unwrap();
        // Two choices.
        write_weights(&dir.path().join("other.safetensors"), &whole(layout), FileDtype::F32);
        message(Checkpoint::open(dir.path(), layout), &[name, "other.safetensors", "rename"]);
    }
    // Tensors of the other layout.
    let dir = tempdir().unwrap();
    write_weights(&dir.path().join("w.safetensors"), &whole(Layout::OpenClip), FileDtype::F32);
    message(open(&dir), &["w.safetensors has the tensors of the other layout", "open_clip_config.json"]);
}

#[test]
fn no_weights() {
    let dir = tempdir().unwrap();
    message(open(&dir), &[FILE, "not found", "safetensors format"]);
    std::fs::write(dir.path().join("pytorch_model.bin"), "").unwrap();
    message(open(&dir), &[FILE, "Python pickle", "dapo-wgpu import"]);
}
