//! A range of sizes, and the rates of a report over it.

use std::str::FromStr;

use super::report::BenchReport;
use super::timing::{Kind, Timing};
use crate::kernels::case::CaseText;

/// Points of a range without a step.
const POINTS: usize = 40;
/// Most points.
const MOST: usize = 1000;

/// `KEY=FROM..TO` or `KEY=FROM..TO:STEP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The size that changes.
    pub key: String,
    /// Its values, ascending.
    pub values: Vec<usize>,
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not KEY=FROM..TO or KEY=FROM..TO:STEP, as in m=64..2048");
        let (key, range) = text.trim().split_once('=').ok_or_else(wrong)?;
        let (range, step) = match range.split_once(':') {
            Some((range, step)) => (range, Some(step.parse::<usize>().map_err(|_| wrong())?)),
            None => (range, None),
        };
        let (from, to) = range.split_once("..").ok_or_else(wrong)?;
        let (from, to) =
            (from.parse::<usize>().map_err(|_| wrong())?, to.parse::<usize>().map_err(|_| wrong())?);
        if key.is_empty() || from == 0 || from >= to || step == Some(0) {
            return Err(wrong());
        }
        // Multiples of 8 keep widths on vectorised paths; blocks of 32 and more are met between their edges, too.
        let step = step.unwrap_or_else(|| match (to - from) / POINTS {
            fine @ 0..8 => fine.max(1),
            coarse => coarse / 8 * 8,
        });
        if (to - from) / step >= MOST {
            return Err(format!("'{text}' has more than {MOST} sizes; give a larger :STEP"));
        }
        let mut values: Vec<usize> = (from..=to).step_by(step).collect();
        if values.last() != Some(&to) {
            values.push(to);
        }
        Ok(Self { key: key.to_owned(), values })
    }
}

/// A case and variant at several sizes: size and timing.
pub type SweptRow<'a> = (String, Vec<(usize, &'a Timing)>);

impl Sweep {
    /// The rows of a report that differ in this size alone, by case and variant, in the order of the report.
    pub fn rows<'a>(&self, report: &'a BenchReport) -> Vec<SweptRow<'a>> {
        let mut rows: Vec<SweptRow<'a>> = Vec::new();
        for timing in report.timings.iter().filter(|t| t.kind == Kind::Kernel) {
            let (kernel, mut words) = CaseText::split(&timing.case);
            let Ok(size) = words.size(&self.key) else { continue };
            let name = format!("{kernel} {} [{}]", words.rest(), timing.variant);
            match rows.iter_mut().find(|row| row.0 == name) {
                Some(row) => row.1.push((size, timing)),
                None => rows.push((name, vec![(size, timing)])),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let values = |text: &str| text.parse::<Sweep>().expect("a range").values;
        assert_eq!(values("m=64..2048").len(), 43);
        assert_eq!(values("m=64..2048")[..3], [64, 112, 160]);
        assert_eq!(values("m=64..2048").last(), Some(&2048), "the end is always there");
        assert_eq!(values("k=1..5"), [1, 2, 3, 4, 5]);
        assert_eq!(values("k=1..10:4"), [1, 5, 9, 10]);
        for wrong in ["m", "m=5", "m=5..5", "m=0..9", "=1..2", "m=1..x", "m=1..9:0", "m=1..99999:1", "m=9..1"]
        {
            assert!(wrong.parse::<Sweep>().is_err(), "{wrong}");
        }
    }
}
