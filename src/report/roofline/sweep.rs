//! Rates over one size as one SVG: where blocks and workgroups do not fill a device, the line has teeth.

use maud::{Markup, html};

use super::plot::{colour, marker, stroke};
use super::text::{Style, figure, fit, px, text};
use super::{SIZE, picture};

/// Left, top, right and bottom of the plot.
const PLOT: [f64; 4] = [92.0, 112.0, 860.0, 640.0];
/// Left edge of the names, and of the last pixel of theirs.
const NAMES: (f64, f64) = (884.0, 1252.0);
/// Lines that the names have room for.
const MOST: usize = 20;

/// One case and variant at several sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepLine {
    /// The case without the size, and its variant.
    pub name: String,
    /// Size, rate at the median, at the third and at the first quartile of the times.
    pub points: Vec<(f64, [f64; 3])>,
}

/// Rates over a size.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepChart {
    /// Heading.
    pub title: String,
    /// The full line of the adapter: figures without it mean nothing.
    pub adapter: String,
    /// How it was measured.
    pub note: String,
    /// The size that is swept: `m`.
    pub key: String,
    /// What the rates are: `GFLOP/s`.
    pub unit: String,
    /// A measured limit of the device, if rates have one.
    pub ceiling: Option<f64>,
    /// Cases, in any number; the first 20 are drawn, the rest is counted.
    pub lines: Vec<SweepLine>,
}

/// A linear axis from zero or the first size to a round number.
struct Axis {
    from: f64,
    to: f64,
    pixels: (f64, f64),
}

impl Axis {
    fn pixel(&self, value: f64) -> f64 {
        let (first, last) = self.pixels;
        first + (value - self.from) / (self.to - self.from) * (last - first)
    }

