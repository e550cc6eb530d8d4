//! The plot itself: grid, ceilings, points and the legend of families.

use maud::{Markup, html};

use super::chart::{CeilingKind, Chart, PLOT, RooflineCeiling};
use super::place::{Disc, Room, line, thin};
use super::text::{Style, figure, fit, text, width};

/// Colours that differ for colour-blind eyes too (Okabe and Ito 2008, without the yellow, which is
/// hard to see on white). Shapes have another period, so that 56 families differ.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3a3a3a"];
const SHAPES: [&str; 8] = [
    "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0 -1 0Z",
    "M-.88 -.88H.88V.88H-.88Z",
    "M0 -1.2L1.1 .8H-1.1Z",
    "M0 -1.25L1.25 0L0 1.25L-1.25 0Z",
    "M0 1.2L1.1 -.8H-1.1Z",
    "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "M0 -1.15L1.1 -.35L.68 .95H-.68L-1.1 -.35Z",
    "M-1.2 -.75L-.75 -1.2L0 -.45L.75 -1.2L1.2 -.75L.45 0L1.2 .75L.75 1.2L0 .45L-.75 1.2L-1.2 .75L-.45 0Z",
];
/// Radius of a marker, and size of its number.
const MARKER: f64 = 6.0;
const NUMBER: f64 = 12.5;
/// A number further from its marker than this is connected to it by a line.
const NEAR: f64 = 17.5;

/// A ceiling as a line, in logarithms of flop/byte and GFLOP/s.
struct Segment<'a> {
    ceiling: &'a RooflineCeiling,
    from: (f64, f64),
    to: (f64, f64),
    /// Part of the roof that kernels are measured by.
    roof: bool,
}

/// The colour of a family.
pub(super) fn colour(family: usize) -> &'static str {
    COLOURS[family % COLOURS.len()]
}

/// The marker of a family.
pub(super) fn marker(x: f64, y: f64, radius: f64, family: usize) -> Markup {
    let (colour, shape) = (colour(family), SHAPES[family % SHAPES.len()]);
    let transform = format!("translate({x:.1} {y:.1}) scale({radius:.1})");
    html! { path transform=(transform) d=(shape) fill=(colour) stroke="#ffffff" stroke-width=".2" {} }
}

/// A line of one colour and width; `dashes` may be empty.
pub(super) fn stroke([x1, y1, x2, y2]: [f64; 4], colour: &str, width: f64, dashes: &str) -> Markup {
    let dashes = (!dashes.is_empty()).then_some(dashes);
    let d = format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}");
    html! { path d=(d) fill="none" stroke=(colour) stroke-width=(width) stroke-dasharray=[dashes] {} }
}

/// `96.5 GFLOP/s`, `3.35 TB/s`.
fn rate(ceiling: &RooflineCeiling) -> String {
    let unit = if ceiling.kind == CeilingKind::Arithmetic { "FLOP/s" } else { "B/s" };
    let (scale, prefix) = match ceiling.rate {
        r if r >= 1e15 => (1e15, "P"),
        r if r >= 1e12 => (1e12, "T"),
        r if r >= 1e9 => (1e9, "G"),
        _ => (1e6, "M"),
    };
    format!("{} {prefix}{unit}", figure(ceiling.rate / scale))
}

