//! What a roofline chart shows, and the figures that follow from it.

use super::axis::Axis;
use crate::words::plural;

/// Left, top, right and bottom of the plot.
pub(super) const PLOT: [f64; 4] = [92.0, 112.0, 640.0, 590.0];
/// Rows of the key; kernels beyond it are counted, not listed.
const ROWS: usize = 24;

/// What a ceiling limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeilingKind {
    /// Floating-point operations per second: a horizontal line.
    Arithmetic,
    /// Bytes per second: a diagonal.
    Bandwidth,
}

/// A measured limit of the device.
#[derive(Debug, Clone, PartialEq)]
pub struct RooflineCeiling {
    /// How it was reached: `f32 multiply-add`, `copy`, … The bandwidth whose name contains "copy" makes
    /// the roof; without one the highest does.
    pub name: String,
    /// What it limits.
    pub kind: CeilingKind,
    /// FLOP/s or bytes/s. Values that are not positive numbers are left out, and the picture says so.
    pub rate: f64,
}

/// One measured kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct RooflinePoint {
    /// What ran, with its shape.
    pub label: String,
    /// Points of one family share colour and marker.
    pub family: String,
    /// Floating-point operations of one launch; 0 for a kernel that only moves data.
    pub flops: f64,
    /// Bytes that one launch must read and write.
    pub bytes: f64,
    /// Seconds of one launch.
    pub seconds: f64,
    /// What limits it: `arithmetic`, `memory` or `launch`.
    pub bound: String,
}

/// Everything on the chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    /// Heading.
    pub title: String,
    /// The full line of the adapter: figures without it mean nothing.
    pub adapter: String,
    /// How it was measured.
    pub note: String,
    /// Limits of the device, in any order.
    pub ceilings: Vec<RooflineCeiling>,
    /// Kernels, in any order. The 24 with the most time are shown, the rest is counted.
    pub points: Vec<RooflinePoint>,
}

/// The limit that kernels are measured by: the highest arithmetic but that of matrix units, and the copy bandwidth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roof {
    pub flops: f64,
    pub bytes: f64,
}

impl Roof {
    /// Flop/byte where memory stops being the limit.
    pub fn ridge(self) -> f64 {
        self.flops / self.bytes
    }

    /// FLOP/s that a kernel of this intensity can reach.
    fn at(self, intensity: f64) -> f64 {
        self.flops.min(self.bytes * intensity)
    }
}

/// A kernel with its figures. `intensity` is 0 for a kernel without arithmetic.
pub(super) struct Entry<'a> {
    pub point: &'a RooflinePoint,
    pub family: usize,
    pub intensity: f64,
    pub gflops: f64,
    pub gbytes: f64,
    /// Part of the roof that it reaches (of the bandwidth, without arithmetic), if there is a roof.
    pub share: Option<f64>,
}

/// What is drawn, computed from a [`Roofline`].
pub(super) struct Chart<'a> {
    pub source: &'a Roofline,
    pub ceilings: Vec<&'a RooflineCeiling>,
    pub roof: Option<Roof>,
    pub families: Vec<&'a str>,
    /// By descending time; those on the plot first, then those without arithmetic.
    pub entries: Vec<Entry<'a>>,
    /// How many of `entries` are on the plot.
    pub plotted: usize,
    pub left_out: usize,
    /// Problems of the input, in words.
    pub problems: Vec<String>,
    pub x: Axis,
    pub y: Axis,
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

impl Roofline {
    /// The roof, when there are ceilings of both kinds.
    fn roof(&self, ceilings: &[&RooflineCeiling]) -> Option<Roof> {
        let highest = |kind, named: fn(&str) -> bool| {
            let rates = ceilings.iter().filter(|c| c.kind == kind && named(&c.name)).map(|c| c.rate);
            rates.max_by(f64::total_cmp)
        };
        let copy = highest(CeilingKind::Bandwidth, |name| name.to_lowercase().contains("copy"));
        let roof = Roof {
            // Few kernels use matrix units: the others cannot reach their rate.
            flops: highest(CeilingKind::Arithmetic, |name| !name.contains("matrix units"))?,
            bytes: copy.or_else(|| highest(CeilingKind::Bandwidth, |_| true))?,
        };
        positive(roof.ridge()).then_some(roof)
    }
}

