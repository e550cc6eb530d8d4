//! ROC and precision-recall curves and histograms of the image scores, as SVG that follows the page's colours.

use maud::{Markup, html};

use super::scores::{Flagged, Scores, roc_area, thin};

/// Size of a chart in its own units.
const SIZE: (f64, f64) = (360.0, 300.0);
/// Left, top, right and bottom of the plot in it.
pub(super) const PLOT: [f64; 4] = [44.0, 10.0, 350.0, 258.0];
/// Points of a curve, at most.
const POINTS: usize = 200;
/// Space for the name of a side of a histogram.
const LABEL: f64 = 18.0;
/// Bars of a histogram.
const BARS: usize = 24;

/// Position of a point of the unit square.
fn place((x, y): (f64, f64)) -> (f64, f64) {
    let [left, top, right, bottom] = PLOT;
    (left + (right - left) * x, bottom - (bottom - top) * y)
}

/// The three charts of a group of images; `range` is that of all scores of the page, so that histograms of products can
/// be compared.
pub(super) fn charts(name: &str, scores: &Scores, threshold: f32, range: (f32, f32)) -> Markup {
    let corners = scores.corners();
    let only = match (scores.good().is_empty(), scores.defective().is_empty()) {
        (true, true) => "there is no score",
        (true, false) => "all images are defective",
        _ => "all images are good",
    };
    html! {
        div.charts {
            @if corners.is_empty() {
                p.muted { "No ROC and no precision-recall curve: " (only) "." }
            } @else {
                @let area = roc_area(scores, &corners);
                @let corners = thin(scores, corners, POINTS);
                (roc(name, scores, &corners, area, threshold))
                (precision_recall(name, scores, &corners, threshold))
            }
            @if !scores.good().is_empty() || !scores.defective().is_empty() {
                (histogram(name, scores, threshold, range))
            }
        }
    }
}

/// What is written on a chart.
struct Labels<'a> {
    title: Markup,
    /// The chart in words.
    description: String,
    axes: [&'a str; 2],
    /// At the start, the middle and the end of the horizontal axis.
    ticks: [String; 3],
}

/// Frame, grid and labels of a chart; `body` is drawn into it.
fn chart(labels: &Labels, body: &Markup) -> Markup {
    let [left, top, right, bottom] = PLOT;
    let middle = (left + right) / 2.0;
    let anchors = [(left, "start"), (middle, "middle"), (right, "end")];
    html! {
        figure.chart {
            figcaption { (labels.title) }
            svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-label=(labels.description) {
                path.grid d=(format_args!("M{left} {top}V{bottom}H{right}M{left} {top}H{right}")) {}
                @for (tick, (x, anchor)) in labels.ticks.iter().zip(anchors) {
                    text x=(x) y=(bottom + 16.0) text-anchor=(anchor) { (tick) }
                }
                text x=(middle) y=(bottom + 34.0) text-anchor="middle" { (labels.axes[0]) }
                text transform={ "translate(12 " ((top + bottom) / 2.0) ") rotate(-90)" } text-anchor="middle" {
                    (labels.axes[1])
                }
                (body)
            }
        }
    }
}

/// A chart of two shares: lines at the ends and the middle of its height, a curve, the line of chance, and a mark at `at` that the
/// script moves along with the threshold.
fn square(labels: &Labels, chance: &str, curve: &str, mark: &str, at: (f64, f64)) -> Markup {
    let [left, _, right, _] = PLOT;
    let (at_x, at_y) = place(at);
    let body = html! {
        @for (share, words) in [(0.0, "0.0"), (0.5, "0.5"), (1.0, "1.0")] {
            @let y = place((0.0, share)).1;
            path.grid d=(format_args!("M{left} {y:.1}H{right}")) {}
            text x=(left - 5.0) y=(format_args!("{:.1}", y + 4.0)) text-anchor="end" { (words) }
        }
        path.chance d=(chance) {}
        path.curve d=(curve) {}
        circle.mark data-mark=(mark) r="5" transform=(format_args!("translate({at_x:.1} {at_y:.1})")) {}
    };
    chart(labels, &body)
}