impl Chart<'_> {
    /// Everything inside the axes, and their labels.
    pub(super) fn plot(&self) -> Markup {
        let [left, top, right, bottom] = PLOT;
        let segments = self.segments();
        let mut room = Room::new([left + 4.0, top + 4.0, right - 4.0, bottom - 4.0]);
        let mut points = Vec::new();
        for entry in &self.entries[..self.plotted] {
            let (x, y) = (self.x.pixel(entry.intensity.log10()), self.y.pixel(entry.gflops.log10()));
            room.take(&[Disc { x, y, r: MARKER + 1.5 }]);
            points.push((x, y, entry.family));
        }
        let frame = |fill: &str, stroke: Option<&str>| {
            html! { rect x=(left) y=(top) width=(right - left) height=(bottom - top) fill=(fill) stroke=[stroke] {} }
        };
        html! {
            (frame("#fcfcfd", None))
            (self.ground())
            @for segment in &segments { (self.line_of(segment, &mut room)) }
            (self.ridge(&mut room))
            @for segment in &segments { (self.label_of(segment, &mut room)) }
            (frame("none", Some("#555555")))
            (numbers(&points, &mut room))
            @if self.entries.is_empty() && segments.is_empty() {
                @let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
                (text(x, y, 20.0, Style::fill("#777777").middle(), "nothing to draw"))
            }
        }
    }

    /// The region under the roof, grid, tick labels and titles of the axes.
    fn ground(&self) -> Markup {
        let [left, top, right, bottom] = PLOT;
        let under = self.roof.map(|roof| {
            let (ridge, high, bytes) =
                (roof.ridge().log10(), roof.flops.log10() - 9.0, roof.bytes.log10() - 9.0);
            let start = self.x.from.max(self.y.from - bytes);
            let corners = [
                (start, self.y.from),
                (start, bytes + start),
                (ridge, high),
                (self.x.to, high),
                (self.x.to, self.y.from),
            ]
            .map(|(x, y)| format!("{:.1} {:.1}", self.x.pixel(x), self.y.pixel(y)));
            format!("M{}Z", corners.join("L"))
        });
        let line = |decade: bool, ends| {
            if decade { stroke(ends, "#c9ced6", 1.0, "") } else { stroke(ends, "#e7eaee", 0.7, "") }
        };
        let label = || Style::fill("#333333");
        let title = || Style::fill("#111111").middle();
        let (x, y) = (36.0, (top + bottom) / 2.0);
        html! {
            @if let Some(under) = under { path d=(under) fill="#eef4fa" {} }
            @for tick in self.x.ticks() {
                @let x = self.x.pixel(tick.at);
                (line(tick.decade, [x, top, x, bottom]))
                (text(x, bottom + 18.0, 13.0, label().middle(), &tick.label))
            }
            @for tick in self.y.ticks() {
                @let y = self.y.pixel(tick.at);
                (line(tick.decade, [left, y, right, y]))
                (text(left - 8.0, y + 4.5, 13.0, label().end(), &tick.label))
            }
            (text((left + right) / 2.0, bottom + 39.0, 14.0, title(), "arithmetic intensity (flop / byte)"))
            (text(x, y, 14.0, title().turned(-90.0, x, y), "performance (GFLOP/s)"))
        }
    }

    /// All ceilings, clipped to the axes and to each other.
    fn segments(&self) -> Vec<Segment<'_>> {
        let highest = |kind| {
            let rates = self.ceilings.iter().filter(|c| c.kind == kind).map(|c| c.rate.log10() - 9.0);
            rates.max_by(f64::total_cmp)
        };
        let (flat, steep) = (highest(CeilingKind::Arithmetic), highest(CeilingKind::Bandwidth));
        let mut segments: Vec<Segment<'_>> = Vec::new();
        for &ceiling in &self.ceilings {
            let log = ceiling.rate.log10() - 9.0;
            let (first, last, slope) = match ceiling.kind {
                CeilingKind::Arithmetic => {
                    (self.x.from.max(steep.map_or(self.x.from, |s| log - s)), self.x.to, 0.0)
                }
                CeilingKind::Bandwidth => {
                    let high = flat.unwrap_or(self.y.to).min(self.y.to);
                    (self.x.from.max(self.y.from - log), self.x.to.min(high - log), 1.0)
                }
            };
            if first < last {
                let at = |x: f64| (x, log + slope * x);
                let roof = self.roof.is_some_and(|roof| match ceiling.kind {
                    CeilingKind::Arithmetic => ceiling.rate == roof.flops,
                    CeilingKind::Bandwidth => ceiling.rate == roof.bytes,
                });
                segments.push(Segment { ceiling, from: at(first), to: at(last), roof });
            }
        }
        segments
    }

    fn ends(&self, segment: &Segment<'_>) -> [f64; 4] {
        let ((x1, y1), (x2, y2)) = (segment.from, segment.to);
        [self.x.pixel(x1), self.y.pixel(y1), self.x.pixel(x2), self.y.pixel(y2)]
    }

    fn line_of(&self, segment: &Segment<'_>, room: &mut Room) -> Markup {
        let ends = self.ends(segment);
        room.take(&thin(ends));
        if segment.roof { stroke(ends, "#1f2d3d", 2.6, "") } else { stroke(ends, "#66717e", 1.5, "7 4") }
    }

    /// A ceiling's name along its line, where nothing else is.
    fn label_of(&self, segment: &Segment<'_>, room: &mut Room) -> Markup {
        let [mut x1, y1, x2, y2] = self.ends(segment);
        let flat = segment.ceiling.kind == CeilingKind::Arithmetic;
        let size = if segment.roof { 12.5 } else { 11.5 };
        let value = rate(segment.ceiling);
        let longest = if flat { 300.0 } else { (0.6 * (x2 - x1)).max(90.0) };
        let words = format!("{} · {value}", fit(&segment.ceiling.name, size, longest));
        let wide = width(&words, size);
        if flat {
            x1 = x1.min(x2 - wide - 16.0).max(PLOT[0]); // a short line's label begins before the line does
        }
        let (length, angle) = ((x2 - x1).hypot(y2 - y1), (y2 - y1).atan2(x2 - x1));
        let spare = (length - wide - 16.0).max(0.0);
        // Horizontal lines are read from their free right end, diagonals from below.
        let along = |i: usize| {
            let t = spare * i as f64 / 24.0;
            8.0 + wide / 2.0 + if flat { spare - t } else { t }
        };
        let candidates =
            (0..=24).flat_map(|i| [-11.0, 12.5].map(|side| (along(i), side))).map(|(t, side)| {
                let x = x1 + t * angle.cos() - side * angle.sin();
                let y = y1 + t * angle.sin() + side * angle.cos();
                ((x, y), line(x, y, wide, size, angle))
            });
        let Some((x, y)) = room.settle(candidates) else { return html! {} };
        let (x, y) = (x - 0.35 * size * angle.sin(), y + 0.35 * size * angle.cos());
        let style = if segment.roof { Style::fill("#1f2d3d").weight(600) } else { Style::fill("#4a5561") };
        text(x, y, size, style.middle().turned(angle.to_degrees(), x, y), &words)
    }

    /// Where memory stops being the limit.
    fn ridge(&self, room: &mut Room) -> Markup {
        let Some(roof) = self.roof else { return html! {} };
        let (x, bottom) = (self.x.pixel(roof.ridge().log10()), PLOT[3]);
        let y = self.y.pixel(roof.flops.log10() - 9.0);
        let drop = stroke([x, y, x, bottom], "#1f2d3d", 1.2, "2 4");
        room.take(&thin([x, y, x, bottom]));
        let words = format!("ridge {} flop/byte", figure(roof.ridge()));
        let wide = width(&words, 12.5);
        let candidates =
            (0..12).flat_map(|i| [1.0, -1.0].map(|side| (side, f64::from(i)))).map(|(side, i)| {
                let (x, y) = (x + side * (wide / 2.0 + 6.0), bottom - 14.0 - 16.0 * i);
                ((x, y), line(x, y, wide, 12.5, 0.0))
            });
        let place = room.settle(candidates);
        let style = || Style::fill("#1f2d3d").halo().middle();
        html! {
            (drop)
            @if let Some((x, y)) = place { (text(x, y + 4.4, 12.5, style(), &words)) }
        }
    }

    /// Colour and shape of each family, in two rows below the plot.
    pub(super) fn legend(&self) -> Markup {
        let (left, right, size) = (44.0, PLOT[2] + 8.0, 12.5);
        let (mut x, mut y) = (left, PLOT[3] + 66.0);
        let names: Vec<String> = self.families.iter().map(|name| fit(name, size, 180.0)).collect();
        let wide = |name: &String| 33.0 + width(name, size);
        let mut entries = Vec::new();
        let mut rest = String::new();
        for (i, name) in names.iter().enumerate() {
            let others: f64 = names[i..].iter().map(wide).sum();
            let last = y > PLOT[3] + 67.0;
            if last && x + others > right && x + wide(name) + 90.0 > right {
                rest = format!("and {} more", names.len() - i);
                break;
            }
            if !last && x + wide(name) > right {
                (x, y) = (left, y + 20.0);
            }
            entries.push((x, y, name));
            x += wide(name);
        }
        html! {
            @for (i, (x, y, name)) in entries.into_iter().enumerate() {
                (marker(x + 7.0, y - 4.5, MARKER, i))
                (text(x + 18.0, y, size, Style::fill("#222222"), name))
            }
            @if !rest.is_empty() { (text(x, y, size, Style::fill("#333333"), &rest)) }
        }
    }
}

