//! Photos and masks.

use std::io::Cursor;

use dapo_wgpu::data::samples::Mask;
use dapo_wgpu::data::{Bits, Orient, PhotoReader, Preprocess, ReadOptions, Tiling, load_labels};
use image::{DynamicImage, ImageFormat};

use super::bytes::{chunk, repair_png, stored};
use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        Target { repair: Some(repair_png), ..plain("png", Form::Binary, pngs, read) },
        plain("jpeg", Form::Binary, jpegs, read),
        plain("tiff", Form::Binary, tiffs, read),
        plain("bmp", Form::Binary, bmps, read),
        plain("webp", Form::Binary, webps, read),
        plain("pnm", Form::Binary, pnms, read),
    ]
}

/// As a photo, in two ways, as labels, and as a mask.
fn read(input: &[u8], desk: &Desk) -> bool {
    let path = desk.file("image", input);
    let odd = ReadOptions { bits: Bits::Lower(12), orient: Orient::Stored, lenient: true };
    let mut valid = false;
    for options in [ReadOptions::default(), odd] {
        let tiling = Some(Tiling { edge: 512, overlap: 0.25 });
        let reader = PhotoReader::new(Preprocess::clip(8)).with_options(options).with_tiling(tiling);
        valid |= reader.with_pictures(16).read(&path).is_ok();
    }
    let _ = load_labels(&path);
    if let Ok(mask) = Mask::File(path).read() {
        assert!(mask.image.iter().all(|value| matches!(value, 0 | 255)));
        if mask.image.len() < 1 << 20 {
            let _ = mask.vanishes_at();
        }
    }
    valid
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Not compressed, so that changes reach filters and pixels.
pub fn png(width: u32, height: u32, depth: u8, colour: u8, extra: &[Vec<u8>]) -> Vec<u8> {
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colour)];
    let row = (width as usize * channels * usize::from(depth)).div_ceil(8);
    let data: Vec<u8> =
        (0..height as usize).flat_map(|y| [vec![(y % 5) as u8], noise(row)].concat()).collect();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &head));
    file.extend(extra.concat());
    file.extend(chunk(b"IDAT", &stored(&data)));
    file.extend(chunk(b"IEND", b""));
    file
}

fn pngs() -> Vec<Vec<u8>> {
    let palette = chunk(b"PLTE", &noise(48));
    let clear = chunk(b"tRNS", &[0, 255, 128]);
    vec![
        png(9, 7, 8, 2, &[]),
        png(
            9,
            7,
            8,
            0,
            &[chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")],
        ),
        png(9, 7, 16, 0, &[chunk(b"sBIT", &[12])]),
        png(5, 5, 16, 6, &[]),
        png(9, 7, 8, 4, &[]),
        png(9, 7, 4, 3, &[palette.clone(), clear]),
        png(17, 3, 1, 0, &[]),
        png(8, 8, 8, 3, &[palette]),
        include_bytes!("../../fixtures/gray16.png").to_vec(),
        include_bytes!("../../fixtures/palette_clear.png").to_vec(),
    ]
}

fn jpegs() -> Vec<Vec<u8>> {
    vec![
        encoded(&rgb(17, 9), ImageFormat::Jpeg),
        encoded(&gray(8, 8), ImageFormat::Jpeg),
        include_bytes!("../../fixtures/progressive.jpg").to_vec(),
        include_bytes!("../../fixtures/cmyk.jpg").to_vec(),
        include_bytes!("../../fixtures/ycck.jpg").to_vec(),
        include_bytes!("../../fixtures/rotated.jpg").to_vec(),
    ]
}

pub fn tiffs() -> Vec<Vec<u8>> {
    use tiff::encoder::{Compression, TiffEncoder, colortype};
    let packed = |compression| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).expect("memory").with_compression(compression);
        encoder.write_image::<colortype::RGB8>(9, 7, &noise(9 * 7 * 3)).expect("an image");
        file.into_inner()
    };
    let mut float = Cursor::new(Vec::new());
    let values: Vec<f32> = noise(35).into_iter().map(|v| f32::from(v) / 255.0).collect();
    TiffEncoder::new_big(&mut float)
        .and_then(|mut encoder| encoder.write_image::<colortype::Gray32Float>(7, 5, &values))
        .expect("an image");
    vec![
        encoded(&rgb(9, 7), ImageFormat::Tiff),
        encoded(&gray(9, 7), ImageFormat::Tiff),
        encoded(&DynamicImage::ImageLuma16(gray(9, 7).into_luma16()), ImageFormat::Tiff),
        packed(Compression::Lzw),
        packed(Compression::Packbits),
        float.into_inner(),
        include_bytes!("../../fixtures/float.tif").to_vec(),
    ]
}

