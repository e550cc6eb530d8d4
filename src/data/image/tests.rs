use super::*;
use std::fs;

use crate::data::depth::Bits;
use crate::data::orientation::Orient;
use crate::data::raster::Mode;
use crate::data::resize::tests::noise;
use ::image::ColorType;

mod kinds;
mod photos;
use ::image::ImageBuffer;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    // Overwriting in place makes some file systems flush to the disk, which takes milliseconds.
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    path
}

fn pixels<const N: usize>(name: &str, at: [(u32, u32); N]) -> [[u8; 3]; N] {
    let image = load_rgb(fixture(name)).unwrap();
    at.map(|(x, y)| image.get_pixel(x, y).0)
}

#[test]
fn lossless_formats_come_back_in_their_own_channels() {
    let folder = tempfile::tempdir().unwrap();
    for (extension, channels) in
        [("png", 1..=4), ("webp", 3..=4), ("tiff", 3..=4), ("bmp", 3..=3), ("ppm", 3..=3), ("pgm", 1..=1)]
    {
        for count in channels {
            let source = noise(13, 9, count);
            let path = folder.path().join(format!("{count}.{extension}"));
            let color = [ColorType::L8, ColorType::La8, ColorType::Rgb8, ColorType::Rgba8];
            ::image::save_buffer(&path, source.as_bytes(), 13, 9, color[count - 1]).unwrap();
            // The extension must not matter.
            let renamed = folder.path().join("renamed.txt");
            fs::rename(&path, &renamed).unwrap();
            assert_eq!(load(&renamed).unwrap(), source, "{extension} {count}");
        }
    }
}

#[test]
fn sixteen_bits_keep_their_high_byte_and_labels_stay_above_zero() {
    let path = fixture("gray16.png");
    let high = [0, 0, 1, 127, 128, 254, 255, 255];
    assert_eq!(load(&path).unwrap().as_bytes(), high);
    let clipped = [0, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!(load_labels(&path).unwrap().into_raw(), clipped);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.png");
    let label: ImageBuffer<::image::Luma<u16>, _> = ImageBuffer::from_pixel(1, 1, [1].into());
    label.save(&path).unwrap();
    assert_eq!(load_labels(&path).unwrap().into_raw(), [1]);
}

#[test]
fn cmyk_jpeg_is_converted_like_pillow() {
    // Pillow's convert("RGB") of the two files; 1 of tolerance is the inverse cosine transform's,
    // which no two decoders round alike, 3 with the colour transform of YCCK on top.
    let at = [(0, 0), (4, 8), (23, 15), (18, 3)];
    let cmyk = [[255, 255, 255], [215, 135, 183], [12, 15, 13], [37, 105, 64]];
    let ycck = [[0, 134, 0], [0, 82, 28], [127, 62, 127], [89, 104, 17]];
    for (name, expected, tolerance) in [("cmyk.jpg", cmyk, 1), ("ycck.jpg", ycck, 3)] {
        let ours = pixels(name, at);
        let pairs = ours.as_flattened().iter().zip(expected.as_flattened());
        let largest = pairs.map(|(&a, &b): (&u8, &u8)| a.abs_diff(b)).max().unwrap();
        assert!(largest <= tolerance, "{name}: {ours:?}, expected {expected:?}");
    }
}

#[test]
fn palettes_are_expanded_and_their_transparency_ignored() {
    let image = load(fixture("palette_clear.png")).unwrap();
    assert_eq!(image.mode(), Mode::Rgb);
    let at = [(0, 0), (4, 8), (23, 15)];
    let expected = [[50, 45, 0], [115, 128, 0], [170, 195, 0]];
    assert_eq!(pixels("palette_clear.png", at), expected);
}

#[test]
fn photos_are_turned_upright_unless_asked_otherwise() {
    // Stored 24 x 16 with EXIF orientation 6 (a quarter turn).
    let path = fixture("rotated.jpg");
    let image = load(&path).unwrap();
    assert_eq!((image.width(), image.height(), image.mode()), (16, 24, Mode::L));
    let as_stored = ReadOptions { orient: Orient::Stored, ..ReadOptions::default() };
    let stored = Source::open_with(&path, as_stored).unwrap();
    assert_eq!(stored.dimensions(), (24, 16));
    assert_eq!(stored.decode().unwrap().turned(6), image);
}

#[test]
fn unusable_paths_have_distinct_errors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name, bytes| written(folder.path(), name, bytes);
    let error = |path: &Path| {
        let error = load(path).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        error
    };
    assert!(matches!(error(&folder.path().join("gone.png")), ImageError::NotFound { .. }));
    assert!(matches!(error(folder.path()), ImageError::NotAFile { .. }));
    assert!(matches!(error(&at("empty.png", b"")), ImageError::Empty { .. }));
    assert!(matches!(error(&at("text.png", b"hello")), ImageError::NotAnImage { .. }));
    assert!(matches!(error(&at("a.gif", b"GIF89a....")), ImageError::NotAnImage { .. }));
    let pointer = at("lfs.png", b"version https://git-lfs.github.com/spec/v1\noid");
    assert!(error(&pointer).to_string().contains("git lfs pull"));
}

#[test]
fn oversized_headers_are_refused_before_decoding() {
    let folder = tempfile::tempdir().unwrap();
    // A plain PBM needs no more than its header to claim a size.
    let path = written(folder.path(), "bomb.pbm", b"P4\n20000 20000\n");
    let error = load(&path).unwrap_err();
    assert!(matches!(error, ImageError::TooLarge { width: 20_000, .. }));
    let text = error.to_string();
    assert!(text.contains("20000x20000") && text.contains("268 megapixels"), "{text}");
}

/// Small files in every format, as bytes.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let source = noise(21, 17, 3).into_rgb();
    let encoded = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        source.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    vec![
        ("png", encoded(ImageFormat::Png)),
        ("bmp", encoded(ImageFormat::Bmp)),
        ("tiff", encoded(ImageFormat::Tiff)),
        ("webp", encoded(ImageFormat::WebP)),
        ("ppm", encoded(ImageFormat::Pnm)),
        ("progressive.jpg", fs::read(fixture("progressive.jpg")).unwrap()),
        ("cmyk.jpg", fs::read(fixture("cmyk.jpg")).unwrap()),
    ]
}

#[test]
fn a_file_cut_short_is_never_an_image() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in samples() {
        // A PNG's pixels are complete without its end chunk and the last checksums (16 bytes);
        // the TIFF encoder puts the directory last, and RIFF pads to even lengths.
        let spare = if name == "png" { 20 } else { 1 };
        for length in (0..=bytes.len() - spare).step_by(3) {
            let path = written(folder.path(), name, &bytes[..length]);
            assert!(load(&path).is_err(), "{name} of {length}/{} bytes", bytes.len());
        }
    }
}

#[test]
fn damaged_files_are_errors_or_images_but_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 7_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let rounds: usize = match std::env::var("FUZZ_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => 150,
    };
    for (name, bytes) in samples() {
        for _ in 0..rounds {
            let mut bad = bytes.clone();
            for _ in 0..1 + random(6) {
                let at = random(bad.len());
                bad[at] = match random(3) {
                    0 => bad[at] ^ (1 << random(8)),
                    1 => 255,
                    _ => random(256) as u8,
                };
            }
            if random(4) == 0 {
                bad.truncate(random(bad.len()));
            }
            let path = written(folder.path(), name, &bad);
            if let Err(error) = load(&path) {
                assert!(!error.to_string().contains("decoder failed"), "{name}: {error}");
            }
        }
    }
}
