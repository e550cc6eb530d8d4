//! The roofline model (Williams, Waterman and Patterson, 2009): the least time that a device's ceilings allow, and
//! which of them sets it.

use serde::{Deserialize, Serialize};

use crate::kernels::Cost;

/// What limits a kernel on the roofline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The multiply-add rate.
    Arithmetic,
    /// The bandwidth.
    Memory,
    /// The cost of a launch.
    Launch,
}

impl Bound {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Memory => "memory",
            Self::Launch => "launch",
        }
    }
}

/// A device's measured limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ceilings {
    /// Multiply-adds, two operations each, in FLOP/s.
    pub multiply_add: f64,
    /// Bytes read and written by a copy, per second.
    pub copy: f64,
    /// Bytes read, per second.
    pub read: f64,
    /// Bytes read from the last-level cache, per second; `None` in reports of older versions.
    #[serde(default)]
    pub cache: Option<f64>,
    /// Bytes read from workgroup memory, per second; `None` in reports of older versions.
    #[serde(default)]
    pub workgroup: Option<f64>,
    /// What matrix units multiply and add, by shape and type of the factors; empty where there are none.
    #[serde(default)]
    pub matrix: Vec<MatrixCeiling>,
    /// Seconds of a nearly empty launch in a submit of many.
    pub launch: f64,
    /// Seconds from a submit of one nearly empty launch to the end of the wait for it.
    pub submit: f64,
}

/// The rate of matrix units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MatrixCeiling {
    /// Edge of the tiles.
    pub edge: usize,
    /// Type of the factors, `f16` or `f32`; sums are float32.
    pub factors: String,
    /// Multiply-adds, two operations each, in FLOP/s.
    pub rate: f64,
}

/// The least time that the ceilings allow, and what sets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Seconds.
    pub seconds: f64,
    /// The resource that limits it.
    pub bound: Bound,
}

/// Rates of a ceiling, measured twice, that differ by more than this have moved.
const MOVED: f64 = 0.1;

impl Ceilings {
    /// The rates that differ by more than a tenth between this measurement and a later one, each with later / this.
    pub fn moved(&self, later: &Self) -> Vec<(&'static str, f64)> {
        let rates = [
            ("multiply-add rate", self.multiply_add, later.multiply_add),
            ("copy rate", self.copy, later.copy),
            ("read rate", self.read, later.read),
        ];
        let change = rates.map(|(what, before, after)| (what, after / before));
        change
            .into_iter()
            .filter(|(_, change)| !(1.0 / (1.0 + MOVED)..=1.0 + MOVED).contains(change))
            .collect()
    }

    /// The floor of one launch with this work.
    pub fn floor(&self, work: Cost) -> Floor {
        let arithmetic = work.flops / self.multiply_add;
        // A kernel that only reads may beat the copy; then reading is the ceiling.
        let memory = work.bytes / self.copy.max(self.read);
        let (seconds, bound) = if self.launch > arithmetic.max(memory) {
            (self.launch, Bound::Launch)
        } else if arithmetic > memory {
            (arithmetic, Bound::Arithmetic)
        } else {
            (memory, Bound::Memory)
        };
        Floor { seconds, bound }
    }

    /// The floor of consecutive launches: the sum of their floors, and the limit that most of it is due to.
    pub fn floor_of_all(&self, launches: impl Iterator<Item = Cost>) -> Floor {
        let mut by_bound = [Bound::Arithmetic, Bound::Memory, Bound::Launch].map(|bound| (0.0, bound));
        for work in launches {
            let floor = self.floor(work);
            by_bound.iter_mut().filter(|(_, b)| *b == floor.bound).for_each(|(s, _)| *s += floor.seconds);
        }
        let seconds = by_bound.iter().map(|(s, _)| s).sum();
        let largest = by_bound.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        Floor { seconds, bound: largest.map_or(Bound::Launch, |(_, bound)| bound) }
    }
}
