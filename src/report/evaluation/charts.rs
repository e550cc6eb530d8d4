//! ROC and precision-recall curves and histograms of the image scores, as SVG that follows the page's colours.

use super::super::markup::push;
use super::scores::{Flagged, Scores, roc_area, thin};

/// Size of a chart in its own units.
const SIZE: (f64, f64) = (360.0, 300.0);
/// Left, top, right and bottom of the plot in it.
pub(super) const PLOT: [f64; 4] = [44.0, 10.0, 350.0, 258.0];
/// Points of a curve, at most.
const POINTS: usize = 200;
/// Room for the name of a side of a histogram.
const LABEL: f64 = 18.0;
/// Bars of a histogram.
const BARS: usize = 24;

/// Where a point of the unit square lies.
fn place((x, y): (f64, f64)) -> (f64, f64) {
    let [left, top, right, bottom] = PLOT;
    (left + (right - left) * x, bottom - (bottom - top) * y)
}

/// The three charts of a group of images; `range` is that of all scores of the page, so that histograms of products can
/// be compared.
pub(super) fn charts(name: &str, scores: &Scores, threshold: f32, range: (f32, f32)) -> String {
    let corners = scores.corners();
    let mut html = String::from("<div class=\"charts\">\n");
    if corners.is_empty() {
        let all = match (scores.good().is_empty(), scores.defective().is_empty()) {
            (true, true) => "there is no score",
            (true, false) => "all images are defective",
            _ => "all images are good",
        };
        push(
            &mut html,
            format_args!("<p class=\"muted\">No ROC and no precision-recall curve: {all}.</p>\n"),
        );
    } else {
        let area = roc_area(scores, &corners);
        let corners = thin(scores, corners, POINTS);
        html += &roc(name, scores, &corners, area, threshold);
        html += &precision_recall(name, scores, &corners, threshold);
    }
    if !scores.good().is_empty() || !scores.defective().is_empty() {
        html += &histogram(name, scores, threshold, range);
    }
    html + "</div>\n"
}

/// Frame, grid and labels of a chart; `body` is drawn into it. `name` must be escaped.
fn chart(title: &str, label: &str, axes: [&str; 2], ticks: [String; 3], body: &str) -> String {
    let ((width, height), [left, top, right, bottom]) = (SIZE, PLOT);
    let middle = (left + right) / 2.0;
    let mut svg = format!(
        "<figure class=\"chart\"><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n\
         <path class=\"grid\" d=\"M{left} {top}V{bottom}H{right}M{left} {top}H{right}\"/>\n"
    );
    for (tick, (x, anchor)) in ticks.iter().zip([(left, "start"), (middle, "middle"), (right, "end")]) {
        push(
            &mut svg,
            format_args!("<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{tick}</text>\n", bottom + 16.0),
        );
    }
    push(
        &mut svg,
        format_args!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(12 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n{body}</svg></figure>\n",
            bottom + 34.0,
            axes[0],
            (top + bottom) / 2.0,
            axes[1]
        ),
    );
    svg
}

/// Labels of an axis of shares, and the lines of the square.
fn unit() -> ([String; 3], String) {
    let [left, top, right, bottom] = PLOT;
    let mut lines = String::new();
    for tenths in [0, 5, 10] {
        let y = bottom - (bottom - top) * f64::from(tenths) / 10.0;
        let words = format!("{}.{}", tenths / 10, tenths % 10);
        push(
            &mut lines,
            format_args!(
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>\n",
                left - 5.0,
                y + 4.0
            ),
        );
    }
    (["0", "0.5", "1"].map(str::to_owned), lines)
}

/// A point that the script moves along with the threshold.
fn marker(kind: &str, at: (f64, f64)) -> String {
    let (x, y) = place(at);
    format!("<circle class=\"mark\" data-mark=\"{kind}\" r=\"5\" transform=\"translate({x:.1} {y:.1})\"/>\n")
}

fn roc(name: &str, scores: &Scores, corners: &[Flagged], area: f64, threshold: f32) -> String {
    let (ticks, mut body) = unit();
    let (mut line, mut pen) = (String::new(), "M");
    for corner in corners {
        let (x, y) = place(scores.rates(*corner));
        push(&mut line, format_args!("{pen}{x:.1} {y:.1}"));
        pen = "L";
    }
    let (from, to) = (place((0.0, 0.0)), place((1.0, 1.0)));
    push(
        &mut body,
        format_args!(
            "<path class=\"chance\" d=\"M{} {}L{} {}\"/>\n<path class=\"curve\" d=\"{line}\"/>\n",
            from.0, from.1, to.0, to.1
        ),
    );
    body += &marker("roc", scores.rates(scores.flagged(threshold)));
    let area = area * 100.0;
    let label = format!("ROC curve of {name}: area {area:.1} per cent");
    chart(
        &format!("ROC <span class=\"muted\">AUROC {area:.1}</span>"),
        &label,
        ["false-alarm rate", "recall"],
        ticks,
        &body,
    )
}

