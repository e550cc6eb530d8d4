//! The values of test inputs.

/// The values of one input of a test case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// Normally distributed with mean 0 and this standard deviation.
    Normal(f32),
    /// Normally distributed with this mean and standard deviation.
    Around {
        /// Mean.
        mean: f32,
        /// Standard deviation.
        deviation: f32,
    },
    /// Integers from 0 to below this, evenly distributed.
    Below(u32),
    /// Evenly distributed in `low..high`, whatever the [`Inputs`]: what lies outside has no meaning.
    Between {
        /// Lower end.
        low: f32,
        /// Upper end, not included.
        high: f32,
    },
}

impl Default for Fill {
    /// Standard normal numbers.
    fn default() -> Self {
        Fill::Normal(1.0)
    }
}

/// What the float inputs of a run are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Inputs {
    /// As the case's [`Fill`]s.
    Normal,
    /// The same, 64 times as large.
    Wide,
    /// All below the smallest normal float32.
    Denormal,
    /// Normal, but one element of each input is NaN.
    Nan,
    /// Normal, but one element of each input is +∞.
    Infinity,
}

impl Inputs {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Normal, Self::Wide, Self::Denormal, Self::Nan, Self::Infinity];
    /// What is defined for kernels that divide by a norm: denormal squares are zero in float32.
    pub const NO_DENORMAL: [Self; 4] = [Self::Normal, Self::Wide, Self::Nan, Self::Infinity];

    /// What multiplies the case's values.
    pub(super) fn factor(self) -> f32 {
        match self {
            Self::Wide => 64.0,
            // A normal deviate rarely exceeds 6, and 6e-39 is still denormal.
            Self::Denormal => 1e-39,
            _ => 1.0,
        }
    }

    /// The special value that one element of each input gets.
    pub(super) fn special(self) -> Option<f32> {
        match self {
            Self::Nan => Some(f32::NAN),
            Self::Infinity => Some(f32::INFINITY),
            _ => None,
        }
    }
}
