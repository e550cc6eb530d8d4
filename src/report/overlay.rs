//! Anomaly maps as pictures: colour map, overlay on the photo, boxes, PNG.
//!
//! A map covers the whole image at the model's resolution; it is scaled bilinearly, cell centre to cell centre, so a
//! box in original pixels lies where the colours do.

use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use std::path::Path;

use super::atomic::{AtomicFile, WriteError};
use super::results::DefectBox;

/// Longest side of an overlay picture; larger originals are scaled down, since an overlay is for viewing.
pub const MAX_SIDE: u32 = 1600;

/// Opacity of the highest value in an overlay; that of others follows their value.
pub const ALPHA: f32 = 0.8;

/// A borrowed map of `width` × `height` values, row-major.
#[derive(Debug, Clone, Copy)]
pub struct MapView<'a> {
    width: u32,
    height: u32,
    values: &'a [f32],
}

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The number of values is not width times height, or one of them is zero.
    #[error("a map of {width} x {height} cannot have {values} values")]
    Size {
        /// Stated width.
        width: usize,
        /// Stated height.
        height: usize,
        /// Values given.
        values: usize,
    },
    /// NaN or infinity, which has no colour.
    #[error("the map value at x {x}, y {y} is {value}, not a finite number")]
    NotFinite {
        /// Column.
        x: usize,
        /// Row.
        y: usize,
        /// The value.
        value: f32,
    },
    /// The picture cannot be encoded.
    #[error("cannot encode '{path}': {source}")]
    Encode {
        /// The file.
        path: String,
        /// The error of the encoder.
        source: image::ImageError,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl<'a> MapView<'a> {
    /// A view of `values` as a map of `width` × `height`.
    ///
    /// # Errors
    /// [`OverlayError::Size`] or [`OverlayError::NotFinite`].
    pub fn new(values: &'a [f32], width: usize, height: usize) -> Result<Self, OverlayError> {
        let size = OverlayError::Size { width, height, values: values.len() };
        let fits = !values.is_empty() && width.checked_mul(height) == Some(values.len());
        let (Ok(w), Ok(h), true) = (u32::try_from(width), u32::try_from(height), fits) else {
            return Err(size);
        };
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(OverlayError::NotFinite { x: at % width, y: at / width, value: values[at] });
        }
        Ok(Self { width: w, height: h, values })
    }

    /// The map in colours, 0 (or less) black and 1 (or more) yellow in every picture, scaled bilinearly to `width` ×
    /// `height` pixels (at least 1 × 1).
    pub fn colours(&self, width: u32, height: u32) -> RgbImage {
        let large = self.scaled(width, height);
        RgbImage::from_fn(large.width(), large.height(), |x, y| Rgb(colour(large.get_pixel(x, y).0[0])))
    }

    /// The map as a layer to lay over the photo, scaled as [`MapView::colours`]: its opacity is the value, so that what is
    /// good is not tinted.
    pub fn layer(&self, width: u32, height: u32) -> RgbaImage {
        let large = self.scaled(width, height);
        RgbaImage::from_fn(large.width(), large.height(), |x, y| {
            let value = (large.get_pixel(x, y).0[0] * LEVELS).round() / LEVELS;
            let [red, green, blue] = colour(value);
            Rgba([red, green, blue, (255.0 * value).round() as u8])
        })
    }

    fn scaled(&self, width: u32, height: u32) -> ImageBuffer<Luma<f32>, Vec<f32>> {
        let levels: Vec<f32> = self.values.iter().map(|v| v.clamp(0.0, 1.0)).collect();
        let (width, height) = (width.max(1), height.max(1));
        // The length was checked in `new`; the fallback only avoids a panic path.
        let small = ImageBuffer::<Luma<f32>, _>::from_raw(self.width, self.height, levels)
            .unwrap_or_else(|| ImageBuffer::new(self.width, self.height));
        imageops::resize(&small, width, height, FilterType::Triangle)
    }
}

/// Pixels of the line around a mask, and of the dark rim that shows it on bright photos.
const LINE: [u32; 2] = [2, 1];

