use std::fs;

use super::*;

#[test]
fn arrays_are_bounded_by_their_shape_before_they_are_read() {
    let file = |shape: &str| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}\n");
        [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat()
    };
    for shape in
        ["67108865,", "10000, 10000", "18446744073709551615, 2", "18446744073709551615, 18446744073709551615"]
    {
        // Values without end behind the header.
        let mut endless = std::io::Cursor::new(file(shape)).chain(std::io::repeat(0));
        let error = read_npy_as_f32(&mut endless).unwrap_err();
        assert!(error.contains("at most 67108864"), "{shape}: {error}");
    }
    // More values than the shape says.
    let mut endless = std::io::Cursor::new(file("3, 4")).chain(std::io::repeat(0));
    assert!(read_npy_as_f32(&mut endless).unwrap_err().contains("does not match"));
    // Over several blocks.
    let values: Vec<u8> = (0..30_000).flat_map(|v| f64::from(v).to_le_bytes()).collect();
    let (shape, read) = npy_as_f32(&[file("100, 300"), values].concat()).unwrap();
    assert!(shape == [100, 300] && read.iter().enumerate().all(|(at, &v)| v == at as f32));
    let header = [b"\x93NUMPY\x02\x00".as_slice(), &u32::MAX.to_le_bytes()].concat();
    assert!(npy_as_f32(&header).unwrap_err().contains("header has 4294967295 bytes"));
}

#[test]
fn round_trip_and_alignment() {
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("map.npy");
    for shape in [&[2_usize, 3][..], &[1, 2, 3], &[6]] {
        let values = [0.0, -1.5, f32::MAX, f32::MIN_POSITIVE, 1.0, 0.25];
        write_npy(&path, shape, &values).expect("write");
        let bytes = fs::read(&path).expect("read");
        assert_eq!((bytes.len() - 4 * values.len()) % 64, 0, "data must start at a multiple of 64");
        let array = read_npy(&path).expect("parse");
        assert_eq!(array, NpyArray { shape: shape.to_vec(), data: NpyData::F32(values.to_vec()) });
    }
}

#[test]
fn reads_what_numpy_writes() {
    // numpy.save of numpy.arange(6, dtype='u1').reshape(2, 3), NumPy 2.4: 128 bytes of preamble, then the data.
    let mut header = String::from("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }");
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(0..6_u8);
    let array = parse(&bytes).expect("parse");
    assert_eq!(array, NpyArray { shape: vec![2, 3], data: NpyData::U8((0..6).collect()) });
}

#[test]
fn other_number_types_become_float32() {
    let file = |descr: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}\n");
        let length = [header.len() as u8, 0];
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
    };
    let both = |bytes: [[u8; 8]; 2], width: usize| [&bytes[0][..width], &bytes[1][..width]].concat();
    let wide = |[a, b]: [f64; 2]| both([a.to_le_bytes(), b.to_le_bytes()], 8);
    let whole = |[a, b]: [i64; 2], width: usize| both([a.to_le_bytes(), b.to_le_bytes()], width);
    let cases: [(&str, Vec<u8>, [f32; 2]); 8] = [
        ("<f8", wide([0.1, -2.5]), [0.1, -2.5]),
        ("<f2", vec![0x00, 0x3c, 0x00, 0xc1], [1.0, -2.5]),
        ("|b1", vec![1, 0], [1.0, 0.0]),
        ("|i1", whole([-3, 4], 1), [-3.0, 4.0]),
        ("<u2", whole([65535, 4], 2), [65535.0, 4.0]),
        ("<i2", whole([-300, 4], 2), [-300.0, 4.0]),
        ("<i4", whole([-70000, 4], 4), [-70000.0, 4.0]),
        ("<i8", whole([-70000, 4], 8), [-70000.0, 4.0]),
    ];
    for (descr, data, expected) in cases {
        assert_eq!(npy_as_f32(&file(descr, &data)), Ok((vec![2], expected.to_vec())), "{descr}");
        assert!(npy_as_f32(&file(descr, &data[1..])).is_err(), "{descr} cut short");
    }
    assert!(npy_as_f32(&file(">f4", &[0; 8])).is_err(), "the other byte order");
}

#[test]
fn bad_files_are_errors_not_panics() {
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("map.npy");
    assert!(matches!(write_npy(&path, &[2, 2], &[0.0]), Err(NpyError::Shape { .. })));
    assert!(matches!(write_npy(&path, &[usize::MAX, 2], &[0.0]), Err(NpyError::Shape { .. })));
    assert!(matches!(read_npy(&path), Err(NpyError::Read { .. })));
    write_npy(&path, &[2, 2], &[0.0; 4]).expect("write");
    let whole = fs::read(&path).expect("read");
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    let text = String::from_utf8_lossy(&whole[10..]).into_owned();
    for (from, to) in [("False", "True "), ("<f4", "<f8"), ("(2,2,)", "(2,x,)"), ("'shape'", "'shade'")] {
        let mut damaged = whole[..10].to_vec();
        damaged.extend(text.replace(from, to).as_bytes());
        assert!(parse(&damaged).is_err(), "{from} -> {to}");
    }
}
