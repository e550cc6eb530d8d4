//! Which way up a photo is shown: the EXIF orientation of its file, and the frame that a mask was drawn in.
//!
//! Cameras store pixels as the sensor lies and write beside them how to turn them. People, browsers and most tools for
//! annotation show the photo upright, so that is how photos are read ([`Orient::Exif`]): sizes, boxes, maps and overlays
//! are those of the upright photo. A mask or a list of boxes may have been drawn in either frame. Where one of the
//! two has its shape and the other has not, it was drawn in that one, and is turned if it must be.

use ::image::GrayImage;

use super::raster::Raster;

/// Which way up photos are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Orient {
    /// Upright, as the file's EXIF orientation says.
    #[default]
    Exif,
    /// As the pixels are stored.
    Stored,
}

/// The frame of a photo: its size as read, and how that came from the stored pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Width and height as read.
    pub size: (u32, u32),
    /// The orientation in the file, 1 to 8; 1 where there is none.
    pub exif: u8,
    /// Whether pixels were turned by it.
    pub turned: bool,
}

/// What [`Frame::align`] made of a mask.
#[derive(Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The mask in the frame of its photo.
    pub mask: GrayImage,
    /// What a user should know of it.
    pub note: Option<&'static str>,
}

/// Whether an orientation exchanges width and height.
fn swaps(exif: u8) -> bool {
    (5..=8).contains(&exif)
}

/// A size in the other frame.
pub(super) fn turned_size((width, height): (u32, u32), exif: u8) -> (u32, u32) {
    if swaps(exif) { (height, width) } else { (width, height) }
}

impl Frame {
    /// The frame of pixels of a size as stored.
    pub(super) fn new(stored: (u32, u32), exif: u8, orient: Orient) -> Self {
        let turned = orient == Orient::Exif && exif != 1;
        Self { size: turned_size(stored, if turned { exif } else { 1 }), exif, turned }
    }

    /// Whether width and height are exchanged in the frame that the photo was not read in.
    fn swaps(&self) -> bool {
        swaps(self.exif)
    }

    /// Whether a drawing of this size was made in the frame that the photo was not read in.
    fn is_other(&self, (width, height): (u32, u32)) -> bool {
        let (w, h) = self.size;
        // Masks are sometimes stored smaller than their photos: the ratio counts, to a hundredth.
        let fits = |w: u32, h: u32| {
            let (a, b) = (f64::from(width) * f64::from(h), f64::from(height) * f64::from(w));
            (a - b).abs() <= 0.01 * a.max(b)
        };
        self.swaps() && !fits(w, h) && fits(h, w)
    }

    /// Puts a mask into the frame of the photo, by its shape.
    pub fn align(&self, mask: GrayImage) -> Aligned {
        if self.exif == 1 {
            return Aligned { mask, note: None };
        }
        if self.is_other(mask.dimensions()) {
            // Backwards where the photo stayed as stored: a quarter turn is undone by the opposite one.
            let exif = match (self.turned, self.exif) {
                (false, 6) => 8,
                (false, 8) => 6,
                (_, exif) => exif,
            };
            let note = match self.turned {
                true => "its mask has the shape of the stored pixels and was turned upright with the photo",
                false => "its mask has the shape of the upright photo and was turned to the stored pixels",
            };
            return Aligned { mask: Raster::from(mask).turned(exif).into_gray(), note: Some(note) };
        }
        let (w, h) = self.size;
        let note = match (self.swaps() && w != h, self.turned) {
            (true, _) => None,
            (false, true) => Some(
                "its mask may have been drawn on the upright photo or on the stored pixels, which have one shape: upright \
                 is assumed; --orient stored if not",
            ),
            (false, false) => Some(
                "its mask may have been drawn on the upright photo or on the stored pixels, which have one shape: stored \
                 is assumed; --orient exif if not",
            ),
        };
        Aligned { mask, note }
    }