    /// Some five to ten round numbers.
    fn ticks(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / 8.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade).into_iter().find(|s| *s >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

impl SweepChart {
    /// The chart as a complete SVG document of 1280 × 720: no scripts, no references to other files.
    pub fn svg(&self) -> String {
        let note = fit(&self.note, 12.0, 1200.0);
        let footer = text(40.0, SIZE.1 - 10.0, 12.0, Style::fill("#555555"), &note);
        picture(&self.title, &self.adapter, &html! { (self.plot()) (self.names()) (footer) })
    }

    /// The lines that are drawn, with the points that are numbers.
    fn drawn(&self) -> Vec<Vec<(f64, [f64; 3])>> {
        let finite = |point: &&(f64, [f64; 3])| point.0.is_finite() && point.1.iter().all(|r| r.is_finite());
        let line = |line: &SweepLine| line.points.iter().filter(finite).copied().collect();
        self.lines.iter().take(MOST).map(line).collect()
    }

    fn axes(&self, lines: &[Vec<(f64, [f64; 3])>]) -> (Axis, Axis) {
        let [left, top, right, bottom] = PLOT;
        let points = || lines.iter().flatten();
        let low = points().map(|p| p.0).fold(f64::INFINITY, f64::min);
        let high = points().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low < high { (low, high) } else { (0.0, high.max(1.0)) };
        let rates = points().flat_map(|p| p.1).chain(self.ceiling.filter(|c| c.is_finite()));
        let most = rates.fold(0.0, f64::max);
        let most = if most > 0.0 { 1.08 * most } else { 1.0 };
        (
            Axis { from: low, to: high, pixels: (left, right) },
            Axis { from: 0.0, to: most, pixels: (bottom, top) },
        )
    }

    fn plot(&self) -> Markup {
        let [left, top, right, bottom] = PLOT;
        let lines = self.drawn();
        let (x, y) = self.axes(&lines);
        let label = || Style::fill("#333333");
        let title = || Style::fill("#111111").middle();
        let (side, middle) = (36.0, (top + bottom) / 2.0);
        html! {
            @for tick in x.ticks() {
                (stroke([x.pixel(tick), top, x.pixel(tick), bottom], "#e7eaee", 1.0, ""))
                (text(x.pixel(tick), bottom + 18.0, 13.0, label().middle(), &figure(tick)))
            }
            @for tick in y.ticks() {
                (stroke([left, y.pixel(tick), right, y.pixel(tick)], "#e7eaee", 1.0, ""))
                (text(left - 8.0, y.pixel(tick) + 4.5, 13.0, label().end(), &figure(tick)))
            }
            @if let Some(ceiling) = self.ceiling.filter(|c| c.is_finite()) {
                (stroke([left, y.pixel(ceiling), right, y.pixel(ceiling)], "#444444", 1.5, "6 4"))
                (text(right - 6.0, y.pixel(ceiling) - 6.0, 13.0, label().end(), "multiply-add ceiling"))
            }
            rect x=(left) y=(top) width=(right - left) height=(bottom - top) fill="none" stroke="#555555" {}
            @for (family, points) in lines.iter().enumerate() {
                @let path: Vec<String> =
                    points.iter().map(|p| format!("{:.1} {:.1}", x.pixel(p.0), y.pixel(p.1[0]))).collect();
                @if !path.is_empty() {
                    path d={ "M" (path.join("L")) } fill="none" stroke=(colour(family)) stroke-width="1.5" {}
                }
                @for (size, [rate, low, high]) in points {
                    (stroke([x.pixel(*size), y.pixel(*low), x.pixel(*size), y.pixel(*high)], colour(family), 1.0, ""))
                    (marker(x.pixel(*size), y.pixel(*rate), 3.5, family))
                }
            }
            @if lines.iter().all(Vec::is_empty) {
                (text((left + right) / 2.0, middle, 20.0, Style::fill("#777777").middle(), "nothing to draw"))
            }
            (text((left + right) / 2.0, bottom + 39.0, 14.0, title(), &self.key))
            (text(side, middle, 14.0, title().turned(-90.0, side, middle), &self.unit))
        }
    }

    fn names(&self) -> Markup {
        let top = |line: usize| PLOT[1] + 12.0 + 26.0 * line as f64;
        html! {
            @for (family, line) in self.lines.iter().take(MOST).enumerate() {
                (marker(NAMES.0, top(family), 5.0, family))
                (text(NAMES.0 + 14.0, top(family) + 4.5, 12.5, Style::fill("#111111"),
                    &fit(&line.name, 12.5, NAMES.1 - NAMES.0 - 14.0)))
            }
            @if self.lines.len() > MOST {
                (text(NAMES.0, top(MOST) + 4.5, 12.5, Style::fill("#555555").italic(),
                    &format!("and {} more, left out", self.lines.len() - MOST)))
            }
            path d=(format_args!("M{} {}V{}", px(NAMES.0 - 12.0), px(PLOT[1]), px(PLOT[3]))) stroke="#c9ced6" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: Vec<SweepLine>) -> SweepChart {
        SweepChart {
            title: "Rates over m".into(),
            adapter: "0: llvmpipe <&>".into(),
            note: "interleaved".into(),
            key: "m".into(),
            unit: "GFLOP/s".into(),
            ceiling: Some(100.0),
            lines,
        }
    }

    #[test]
    fn every_point_is_drawn_in_its_place() {
        let points = vec![(64.0, [50.0, 40.0, 60.0]), (128.0, [100.0, 90.0, 101.0])];
        let svg = chart(vec![SweepLine { name: "matmul [tile]".into(), points }]).svg();
        // The first size is at the left edge, the last at the right one.
        assert!(svg.contains("M92.0 ") && svg.contains("L860.0 "), "{svg}");
        assert!(svg.contains("matmul [tile]") && svg.contains("&lt;&amp;&gt;") && svg.contains("ceiling"));
        assert_eq!(svg.matches("scale(3.5)").count(), 2, "a marker a point");
    }

    #[test]
    fn any_input_gives_finite_coordinates() {
        let odd = vec![(f64::NAN, [1.0; 3]), (5.0, [f64::INFINITY; 3]), (5.0, [0.0; 3])];
        let many = (0..30).map(|i| SweepLine { name: format!("line {i}"), points: odd.clone() }).collect();
        for chart in [chart(Vec::new()), chart(many)] {
            let svg = chart.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("inf "), "{svg}");
        }
    }
}
