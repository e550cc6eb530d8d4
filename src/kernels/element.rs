//! Element types of buffers.

/// Element type of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// IEEE binary32.
    F32,
    /// IEEE binary16, two in a u32, little end first. Read with `unpack2x16float`: any device can.
    F16,
    /// Unsigned indices.
    U32,
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        if self == Element::F16 { 2 } else { 4 }
    }

    /// `f32`, `f16` or `u32`.
    pub fn name(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::U32 => "u32",
        }
    }
}
