//! Kinds of files that cameras and programs write beside the common ones.

use std::io::Cursor;

use tiff::encoder::{TiffEncoder, colortype};

use super::*;

fn photo(path: &Path, options: ReadOptions) -> Result<(Raster, ReadInfo), ImageError> {
    Source::open_with(path, options).and_then(Source::decode_photo)
}

const LENIENT: ReadOptions = ReadOptions { bits: Bits::Auto, orient: Orient::Exif, lenient: true };

fn jpeg() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    noise(48, 32, 3).into_rgb().write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// Where the frame's segment begins.
fn frame(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap()
}

#[test]
fn faulty_files_of_cameras_are_read_when_asked_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let whole = jpeg();
    let expected = load(written(folder.path(), "whole.jpg", &whole)).unwrap();
    let at = frame(&whole);
    let faults = [
        ("no end", whole[..whole.len() - 2].to_vec()),
        ("no end, but zeros", [&whole[..whole.len() - 2], &[0; 9]].concat()),
        ("bytes between segments", [&whole[..at], b"a camera's own bytes", &whole[at..]].concat()),
        ("zeros between segments", [&whole[..at], &[0; 32], &whole[at..]].concat()),
    ];
    for (name, bytes) in faults {
        let path = written(folder.path(), "fault.jpg", &bytes);
        let error = photo(&path, ReadOptions::default()).unwrap_err();
        assert!(matches!(error, ImageError::Faulty { .. }), "{name}: {error}");
        assert!(error.to_string().contains("--lenient") && error.path() == Some(&path), "{name}: {error}");
        let (read, info) = photo(&path, LENIENT).unwrap();
        assert_eq!(read, expected, "{name}");
        assert!(info.notes[0].contains("--lenient"), "{name}: {:?}", info.notes);
    }
    // What is whole has no note, and what is no JPEG at all is not offered.
    assert_eq!(photo(&folder.path().join("whole.jpg"), LENIENT).unwrap().1.notes, Vec::<String>::new());
    let path = written(folder.path(), "short.jpg", &whole[..at]);
    assert!(!photo(&path, ReadOptions::default()).unwrap_err().to_string().contains("--lenient"));
    assert!(photo(&path, LENIENT).is_err());
}

#[test]
fn codings_of_jpeg_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = jpeg();
    let at = frame(&whole);
    for (marker, bits, words) in [
        (0xC1, 12, "JPEG of 12 bits"),
        (0xC2, 12, "JPEG of 12 bits"),
        (0xC3, 16, "lossless JPEG, 16 bits"),
        (0xC9, 8, "arithmetic coding"),
        (0xCA, 8, "arithmetic coding"),
        (0xCB, 8, "lossless JPEG with arithmetic coding"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xF7, 8, "JPEG-LS"),
    ] {
        let mut bytes = whole.clone();
        (bytes[at + 1], bytes[at + 4]) = (marker, bits);
        let path = written(folder.path(), "a.jpg", &bytes);
        for options in [ReadOptions::default(), LENIENT] {
            let text = photo(&path, options).unwrap_err().to_string();
            assert!(text.contains(words) && text.contains("convert it to PNG"), "{text}");
        }
    }
    let scans = [&whole[..whole.len() - 2], &[0xFF, 0xDA, 0, 2].repeat(300)[..], &[0xFF, 0xD9]].concat();
    let error = photo(&written(folder.path(), "a.jpg", &scans), LENIENT).unwrap_err();
    assert!(error.to_string().contains("301 scans"), "{error}");
}

