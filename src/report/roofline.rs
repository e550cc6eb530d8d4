//! A roofline chart (Williams, Waterman, Patterson 2009) as one self-contained SVG, sized for a slide.
//!
//! Both axes are logarithmic: arithmetic intensity in flop/byte against GFLOP/s. Ceilings are lines,
//! kernels are numbered points, and the numbers are explained in a table beside the plot, so that long
//! names never cover each other. For any input the result is valid SVG with finite coordinates, and names the
//! data that is missing.

mod axis;
mod chart;
mod key;
mod place;
mod plot;
mod sweep;
mod text;

use maud::{Markup, html};

use super::document::printable;
use chart::Chart;
pub use chart::{CeilingKind, Roofline, RooflineCeiling, RooflinePoint};
pub use sweep::{SweepChart, SweepLine};
use text::{Style, fit, text, wrap};

/// Width and height of the picture in pixels: 16:9.
const SIZE: (f64, f64) = (1280.0, 720.0);
const FONTS: &str = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif";

impl Roofline {
    /// The chart as a complete SVG document of 1280 × 720: no scripts, no references to other files.
    pub fn svg(&self) -> String {
        let chart = Chart::new(self);
        let body = html! { (chart.plot()) (chart.legend()) (chart.key()) (footer(&chart)) };
        picture(&self.title, &self.adapter, &body)
    }
}

/// A complete SVG document with a heading and the line of the adapter.
fn picture(title: &str, adapter: &str, body: &Markup) -> String {
    let (width, height) = SIZE;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
            role="img" font-family=(FONTS) {
            title { (title) }
            rect width=(width) height=(height) fill="#ffffff" {}
            (text(40.0, 50.0, 27.0, Style::fill("#111111").weight(600), &fit(title, 27.0, 1200.0)))
            @for (line, y) in wrap(adapter, 14.0, 1200.0, 2).iter().zip([76.0, 94.0]) {
                (text(40.0, y, 14.0, Style::fill("#444444"), line))
            }
            (body)
        }
    };
    printable(svg.into_string()) + "\n"
}

/// Problems of the input and how it was measured, in at most two lines.
fn footer(chart: &Chart) -> Markup {
    let mut lines: Vec<(String, Style)> = Vec::new();
    if !chart.problems.is_empty() {
        let words = format!("Incomplete: {}.", chart.problems.join("; "));
        lines.push((fit(&words, 12.5, 1200.0), Style::fill("#a33c00").weight(600)));
    }
    let notes = wrap(&chart.source.note, 12.0, 1200.0, 2 - lines.len());
    lines.extend(notes.into_iter().map(|line| (line, Style::fill("#555555"))));
    let first = SIZE.1 - 10.0 - 16.0 * lines.len().saturating_sub(1) as f64;
    html! {
        @for (i, (line, style)) in lines.into_iter().enumerate() {
            (text(40.0, first + 16.0 * i as f64, 12.0, style, &line))
        }
    }
}

#[cfg(test)]
mod tests;
