//! A roofline chart (Williams, Waterman, Patterson 2009) as one self-contained SVG, sized for a slide.
//!
//! Both axes are logarithmic: arithmetic intensity in flop/byte against GFLOP/s. Ceilings are lines,
//! kernels are numbered points, and the numbers are explained in a table beside the plot, so that long
//! names never cover each other. Whatever the input, the result is valid SVG with finite coordinates;
//! what is missing is said in words.

mod axis;
mod key;
mod place;
mod plot;

use super::markup::{escape, push};
use axis::Axis;

/// Width and height of the picture in pixels: 16:9.
const SIZE: (f64, f64) = (1280.0, 720.0);
/// Left, top, right and bottom of the plot.
const PLOT: [f64; 4] = [92.0, 112.0, 640.0, 590.0];
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

/// The limit that kernels are measured by: the highest arithmetic and the copy bandwidth.
#[derive(Debug, Clone, Copy)]
struct Roof {
    flops: f64,
    bytes: f64,
}

impl Roof {
    /// Flop/byte where memory stops being the limit.
    fn ridge(self) -> f64 {
        self.flops / self.bytes
    }

    /// FLOP/s that a kernel of this intensity can reach.
    fn at(self, intensity: f64) -> f64 {
        self.flops.min(self.bytes * intensity)
    }
}

/// A kernel with its figures. `intensity` is 0 for a kernel without arithmetic.
struct Entry<'a> {
    point: &'a RooflinePoint,
    family: usize,
    intensity: f64,
    gflops: f64,
    gbytes: f64,
    /// Part of the roof that it reaches (of the bandwidth, without arithmetic), if there is a roof.
    share: Option<f64>,
}

/// What is drawn, worked out from a [`Roofline`].
struct Chart<'a> {
    source: &'a Roofline,
    ceilings: Vec<&'a RooflineCeiling>,
    roof: Option<Roof>,
    families: Vec<&'a str>,
    /// By falling time; those on the plot first, then those without arithmetic.
    entries: Vec<Entry<'a>>,
    /// How many of `entries` are on the plot.
    plotted: usize,
    left_out: usize,
    /// What is wrong with the input, in words.
    complaints: Vec<String>,
    x: Axis,
    y: Axis,
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

impl Roofline {
    /// The chart as a complete SVG document of 1280 × 720: no scripts, no references to other files.
    pub fn svg(&self) -> String {
        Chart::new(self).svg()
    }

    /// The roof, when there are ceilings of both kinds.
    fn roof(&self, ceilings: &[&RooflineCeiling]) -> Option<Roof> {
        let highest = |kind, wanted: fn(&str) -> bool| {
            let rates = ceilings.iter().filter(|c| c.kind == kind && wanted(&c.name)).map(|c| c.rate);
            rates.max_by(f64::total_cmp)
        };
        let copy = highest(CeilingKind::Bandwidth, |name| name.to_lowercase().contains("copy"));
        let roof = Roof {
            flops: highest(CeilingKind::Arithmetic, |_| true)?,
            bytes: copy.or_else(|| highest(CeilingKind::Bandwidth, |_| true))?,
        };
        positive(roof.ridge()).then_some(roof)
    }
}

impl<'a> Chart<'a> {
    fn new(source: &'a Roofline) -> Self {
        let ceilings: Vec<_> = source.ceilings.iter().filter(|c| positive(c.rate / 1e9)).collect();
        let roof = source.roof(&ceilings);
        let mut usable: Vec<Entry<'a>> = source.points.iter().filter_map(|p| entry(p, roof)).collect();
        let mut complaints = complaints(source, &ceilings, usable.len());
        usable.sort_by(|a, b| b.point.seconds.total_cmp(&a.point.seconds));
        let left_out = usable.len().saturating_sub(ROWS);
        usable.truncate(ROWS);
        let (mut entries, moves): (Vec<_>, Vec<_>) = usable.into_iter().partition(|e| e.gflops > 0.0);
        let plotted = entries.len();
        entries.extend(moves);
        if plotted == 0 && !entries.is_empty() {
            complaints.push("no kernel has arithmetic, so there is nothing to plot".to_owned());
        }

        let mut families: Vec<&str> = Vec::new();
        for entry in &mut entries {
            let name = entry.point.family.as_str();
            entry.family = families.iter().position(|f| *f == name).unwrap_or_else(|| {
                families.push(name);
                families.len() - 1
            });
        }
        let (x, y) = axis::ranges(&ceilings, roof, &entries[..plotted]);
        Self { source, ceilings, roof, families, entries, plotted, left_out, complaints, x, y }
    }