/// Markers, and their numbers beside them; where it is crowded, further away on a thin line.
fn numbers(points: &[(f64, f64, usize)], room: &mut Room) -> Markup {
    let mut labels = Vec::new();
    for (i, &(x, y, _)) in points.iter().enumerate() {
        let number = (i + 1).to_string();
        let wide = width(&number, NUMBER);
        let around = [12.5, 17.0, 23.0, 30.0, 38.0, 48.0, 60.0, 75.0];
        let candidates =
            around.into_iter().flat_map(|r| (0..16).map(move |turn| (r, turn))).map(|(r, turn)| {
                let angle = std::f64::consts::FRAC_PI_8 * (f64::from(turn) - 2.0);
                let (x, y) = (x + (r + wide / 2.0 - 4.0) * angle.cos(), y + r * angle.sin());
                ((x, y, r), line(x, y, wide, NUMBER, 0.0))
            });
        if let Some((at_x, at_y, r)) = room.settle(candidates) {
            let tie = (r > NEAR).then(|| stroke([x, y, at_x, at_y], "#8a94a0", 0.9, ""));
            labels.push((at_x, at_y, number, tie));
        }
    }
    let style = || Style::fill("#111111").weight(700).halo().middle();
    html! {
        @for (_, _, _, tie) in &labels { @if let Some(tie) = tie { (tie) } }
        @for &(x, y, family) in points { (marker(x, y, MARKER, family)) }
        @for (x, y, number, _) in &labels { (text(*x, y + 0.35 * NUMBER, NUMBER, style(), number)) }
    }
}