/// A layer of `width` × `height` pixels with a line around the cells of a mask, `[rows, columns]`, that are set. It runs
/// outside of them, so that what they cover stays to be seen.
pub fn outline(mask: &[bool], columns: usize, width: u32, height: u32) -> RgbaImage {
    let rows = mask.len() / columns.max(1);
    // The cell of each pixel, of a row or a column.
    let cells = |pixels: u32, cells: usize| -> Vec<usize> {
        (0..u64::from(pixels)).map(|at| (at * cells as u64 / u64::from(pixels)) as usize).collect()
    };
    let (down, across) = (cells(height, rows), cells(width, columns));
    let inside: Vec<bool> =
        down.iter().flat_map(|row| across.iter().map(move |column| mask[row * columns + column])).collect();
    let (line, rim) = (grown(&inside, width, LINE[0]), grown(&inside, width, LINE[0] + LINE[1]));
    RgbaImage::from_fn(width, height, |x, y| {
        let at = (y * width + x) as usize;
        match inside[at] || !rim[at] {
            true => Rgba([0; 4]),
            false if line[at] => Rgba([0, 229, 255, 255]),
            false => Rgba([0, 0, 0, 150]),
        }
    })
}

/// Where a pixel of a mask of rows of `width` is set within `reach` pixels, also diagonally: along rows, then along columns,
/// which is the same as the whole square and far less to look at.
fn grown(mask: &[bool], width: u32, reach: u32) -> Vec<bool> {
    let (width, reach) = (width as usize, reach as usize);
    let wide: Vec<bool> = mask
        .chunks(width.max(1))
        .flat_map(|row| {
            (0..row.len())
                .map(move |x| row[x.saturating_sub(reach)..row.len().min(x + reach + 1)].contains(&true))
        })
        .collect();
    let mut grown = wide.clone();
    for step in (1..=reach).map(|rows| rows * width).filter(|step| *step < wide.len()) {
        grown.iter_mut().zip(&wide[step..]).for_each(|(pixel, below)| *pixel |= below);
        grown[step..].iter_mut().zip(&wide).for_each(|(pixel, above)| *pixel |= above);
    }
    grown
}

/// Values that a layer tells apart: more are not seen, and take more bytes as PNG.
const LEVELS: f32 = 85.0;

/// Colours of 0, 1/8, ..., 1 in matplotlib's map "inferno" (van der Walt and Smith, 2015, public domain), whose lightness
/// grows evenly: what is twice as much looks twice as much, also without colour vision and in print.
const INFERNO: [[u8; 3]; 9] = [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
];

/// The colour of a value in [0, 1] (clamped): linear between those of the nine above.
pub fn colour(v: f32) -> [u8; 3] {
    let at = v.clamp(0.0, 1.0) * (INFERNO.len() - 1) as f32;
    let below = (at as usize).min(INFERNO.len() - 2);
    let share = at - below as f32;
    let mix = |i: usize| {
        let (low, high) = (f32::from(INFERNO[below][i]), f32::from(INFERNO[below + 1][i]));
        (low + share * (high - low)).round() as u8
    };
    [mix(0), mix(1), mix(2)]
}

/// `image` scaled down, if need be, so that no side exceeds `side`; the aspect ratio is kept.
pub fn fit(image: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if longest <= side.max(1) {
        return image.clone();
    }
    let scaled = |n: u32| ((f64::from(n) * f64::from(side) / f64::from(longest)).round() as u32).max(1);
    imageops::thumbnail(image, scaled(width), scaled(height))
}

/// A layer over an image of the same size, its opacity times `alpha` (clamped to 0..=1). Pixels beyond the smaller of the two
/// are left out.
pub fn blend(image: &RgbImage, layer: &RgbaImage, alpha: f32) -> RgbImage {
    let alpha = alpha.clamp(0.0, 1.0);
    let (width, height) = image.dimensions();
    RgbImage::from_fn(width.min(layer.width()), height.min(layer.height()), |x, y| {
        let (a, b) = (image.get_pixel(x, y).0, layer.get_pixel(x, y).0);
        let alpha = alpha * f32::from(b[3]) / 255.0;
        let mix = |i: usize| (f32::from(a[i]) * (1.0 - alpha) + f32::from(b[i]) * alpha).round() as u8;
        Rgb([mix(0), mix(1), mix(2)])
    })
}

/// Draws boxes given in pixels of an image of `original` size: a white line with a black one around it, which shows on
/// every colour.
pub fn draw_boxes(picture: &mut RgbImage, boxes: &[DefectBox], original: (u32, u32)) {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    // One pixel in a small picture, a quarter of a per cent of the longest side in a large one.
    let line = (width.max(height) / 400).max(1);
    let place =
        |at: u64, cells: i64, of: u32| (at as f64 * cells as f64 / f64::from(of.max(1))).round() as i64;
    for found in boxes {
        let left = place(u64::from(found.x), width, original.0);
        let top = place(u64::from(found.y), height, original.1);
        let right = place(u64::from(found.x) + u64::from(found.width), width, original.0);
        let bottom = place(u64::from(found.y) + u64::from(found.height), height, original.1);
        for (out, colour) in [(line, Rgb([0, 0, 0])), (0, Rgb([255; 3]))] {
            frame(picture, (left - out, top - out, right + out, bottom + out), line, colour);
        }
    }
}

