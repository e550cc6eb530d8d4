//! What cameras and programs write that a reader may misunderstand: bits, orientation, alpha.

use std::io::Cursor;

use ::image::{ImageBuffer, Luma, Rgb, RgbaImage};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use super::*;
use crate::data::orientation::of_exif;

fn photo(path: &Path) -> (Raster, ReadInfo) {
    photo_with(path, ReadOptions::default())
}

fn photo_with(path: &Path, options: ReadOptions) -> (Raster, ReadInfo) {
    Source::open_with(path, options).unwrap().decode_photo().unwrap()
}

/// Adds a chunk to a PNG: behind its header, or before its end.
fn with_chunk(png: &[u8], kind: &[u8; 4], body: &[u8], at_the_end: bool) -> Vec<u8> {
    let mut chunk = kind.to_vec();
    chunk.extend(body);
    let mut crc = u32::MAX;
    for &byte in &chunk {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let length = (body.len() as u32).to_be_bytes();
    let at = if at_the_end { png.len() - 12 } else { 33 };
    [&png[..at], &length, &chunk, &(!crc).to_be_bytes(), &png[at..]].concat()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A photo with all grays, as 8 bits and as `bits` bits in the lower end of 16.
fn camera(bits: u8, channels: usize) -> (Raster, DynamicImage) {
    let source = noise(40, 30, channels);
    let white = (1u32 << bits) - 1;
    let wide: Vec<u16> =
        source.as_bytes().iter().map(|&v| ((u32::from(v) * white + 127) / 255) as u16).collect();
    let image = match channels {
        1 => DynamicImage::ImageLuma16(ImageBuffer::<Luma<u16>, _>::from_raw(40, 30, wide).unwrap()),
        _ => DynamicImage::ImageRgb16(ImageBuffer::<Rgb<u16>, _>::from_raw(40, 30, wide).unwrap()),
    };
    (source, image)
}

#[test]
fn camera_bits_in_16_bit_files_equal_the_8_bit_copy() {
    let folder = tempfile::tempdir().unwrap();
    for bits in [8, 10, 12, 14, 16] {
        for channels in [1, 3] {
            for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Pnm] {
                let (expected, image) = camera(bits, channels);
                let path = written(folder.path(), "camera", &encoded(&image, format));
                let (read, info) = photo(&path);
                assert_eq!(read, expected, "{bits} bits, {channels} channels, {format:?}");
                assert_eq!(info.bits, Some(bits));
                assert_eq!(info.notes.is_empty(), bits == 16, "{:?}", info.notes);
                // Stated by the user, and overruled.
                for asked in [bits, 16] {
                    let options = ReadOptions { bits: Bits::Lower(asked), ..ReadOptions::default() };
                    let (read, info) = photo_with(&path, options);
                    assert_eq!((read == expected, info.bits), (asked == bits, Some(asked)));
                }
            }
        }
    }
}

#[test]
fn bits_are_found_where_white_is_stored_as_zero() {
    let folder = tempfile::tempdir().unwrap();
    let stored: Vec<u16> = (0..1200).map(|i| i * 7 % 4096).collect();
    let image = DynamicImage::ImageLuma16(ImageBuffer::from_raw(40, 30, stored.clone()).unwrap());
    let mut tiff = encoded(&image, ImageFormat::Tiff);
    // PhotometricInterpretation, SHORT, one value: black is zero.
    let tag = [0x06, 0x01, 3, 0, 1, 0, 0, 0, 1, 0];
    let at = tiff.windows(tag.len()).position(|part| part == tag).expect("the tag");
    tiff[at + 8] = 0;
    let (read, info) = photo(&written(folder.path(), "a.tif", &tiff));
    let expected: Vec<u8> = stored.iter().map(|v| 255 - (v >> 4) as u8).collect();
    assert_eq!((read.as_bytes(), info.bits), (&expected[..], Some(12)));
}

#[test]
fn bits_that_a_file_states_come_before_a_guess() {
    let folder = tempfile::tempdir().unwrap();
    // None of 200 grays reaches 4096, nor 1024: the file knows better.
    let dark: Vec<u16> = (0..1200).map(|i| i * 7 % 900).collect();
    let expected: Vec<u8> = dark.iter().map(|v| (v >> 4) as u8).collect();
    let image = DynamicImage::ImageLuma16(ImageBuffer::from_raw(40, 30, dark.clone()).unwrap());
    let png = with_chunk(&encoded(&image, ImageFormat::Png), b"sBIT", &[12], false);
    let (read, info) = photo(&written(folder.path(), "a.png", &png));
    assert_eq!((read.as_bytes(), info.bits), (&expected[..], Some(12)));
    assert!(info.notes[0].contains("as the file states"), "{:?}", info.notes);

    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut tiff = encoder.new_image::<colortype::Gray16>(40, 30).unwrap();
    tiff.encoder().write_tag(Tag::Unknown(281), 4095u16).unwrap();
    tiff.write_data(&dark).unwrap();
    let (read, info) = photo(&written(folder.path(), "a.tif", &bytes.into_inner()));
    assert_eq!((read.as_bytes(), info.bits), (&expected[..], Some(12)));

    // The largest value of a PNM is white, whatever the photo has.
    let mut pnm = b"P5\n# a camera\n40 30\n4095\n".to_vec();
    pnm.extend(dark.iter().flat_map(|v| v.to_be_bytes()));
    let (read, info) = photo(&written(folder.path(), "a.pgm", &pnm));
    assert!(info.notes.is_empty(), "{:?}", info.notes);
    let far = read.as_bytes().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(far <= Some(1), "scaled by its decoder, not shifted");
}

/// A block of EXIF data with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0]);
    assert_eq!(of_exif(&block), Some(orientation));
    block
}

