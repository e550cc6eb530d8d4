//! Small files that ask for much memory or time.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use super::pickle::Pickle;
use super::tests::{fixture, open};
use super::*;

/// A program that puts `text` on the stack.
fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// What reading all tensors of a program says, which must not take long.
fn tensors_of(program: &[u8]) -> Result<usize, String> {
    let began = Instant::now();
    let file = open(&fixture("plain.pt")).unwrap();
    let read = || -> Result<usize, TorchError> {
        let pickle = Pickle::read(program).map_err(|problem| problem.of(file.path()))?;
        Ok(file.state_dict(&pickle)?.len())
    };
    let result = read().map_err(|e| e.to_string());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    result
}

#[test]
fn one_list_copied_into_many_dicts_is_refused() {
    // A list of 3000 pairs, and OrderedDict called on it 20000 times: 60 million entries.
    let mut program = b"\x80\x02(".to_vec();
    (0..3000).for_each(|_| program.extend(b"K\x01K\x02\x86"));
    program.extend(b"lq\x00\x85q\x01ccollections\nOrderedDict\nq\x02");
    (0..20_000).for_each(|_| program.extend(b"h\x02h\x01R0"));
    program.push(b'.');
    let error = tensors_of(&program).unwrap_err();
    assert!(error.contains("elements"), "{error}");
}

#[test]
fn dicts_that_are_entered_by_many_ways_end_early() {
    // Each dict holds the next one twice, and a thousand entries without names: two to the power of forty ways.
    let mut program = b"\x80\x02}q\x00".to_vec();
    for level in 1..40u8 {
        program.push(b'}');
        program.push(b'(');
        for number in 0..1000u16 {
            program.extend([b"M".as_slice(), &number.to_le_bytes(), b"N"].concat());
        }
        for name in ["a", "b"] {
            program.extend([text(name), vec![b'h', level - 1]].concat());
        }
        program.extend([b'u', b'q', level]);
    }
    program.push(b'.');
    let error = tensors_of(&program).unwrap_err();
    assert!(error.contains("too many entries"), "{error}");
    // A dict, a list and a pair of dicts that hold themselves.
    for (program, words) in [
        ([b"}q\0".to_vec(), text("a"), b"h\0s.".to_vec()].concat(), "nested too deeply"),
        (b"]q\0h\0a.".to_vec(), "no tensors"),
        (
            [b"}q\0}q\x01".to_vec(), text("a"), b"h\0s0h\0".to_vec(), text("b"), b"h\x01s.".to_vec()]
                .concat(),
            "nested too deeply",
        ),
    ] {
        let error = tensors_of(&program).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn entries_of_an_archive_that_lie_on_each_other_are_refused() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in
        [("x/data.pkl", b"}.".to_vec()), ("x/data/0", vec![7; 5000]), ("x/data/1", vec![7; 5000])]
    {
        archive.start_file(name, stored).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let write = |bytes: &[u8]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        open(file.path()).map(drop).map_err(|e| e.to_string())
    };
    // Apart, they are read. Then the directory's entry for the last one is repeated under other names.
    write(&bytes).unwrap();
    let at =
        |what: &[u8], from: usize| from + bytes[from..].windows(what.len()).position(|w| w == what).unwrap();
    let directory = at(b"PK\x01\x02", 0);
    let last = at(b"x/data/1", directory) - 46;
    let end = at(b"PK\x05\x06", last);
    let entry = bytes[last..end].to_vec();
    let mut wrong = bytes[..end].to_vec();
    for name in b'2'..=b'9' {
        let mut more = entry.clone();
        more[46 + 7] = name;
        wrong.extend(more);
    }
    let mut tail = bytes[end..].to_vec();
    tail[8..10].copy_from_slice(&11u16.to_le_bytes());
    tail[10..12].copy_from_slice(&11u16.to_le_bytes());
    tail[12..16].copy_from_slice(&((wrong.len() - directory) as u32).to_le_bytes());
    wrong.extend(tail);
    let error = write(&wrong).unwrap_err();
    assert!(error.contains("overlap") || error.contains("archive"), "{error}");
}

#[test]
fn a_tensor_without_elements_may_have_any_extents() {
    // [0, 2^40, 2^40], as dense as strides can say it.
    let huge = [b"\x8a\x06".as_slice(), &(1u64 << 40).to_le_bytes()[..6]].concat();
    let program = [
        b"\x80\x02}(".to_vec(),
        text("w"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        b"tQK\0(K\0".to_vec(),
        huge.clone(),
        huge.clone(),
        b"t(K\x01".to_vec(),
        huge,
        b"K\x01ttRu.".to_vec(),
    ]
    .concat();
    let file = open(&fixture("plain.pt")).unwrap();
    let pickle = Pickle::read(&program).map_err(|problem| problem.of(file.path())).unwrap();
    let tensor = file.state_dict(&pickle).unwrap().remove("w").unwrap();
    assert_eq!((tensor.shape(), tensor.data().len()), (&[0, 1 << 40, 1 << 40][..], 0));
}

#[test]
fn a_file_that_is_cut_while_it_is_open_gives_an_error() {
    let bytes = std::fs::read(fixture("plain.pt")).unwrap();
    let cut = |path: &std::path::Path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(bytes.len() as u64 / 2).unwrap();
    };
    let copy = tempfile::NamedTempFile::new().unwrap();
    let out = tempfile::NamedTempFile::new().unwrap();
    for cut_first in [true, false] {
        std::fs::write(copy.path(), &bytes).unwrap();
        let file = open(copy.path()).unwrap();
        if cut_first {
            cut(copy.path());
            assert!(file.pickle().unwrap_err().to_string().contains("shorter"));
            continue;
        }
        let mut tensors = file.state_dict(&file.pickle().unwrap()).unwrap();
        cut(copy.path());
        let error = write(out.path(), &tensors, Default::default(), &mut |_, _, _| ()).unwrap_err();
        assert!(error.to_string().contains("shorter"), "{error}");
        assert!(tensors.remove("f64").unwrap().into_f32().unwrap_err().contains("shorter"));
    }
}
