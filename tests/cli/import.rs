//! PyTorch files on their way into safetensors.

use std::fs;
use std::io::{Cursor, Write};

use safetensors::SafeTensors;
use zip::write::SimpleFileOptions;

use crate::common::model::{Tensors, Tiny};
use crate::{Place, common, fixture};

/// Tensors as `torch.save` writes a state dict of float32.
pub fn torch_file(tensors: &Tensors) -> Vec<u8> {
    torch_file_of(tensors, "", None)
}

/// The same within dicts under these keys, joined by dots; of float64 where the element `double` gives each number.
fn torch_file_of(tensors: &Tensors, keys: &str, double: Option<fn(f32) -> f64>) -> Vec<u8> {
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let int = |n: usize| [b"J".as_slice(), &(n as u32).to_le_bytes()].concat();
    let tuple = |sizes: &[usize]| {
        let inner: Vec<u8> = sizes.iter().flat_map(|&n| int(n)).collect();
        [b"(".as_slice(), &inner, b"t"].concat()
    };
    let keys: Vec<&str> = keys.split('.').filter(|key| !key.is_empty()).collect();
    let mut program = b"\x80\x02}".to_vec();
    keys.iter().for_each(|key| program.extend([text(key), b"}".to_vec()].concat()));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (key, (name, (shape, values))) in tensors.iter().enumerate() {
        let key = key.to_string();
        let strides: Vec<usize> = (1..=shape.len()).map(|from| shape[from..].iter().product()).collect();
        program.extend(text(name));
        program.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        program.extend(text("storage"));
        let class = if double.is_some() { "Double" } else { "Float" };
        program.extend(format!("ctorch\n{class}Storage\n").bytes());
        program.extend([text(&key), text("cpu"), int(values.len()), b"tQ".to_vec(), int(0)].concat());
        program.extend(
            [tuple(shape), tuple(&strides), b"\x89ccollections\nOrderedDict\n)RtRs".to_vec()].concat(),
        );
        archive.start_file(format!("model/data/{key}"), stored).expect("an entry");
        let bytes: Vec<u8> = match double {
            None => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Some(double) => values.iter().flat_map(|&v| double(v).to_le_bytes()).collect(),
        };
        archive.write_all(&bytes).expect("an entry");
    }
    program.extend(b"s".repeat(keys.len()));
    program.push(b'.');
    archive.start_file("model/data.pkl", stored).expect("an entry");
    archive.write_all(&program).expect("an entry");
    archive.finish().expect("an archive").into_inner()
}

#[test]
fn a_model_of_pytorch_gives_the_features_of_its_twin() {
    let place = Place::new();
    place.picture("0.png", 1);
    place.write("torch/pytorch_model.bin", &torch_file(&Tiny::new().tensors));
    for name in ["config.json", "tokenizer.json"] {
        fs::copy(place.path("model").join(name), place.path("torch").join(name)).expect("a copy");
    }
    let run = place.run(&["import", "torch/pytorch_model.bin", "--out", "imported"]).succeeds();
    assert!(run.stdout.contains("copied") && !run.stdout.contains("note:"), "{run:#?}");
    let features = |model: &str| {
        let words =
            ["embed", "--model", model, "--image", "0.png", "--text", "a scratch", "--out", "f.safetensors"];
        place.run(&words).succeeds();
        fs::read(place.path("f.safetensors")).expect("features")
    };
    assert!(features("imported") == features("model"));
    // In place: what is there stays.
    let run = place.run(&["import", "torch/pytorch_model.bin", "--out", "torch"]).succeeds();
    assert!(run.stdout.contains("was there"), "{run:#?}");
    assert!(features("torch") == features("model"));
}

/// The tensors of the tiny model, each name with this in front.
fn prefixed(prefix: &str) -> Tensors {
    Tiny::new().tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}

/// Imports a file beside the tiny model's configuration and tokenizer, into an empty folder.
fn import(place: &Place, bytes: &[u8], out: &str) -> crate::common::Run {
    place.write("torch/a.pt", bytes);
    for name in ["config.json", "tokenizer.json"] {
        fs::copy(place.path("model").join(name), place.path("torch").join(name)).expect("a copy");
    }
    let _ = fs::remove_dir_all(place.path("imported"));
    place.run(&["import", "torch/a.pt", "--out", out])
}

