//! What is odd about a mask, and how it is read then.

/// Something that a reader of figures should know of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaskRemark {
    /// Transparency decides what is defect.
    Alpha,
    /// Saved in a format that changes values: those from half of the largest on are defect.
    Lossy,
    /// Values between none and all at its borders: every value above zero is defect.
    Soft,
    /// Every pixel is defect.
    Everything,
    /// More than half of the pixels are defect.
    Most,
    /// No pixel is defect.
    Empty,
    /// Another size than the image.
    Size,
    /// Another aspect ratio than the image: its defects may lie elsewhere.
    Shape,
    /// Its defects are too small for the size that it is scaled to: no pixel is left.
    Vanished,
    /// Some of its defects are too small.
    Shrunk,
}

impl MaskRemark {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Alpha,
        Self::Lossy,
        Self::Soft,
        Self::Everything,
        Self::Most,
        Self::Empty,
        Self::Size,
        Self::Shape,
        Self::Vanished,
        Self::Shrunk,
    ];

    /// Its name in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Alpha => "mask_alpha",
            Self::Lossy => "mask_lossy",
            Self::Soft => "mask_soft",
            Self::Everything => "mask_everything",
            Self::Most => "mask_most",
            Self::Empty => "empty_mask",
            Self::Size => "mask_size",
            Self::Shape => "mask_shape",
            Self::Vanished => "mask_vanished",
            Self::Shrunk => "mask_shrunk",
        }
    }

    /// The remark of a code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|remark| remark.code() == code)
    }

    /// What is said of the mask.
    pub fn words(self) -> &'static str {
        match self {
            Self::Alpha => "transparency decides what is defect; save the mask in black and white to be sure",
            Self::Lossy => {
                "saved in a lossy format, so values from half of the largest on are defect; save the mask as PNG"
            }
            Self::Soft => {
                "borders are blurred, and every value above zero is defect; save the mask in black and white"
            }
            Self::Everything => "the mask shows everything: is it inverted, or on a white background?",
            Self::Most => "the mask shows more than half of the image: is it inverted?",
            Self::Empty => "the mask is empty; draw it, or label the image good",
            Self::Size => "the mask has another size than its image; both are scaled to the same square",
            Self::Shape => {
                "the mask has another aspect ratio than its image, so that defects may lie elsewhere"
            }
            Self::Vanished => {
                "the mask shows nothing once it is scaled to the size of the maps; take larger ones (eval --image-size, score --size)"
            }
            Self::Shrunk => "some defects of the mask vanish once it is scaled to the size of the maps",
        }
    }

    /// Whether figures of pixels lack defects of the mask, so that they hold for a part of them only.
    pub fn lacks_defects(self) -> bool {
        matches!(self, Self::Empty | Self::Vanished | Self::Shrunk)
    }
}