/// A TIFF of 20 × 18 pixels in RGB, in planes of tiles of 16 × 16.
fn planes_in_tiles(rgb: &[u8]) -> Vec<u8> {
    let (mut data, mut offsets) = (Vec::new(), Vec::new());
    for plane in 0..3 {
        for (left, top) in [(0, 0), (16, 0), (0, 16), (16, 16)] {
            offsets.push(8 + data.len() as u32);
            for at in 0..256 {
                let (x, y) = (left + at % 16, top + at / 16);
                data.push(if x < 20 && y < 18 { rgb[(y * 20 + x) * 3 + plane] } else { 77 });
            }
        }
    }
    let mut file = b"II\x2a\0".to_vec();
    let behind = 8 + data.len() as u32;
    file.extend((behind + 6 + 96).to_le_bytes());
    file.extend(data);
    file.extend([8u16, 8, 8].iter().flat_map(|v| v.to_le_bytes()));
    file.extend(offsets.iter().flat_map(|v| v.to_le_bytes()));
    file.extend([256u32; 12].iter().flat_map(|v| v.to_le_bytes()));
    let entries = [
        [256, 3, 1, 20],
        [257, 3, 1, 18],
        [258, 3, 3, behind],
        [259, 3, 1, 1],
        [262, 3, 1, 2],
        [277, 3, 1, 3],
        [284, 3, 1, 2],
        [322, 3, 1, 16],
        [323, 3, 1, 16],
        [324, 4, 12, behind + 6],
        [325, 4, 12, behind + 6 + 48],
    ];
    file.extend(directory(&entries));
    file
}

/// A directory of entries: tag, type, number of values, and the value or where the values are.
fn directory(entries: &[[u32; 4]]) -> Vec<u8> {
    let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
    for &[tag, kind, count, value] in entries {
        bytes.extend((tag as u16).to_le_bytes());
        bytes.extend((kind as u16).to_le_bytes());
        bytes.extend([count, value].iter().flat_map(|v| v.to_le_bytes()));
    }
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn big_tiff_and_planes_in_tiles_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let expected = noise(20, 18, 3);
    let mut big = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut big).unwrap();
    encoder.write_image::<colortype::RGB8>(20, 18, expected.as_bytes()).unwrap();
    for (name, bytes) in [("big", big.into_inner()), ("planes", planes_in_tiles(expected.as_bytes()))] {
        let path = written(folder.path(), name, &bytes);
        let (read, info) = photo(&path, ReadOptions::default()).unwrap();
        assert_eq!((read, info.notes), (expected.clone(), Vec::new()), "{name}");
        for length in (8..bytes.len()).step_by(37) {
            let cut = written(folder.path(), "cut", &bytes[..length]);
            if let Err(error) = photo(&cut, ReadOptions::default()) {
                assert!(!error.to_string().contains("decoder failed"), "{name} of {length}: {error}");
            }
        }
    }
}

#[test]
fn a_tiff_above_the_limit_is_read_in_strips_and_said() {
    let folder = tempfile::tempdir().unwrap();
    // A little over 2^28 pixels, a ramp from left to right: all strips are one and the same.
    let (width, height, rows) = (32_768u32, 8256u32, 64);
    let (count, length) = (height / rows, rows * width);
    let mut bytes = b"II\x2a\0".to_vec();
    bytes.extend((8 + length + 8 * count).to_le_bytes());
    bytes.extend((0..length).map(|at| (at % width / 128) as u8));
    bytes.extend(8u32.to_le_bytes().repeat(count as usize));
    bytes.extend(length.to_le_bytes().repeat(count as usize));
    bytes.extend(directory(&[
        [256, 4, 1, width],
        [257, 4, 1, height],
        [258, 3, 1, 8],
        [259, 3, 1, 1],
        [262, 3, 1, 1],
        [273, 4, count, 8 + length],
        [277, 3, 1, 1],
        [278, 4, 1, rows],
        [279, 4, count, 8 + length + 4 * count],
    ]));
    let path = written(folder.path(), "large.tif", &bytes);
    let (read, info) = photo(&path, ReadOptions::default()).unwrap();
    assert_eq!(info.frame.size, (width, height));
    assert_eq!((info.reduced, read.width(), read.height()), (3, 10_923, 2752));
    assert!(info.notes.len() == 1 && info.notes[0].contains("3x3"), "{:?}", info.notes);
    for (x, y) in [(0, 0), (5000, 17), (10_922, 2751)] {
        let shade = read.as_bytes()[(y * read.width() + x) as usize];
        assert!(shade.abs_diff((x * 3 / 128).min(255) as u8) <= 1, "{x} {y}: {shade}");
    }
    // A mask is not averaged.
    assert!(matches!(load_labels(&path), Err(ImageError::TooLarge { .. })));
}

