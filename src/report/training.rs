//! The page of a training run: what was run, and how the losses fell.

use super::markup::{escape, push};

const CSS: &str = include_str!("assets/report.css");
/// Size of a chart in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
/// Room for the labels of the axes.
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
        let mut page = String::new();
        let title = escape(&self.title);
        push(
            &mut page,
            format_args!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <title>{title}</title>\n<style>{CSS}\nsvg{{max-width:100%;height:auto}}</style>\n</head>\n\
                 <body>\n<main>\n<h1>{title}</h1>\n<dl class=\"facts\">\n"
            ),
        );
        for (term, text) in &self.facts {
            push(&mut page, format_args!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(term), escape(text)));
        }
        page.push_str("</dl>\n");
        let curves = [
            ("Total loss", self.steps.iter().map(|[image, local]| image + local).collect::<Vec<_>>()),
            ("Image loss: good against defective", self.steps.iter().map(|s| s[0]).collect()),
            (
                "Local loss: pixels, all feature layers, with its weight",
                self.steps.iter().map(|s| s[1]).collect(),
            ),
        ];
        for (name, values) in &curves {
            push(&mut page, format_args!("<h2>{name}</h2>\n{}\n", chart(name, values)));
        }
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }
}

/// A curve over the steps, as SVG.
fn chart(name: &str, values: &[f64]) -> String {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let Some(highest) = finite.iter().copied().reduce(f64::max) else {
        return "<p>No step was taken.</p>".into();
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
        push(&mut line, format_args!("{pen}{x:.1} {y:.1}"));
        pen = "L";
    }
    let mut svg = String::new();
    push(
        &mut svg,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}: {:.4} at the first step, {:.4} at the \
             last\" font-family=\"sans-serif\" font-size=\"13\" fill=\"currentColor\">\n",
            escape(name),
            values.first().copied().unwrap_or(f64::NAN),
            values.last().copied().unwrap_or(f64::NAN)
        ),
    );
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        let y = bottom - (bottom - 8.0) * share;
        push(
            &mut svg,
            format_args!(
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"currentColor\" opacity=\".2\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.3}</text>\n",
                LEFT - 6.0,
                y + 4.0,
                top * share
            ),
        );
    }
    push(
        &mut svg,
        format_args!(
            "<path d=\"{line}\" fill=\"none\" stroke=\"#d55e00\" stroke-width=\"2\" stroke-linejoin=\"round\"/>\n\
             <text x=\"{LEFT}\" y=\"{:.1}\">0</text>\
             <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{} steps</text>\n</svg>",
            HEIGHT - 10.0,
            HEIGHT - 10.0,
            values.len()
        ),
    );
    svg
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
