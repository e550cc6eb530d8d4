//! Masks as people save them.

use image::{DynamicImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// The defect of all masks here: a square of 8 in 32 × 24 pixels.
fn inside(x: u32, y: u32) -> bool {
    (8..16).contains(&x) && (8..16).contains(&y)
}

fn expected() -> GrayImage {
    GrayImage::from_fn(32, 24, |x, y| Luma([if inside(x, y) { 255 } else { 0 }]))
}

#[track_caller]
fn check(name: &str, image: impl Into<DynamicImage>, remarks: &[MaskRemark]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    image.into().save(&path).expect("writable");
    let found = Mask::File(path).read().expect("a mask");
    assert_eq!(found.remarks, remarks, "{name}");
    assert!(found.image == expected(), "{name}: other pixels");
}

#[test]
fn masks_are_read_as_they_are_saved() {
    let gray =
        |value: u8| GrayImage::from_fn(32, 24, move |x, y| Luma([if inside(x, y) { value } else { 0 }]));
    let colour =
        |of: [u8; 3]| RgbImage::from_fn(32, 24, move |x, y| Rgb(if inside(x, y) { of } else { [0; 3] }));
    for value in [1, 7, 255] {
        check("gray.png", gray(value), &[]);
        check("gray.bmp", gray(value), &[]);
        check("gray.tif", gray(value), &[]);
    }
    // Colours of which gray is zero.
    for of in [[1, 0, 0], [0, 0, 1], [0, 0, 4], [0, 1, 0], [255, 0, 0]] {
        check("colour.png", colour(of), &[]);
        check("colour.webp", colour(of), &[]); // the encoder is lossless
    }
    for of in [[1_u16, 0, 0], [0, 0, 1], [0, 0, 256]] {
        let deep = image::ImageBuffer::from_fn(32, 24, |x, y| Rgb(if inside(x, y) { of } else { [0; 3] }));
        check("deep.png", deep.clone(), &[]);
        check("deep.tif", deep, &[]);
    }
    // Labels of one value for each kind of defect.
    let labels = GrayImage::from_fn(32, 24, |x, y| match (inside(x, y), x < 12) {
        (false, _) => Luma([0]),
        (_, left) => Luma([if left { 120 } else { 240 }]),
    });
    check("labels.png", labels, &[]);
}

#[test]
fn transparency_counts() {
    let rgba = |of: fn(bool) -> [u8; 4]| RgbaImage::from_fn(32, 24, move |x, y| Rgba(of(inside(x, y))));
    // The mask is in alpha: black or white everywhere.
    check("a.png", rgba(|defect| [0, 0, 0, if defect { 255 } else { 0 }]), &[MaskRemark::Alpha]);
    check("b.png", rgba(|defect| [255, 255, 255, if defect { 200 } else { 0 }]), &[MaskRemark::Alpha]);
    let gray = image::ImageBuffer::from_fn(32, 24, |x, y| LumaA([9_u8, if inside(x, y) { 1 } else { 0 }]));
    check("c.png", gray, &[MaskRemark::Alpha]);
    // Painted on a layer that is white where it is transparent; black paint on the same.
    check(
        "d.png",
        rgba(|defect| if defect { [255, 0, 0, 255] } else { [255, 255, 255, 0] }),
        &[MaskRemark::Alpha],
    );
    check(
        "e.png",
        rgba(|defect| if defect { [0, 0, 0, 255] } else { [255, 255, 255, 0] }),
        &[MaskRemark::Alpha],
    );
    // Alpha says nothing: opaque, wholly transparent, or where nothing is painted.
    check("f.png", rgba(|defect| [if defect { 255 } else { 0 }, 0, 0, 255]), &[]);
    check("g.png", rgba(|defect| [if defect { 255 } else { 0 }, 0, 0, 0]), &[]);
    check("h.png", rgba(|defect| if defect { [9, 0, 0, 255] } else { [0, 0, 0, 0] }), &[]);
}

#[test]
fn lossy_masks_keep_their_area() {
    let folder = tempfile::tempdir().expect("a folder");
    for quality in [40, 75, 95] {
        for value in [255_u8, 100] {
            let path = folder.path().join("mask.jpg");
            let image =
                GrayImage::from_fn(96, 72, |x, y| Luma([if inside(x / 3, y / 3) { value } else { 0 }]));
            let mut file = std::fs::File::create(&path).expect("writable");
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, quality)
                .encode_image(&image)
                .expect("JPEG");
            let found = Mask::File(path).read().expect("a mask");
            assert_eq!(found.remarks, [MaskRemark::Lossy]);
            let wrong = found.image.iter().zip(image.iter()).filter(|(a, b)| (**a > 0) != (**b > 0)).count();
            assert!(wrong <= 12, "quality {quality}: {wrong} of {} pixels", image.len());
        }
    }
    let path = folder.path().join("empty.jpg");
    GrayImage::from_pixel(32, 24, Luma([1])).save(&path).expect("JPEG");
    assert_eq!(Mask::File(path).read().expect("a mask").remarks, [MaskRemark::Lossy, MaskRemark::Empty]);
    // The head of a lossy WebP file, of a lossless one, and of one with a profile before the pixels.
    let head = |chunks: &[(&[u8; 4], u32)]| {
        let mut head = b"RIFF\0\0\0\0WEBP".to_vec();
        for (name, length) in chunks {
            head.extend(name.iter().chain(&length.to_le_bytes()));
            head.resize(head.len() + *length as usize, 0);
        }
        head
    };
    let of = |bytes: Vec<u8>| {
        let path = folder.path().join("x.webp");
        std::fs::write(&path, bytes).expect("written");
        ground::is_lossy(&path)
    };
    assert!(of(head(&[(b"VP8 ", 4)])) && of(head(&[(b"VP8X", 10), (b"ALPH", 4), (b"VP8 ", 8)])));
    assert!(!of(head(&[(b"VP8L", 4)])) && !of(head(&[(b"VP8X", 10), (b"ICCP", 12), (b"VP8L", 8)])));
}