/// A gray TIFF of 6 pixels.
fn gray<C: colortype::ColorType>(folder: &Path, values: &[C::Inner]) -> PathBuf
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    TiffEncoder::new(&mut bytes).unwrap().write_image::<C>(3, 2, values).unwrap();
    written(folder, "gray.tif", &bytes.into_inner())
}

#[test]
fn samples_of_other_types_have_a_white_that_is_said_or_are_refused() {
    use colortype::{Gray32, Gray32Float, Gray64Float, GrayI16};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let read = |path: PathBuf| {
        let (read, info) = photo(&path, ReadOptions::default()).unwrap();
        (read.as_bytes().to_vec(), info.notes.join(" "))
    };
    let eighths = [0, 51, 102, 153, 204, 255];
    let (bytes, note) = read(fixture("float.tif")); // 0 to 1 in fifths
    assert!(bytes == eighths && note.contains("1 as white"), "{bytes:?} {note}");
    let scaled = |white: f32| [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|v| v * white);
    let (bytes, note) = read(gray::<Gray32Float>(folder, &scaled(255.0)));
    assert!(bytes == eighths && note.contains("255 as white"), "{bytes:?} {note}");
    let (bytes, note) = read(gray::<Gray64Float>(folder, &scaled(4095.0).map(f64::from)));
    assert!(bytes == eighths && note.contains("12-bit"), "{bytes:?} {note}");
    let (bytes, note) = read(gray::<Gray32Float>(folder, &[-0.004, 0.2, 0.4, 0.6, 0.8, 1.004]));
    assert!(bytes == eighths && note.contains("1 as white"), "{bytes:?} {note}");
    let (bytes, note) = read(gray::<Gray32>(folder, &scaled(65535.0).map(|v| v as u32)));
    assert!(bytes == eighths && note.is_empty(), "{bytes:?} {note}");
    let (bytes, _) = read(gray::<Gray32>(folder, &[0, 1 << 29, 1 << 30, 3 << 29, 1 << 31, u32::MAX]));
    assert_eq!(bytes, [0, 32, 64, 96, 128, 255]);
    let (bytes, note) = read(gray::<GrayI16>(folder, &[0, 819, 1638, 2457, 3276, 4095]));
    assert!(bytes == eighths && note.contains("12-bit"), "{bytes:?} {note}");

    let refused = |path: PathBuf, words: &str| {
        let error = photo(&path, ReadOptions::default()).unwrap_err();
        assert!(matches!(error, ImageError::UnsupportedPixels { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(gray::<Gray32Float>(folder, &[0.0, 1.0, f32::NAN, 0.0, 0.0, 0.0]), "NaN");
    refused(gray::<Gray32Float>(folder, &[-1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), "from -1 to 1");
    refused(gray::<Gray32Float>(folder, &[0.0, 1e6, 0.0, 0.0, 0.0, 0.0]), "from 0 to 1000000");
    refused(gray::<GrayI16>(folder, &[-5, 0, 0, 0, 0, 9000]), "from -5");
    refused(gray::<Gray32>(folder, &[0, 0, 0, 0, 0, 70_000]), "from 0 to 70000");
    // As a mask, what is above zero stays above zero.
    assert_eq!(
        load_labels(gray::<Gray32Float>(folder, &scaled(0.01))).unwrap().as_raw(),
        &[0, 1, 1, 1, 1, 1]
    );
}
