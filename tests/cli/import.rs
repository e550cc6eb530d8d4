//! PyTorch files on their way into safetensors.

use std::fs;
use std::io::{Cursor, Write};

use safetensors::SafeTensors;
use zip::write::SimpleFileOptions;

use crate::common::model::{Tensors, Tiny};
use crate::{Place, common, fixture};

/// Tensors as `torch.save` writes a state dict of float32.
fn torch_file(tensors: &Tensors) -> Vec<u8> {
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let int = |n: usize| [b"J".as_slice(), &(n as u32).to_le_bytes()].concat();
    let tuple = |sizes: &[usize]| {
        let inner: Vec<u8> = sizes.iter().flat_map(|&n| int(n)).collect();
        [b"(".as_slice(), &inner, b"t"].concat()
    };
    let mut program = b"\x80\x02}".to_vec();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (key, (name, (shape, values))) in tensors.iter().enumerate() {
        let key = key.to_string();
        let strides: Vec<usize> = (1..=shape.len()).map(|from| shape[from..].iter().product()).collect();
        program.extend(text(name));
        program.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        program.extend(text("storage"));
        program.extend(b"ctorch\nFloatStorage\n");
        program.extend([text(&key), text("cpu"), int(values.len()), b"tQ".to_vec(), int(0)].concat());
        program.extend(
            [tuple(shape), tuple(&strides), b"\x89ccollections\nOrderedDict\n)RtRs".to_vec()].concat(),
        );
        archive.start_file(format!("model/data/{key}"), stored).expect("an entry");
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        archive.write_all(&bytes).expect("an entry");
    }
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