#[test]
fn a_model_within_another_or_in_float64_gives_the_same_features() {
    let place = Place::new();
    let features = |model: &str| {
        place.run(&["embed", "--model", model, "--text", "a scratch", "--out", "f.safetensors"]).succeeds();
        fs::read(place.path("f.safetensors")).expect("features")
    };
    let expected = features("model");
    for (prefix, keys) in [
        ("_orig_mod.", ""),
        ("module.", "state_dict"),
        ("model.", "model"),
        ("clip.", "model_state_dict"),
        ("_orig_mod.module.model.clip.", "state_dict.model"),
        ("backbone.", ""),
    ] {
        let mut tensors = prefixed(prefix);
        if prefix == "backbone." {
            tensors.insert("head.weight".into(), (vec![2], vec![0.0; 2]));
        }
        let run = import(&place, &torch_file_of(&tensors, keys, None), "imported").succeeds();
        assert_eq!(run.stdout.contains("1 tensor of other parts"), prefix == "backbone.", "{run:#?}");
        assert!(features("imported") == expected, "{prefix} {keys}");
    }
    let run = import(&place, &torch_file_of(&prefixed(""), "", Some(f64::from)), "imported").succeeds();
    assert!(run.stdout.contains("converted to float32"), "{run:#?}");
    assert!(features("imported") == expected);
    let run = import(&place, &torch_file_of(&prefixed(""), "", Some(|v| f64::from(v) * 1e40)), "imported");
    run.fails_with(&["a.pt: tensor `", "beyond the range of float32"]);
    assert!(!place.path("imported/model.safetensors").exists());
}

#[test]
fn what_cannot_become_a_model_fails() {
    let place = Place::new();
    let other = Tensors::from([("conv.weight".to_owned(), (vec![2], vec![0.0; 2]))]);
    import(&place, &torch_file(&other), "imported").fails_with(&["not those of a CLIP", "`conv.weight`"]);
    assert!(!place.path("imported/model.safetensors").exists());
    import(&place, &torch_file(&other), "alone.safetensors").succeeds();
    let two: Tensors = prefixed("student.").into_iter().chain(prefixed("teacher.")).collect();
    import(&place, &torch_file(&two), "imported").fails_with(&["2 CLIP models", "`student.`", "`teacher.`"]);
    let mut vision = prefixed("");
    vision.retain(|name, _| name.starts_with("vis"));
    import(&place, &torch_file(&vision), "imported").fails_with(&["the text tower is missing"]);
    // A value that no model can have, and a configuration of another model.
    let mut nan = prefixed("");
    nan.get_mut("vision_model.encoder.layers.1.mlp.fc1.bias").expect("the tensor").1[5] = f32::NAN;
    import(&place, &torch_file(&nan), "imported").fails_with(&["layers.1.mlp.fc1.bias", "NaN at index [5]"]);
    assert!(
        fs::read_dir(place.path("imported")).is_ok_and(|mut files| files.next().is_none())
            || !place.path("imported").exists()
    );
    // Another model that is there stays.
    import(&place, &torch_file(&prefixed("")), "kept").succeeds();
    let before = fs::read(place.path("kept/model.safetensors")).expect("a model");
    let run =
        import(&place, &torch_file(&nan), "kept").fails_with(&["NaN at index [5]", "kept/model.safetensors"]);
    assert!(!run.stderr.contains(".dapo-wgpu"), "{run:#?}");
    assert!(before == fs::read(place.path("kept/model.safetensors")).expect("a model"));
    let mut wide = prefixed("");
    wide.get_mut("logit_scale").expect("the tensor").0 = vec![1, 1];
    import(&place, &torch_file(&wide), "imported").fails_with(&["`logit_scale` has shape [1, 1]"]);
}

#[test]
fn a_checkpoint_of_dapo_becomes_a_learner() {
    let place = Place::new();
    let file = fixture("torch/learner.pth");
    let file = file.to_str().expect("a path in UTF-8");
    let run = place.run(&["import", file, "--out", "out", "--json"]).succeeds();
    let summary: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&summary["kind"], &summary["tensors"]), (&"learner".into(), &6.into()));
    assert!(summary["notes"][0].as_str().expect("a note").contains("meta_net"));
    assert_eq!(common::files(&place.path("out")), ["learner.safetensors"]);
    let bytes = fs::read(place.path("out/learner.safetensors")).expect("the learner");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("safetensors");
    assert_eq!(header.metadata().as_ref().expect("metadata")["epoch"], "1");
    let (shape, values) =
        common::tensor(&place.path("out/learner.safetensors"), "visual_prompt.learnable_visual_tokens");
    assert_eq!((shape, values), (vec![2, 4, 6], vec![5.0; 48]));
    // The tensors alone, in a file of the given name.
    place.run(&["import", file, "--out", "mine.safetensors"]).succeeds();
    assert!(fs::read(place.path("mine.safetensors")).expect("the learner") == bytes);
}

#[test]
fn a_file_without_a_state_dict_leaves_nothing() {
    let place = Place::new();
    let module = fixture("torch/module.pt");
    let module = module.to_str().expect("a path in UTF-8");
    place.run(&["import", module, "--out", "out"]).fails_with(&[
        "module.pt",
        "refused",
        "torch.nn.modules.linear.Linear",
    ]);
    place.left_nothing();
    place.run(&["import", "model/model.safetensors", "--out", "out"]).fails_with(&["safetensors", "--model"]);
    place.run(&["import", "nowhere.pt", "--out", "out"]).fails_with(&["nowhere.pt", "cannot read"]);
    place.run(&["import", module, "--out", "no/folder/x.safetensors"]).fails_with(&["does not exist"]);
    place.write("file", b"");
    place.run(&["import", module, "--out", "file"]).fails_with(&["cannot write here"]);
    place.left_nothing();
}
