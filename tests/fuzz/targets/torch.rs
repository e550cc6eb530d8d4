//! Files of PyTorch: archives, the format before them, and the pickle in them.

use std::collections::HashMap;
use std::io::{Cursor, Write as _};

use dapo_wgpu::clip::config::Layout;
use dapo_wgpu::clip::torch::pickle::Pickle;
use dapo_wgpu::clip::torch::{TorchFile, infer, write};
use dapo_wgpu::dapo::Checkpoint;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::bytes::repair_zip;
use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        Target { repair: Some(repair_zip), ..plain("torch", Form::Binary, archives, torch) },
        plain("torch_legacy", Form::Binary, legacy, torch),
        plain("pickle", Form::Binary, pickles, pickle),
    ]
}

/// What `import` does.
fn torch(input: &[u8], desk: &Desk) -> bool {
    let path = desk.file("file.pt", input);
    let Ok(file) = TorchFile::open(&path, &mut |_, _, _| ()) else { return false };
    let Ok(pickle) = file.pickle() else { return false };
    let _ = Checkpoint::read(&file, &pickle);
    let Ok(tensors) = file.state_dict(&pickle) else { return false };
    let shapes = infer::shapes(&tensors);
    let _ = (infer::places(&shapes), infer::missing_tower(&shapes), infer::layout(&shapes));
    for layout in [Layout::OpenClip, Layout::HuggingFace] {
        let _ = infer::config(&shapes, layout, false, None);
    }
    let _ = write(&desk.path().join("out.safetensors"), &tensors, HashMap::new(), &mut |_, _, _| ());
    for tensor in tensors.into_values() {
        let _ = tensor.into_f32().map(|tensor| tensor.data().len());
    }
    true
}

/// A program by itself, and in an archive with a storage that it may use.
fn pickle(input: &[u8], desk: &Desk) -> bool {
    let _ = Pickle::read(input);
    torch(&archive(input), desk)
}

fn archive(program: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let storage = [7u8; 256];
    let storages = (0..16).map(|key| (format!("x/data/{key}"), &storage[..]));
    let parts = [("x/data.pkl".to_owned(), program), ("x/byteorder".to_owned(), b"little")];
    for (name, bytes) in parts.into_iter().chain(storages) {
        zip.start_file(name, options).expect("an entry");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("an archive").into_inner()
}

fn archives() -> Vec<Vec<u8>> {
    let files: [&[u8]; 6] = [
        include_bytes!("../../fixtures/torch/plain.pt"),
        include_bytes!("../../fixtures/torch/learner.pth"),
        include_bytes!("../../fixtures/torch/learner_old.pth"),
        include_bytes!("../../fixtures/torch/module.pt"),
        include_bytes!("../../fixtures/torch/script.pt"),
        include_bytes!("../../fixtures/torch/wrapped.pt"),
    ];
    files.map(<[u8]>::to_vec).into()
}

fn legacy() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../fixtures/torch/legacy.pt").to_vec()]
}

/// The programs in archives that Python wrote, and one by hand.
fn pickles() -> Vec<Vec<u8>> {
    let program = |file: Vec<u8>| {
        let mut zip = zip::ZipArchive::new(Cursor::new(file)).expect("an archive");
        let names: Vec<String> = zip.file_names().map(|name| name.expect("a name").into_owned()).collect();
        let name = names.iter().find(|name| name.ends_with("data.pkl")).expect("a program");
        let mut bytes = Vec::new();
        std::io::copy(&mut zip.by_name(name).expect("an entry"), &mut bytes).expect("memory");
        bytes
    };
    let mut programs: Vec<Vec<u8>> = archives().into_iter().map(program).collect();
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    programs.push(
        [
            b"\x80\x02}(".to_vec(),
            text("w"),
            b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
            text("storage"),
            b"ctorch\nFloatStorage\n".to_vec(),
            text("0"),
            text("cpu"),
            b"K\x10tQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRu.".to_vec(),
        ]
        .concat(),
    );
    programs
}