    fn svg(&self) -> String {
        let (width, height) = SIZE;
        let Roofline { title, adapter, note, .. } = self.source;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" font-family=\"system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', \
             'DejaVu Sans', sans-serif\">\n<title>{}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            text(title)
        );
        write(&mut svg, 40.0, 50.0, 27.0, "font-weight=\"600\" fill=\"#111111\"", &fit(title, 27.0, 1200.0));
        for (line, y) in wrap(adapter, 14.0, 1200.0, 2).iter().zip([76.0, 94.0]) {
            write(&mut svg, 40.0, y, 14.0, "fill=\"#444444\"", line);
        }
        self.plot(&mut svg);
        self.legend(&mut svg);
        self.key(&mut svg);
        let mut footer: Vec<(String, &str)> = Vec::new();
        if !self.complaints.is_empty() {
            let words = format!("Incomplete: {}.", self.complaints.join("; "));
            footer.push((fit(&words, 12.5, 1200.0), "fill=\"#a33c00\" font-weight=\"600\""));
        }
        let room = if footer.is_empty() { 2 } else { 1 };
        footer.extend(wrap(note, 12.0, 1200.0, room).into_iter().map(|line| (line, "fill=\"#555555\"")));
        let first = height - 10.0 - 16.0 * (footer.len().saturating_sub(1)) as f64;
        for (i, (line, style)) in footer.iter().enumerate() {
            write(&mut svg, 40.0, first + 16.0 * i as f64, 12.0, style, line);
        }
        svg.push_str("</svg>\n");
        svg
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

fn complaints(source: &Roofline, ceilings: &[&RooflineCeiling], usable: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |condition: bool, words: String| {
        if condition {
            found.push(words);
        }
    };
    note(source.points.is_empty(), "no kernels were given".to_owned());
    let bad = source.points.len() - usable;
    note(bad > 0, format!("{bad} of {} kernels without usable time, bytes or flops", source.points.len()));
    for (kind, name) in [(CeilingKind::Arithmetic, "arithmetic"), (CeilingKind::Bandwidth, "bandwidth")] {
        note(!ceilings.iter().any(|c| c.kind == kind), format!("no {name} ceiling, so no roof"));
    }
    let bad = source.ceilings.len() - ceilings.len();
    note(bad > 0, format!("{bad} of {} ceilings without a positive rate", source.ceilings.len()));
    found
}

/// Text as XML may hold it.
fn text(raw: &str) -> String {
    escape(&raw.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}

/// Appends one line of text.
fn write(svg: &mut String, x: f64, y: f64, size: f64, style: &str, words: &str) {
    push(
        svg,
        format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size:.1}\" {style}>{}</text>\n",
            text(words)
        ),
    );
}

/// About how wide a line is in pixels, on the wide side of the fonts that systems have.
fn width(words: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' | '[' | ']' => 0.36,
        'f' | 'r' | 't' | '-' | '/' | '=' => 0.48,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.96,
        c if c.is_ascii_uppercase() => 0.70,
        '+' | '<' | '>' | '×' | '·' => 0.72,
        c if u32::from(c) >= 0x2e80 => 1.05,
        _ => 0.62,
    };
    size * words.chars().map(em).sum::<f64>()
}

/// The text, cut with an ellipsis where it would not fit.
fn fit(words: &str, size: f64, room: f64) -> String {
    if width(words, size) <= room {
        return words.to_owned();
    }
    let mut short = String::new();
    for c in words.chars() {
        short.push(c);
        if width(&short, size) + size > room {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// The text in at most `lines` lines, broken at spaces; the last one is cut where it must be.
fn wrap(words: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        let more = out.len() < lines;
        match out.last_mut() {
            Some(line) if more && out_of_room(line, word, size, room) => out.push(word.to_owned()),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => out.push(word.to_owned()),
        }
    }
    out.iter().map(|line| fit(line, size, room)).collect()
}

fn out_of_room(line: &str, word: &str, size: f64, room: f64) -> bool {
    width(line, size) + width(word, size) + 0.36 * size > room
}

/// Three significant digits: `0.0123`, `4.56`, `78.9`, `1230`.
fn figure(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.log10().floor() as i32;
    match digits {
        ..=0 if value < 1e7 => format!("{value:.0}"),
        1..=6 => format!("{value:.*}", digits as usize),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests;