#[test]
fn what_is_odd_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let remarks = |name: &str, image: DynamicImage, size: [u32; 2], of: (u32, u32)| {
        let path = folder.path().join(name);
        image.save(&path).expect("writable");
        Mask::File(path)
            .truth(size, MaskRule::Half, Some(&Frame { size: of, exif: 1, turned: false }))
            .expect("a mask")
            .remarks
    };
    let gray =
        |of: fn(u32, u32) -> u8| DynamicImage::from(GrayImage::from_fn(32, 24, move |x, y| Luma([of(x, y)])));
    let square = || gray(|x, y| if inside(x, y) { 255 } else { 0 });
    let at = |image| remarks("a.png", image, [16, 16], (32, 24));
    assert_eq!(at(square()), []);
    assert_eq!(at(gray(|x, y| if inside(x, y) { 0 } else { 255 })), [MaskRemark::Most]);
    assert_eq!(at(gray(|_, _| 3)), [MaskRemark::Everything]);
    assert_eq!(at(gray(|_, _| 0)), [MaskRemark::Empty]);
    // A palette whose background is white.
    let palette = RgbImage::from_fn(32, 24, |x, y| Rgb(if inside(x, y) { [255, 0, 0] } else { [255; 3] }));
    assert_eq!(at(palette.into()), [MaskRemark::Everything]);
    let blurred = gray(|x, y| match (x as i32 - 12).abs().max((y as i32 - 12).abs()) {
        0..4 => 255,
        4 => 170,
        5 => 85,
        _ => 0,
    });
    assert_eq!(at(blurred), [MaskRemark::Soft]);
    assert_eq!(remarks("b.png", square(), [16, 16], (64, 48)), [MaskRemark::Size]);
    assert_eq!(remarks("b.png", square(), [16, 16], (65, 48)), [MaskRemark::Size], "rounded");
    assert_eq!(remarks("b.png", square(), [16, 16], (24, 32)), [MaskRemark::Shape]);
    assert_eq!(remarks("b.png", square(), [16, 16], (24, 24)), [MaskRemark::Shape], "wider");
    let dots = gray(|x, y| if (x, y) == (4, 4) || (x, y) == (20, 20) { 255 } else { 0 });
    assert_eq!(at(dots.clone()), [MaskRemark::Vanished]);
    assert_eq!(remarks("c.png", dots, [32, 24], (32, 24)), []);
    let dot_beside = gray(|x, y| if inside(x, y) || (x, y) == (25, 4) { 255 } else { 0 });
    assert_eq!(at(dot_beside), [MaskRemark::Shrunk]);
}

#[test]
fn boxes_are_filled_cut_off_at_the_edges_and_scaled_as_masks_are() {
    let boxes = vec![[1.5, 0.0, 1.0, 1.0], [2.0, 2.0, 9.0, 9.0], [-5.0, -5.0, 2.0, 2.0]];
    let mask = Mask::Boxes { width: 4, height: 3, boxes };
    let pixels = mask.pixels().expect("drawn");
    let rows: Vec<Vec<u8>> = pixels.rows().map(|r| r.map(|p| p.0[0] / 255).collect()).collect();
    assert_eq!(rows, [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]]);

    // The left half of a wide image is the left half of the square.
    let mask = Mask::Boxes { width: 8, height: 4, boxes: vec![[0.0, 0.0, 4.0, 4.0]] };
    assert_eq!(mask.load(2, MaskRule::Half).expect("drawn"), [1.0, 0.0, 1.0, 0.0]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mask.png");
    mask.pixels().expect("drawn").save_with_format(&path, ImageFormat::Png).expect("writable");
    for rule in [MaskRule::Half, MaskRule::Full] {
        let file = Mask::File(path.clone());
        assert_eq!(mask.load(5, rule).expect("drawn"), file.load(5, rule).expect("a file"));
    }
}

#[test]
fn many_boxes_are_drawn_as_one_by_one() {
    let mut seed = 7_u32;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let boxes: Vec<[f32; 4]> = (0..60)
        .map(|_| [next(40) as f32 - 4.0, next(30) as f32 - 4.0, 1.0 + next(9) as f32, 0.5 + next(7) as f32])
        .collect();
    let expected = GrayImage::from_fn(32, 24, |x, y| {
        let covers = |b: &[f32; 4]| {
            (b[0].floor()..(b[0] + b[2]).ceil()).contains(&(x as f32))
                && (b[1].floor()..(b[1] + b[3]).ceil()).contains(&(y as f32))
        };
        Luma([if boxes.iter().any(covers) { 255 } else { 0 }])
    });
    assert!(drawn(32, 24, &boxes) == expected);
    // Each of these alone fills four million pixels.
    let started = std::time::Instant::now();
    let whole = drawn(2048, 2048, &vec![[0.0, 0.0, 2048.0, 2048.0]; 20_000]);
    assert!(whole.iter().all(|value| *value == 255));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