    /// The frame that a picture made of the photo is in, such as a map by another program: the other one where only that has
    /// its shape.
    pub fn of_picture(&self, size: (u32, u32)) -> Self {
        match self.is_other(size) {
            true => Self { size: turned_size(self.size, self.exif), turned: !self.turned, ..*self },
            false => *self,
        }
    }

    /// The size of the frame that boxes were drawn in, where a list gives `size`: some lists give the stored size with
    /// boxes on the upright photo, which then reach beyond it.
    pub(super) fn of_boxes(&self, size: (u32, u32), boxes: &[[f32; 4]]) -> (u32, u32) {
        let (width, height) = size;
        let fit = |w: u32, h: u32| {
            // Boxes may be rounded outwards.
            boxes.iter().all(|b| b[0] + b[2] <= w as f32 + 1.0 && b[1] + b[3] <= h as f32 + 1.0)
        };
        if self.swaps() && !fit(width, height) && fit(height, width) { (height, width) } else { size }
    }
}

/// The orientation in EXIF data, 1 to 8: that of the first directory, which describes the main image. `None` where it
/// has none.
pub(super) fn of_exif(exif: &[u8]) -> Option<u8> {
    const ORIENTATION: u16 = 0x0112;
    // JPEG keeps these six bytes before the data; some programs write them into PNG and WebP, too.
    let data = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let little = match data.get(..4)? {
        b"II\x2a\0" => true,
        b"MM\0\x2a" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes = data.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| -> Option<u32> {
        let bytes = data.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory.checked_add(2 + 12 * entry)?;
        if short(at)? == ORIENTATION {
            let value = match short(at + 2)? {
                1 => u32::from(*data.get(at + 8)?),
                3 => u32::from(short(at + 8)?),
                _ => long(at + 8)?,
            };
            return u8::try_from(value).ok().filter(|value| (1..=8).contains(value));
        }
    }
    None
}

/// What is said of a photo that was, or was not, turned by its orientation.
pub(super) fn note(frame: &Frame) -> Option<String> {
    let how = match frame.exif {
        2 => "mirrored left to right",
        3 => "turned by 180°",
        4 => "mirrored top to bottom",
        5 => "mirrored along its diagonal",
        6 => "turned clockwise by 90°",
        7 => "mirrored along its other diagonal",
        8 => "turned anticlockwise by 90°",
        _ => return None,
    };
    let exif = frame.exif;
    Some(match frame.turned {
        true => {
            format!("{how}, upright, as its EXIF orientation {exif} says; --orient stored reads it as stored")
        }
        false => {
            format!(
                "read as stored; its EXIF orientation {exif} says that it is upright when {how}; --orient exif"
            )
        }
    })
}

/// Pixels as stored, put into the frame.
pub(super) fn upright(raster: Raster, frame: &Frame) -> Raster {
    if frame.turned { raster.turned(frame.exif) } else { raster }
}

#[cfg(test)]
mod tests {
    use super::super::raster::Mode;
    use super::*;

    /// An EXIF block with an orientation, after another entry.
    pub fn exif(orientation: u8, little: bool) -> Vec<u8> {
        let short = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let long = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let mut block = if little { b"II\x2a\0".to_vec() } else { b"MM\0\x2a".to_vec() };
        block.extend(long(8));
        block.extend(short(2));
        for (tag, value) in [(0x0100, 7), (0x0112, u16::from(orientation))] {
            block.extend(short(tag));
            block.extend(short(3));
            block.extend(long(1));
            block.extend(short(value));
            block.extend([0, 0]);
        }
        block.extend(long(0));
        block
    }

    #[test]
    fn all_orientations_in_both_byte_orders_are_read() {
        for little in [true, false] {
            for orientation in 1..=8 {
                let block = exif(orientation, little);
                assert_eq!(of_exif(&block), Some(orientation));
                assert_eq!(of_exif(&[b"Exif\0\0", &block[..]].concat()), Some(orientation));
                for cut in 0..block.len() {
                    let _ = of_exif(&block[..cut]); // no panic
                }
            }
            assert_eq!(of_exif(&exif(0, little)), None);
            assert_eq!(of_exif(&exif(9, little)), None);
        }
        assert_eq!(of_exif(b"II\x2a\0\xff\xff\xff\xff"), None);
    }

    #[test]
    fn turning_follows_the_definition_of_exif() {
        // The letter F, as a viewer should show it, and the eight ways in which it is stored.
        let upright = Raster::new(2, 3, Mode::L, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let stored: [(u32, u32, [u8; 6]); 8] = [
            (2, 3, [1, 2, 3, 4, 5, 6]), // row 0 is the top, column 0 the left side
            (2, 3, [2, 1, 4, 3, 6, 5]), // top, right
            (2, 3, [6, 5, 4, 3, 2, 1]), // bottom, right
            (2, 3, [5, 6, 3, 4, 1, 2]), // bottom, left
            (3, 2, [1, 3, 5, 2, 4, 6]), // left, top
            (3, 2, [2, 4, 6, 1, 3, 5]), // right, top
            (3, 2, [6, 4, 2, 5, 3, 1]), // right, bottom
            (3, 2, [5, 3, 1, 6, 4, 2]), // left, bottom
        ];
        for (exif, (width, height, pixels)) in (1..).zip(stored) {
            let stored = Raster::new(width, height, Mode::L, pixels.to_vec()).unwrap();
            assert_eq!(stored.clone().turned(exif), upright, "{exif}");
            let frame = Frame::new((width, height), exif, Orient::Exif);
            assert_eq!(frame.size, (2, 3), "{exif}");
            // A mask drawn on the stored pixels comes along where its shape tells.
            if swaps(exif) {
                let Aligned { mask, note } = frame.align(stored.clone().into_gray());
                assert_eq!(mask.as_raw(), upright.as_bytes(), "{exif}");
                assert!(note.is_some());
                let as_stored = Frame::new((width, height), exif, Orient::Stored);
                assert_eq!(as_stored.size, (width, height));
                let Aligned { mask, note } = as_stored.align(upright.clone().into_gray());
                assert_eq!(mask.as_raw(), stored.as_bytes(), "{exif} backwards");
                assert!(note.is_some());
            }
            // One drawn on the upright photo stays.
            let Aligned { mask, note } = frame.align(upright.clone().into_gray());
            assert_eq!(mask.as_raw(), upright.as_bytes());
            assert_eq!(note.is_some(), (2..=4).contains(&exif), "{exif}: said where nothing tells");
        }
    }

    #[test]
    fn the_shape_of_a_picture_tells_its_frame() {
        let frame = Frame::new((400, 300), 6, Orient::Exif);
        assert_eq!(frame.of_picture((30, 40)), frame);
        assert_eq!(frame.of_picture((40, 30)), Frame::new((400, 300), 6, Orient::Stored));
        assert_eq!(frame.of_picture((32, 32)), frame, "nothing tells");
    }

    #[test]
    fn boxes_beyond_the_stored_frame_were_drawn_upright() {
        let frame = Frame::new((400, 300), 6, Orient::Exif);
        assert_eq!(frame.of_boxes((400, 300), &[[10.0, 350.0, 20.0, 40.0]]), (300, 400));
        assert_eq!(frame.of_boxes((400, 300), &[[350.0, 10.0, 40.0, 20.0]]), (400, 300));
        assert_eq!(frame.of_boxes((300, 400), &[[10.0, 350.0, 20.0, 40.0]]), (300, 400));
        let plain = Frame::new((400, 300), 1, Orient::Exif);
        assert_eq!(plain.of_boxes((400, 300), &[[10.0, 350.0, 20.0, 40.0]]), (400, 300));
    }
}
