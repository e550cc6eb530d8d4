use super::pickle::Pickle;
use super::value::Value;
use super::*;
use crate::clip::architectures::ARCHITECTURES;
use crate::clip::config::{Activation, ClipConfig, Layout};
use crate::clip::fixtures::write_json;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that PyTorch wrote, see `tools/torch_fixtures.py`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch").join(name)
}

/// Opens a file, without anybody watching.
pub(crate) fn open(path: &Path) -> Result<TorchFile, TorchError> {
    TorchFile::open(path, &mut |_, _, _| ())
}

/// A state dict as safetensors bytes.
fn converted(path: &Path) -> Result<Vec<u8>, TorchError> {
    let file = open(path)?;
    let tensors = file.state_dict(&file.pickle()?)?;
    let out = tempfile::NamedTempFile::new().unwrap();
    write(out.path(), &tensors, HashMap::new(), &mut |_, _, _| ()).unwrap();
    Ok(fs::read(out.path()).unwrap())
}

#[track_caller]
fn refused(path: &Path, words: &[&str]) {
    let message = converted(path).unwrap_err().to_string();
    for word in words.iter().chain([&&*path.display().to_string()]) {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

/// A file that holds these bytes.
fn file_of(bytes: &[u8]) -> tempfile::TempPath {
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn every_container_gives_the_same_tensors() {
    for name in ["plain.pt", "legacy.pt", "wrapped.pt"] {
        let bytes = converted(&fixture(name)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.len(), 14, "{name}");
        let check = |tensor: &str, dtype: Dtype, shape: &[usize], data: &[u8]| {
            let view = file.tensor(tensor).unwrap();
            assert_eq!((view.dtype(), view.shape(), view.data()), (dtype, shape, data), "{name}: {tensor}");
        };
        let f32s = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let f16s: Vec<u8> = (0..4).flat_map(|v| half::f16::from_f32(v as f32).to_le_bytes()).collect();
        let bf16s: Vec<u8> = (0..3).flat_map(|v| half::bf16::from_f32(v as f32).to_le_bytes()).collect();
        let i64s: Vec<u8> = (0..4i64).flat_map(i64::to_le_bytes).collect();
        check("f32", Dtype::F32, &[2, 3], &f32s(&[0., 1., 2., 3., 4., 5.]));
        check("f16", Dtype::F16, &[2, 2], &f16s);
        check("bf16", Dtype::BF16, &[3], &bf16s);
        check("f64", Dtype::F64, &[2], &[0f64.to_le_bytes(), 1f64.to_le_bytes()].concat());
        check("i64", Dtype::I64, &[4], &i64s);
        check("bool", Dtype::BOOL, &[2], &[1, 0]);
        check("scalar", Dtype::F32, &[], &f32s(&[4.5]));
        check("empty", Dtype::F32, &[0, 3], &[]);
        check("turned", Dtype::F32, &[3, 2], &f32s(&[0., 3., 1., 4., 2., 5.]));
        check("expanded", Dtype::F32, &[3, 2], &f32s(&[0., 1., 0., 1., 0., 1.]));
        check("part", Dtype::F32, &[3], &f32s(&[2., 3., 4.]));
        check("every_third", Dtype::F32, &[3], &f32s(&[1., 4., 7.]));
        check("parameter", Dtype::F32, &[2], &f32s(&[0., 1.]));
    }
}

#[test]
fn torchscript_modules_are_bags_of_attributes() {
    let file = open(&fixture("script.pt")).unwrap();
    assert!(file.is_script() && !open(&fixture("plain.pt")).unwrap().is_script());
    let bytes = converted(&fixture("script.pt")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort();
    assert_eq!(names, ["blocks.0.proj", "input_resolution", "visual.proj"]);
    let proj = file.tensor("blocks.0.proj").unwrap();
    let expected: Vec<u8> = (0..6).flat_map(|v| half::f16::from_f32(v as f32).to_le_bytes()).collect();
    assert_eq!((proj.dtype(), proj.shape(), proj.data()), (Dtype::F16, &[2, 3][..], &*expected));
    assert_eq!(file.tensor("input_resolution").unwrap().data(), 336i64.to_le_bytes());
}

#[test]
fn other_names_are_refused() {
    refused(&fixture("module.pt"), &["refused", "torch.nn.modules.linear.Linear", "state_dict()"]);
    // What `pickle.dumps` makes of an object whose `__reduce__` gives (os.system, ("x",)), by either opcode.
    let calls: [&[u8]; 2] = [
        b"\x80\x02cposix\nsystem\nX\x01\0\0\0x\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.",
    ];
    for call in calls {
        refused(&file_of(call), &["refused", "posix.system"]);
    }
    for name in [
        "torch\nload",
        "torch\nEvilStorage",
        "builtins\neval",
        "torch.storage\n_load_from_bytes",
        "__torch__x\ny",
    ] {
        let program = format!("\u{1}c{name}\n.");
        let program = [b"\x80".as_slice(), &program.as_bytes()[..1], &program.as_bytes()[1..]].concat();
        refused(&file_of(&program), &["refused", &name.replace('\n', ".")]);
    }
}

#[test]
fn files_of_another_kind_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("none"), &["cannot read"]);
    refused(folder.path(), &["folder"]);
    refused(&file_of(b""), &["empty"]);
    refused(&file_of(b"import os"), &["neither"]);
    refused(&file_of(b"\x02\0\0\0\0\0\0\0{}"), &["safetensors"]);
    refused(&file_of(b"version https://git-lfs.github.com/spec/v1"), &["git lfs pull"]);
    refused(&file_of(b"\x80\x02K\x01."), &["not one of torch.save"]);
    refused(&file_of(b"PK\x03\x04 and then nothing"), &["damaged", "archive"]);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("x/notes", stored).unwrap();
    let other = archive.finish().unwrap().into_inner();
    refused(&file_of(&other), &["no data.pkl"]);
}

#[test]
fn hostile_programs_end_early() {
    let read = |program: &[u8]| Pickle::read(program).map(|p| p.length);
    // A million lists in each other, taken apart without recursion.
    let nested = [vec![b']'; 400_000], vec![b'a'; 399_999], vec![b'.']].concat();
    assert_eq!(read(&nested).unwrap(), nested.len());
    assert!(read(&[b']'].repeat(1 << 20)).is_err());
    assert!(read(&[b"]q\0".to_vec(), b"h\0".repeat(1 << 22)].concat()).is_err());
    // A list that holds itself, and one of 2^63 bytes.
    assert!(read(b"]q\0h\0a.").is_ok());
    assert!(read(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.").is_err());
    for program in
        [&b"."[..], b"a.", b"(", b"(.", b"K\x01h\x05.", b"K\x01K\x02s.", b"R.", b"K\x01)R.", b"t.", b"Q."]
    {
        assert!(read(program).is_err(), "{program:?}");
    }
    // A dict that holds itself is nested without end.
    let circle = b"}q\0X\x01\0\0\0ah\0s.";
    let file = open(&fixture("plain.pt")).unwrap();
    let pickle = Pickle::read(circle).unwrap();
    assert!(file.tensors(&pickle, pickle.root()).unwrap_err().to_string().contains("nested too deeply"));
}

#[test]
fn numbers_are_read_whatever_their_length() {
    let root = |program: &[u8]| {
        let pickle = Pickle::read(program).unwrap();
        match pickle.get(pickle.root()) {
            Value::Int(n) => *n,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(root(b"J\xfe\xff\xff\xff."), -2);
    assert_eq!(root(b"M\x34\x12."), 0x1234);
    assert_eq!(root(b"\x8a\x02\xff\x00."), 255);
    assert_eq!(root(b"\x8a\x01\xff."), -1);
    assert_eq!(root(b"\x8a\x00."), 0);
}

/// A pickle of one tensor `t` of storage `0` (float32), from the given offset, shape and strides.
fn one_tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let start =
        b"\x80\x02}X\x01\0\0\0tctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
                  X\x01\0\0\x000X\x03\0\0\0cpuK\x30tQ";
    [start, offset, shape, strides, b"\x89)tRs."].concat()
}

#[test]
fn tensors_must_lie_in_their_storage() {
    // Storage 0 of plain.pt has 6 elements.
    let file = open(&fixture("plain.pt")).unwrap();
    let read = |offset: &[u8], shape: &[u8], strides: &[u8]| {
        let program = one_tensor(offset, shape, strides);
        let pickle = Pickle::read(&program).map_err(|problem| format!("{problem:?}"))?;
        let found = file.tensors(&pickle, pickle.root()).map_err(|e| e.to_string())?;
        Ok::<_, String>(found["t"].data().len())
    };
    assert_eq!(read(b"K\0", b"K\x06\x85", b"K\x01\x85"), Ok(24));
    assert_eq!(read(b"K\x05", b"K\x06\x85", b"K\0\x85"), Ok(24));
    assert!(read(b"K\x01", b"K\x06\x85", b"K\x01\x85").unwrap_err().contains("`t` reaches beyond"));
    assert!(read(b"K\0", b"K\x04\x85", b"K\x02\x85").unwrap_err().contains("reaches beyond"));
    // Sizes whose product, and strides whose sum, overflow; a huge tensor out of one element.
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let two = [&huge[..], huge, b"\x86"].concat();
    assert!(read(b"K\0", &two, b"K\x01K\x01\x86").unwrap_err().contains("larger than the file"));
    assert!(read(b"K\0", b"K\x02K\x02\x86", &two).unwrap_err().contains("reaches beyond"));
    assert!(read(huge, b"K\x02\x85", b"K\x01\x85").unwrap_err().contains("reaches beyond"));
    assert!(read(b"K\0", b"J\0\0\0\x40\x85", b"K\0\x85").unwrap_err().contains("larger than the file"));
    assert!(read(b"K\0", b"J\xff\xff\xff\xff\x85", b"K\x01\x85").unwrap_err().contains("shape"));
    assert!(read(b"K\0", b"K\x01K\x01\x86", b"K\x01\x85").unwrap_err().contains("differ in length"));
}

/// Everything that reading these bytes as a file would do, in memory: the tensors' bytes.
fn read_all(bytes: &[u8]) -> Result<Vec<u8>, TorchError> {
    let mut map = memmap2::MmapMut::map_anon(bytes.len()).unwrap();
    map.copy_from_slice(bytes);
    let file = TorchFile::find(Path::new("bytes"), None, map.make_read_only().unwrap(), &mut |_, _, _| ())?;
    let tensors = file.state_dict(&file.pickle()?)?;
    Ok(tensors.values().flat_map(|tensor| tensor.data().into_owned()).collect())
}

#[test]
fn damage_anywhere_is_an_error_or_harmless() {
    for name in ["plain.pt", "legacy.pt", "script.pt", "learner.pth"] {
        let whole = fs::read(fixture(name)).unwrap();
        for end in 1..whole.len() {
            // All but the last bytes of an archive say where its parts are.
            assert!(read_all(&whole[..end]).is_err(), "{name} cut after {end} bytes");
        }
        let file = open(&fixture(name)).unwrap();
        let storage = file.range("0");
        let mut changed = whole.clone();
        for at in 0..whole.len() {
            changed[at] ^= 1 << (at % 8);
            let result = read_all(&changed);
            // An archive has checksums, at least over the first storage here.
            if let Some(storage) = &storage {
                assert!(
                    !storage.contains(&at) || result.is_err(),
                    "{name}: a change of byte {at} is not noticed"
                );
            }
            changed[at] = whole[at];
        }
    }
}

#[test]
fn configurations_are_told_from_shapes() {
    for architecture in ARCHITECTURES.into_iter().filter(|a| a.name.starts_with("vit")) {
        let (v, t) = (architecture.vision, architecture.text);
        let (p, e) = (architecture.patch_size, architecture.embed_dim);
        let positions = (architecture.image_size / p).pow(2) + 1;
        for layout in [Layout::OpenClip, Layout::HuggingFace] {
            let mut all: Vec<(String, Vec<usize>)> = match layout {
                Layout::OpenClip => vec![
                    ("visual.conv1.weight".into(), vec![v.width, 3, p, p]),
                    ("visual.positional_embedding".into(), vec![positions, v.width]),
                    ("token_embedding.weight".into(), vec![49408, t.width]),
                    ("positional_embedding".into(), vec![77, t.width]),
                    ("text_projection".into(), vec![t.width, e]),
                ],
                Layout::HuggingFace => vec![
                    ("vision_model.embeddings.patch_embedding.weight".into(), vec![v.width, 3, p, p]),
                    ("vision_model.embeddings.position_embedding.weight".into(), vec![positions, v.width]),
                    ("text_model.embeddings.token_embedding.weight".into(), vec![49408, t.width]),
                    ("text_model.embeddings.position_embedding.weight".into(), vec![77, t.width]),
                    ("text_projection.weight".into(), vec![e, t.width]),
                ],
            };
            let (vision, text, mlp) = match layout {
                Layout::OpenClip => {
                    ("visual.transformer.resblocks", "transformer.resblocks", "mlp.c_fc.weight")
                }
                Layout::HuggingFace => {
                    ("vision_model.encoder.layers", "text_model.encoder.layers", "mlp.fc1.weight")
                }
            };
            all.extend((0..v.layers).map(|n| (format!("{vision}.{n}.{mlp}"), vec![4 * v.width, v.width])));
            all.extend((0..t.layers).map(|n| (format!("{text}.{n}.{mlp}"), vec![4 * t.width, t.width])));
            let mut shapes: infer::Shapes = all.iter().map(|(name, shape)| (&**name, &**shape)).collect();
            assert_eq!(infer::layout(&shapes), Some(layout));
            let inferred = infer::config(&shapes, layout, true, None).unwrap();
            assert!(inferred.assumptions.iter().any(|line| line.contains("QuickGELU")));
            let folder = tempfile::tempdir().unwrap();
            write_json(folder.path(), layout.config_file(), &inferred.config);
            let found = ClipConfig::from_folder(folder.path()).unwrap();
            let expected = architecture.config();
            assert_eq!((&found.vision, &found.text.tower), (&expected.vision, &expected.text.tower));
            assert_eq!((found.text.vocab_size, found.text.context_length, found.embed_dim), (49408, 77, e));

            let exact = infer::config(&shapes, layout, true, Some(Activation::Gelu)).unwrap();
            assert_ne!(exact.config, inferred.config);
            assert!(!exact.assumptions.iter().any(|line| line.contains("GELU")), "the user said it");
            let odd = [positions + 1, v.width];
            shapes.insert(&all[1].0, &odd);
            assert!(infer::config(&shapes, layout, true, None).unwrap_err().contains("not a square"));
            shapes.remove(&*all[1].0);
            assert_eq!(infer::layout(&shapes), None);
        }
    }
    // open_clip's own models have the exact GELU unless they say otherwise.
    let model = crate::clip::fixtures::open_clip_tensors();
    let shapes: infer::Shapes = model.iter().map(|(name, (shape, _))| (&**name, &**shape)).collect();
    assert!(infer::config(&shapes, Layout::OpenClip, false, None).unwrap_err().contains("heads"));
}
