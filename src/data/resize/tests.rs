use super::*;

/// Reproducible noise: the high bytes of a linear congruential generator.
pub fn noise(width: u32, height: u32, channels: usize) -> Raster {
    let mode = [Mode::L, Mode::La, Mode::Rgb, Mode::Rgba][channels - 1];
    let mut state = 1_u32;
    let length = (width * height) as usize * channels;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    Raster::new(width, height, mode, next.take(length).collect()).unwrap()
}

/// FNV-1a.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

// All expected values are Pillow 13.0.0's `Image.resize`.

#[test]
#[rustfmt::skip]
fn small_image_equals_pillow() {
    let source = noise(7, 5, 1);
    assert_eq!(source.as_bytes()[..7], [60, 94, 129, 180, 12, 94, 198]);
    assert_eq!(resize(&source, 4, 9, Filter::Bilinear).as_bytes(), [
        78, 136, 75, 145, 80, 125, 85, 157, 83, 107, 101, 178, 113, 141, 120, 143, 149, 188,
        141, 95, 80, 114, 137, 111, 37, 68, 130, 127, 94, 135, 116, 150, 129, 175, 107, 163,
    ]);
    assert_eq!(resize(&source, 4, 9, Filter::Bicubic).as_bytes(), [
        72, 146, 69, 143, 73, 128, 78, 161, 78, 100, 96, 189, 119, 145, 119, 149, 151, 192,
        139, 94, 75, 109, 142, 104, 27, 56, 133, 131, 96, 137, 111, 159, 139, 186, 98, 174,
    ]);
}

#[test]
fn larger_images_equal_pillow() {
    let cases = [
        (131, 97, 3, 64, 64, Filter::Bilinear, 0x2f55bffb1fb634f8),
        (131, 97, 3, 64, 64, Filter::Bicubic, 0x0fd74d93abd1119c),
        // More than twice as many rows as columns go: y first.
        (50, 180, 3, 64, 64, Filter::Bilinear, 0xed0349ac18dba72a),
        (50, 180, 3, 64, 64, Filter::Bicubic, 0xd7d5edbe372db61b),
        (40, 30, 4, 96, 51, Filter::Bilinear, 0x0c92009cc99da366),
        (40, 30, 4, 96, 51, Filter::Bicubic, 0xfb817b25b3553f95),
        (33, 90, 2, 20, 7, Filter::Bilinear, 0x8fd3d62e7381d20b),
        (33, 90, 2, 20, 7, Filter::Bicubic, 0xdc406d3b5e0a13c8),
        (1, 1, 3, 5, 3, Filter::Bilinear, 0x929e83b30f584778),
        (1, 1, 3, 5, 3, Filter::Bicubic, 0x929e83b30f584778),
        (1, 77, 1, 9, 4, Filter::Bilinear, 0xec227b51a1db6316),
        (1, 77, 1, 9, 4, Filter::Bicubic, 0x77e9b14b7a4c7eef),
        (640, 480, 1, 518, 518, Filter::Bilinear, 0xbb2ba11bbd82d449),
        (640, 480, 1, 518, 518, Filter::Bicubic, 0x6d25813157875d2d_u64),
    ];
    for (from_w, from_h, channels, to_w, to_h, filter, expected) in cases {
        let resized = resize(&noise(from_w, from_h, channels), to_w, to_h, filter);
        assert_eq!(
            checksum(resized.as_bytes()),
            expected,
            "{from_w}x{from_h}x{channels} to {to_w}x{to_h}, {filter:?}"
        );
    }
}

#[test]
fn weights_sum_to_one_and_are_symmetric() {
    for (from, to) in [(24, 37), (37, 24), (1000, 7), (1, 9)] {
        let axis = Axis { from, to };
        let weights = Weights::new(&axis, Filter::Bicubic);
        let all: Vec<_> = weights.iter().collect();
        for (at, (first, taps)) in all.iter().enumerate() {
            let sum: i32 = taps.iter().sum();
            // Each of the weights is off by at most half a unit.
            assert!((sum - (1 << PRECISION_BITS)).unsigned_abs() as usize <= taps.len());
            let (mirrored_first, mirrored) = &all[to - 1 - at];
            assert_eq!(mirrored_first + mirrored.len(), from - first);
            let pairs = taps.iter().zip(mirrored.iter().rev());
            // Distances are computed in f64 from one side; a tie in rounding may fall either way.
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() <= 1));
        }
    }
}
