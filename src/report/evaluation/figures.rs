//! The table of figures as papers print it: a row a product, and their mean.

use maud::{Markup, html};

use super::super::document::{columns, scroll};
use super::super::metrics::{Figure, Figures, Metrics};
use super::super::text::{ABSENT, percent, percent_or_absent};

/// Headings of groups of columns, with the headings of the columns.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Images", &["AUROC", "AP", "F1-max"]),
    ("Pixels, good or defective", &["AUROC", "AP", "F1-max", "AUPRO"]),
    ("Pixels, by type", &["AUROC", "AP", "F1"]),
];

/// Both rows of headings: the groups; then columns of texts, of counts, and of the figures.
pub(super) fn heads(texts: &[&str], counts: &[&str]) -> Markup {
    html! {
        thead {
            tr {
                td colspan=(texts.len() + counts.len()) {}
                @for (group, figures) in GROUPS { th scope="colgroup" colspan=(figures.len()) { (group) } }
            }
            tr { (columns(texts, counts)) @for (_, figures) in GROUPS { (columns(&[], figures)) } }
        }
    }
}

/// Reasons for cells without a value, or with one that needs a remark; equal ones share a number.
#[derive(Default)]
struct Footnotes(Vec<String>);

impl Footnotes {
    fn number(&mut self, reason: &str) -> usize {
        let known = self.0.iter().position(|known| known == reason);
        1 + known.unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        })
    }
}

/// One cell: the figure, its interval below it; or a dash with a footnote.
fn cell(figures: &Figures, figure: Figure, notes: &mut Footnotes) -> Markup {
    let Some(&value) = figures.values.get(&figure) else {
        let reason = figures.undefined.get(&figure).map_or("not computed in this run", String::as_str);
        let number = notes.number(reason);
        return html! {
            td.num {
                (ABSENT) sup { a href={ "#note-" (number) } aria-label={ "footnote " (number) } { (number) } }
            }
        };
    };
    let bound = figures.bounds.get(&figure).map(|bound| bound * 100.0);
    let bound = bound.map(|bound| format!("streamed: the exact value lies within {bound:.4} of it"));
    html! {
        td.num title=[bound] {
            (percent(value))
            @if let Some(reason) = figures.partial.get(&figure) {
                @let number = notes.number(reason);
                sup { a href={ "#note-" (number) } aria-label={ "footnote " (number) } { (number) } }
            }
            @if let Some([low, high]) = figures.intervals.get(&figure) { small { (percent(*low)) "–" (percent(*high)) } }
        }
    }
}

fn row(name: &str, counts: [usize; 2], figures: &Figures, notes: &mut Footnotes) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            @for count in counts { td.num { (count) } }
            @for figure in Figure::ALL { (cell(figures, figure, notes)) }
        }
    }
}

/// The whole table with its footnotes.
pub(super) fn table(metrics: &Metrics) -> Markup {
    let mut notes = Footnotes::default();
    let products = || metrics.products.values();
    let totals = [products().map(|p| p.images).sum(), products().map(|p| p.defective).sum()];
    let intervals = products().map(|p| &p.figures).chain([&metrics.mean]).any(|f| !f.intervals.is_empty());
    let table = html! {
        table.figures {
            (heads(&["Product"], &["Images", "Defective"]))
            tbody {
                @for (name, product) in &metrics.products {
                    (row(name, [product.images, product.defective], &product.figures, &mut notes))
                }
            }
            // Of one product it is the product.
            @if metrics.products.len() > 1 { tfoot { (row("mean", totals, &metrics.mean, &mut notes)) } }
        }
    };
    html! {
        (scroll("Figures", &table))
        @if !notes.0.is_empty() {
            ol.notes { @for (i, reason) in notes.0.iter().enumerate() { li #{ "note-" (i + 1) } { (reason) } } }
        }
        @if intervals { p.muted { "Below a figure: its 95 % bootstrap interval over the images." } }
    }
}

/// The four figures that are read first.
pub(super) fn cards(metrics: &Metrics) -> Markup {
    let Figures { values, intervals, .. } = &metrics.mean;
    html! {
        @for figure in [Figure::ImageAuroc, Figure::PixelAuroc, Figure::Aupro, Figure::MultiAuroc] {
            div.card {
                b { (percent_or_absent(values.get(&figure).copied())) }
                span.muted {
                    "mean " (figure.title())
                    @if let Some([low, high]) = intervals.get(&figure) { " (" (percent(*low)) "–" (percent(*high)) ")" }
                }
            }
        }
    }
}