/// A frame `line` pixels thick inside the rectangle (left, top, right, bottom), right and bottom excluded; what lies
/// outside the picture is cut off.
fn frame(
    picture: &mut RgbImage,
    (left, top, right, bottom): (i64, i64, i64, i64),
    line: i64,
    colour: Rgb<u8>,
) {
    let bars = [
        (left, top, right, top + line),
        (left, bottom - line, right, bottom),
        (left, top, left + line, bottom),
        (right - line, top, right, bottom),
    ];
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    for (x0, y0, x1, y1) in bars {
        for y in y0.max(0)..y1.min(height) {
            for x in x0.max(0)..x1.min(width) {
                picture.put_pixel(x as u32, y as u32, colour);
            }
        }
    }
}

/// Small pictures of several maps, e.g. one per class, `side` pixels on the longer side; all on the same fixed scale,
/// so that they can be compared.
pub fn small_multiples(
    maps: &[(&str, MapView<'_>)],
    (width, height): (u32, u32),
    side: u32,
) -> Vec<(String, RgbImage)> {
    let longest = f64::from(width.max(height).max(1));
    let scaled = |n: u32| ((f64::from(n) * f64::from(side) / longest).round() as u32).max(1);
    let picture = |map: &MapView<'_>| map.colours(scaled(width), scaled(height));
    maps.iter().map(|(name, map)| ((*name).to_string(), picture(map))).collect()
}

/// Writes a picture as PNG, in one step.
///
/// # Errors
/// [`OverlayError::Write`] or [`OverlayError::Encode`]; an existing file is then untouched.
pub fn save_png(picture: &RgbImage, path: impl AsRef<Path>) -> Result<(), OverlayError> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    let (width, height) = picture.dimensions();
    let encoded = PngEncoder::new(&mut file).write_image(picture, width, height, ExtendedColorType::Rgb8);
    encoded.map_err(|source| match source {
        image::ImageError::IoError(source) => WriteError::from_io(path, source).into(),
        source => OverlayError::Encode { path: path.display().to_string(), source },
    })?;
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_grow_lighter_with_the_value() {
        assert_eq!([colour(0.0), colour(0.5), colour(1.0)], [[0, 0, 4], [186, 54, 85], [252, 255, 164]]);
        assert_eq!(colour(0.0625), [16, 6, 38], "half way");
        assert_eq!((colour(-3.0), colour(7.0)), (colour(0.0), colour(1.0)));
        let light = |v: f32| {
            colour(v).iter().zip([0.2126, 0.7152, 0.0722]).map(|(&c, w)| f32::from(c) * w).sum::<f32>()
        };
        assert!((1..=100).all(|i| light(i as f32 / 100.0) > light((i - 1) as f32 / 100.0)));
    }

    #[test]
    fn what_is_good_is_not_tinted() {
        let values = [0.0, 0.2, 1.0];
        let layer = MapView::new(&values, 3, 1).expect("map").layer(3, 1);
        assert_eq!([0, 1, 2].map(|x| layer.get_pixel(x, 0).0[3]), [0, 51, 255]);
        let photo = RgbImage::from_pixel(3, 1, Rgb([100, 100, 100]));
        let seen = blend(&photo, &layer, 0.5);
        assert_eq!((seen.get_pixel(0, 0).0, seen.get_pixel(2, 0).0), ([100; 3], [176, 178, 132]));
    }

    #[test]
    fn a_line_runs_around_a_mask_and_leaves_what_it_covers_open() {
        // One row: the right one of two cells is set. Between them lie the rim, the line and, open, the cell itself.
        let layer = outline(&[false, true], 2, 10, 1);
        let seen: Vec<u8> = layer.pixels().map(|pixel| pixel.0[3]).collect();
        assert_eq!(seen, [0, 0, 150, 255, 255, 0, 0, 0, 0, 0]);
        assert!(
            outline(&[true; 4], 2, 6, 6).pixels().all(|pixel| pixel.0[3] == 0),
            "a full mask has no outside"
        );
        assert!(outline(&[false; 4], 2, 6, 6).pixels().all(|pixel| pixel.0[3] == 0));
        // The right upper one of four: around its corner, below it, not at the other end of the rows.
        let layer = outline(&[false, true, false, false], 2, 12, 12);
        let seen = [(5, 6), (3, 8), (2, 9), (11, 7), (11, 8), (11, 9), (0, 1), (6, 5)];
        assert_eq!(seen.map(|(x, y)| layer.get_pixel(x, y).0[3]), [255, 150, 0, 255, 150, 0, 0, 0]);
    }

    #[test]
    fn colours_mean_the_same_in_every_picture() {
        let values = [0.4, 0.6, -1.0, 2.0];
        let colours = MapView::new(&values, 4, 1).expect("map").colours(4, 1);
        let found: Vec<_> = colours.pixels().map(|p| p.0).collect();
        assert_eq!(found, [0.4, 0.6, 0.0, 1.0].map(colour));
    }

    #[test]
    fn enlarging_is_bilinear_between_centres() {
        // Two cells over eight pixels: centres at 1.5 and 5.5, so pixel 3 lies 3/8 of the way and pixel 4 5/8.
        let values = [0.0, 1.0];
        let large = MapView::new(&values, 2, 1).expect("map").colours(8, 1);
        let expected = [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0];
        for (x, v) in expected.into_iter().enumerate() {
            let (found, wanted) = (large.get_pixel(x as u32, 0).0, colour(v));
            // One level of eight-bit rounding.
            assert!(
                found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 1),
                "pixel {x}: {found:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn blending_and_boxes() {
        // The photo was 3200 × 800; its overlay is half as large.
        let photo = RgbImage::from_pixel(1600, 400, Rgb([100, 100, 100]));
        let map = [0.0; 4];
        let found = DefectBox {
            x: 800,
            y: 200,
            width: 400,
            height: 400,
            score: 1.0,
            area: 1,
            defect_type: "x".into(),
            nearest: None,
        };
        let layer = MapView::new(&map, 2, 2).expect("map").layer(1600, 400);
        let mut picture = blend(&photo, &layer, ALPHA);
        draw_boxes(&mut picture, &[found], (3200, 800));
        assert_eq!(fit(&RgbImage::new(3200, 800), MAX_SIDE).dimensions(), picture.dimensions());
        assert_eq!(picture.get_pixel(10, 10).0, [100; 3], "nothing is anomalous");
        assert_eq!(picture.get_pixel(400, 100).0, [255; 3], "the corner of the box at half size");
        assert_eq!(picture.get_pixel(599, 299).0, [255; 3]);
        assert_eq!(picture.get_pixel(399, 200).0, [0; 3], "the dark line outside");
        assert_eq!(picture.get_pixel(500, 200).0, [100; 3], "the inside stays visible");
        let mut tiny = RgbImage::new(3, 3);
        let beyond = DefectBox {
            x: u32::MAX,
            y: 0,
            width: u32::MAX,
            height: 9,
            score: 1.0,
            area: 1,
            defect_type: "x".into(),
            nearest: None,
        };
        draw_boxes(&mut tiny, &[beyond], (3, 3));
    }

    #[test]
    fn small_multiples_keep_the_aspect_ratio() {
        let values = [0.5; 9];
        let map = MapView::new(&values, 3, 3).expect("map");
        let pictures = small_multiples(&[("normal", map), ("hole", map)], (1000, 500), 96);
        assert_eq!(
            pictures.iter().map(|(n, p)| (n.as_str(), p.dimensions())).collect::<Vec<_>>(),
            [("normal", (96, 48)), ("hole", (96, 48))]
        );
    }

    #[test]
    fn bad_maps_are_errors_and_png_round_trips() {
        assert!(matches!(MapView::new(&[], 0, 0), Err(OverlayError::Size { .. })));
        assert!(matches!(MapView::new(&[0.0; 3], 2, 2), Err(OverlayError::Size { .. })));
        let nan = MapView::new(&[0.0, 0.0, f32::NAN, 0.0], 2, 2).map(|_| ());
        assert!(matches!(nan, Err(OverlayError::NotFinite { x: 0, y: 1, .. })));

        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("a.png");
        let picture = RgbImage::from_fn(5, 4, |x, y| Rgb([x as u8, y as u8, 200]));
        save_png(&picture, &path).expect("save");
        assert_eq!(image::open(&path).expect("open").to_rgb8(), picture);
        let missing = save_png(&picture, folder.path().join("no/a.png"));
        assert!(matches!(missing, Err(OverlayError::Write(WriteError::MissingFolder { .. }))));
    }
}