/// Ticks of an axis of shares.
fn shares() -> [String; 3] {
    ["0", "0.5", "1"].map(str::to_owned)
}

fn roc(name: &str, scores: &Scores, corners: &[Flagged], area: f64, threshold: f32) -> Markup {
    let points = corners.iter().map(|corner| place(scores.rates(*corner)));
    let curve: Vec<String> = points.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let (from, to) = (place((0.0, 0.0)), place((1.0, 1.0)));
    let area = format!("{:.1}", area * 100.0);
    let labels = Labels {
        title: html! { "ROC " span.muted { "AUROC " (area) } },
        description: format!("ROC curve of {name}: area {area} per cent"),
        axes: ["false-alarm rate", "recall"],
        ticks: shares(),
    };
    let chance = format!("M{} {}L{} {}", from.0, from.1, to.0, to.1);
    let at = scores.rates(scores.flagged(threshold));
    square(&labels, &chance, &format!("M{}", curve.join("L")), "roc", at)
}

/// Each step has the precision at its right end, as in the sum of the average precision.
fn precision_recall(name: &str, scores: &Scores, corners: &[Flagged], threshold: f32) -> Markup {
    let mut curve = String::new();
    for corner in corners {
        let Some(precision) = corner.precision() else { continue };
        let (x, y) = place((scores.rates(*corner).1, precision));
        if curve.is_empty() {
            curve = format!("M{} {y:.1}H{x:.1}", PLOT[0]);
        } else {
            curve += &format!("V{y:.1}H{x:.1}");
        }
    }
    let images = scores.good().len() + scores.defective().len();
    let share = scores.defective().len() as f64 / images as f64;
    let chance = format!("M{} {:.1}H{}", PLOT[0], place((0.0, share)).1, PLOT[2]);
    let labels = Labels {
        title: html! { "Precision and recall" },
        description: format!("Precision-recall curve of {name}; {:.1} per cent are defective", share * 100.0),
        axes: ["recall", "precision"],
        ticks: shares(),
    };
    let flagged = scores.flagged(threshold);
    let at = (scores.rates(flagged).1, flagged.precision().unwrap_or(1.0));
    square(&labels, &chance, &curve, "pr", at)
}

/// Good images upwards, defective ones downwards, each as shares of its own kind.
fn histogram(name: &str, scores: &Scores, threshold: f32, range: (f32, f32)) -> Markup {
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
    let at = left + (right - left) * ((f64::from(threshold) - low) / width).clamp(0.0, 1.0);
    let body = html! {
        @for (kind, side) in sides {
            @for (i, count) in bars(side).into_iter().enumerate().filter(|(_, count)| *count > 0) {
                @let height = share(count, side) / highest * ((bottom - top) / 2.0 - LABEL);
                @let y = if kind == "good" { middle - height } else { middle };
                @let from = low + width * i as f64 / BARS as f64;
                rect.(kind) x=(format_args!("{:.1}", left + step * i as f64)) y=(format_args!("{y:.1}"))
                    width=(format_args!("{:.1}", step - 1.0)) height=(format_args!("{height:.1}")) {
                    title { (count) " " (kind) (format_args!(", {from:.3} to {:.3}", from + width / BARS as f64)) }
                }
            }
            @let y = if kind == "good" { top + 14.0 } else { bottom - 6.0 };
            text.side x=(right - 4.0) y=(y) text-anchor="end" { (kind) " (" (side.len()) ")" }
        }
        path.grid d=(format_args!("M{left} {middle}H{right}")) {}
        path.mark data-mark="hist" d=(format_args!("M0 {top}V{bottom}"))
            transform=(format_args!("translate({at:.1} 0)")) {}
    };
    let labels = Labels {
        title: html! { "Scores" },
        description: format!(
            "Histogram of the scores of {name}: good images upwards, defective ones downwards"
        ),
        axes: ["score", "share of each kind"],
        ticks: [low, low + width / 2.0, low + width].map(|tick| format!("{tick:.3}")),
    };
    chart(&labels, &body)
}