/// A file of each format with an EXIF orientation, and what it holds as stored.
fn oriented(folder: &Path, orientation: u8) -> Vec<(&'static str, PathBuf)> {
    let source = noise(8, 6, 3).into_rgb();
    let image = DynamicImage::ImageRgb8(source.clone());
    let block = exif(orientation);
    let png = encoded(&image, ImageFormat::Png);
    let jpeg = encoded(&image, ImageFormat::Jpeg);
    let marked = [b"Exif\0\0", &block[..]].concat();
    let app1 = [&[0xFF, 0xE1], &(marked.len() as u16 + 2).to_be_bytes()[..], &marked].concat();
    let vp8l = &encoded(&image, ImageFormat::WebP)[12..];
    let mut webp = b"WEBPVP8X\x0a\0\0\0\x08\0\0\0\x07\0\0\x05\0\0".to_vec();
    webp.extend(vp8l);
    webp.extend(b"EXIF");
    webp.extend((block.len() as u32).to_le_bytes());
    webp.extend(&block);
    webp.extend(vec![0; block.len() % 2]);
    let webp = [b"RIFF", &(webp.len() as u32).to_le_bytes()[..], &webp].concat();
    // The length of the chunk says four gigabytes.
    let mut long = webp.clone();
    let at = webp.len() - block.len() - block.len() % 2;
    long[at - 4..at].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    let mut tiff = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut tiff).unwrap();
    let mut page = encoder.new_image::<colortype::RGB8>(8, 6).unwrap();
    page.encoder().write_tag(Tag::Orientation, u16::from(orientation)).unwrap();
    page.write_data(source.as_raw()).unwrap();
    [
        ("png", with_chunk(&png, b"eXIf", &block, false)),
        ("png with the chunk at its end", with_chunk(&png, b"eXIf", &block, true)),
        ("jpeg", [&jpeg[..2], &app1, &jpeg[2..]].concat()),
        ("webp", webp),
        ("webp with an endless chunk", long),
        ("tiff", tiff.into_inner()),
    ]
    .into_iter()
    .map(|(name, bytes)| (name, written(folder, name, &bytes)))
    .collect()
}

#[test]
fn all_orientations_of_all_formats_are_turned_upright_and_said() {
    let folder = tempfile::tempdir().unwrap();
    for orientation in 1..=8 {
        for (name, path) in oriented(folder.path(), orientation) {
            let as_stored = ReadOptions { orient: Orient::Stored, ..ReadOptions::default() };
            let (stored, told) = photo_with(&path, as_stored);
            assert_eq!((stored.width(), stored.height()), (8, 6));
            if name != "jpeg" {
                assert_eq!(stored, noise(8, 6, 3), "{name}");
            }
            let (upright, info) = photo(&path);
            assert_eq!(upright, stored.turned(orientation), "{name} {orientation}");
            assert_eq!(info.frame.size, (upright.width(), upright.height()));
            assert_eq!(info.notes.len(), usize::from(orientation != 1), "{name} {:?}", info.notes);
            assert_eq!(told.notes.len(), usize::from(orientation != 1), "{name} {:?}", told.notes);
        }
    }
}

/// A BMP with the header of version 4, which has a mask for alpha: the same pixel everywhere.
fn bmp_v4(bgra: [u8; 4]) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    let mut put = |values: &[u32]| file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    put(&[122 + 64, 0, 122, 108, 4, 4, 1 | 32 << 16, 3, 64, 2835, 2835, 0, 0]);
    put(&[0x00FF_0000, 0x0000_FF00, 0x0000_00FF, 0xFF00_0000, 0x7352_4742]);
    put(&[0; 12]);
    file.extend(bgra.repeat(16));
    file
}

#[test]
fn alpha_never_hides_a_photo_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| written(folder.path(), name, bytes);
    let rgba = |alpha: fn(u32) -> u8| {
        let image = RgbaImage::from_fn(6, 4, |x, y| [40 * x as u8, 60 * y as u8, 9, alpha(x)].into());
        DynamicImage::ImageRgba8(image)
    };
    let colours = rgba(|_| 255).into_rgb8().into_raw();
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP] {
        for (alpha, word) in [
            ((|_| 255) as fn(u32) -> u8, None),
            (|_| 0, Some("every pixel")),
            (|_| 128, Some("every pixel")),
            (|x| if x < 3 { 0 } else { 255 }, Some("some pixels")),
        ] {
            let (read, info) = photo(&at("a", &encoded(&rgba(alpha), format)));
            // WebP's encoder clears the colours of pixels that are entirely transparent.
            if format != ImageFormat::WebP || word != Some("some pixels") {
                assert_eq!(read.as_bytes(), colours, "{format:?} {word:?}");
            }
            assert_eq!(read.mode(), Mode::Rgb);
            assert_eq!(info.notes.len(), usize::from(word.is_some()), "{:?}", info.notes);
            assert!(word.is_none_or(|word| info.notes[0].contains(word)), "{:?}", info.notes);
        }
    }
    let (read, info) = photo(&at("v4.bmp", &bmp_v4([30, 20, 10, 0])));
    assert_eq!(read.as_bytes(), [10, 20, 30].repeat(16));
    assert!(info.notes[0].contains("every pixel"), "{:?}", info.notes);
    assert!(photo(&at("v4.bmp", &bmp_v4([30, 20, 10, 255]))).1.notes.is_empty());
    // A palette with transparency.
    let (read, info) = photo(&fixture("palette_clear.png"));
    assert_eq!(read, load(fixture("palette_clear.png")).unwrap());
    assert!(info.notes[0].contains("transparent"), "{:?}", info.notes);
}