impl<'a> Chart<'a> {
    pub fn new(source: &'a Roofline) -> Self {
        let ceilings: Vec<_> = source.ceilings.iter().filter(|c| positive(c.rate / 1e9)).collect();
        let roof = source.roof(&ceilings);
        let mut usable: Vec<Entry<'a>> = source.points.iter().filter_map(|p| entry(p, roof)).collect();
        let mut problems = problems(source, &ceilings, usable.len());
        usable.sort_by(|a, b| b.point.seconds.total_cmp(&a.point.seconds));
        let left_out = usable.len().saturating_sub(ROWS);
        usable.truncate(ROWS);
        let (mut entries, moves): (Vec<_>, Vec<_>) = usable.into_iter().partition(|e| e.gflops > 0.0);
        let plotted = entries.len();
        entries.extend(moves);
        if plotted == 0 && !entries.is_empty() {
            problems.push("no kernel has arithmetic, so there is nothing to plot".to_owned());
        }

        let mut families: Vec<&str> = Vec::new();
        for entry in &mut entries {
            let name = entry.point.family.as_str();
            entry.family = families.iter().position(|f| *f == name).unwrap_or_else(|| {
                families.push(name);
                families.len() - 1
            });
        }
        let (x, y) = ranges(&ceilings, roof, &entries[..plotted]);
        Self { source, ceilings, roof, families, entries, plotted, left_out, problems, x, y }
    }
}

/// The figures of a point, unless they are not numbers that can be drawn.
fn entry(point: &RooflinePoint, roof: Option<Roof>) -> Option<Entry<'_>> {
    let RooflinePoint { flops, bytes, seconds, .. } = *point;
    let (gflops, gbytes) = (flops / seconds / 1e9, bytes / seconds / 1e9);
    let intensity = flops / bytes;
    let moves = flops == 0.0;
    let sound = positive(seconds)
        && positive(gbytes)
        && positive(bytes)
        && (moves || (positive(gflops) && positive(intensity)));
    let share = roof
        .map(|roof| if moves { bytes / seconds / roof.bytes } else { flops / seconds / roof.at(intensity) });
    let share = share.filter(|s| s.is_finite());
    sound.then_some(Entry { point, family: 0, intensity, gflops, gbytes, share })
}

fn problems(source: &Roofline, ceilings: &[&RooflineCeiling], usable: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |condition: bool, words: String| {
        if condition {
            found.push(words);
        }
    };
    note(source.points.is_empty(), "no kernels were given".to_owned());
    let bad = source.points.len() - usable;
    note(
        bad > 0,
        format!("{bad} of {} without usable time, bytes or flops", plural(source.points.len(), "kernel")),
    );
    for (kind, name) in [(CeilingKind::Arithmetic, "arithmetic"), (CeilingKind::Bandwidth, "bandwidth")] {
        note(!ceilings.iter().any(|c| c.kind == kind), format!("no {name} ceiling, so no roof"));
    }
    let bad = source.ceilings.len() - ceilings.len();
    note(bad > 0, format!("{bad} of {} without a positive rate", plural(source.ceilings.len(), "ceiling")));
    found
}

/// Axes that hold all points, the ridge with some slope before it, and every ceiling.
fn ranges(ceilings: &[&RooflineCeiling], roof: Option<Roof>, points: &[Entry<'_>]) -> (Axis, Axis) {
    let of = |kind| ceilings.iter().filter(move |c| c.kind == kind).map(|c| c.rate.log10());
    let mut x: Vec<f64> = points.iter().map(|e| e.intensity.log10()).collect();
    let mut y: Vec<f64> = points.iter().map(|e| e.gflops.log10()).collect();
    // A third of a decade above the highest ceiling is room for its name.
    y.extend(of(CeilingKind::Arithmetic).flat_map(|log| [log - 9.0, log - 8.75]));
    if let Some(roof) = roof {
        let ridge = roof.ridge().log10();
        x.extend([ridge - 0.8, ridge + 0.4]);
        x.extend(of(CeilingKind::Bandwidth).map(|log| roof.flops.log10() - log));
    }
    let [left, top, right, bottom] = PLOT;
    let x = Axis::around(&x, (left, right));
    if points.is_empty() || roof.is_none() {
        // Nothing else says how far down to go: show where the diagonals start and end.
        y.extend(of(CeilingKind::Bandwidth).flat_map(|log| [log - 9.0 + x.from, log - 9.0 + x.to]));
    }
    (x, Axis::around(&y, (bottom, top)))
}