fn bmps() -> Vec<Vec<u8>> {
    // A bitmap of a run-length encoded palette, and one of bit fields.
    let header = |size: u32, compression: u32, bits: u16, after: &[u8]| {
        let start = 14 + 40 + after.len() as u32;
        let mut file = b"BM".to_vec();
        file.extend((start + size).to_le_bytes());
        file.extend([0; 4]);
        file.extend(start.to_le_bytes());
        file.extend(40u32.to_le_bytes());
        file.extend(5i32.to_le_bytes());
        file.extend(4i32.to_le_bytes());
        file.extend(1u16.to_le_bytes());
        file.extend(bits.to_le_bytes());
        file.extend(compression.to_le_bytes());
        file.extend(size.to_le_bytes());
        file.extend([0; 16]);
        file.extend(after);
        file
    };
    let runs = [5, 1, 0, 0, 0, 3, 1, 2, 3, 0, 2, 7, 0, 0, 0, 2, 1, 1, 1, 9, 0, 1];
    let palette = noise(1024);
    let fields = [[0, 0xF8, 0, 0], [0xE0, 7, 0, 0], [0x1F, 0, 0, 0]].concat();
    vec![
        encoded(&rgb(9, 7), ImageFormat::Bmp),
        encoded(&gray(9, 7), ImageFormat::Bmp),
        encoded(&DynamicImage::ImageRgba8(rgb(5, 3).into_rgba8()), ImageFormat::Bmp),
        [header(runs.len() as u32, 1, 8, &palette), runs.to_vec()].concat(),
        [header(48, 3, 16, &fields), noise(48)].concat(),
    ]
}

fn webps() -> Vec<Vec<u8>> {
    let plain = encoded(&rgb(9, 7), ImageFormat::WebP);
    let part = |name: &[u8; 4], body: &[u8]| {
        let mut part = [name, &(body.len() as u32).to_le_bytes()[..], body].concat();
        part.resize(part.len() + body.len() % 2, 0);
        part
    };
    let riff = |parts: &[Vec<u8>]| {
        let body = [b"WEBP".to_vec(), parts.concat()].concat();
        [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
    };
    let exif = part(b"EXIF", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0");
    let extended = |flags: u8| part(b"VP8X", &[flags, 0, 0, 0, 8, 0, 0, 6, 0, 0]);
    let pixels = plain[12..].to_vec();
    let frame = [&[0, 0, 0, 0, 0, 0, 8, 0, 0, 6, 0, 0, 100, 0, 0, 0][..], &pixels].concat();
    vec![
        plain.clone(),
        encoded(&DynamicImage::ImageRgba8(rgb(5, 3).into_rgba8()), ImageFormat::WebP),
        riff(&[extended(8), pixels.clone(), exif]),
        riff(&[extended(2), part(b"ANIM", &[0; 6]), part(b"ANMF", &frame)]),
    ]
}

fn pnms() -> Vec<Vec<u8>> {
    vec![
        b"P1 4 2\n1 0 1 0\n0 1 0 1\n".to_vec(),
        b"P2 3 2 255\n1 2 3\n4 5 6\n".to_vec(),
        b"P3\n# a comment\n2 1 15\n1 2 3 4 5 6\n".to_vec(),
        [b"P4 9 2\n".to_vec(), noise(4)].concat(),
        [b"P5 3 2 65535\n".to_vec(), noise(12)].concat(),
        [b"P6 3 2 255\n".to_vec(), noise(18)].concat(),
        [b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n".to_vec(), noise(16)]
            .concat(),
    ]
}

fn rgb(width: u32, height: u32) -> DynamicImage {
    let pixels = noise((width * height * 3) as usize);
    DynamicImage::ImageRgb8(image::RgbImage::from_raw(width, height, pixels).expect("three bytes a pixel"))
}

fn gray(width: u32, height: u32) -> DynamicImage {
    let pixels = noise((width * height) as usize);
    DynamicImage::ImageLuma8(image::GrayImage::from_raw(width, height, pixels).expect("a byte a pixel"))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("an image");
    file.into_inner()
}
