//! Pixels in memory, in the channel layout of their file.

use ::image::{GrayImage, RgbImage};

/// Channel layout of a [`Raster`], named as in Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Gray.
    L,
    /// Gray and alpha.
    La,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and alpha.
    Rgba,
}

impl Mode {
    /// Bytes per pixel.
    pub fn channels(self) -> usize {
        match self {
            Mode::L => 1,
            Mode::La => 2,
            Mode::Rgb => 3,
            Mode::Rgba => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub fn has_alpha(self) -> bool {
        matches!(self, Mode::La | Mode::Rgba)
    }
}

/// An 8-bit image that keeps the channels of its file.
///
/// Resizing comes before the conversion to RGB, as in the reference pipeline. With alpha the two do not commute, so
/// the file's own channels are kept until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    mode: Mode,
    data: Vec<u8>,
}

impl Raster {
    /// Wraps row-major, channel-last bytes; `None` where a side is zero or `data` is not exactly
    /// `width * height * mode.channels()` long.
    pub fn new(width: u32, height: u32, mode: Mode, data: Vec<u8>) -> Option<Self> {
        let pixels = u64::from(width) * u64::from(height);
        let expected = pixels.checked_mul(mode.channels() as u64)?;
        (pixels > 0 && data.len() as u64 == expected).then_some(Self { width, height, mode, data })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The channels.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The pixels, row by row, channels last.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// A rectangle of the image, clipped at its right and lower edge; `None` where nothing is left.
    pub fn part(&self, x: u32, y: u32, width: u32, height: u32) -> Option<Self> {
        let (right, bottom) =
            (x.saturating_add(width).min(self.width), y.saturating_add(height).min(self.height));
        let channels = self.mode.channels();
        let row = |y: u32| {
            let start = y as usize * self.width as usize;
            &self.data[(start + x as usize) * channels..(start + right as usize) * channels]
        };
        if x >= right || y >= bottom {
            return None;
        }
        let data = (y..bottom).flat_map(|y| row(y).iter().copied()).collect();
        Self::new(right - x, bottom - y, self.mode, data)
    }

    /// Turned and mirrored as an EXIF orientation asks, so that the result is upright; others than 2 to 8 change
    /// nothing.
    pub fn turned(self, exif: u8) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let (right, bottom) = (width - 1, height - 1);
        // Where the pixel at x and y of the result lies.
        let from = |x: usize, y: usize| match exif {
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            8 => (right - y, x),
            _ => (x, y),
        };
        let (new_width, new_height) = match exif {
            2..=4 => (self.width, self.height),
            5..=8 => (self.height, self.width),
            _ => return self,
        };
        let channels = self.mode.channels();
        let mut data = Vec::with_capacity(self.data.len());
        for y in 0..new_height as usize {
            for x in 0..new_width as usize {
                let (column, row) = from(x, y);
                let at = (row * width + column) * channels;
                data.extend_from_slice(&self.data[at..at + channels]);
            }
        }
        Self { width: new_width, height: new_height, mode: self.mode, data }
    }

    /// The same without alpha, whose pixels keep their colours. Also the share of pixels that alpha hides at least in
    /// part; `None` where it hides nothing.
    pub fn without_alpha(self) -> (Self, Option<f64>) {
        let channels = self.mode.channels();
        if !self.mode.has_alpha() {
            return (self, None);
        }
        let pixels = self.data.len() / channels;
        let hidden =
            self.data.iter().skip(channels - 1).step_by(channels).filter(|&&alpha| alpha < 255).count();
        let share = (hidden > 0).then(|| hidden as f64 / pixels as f64);
        let opaque = match self.mode {
            Mode::L | Mode::La => self.into_gray().into(),
            Mode::Rgb | Mode::Rgba => self.into_rgb().into(),
        };
        (opaque, share)
    }

    /// RGB: gray is repeated, alpha is dropped without blending, as Pillow's `convert("RGB")` does.
    pub fn into_rgb(self) -> RgbImage {
        let data = match self.mode {
            Mode::Rgb => self.data,
            Mode::L => self.data.iter().flat_map(|&v| [v; 3]).collect(),
            Mode::La => self.data.chunks_exact(2).flat_map(|p| [p[0]; 3]).collect(),
            Mode::Rgba => in_place(self.data, 4, |p| [p[0], p[1], p[2]]),
        };
        RgbImage::from_raw(self.width, self.height, data).expect("three bytes per pixel")
    }

    /// Gray by the ITU-R 601 luma in Pillow's 16-bit fixed point; alpha is dropped.
    pub fn into_gray(self) -> GrayImage {
        let luma = |p: &[u8]| {
            let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
            ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
        };
        let data = match self.mode {
            Mode::L => self.data,
            Mode::La => in_place(self.data, 2, |p| [p[0]]),
            Mode::Rgb => in_place(self.data, 3, |p| [luma(p)]),
            Mode::Rgba => in_place(self.data, 4, |p| [luma(p)]),
        };
        GrayImage::from_raw(self.width, self.height, data).expect("one byte per pixel")
    }
}

/// Fewer channels for each pixel, in the same memory: a large image takes nearly a gigabyte.
fn in_place<const N: usize>(mut data: Vec<u8>, channels: usize, pixel: impl Fn(&[u8]) -> [u8; N]) -> Vec<u8> {
    let pixels = data.len() / channels;
    for at in 0..pixels {
        let fewer = pixel(&data[at * channels..(at + 1) * channels]);
        data[at * N..(at + 1) * N].copy_from_slice(&fewer);
    }
    data.truncate(pixels * N);
    data
}

/// # Panics
/// On an image without pixels.
impl From<RgbImage> for Raster {
    fn from(image: RgbImage) -> Self {
        let (width, height) = image.dimensions();
        Self::new(width, height, Mode::Rgb, image.into_raw()).expect("an image has pixels")
    }
}

/// # Panics
/// On an image without pixels.
impl From<GrayImage> for Raster {
    fn from(image: GrayImage) -> Self {
        let (width, height) = image.dimensions();
        Self::new(width, height, Mode::L, image.into_raw()).expect("an image has pixels")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(Raster::new(2, 2, Mode::Rgb, vec![0; 12]).is_some());
        assert!(Raster::new(2, 2, Mode::Rgb, vec![0; 11]).is_none());
        assert!(Raster::new(0, 2, Mode::L, vec![]).is_none());
        assert!(Raster::new(u32::MAX, u32::MAX, Mode::Rgba, vec![]).is_none());
    }

    #[test]
    fn parts_are_cut_out() {
        let image = Raster::new(3, 2, Mode::La, (0..12).collect()).unwrap();
        let part = image.part(1, 0, 1, 9).unwrap();
        assert_eq!((part.width(), part.height(), part.as_bytes()), (1, 2, &[2, 3, 8, 9][..]));
        assert_eq!(image.part(0, 0, 3, 2).unwrap(), image);
        assert!(image.part(3, 0, 1, 1).is_none() && image.part(0, 0, 0, 1).is_none());
    }

    #[test]
    fn alpha_is_dropped_not_blended() {
        let clear_red = Raster::new(1, 1, Mode::Rgba, vec![255, 10, 0, 0]).unwrap();
        assert_eq!(clear_red.clone().into_rgb().into_raw(), [255, 10, 0]);
        // Pillow: Image.new("RGB", (1, 1), (255, 10, 0)).convert("L") is 82.
        assert_eq!(clear_red.into_gray().into_raw(), [82]);
        let clear_gray = Raster::new(1, 1, Mode::La, vec![7, 0]).unwrap();
        assert_eq!(clear_gray.into_rgb().into_raw(), [7, 7, 7]);
    }
}