/// Each step has the precision at its right end, as in the sum of the average precision.
fn precision_recall(name: &str, scores: &Scores, corners: &[Flagged], threshold: f32) -> String {
    let (ticks, mut body) = unit();
    let mut line = String::new();
    for corner in corners {
        let Some(precision) = corner.precision() else { continue };
        let (x, y) = place((scores.rates(*corner).1, precision));
        if line.is_empty() {
            push(&mut line, format_args!("M{} {y:.1}H{x:.1}", PLOT[0]));
        } else {
            push(&mut line, format_args!("V{y:.1}H{x:.1}"));
        }
    }
    let images = scores.good().len() + scores.defective().len();
    let chance = scores.defective().len() as f64 / images as f64;
    let y = place((0.0, chance)).1;
    push(
        &mut body,
        format_args!(
            "<path class=\"chance\" d=\"M{} {y:.1}H{}\"/>\n<path class=\"curve\" d=\"{line}\"/>\n",
            PLOT[0], PLOT[2]
        ),
    );
    let flagged = scores.flagged(threshold);
    body += &marker("pr", (scores.rates(flagged).1, flagged.precision().unwrap_or(1.0)));
    let label = format!("Precision-recall curve of {name}; {:.1} per cent are defective", chance * 100.0);
    chart("Precision and recall", &label, ["recall", "precision"], ticks, &body)
}

/// Good images upwards, defective ones downwards, each as shares of its own kind.
fn histogram(name: &str, scores: &Scores, threshold: f32, range: (f32, f32)) -> String {
    let [left, top, right, bottom] = PLOT;
    let (low, high) = (f64::from(range.0), f64::from(range.1));
    let width = if high > low { high - low } else { 1.0 };
    let bars = |side: &[f32]| {
        let mut bars = [0_usize; BARS];
        for score in side {
            let bar = ((f64::from(*score) - low) / width * BARS as f64) as usize;
            bars[bar.min(BARS - 1)] += 1;
        }
        bars
    };
    let sides = [("good", scores.good()), ("defective", scores.defective())];
    let share = |count: usize, side: &[f32]| count as f64 / side.len().max(1) as f64;
    let highest = sides.iter().flat_map(|(_, side)| bars(side).map(|count| share(count, side)));
    let highest = highest.fold(f64::MIN_POSITIVE, f64::max);
    let (middle, step) = ((top + bottom) / 2.0, (right - left) / BARS as f64);
    let mut body = String::new();
    for (kind, side) in sides {
        for (i, count) in bars(side).into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let height = share(count, side) / highest * ((bottom - top) / 2.0 - LABEL);
            let y = if kind == "good" { middle - height } else { middle };
            let from = low + width * i as f64 / BARS as f64;
            push(
                &mut body,
                format_args!(
                    "<rect class=\"{kind}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
                     <title>{count} {kind}, {from:.3} to {:.3}</title></rect>\n",
                    left + step * i as f64,
                    step - 1.0,
                    from + width / BARS as f64
                ),
            );
        }
        let (y, words) = match kind {
            "good" => (top + 14.0, format!("good ({})", side.len())),
            _ => (bottom - 6.0, format!("defective ({})", side.len())),
        };
        push(
            &mut body,
            format_args!(
                "<text class=\"side\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{words}</text>\n",
                right - 4.0
            ),
        );
    }
    let at = left + (right - left) * ((f64::from(threshold) - low) / width).clamp(0.0, 1.0);
    push(
        &mut body,
        format_args!(
            "<path class=\"grid\" d=\"M{left} {middle}H{right}\"/>\n\
             <path class=\"mark\" data-mark=\"hist\" d=\"M0 {top}V{bottom}\" transform=\"translate({at:.1} 0)\"/>\n"
        ),
    );
    let ticks = [low, low + width / 2.0, low + width].map(|tick| format!("{tick:.3}"));
    let label = format!("Histogram of the scores of {name}: good images upwards, defective ones downwards");
    chart("Scores", &label, ["score", "share of each kind"], ticks, &body)
}
