//! The page of a training run: what was run, and how the losses fell.

use maud::{Markup, html};

use super::document::Document;
use super::page_parts::facts;

const CSS: &str = "svg { max-width: 100%; height: auto; }";
/// Size of a chart in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
/// Space for the labels of the axes.
const LEFT: f64 = 64.0;
const BELOW: f64 = 32.0;
/// Points of a curve, at most; longer runs are averaged down to it.
const POINTS: usize = 400;

/// A training run in numbers and words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingPage {
    /// Heading.
    pub title: String,
    /// What was run: terms and texts.
    pub facts: Vec<(String, String)>,
    /// Image loss and local loss of every step.
    pub steps: Vec<[f64; 2]>,
}

impl TrainingPage {
    /// The page as one self-contained HTML file.
    pub fn html(&self) -> String {
        let curve = |name, loss: fn(&[f64; 2]) -> f64| {
            let values: Vec<f64> = self.steps.iter().map(loss).collect();
            html! { h2 { (name) } (chart(name, &values)) }
        };
        let main = html! {
            (curve("Total loss", |[image, local]| image + local))
            (curve("Image loss: good against defective", |[image, _]| *image))
            (curve("Local loss: pixels, all feature layers, with its weight", |[_, local]| *local))
        };
        let document = Document {
            title: &self.title,
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            css: CSS,
            ..Document::default()
        };
        document.html(&facts(self.facts.iter().map(|(term, text)| (term, text))), &main)
    }
}

/// A curve over the steps, as SVG.
fn chart(name: &str, values: &[f64]) -> Markup {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (Some(highest), Some(first), Some(last)) = (finite.reduce(f64::max), values.first(), values.last())
    else {
        return html! { p { "No step was taken." } };
    };
    let top = if highest > 0.0 { highest * 1.05 } else { 1.0 };
    let (right, bottom) = (WIDTH - 8.0, HEIGHT - BELOW);
    let each = values.len().div_ceil(POINTS);
    let (mut line, mut pen) = (String::new(), "M");
    for (i, some) in values.chunks(each).enumerate() {
        let mean = some.iter().sum::<f64>() / some.len() as f64;
        if !mean.is_finite() {
            pen = "M";
            continue;
        }
        let middle = (i * each) as f64 + (some.len() - 1) as f64 / 2.0;
        let x = LEFT + (right - LEFT) * middle / (values.len().max(2) - 1) as f64;
        let y = bottom - (bottom - 8.0) * (mean / top).clamp(0.0, 1.0);
        line += &format!("{pen}{x:.1} {y:.1}");
        pen = "L";
    }
    let label = format!("{name}: {first:.4} at the first step, {last:.4} at the last");
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label)
            font-family="sans-serif" font-size="13" fill="currentColor" {
            @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
                @let y = bottom - (bottom - 8.0) * share;
                path d=(format_args!("M{LEFT} {y:.1}H{right}")) stroke="currentColor" opacity=".2" {}
                text x=(LEFT - 6.0) y=(format_args!("{:.1}", y + 4.0)) text-anchor="end" {
                    (format_args!("{:.3}", top * share))
                }
            }
            path d=(line) fill="none" stroke="#d55e00" stroke-width="2" stroke-linejoin="round" {}
            text x=(LEFT) y=(HEIGHT - 10.0) { "0" }
            text x=(right) y=(HEIGHT - 10.0) text-anchor="end" { (values.len()) " steps" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stay_inside_their_charts_and_text_is_escaped() {
        let page = TrainingPage {
            title: "a <b>".into(),
            facts: vec![("Model".into(), "x & y".into())],
            steps: (0..1000).map(|i| [1.0 / f64::from(i + 1), 2.0]).collect(),
        };
        let html = page.html();
        assert!(html.contains("a &lt;b&gt;") && html.contains("x &amp; y"));
        assert_eq!(html.matches("<svg").count(), 3);
        for path in html.split("d=\"M").skip(1) {
            let path = &path[..path.find('"').expect("an end")];
            for number in path.split([' ', 'L', 'H', 'M', 'V']).filter(|n| !n.is_empty()) {
                let value: f64 = number.parse().expect("a number");
                assert!((0.0..=WIDTH).contains(&value), "{value}");
            }
        }
        assert!(TrainingPage::default().html().contains("No step"));
    }
}
