//! The table of figures as papers print it: a row a product, and their mean.

use super::super::markup::{escape, push};
use super::super::metrics::{Figure, Figures, Metrics};
use super::super::tables::{ABSENT, percent};

/// Headings over the columns, with the number of columns of each and the words below.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Images", &["AUROC", "AP", "F1-max"]),
    ("Pixels, good or defective", &["AUROC", "AP", "F1-max", "AUPRO"]),
    ("Pixels, by type", &["AUROC", "AP", "F1"]),
];

/// Both rows of headings: the groups, then `first` (of which `left` stand above texts) and the figures.
pub(super) fn heads(first: &[&str], left: usize) -> String {
    let mut over = format!("<td colspan=\"{}\"></td>", first.len());
    let mut heads = String::new();
    for (i, head) in first.iter().enumerate() {
        let class = if i < left { "" } else { " class=\"num\"" };
        push(&mut heads, format_args!("<th scope=\"col\"{class}>{head}</th>"));
    }
    for (group, columns) in GROUPS {
        push(&mut over, format_args!("<th scope=\"colgroup\" colspan=\"{}\">{group}</th>", columns.len()));
        for column in columns {
            push(&mut heads, format_args!("<th scope=\"col\" class=\"num\">{column}</th>"));
        }
    }
    format!("<tr>{over}</tr><tr>{heads}</tr>")
}

/// Reasons for cells without a value; equal ones share a number.
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
fn cell(figures: &Figures, figure: Figure, notes: &mut Footnotes) -> String {
    let Some(value) = figures.values.get(&figure) else {
        let reason = figures.undefined.get(&figure).map_or("not computed in this run", String::as_str);
        let number = notes.number(reason);
        return format!(
            "<td class=\"num\">{ABSENT}<sup><a href=\"#note-{number}\" aria-label=\"footnote {number}\">{number}</a></sup></td>"
        );
    };
    let bound = figures.bounds.get(&figure).map_or_else(String::new, |bound| {
        format!(" title=\"streamed: the exact value lies within {:.4} of it\"", bound * 100.0)
    });
    let interval = figures.intervals.get(&figure).map_or_else(String::new, |[low, high]| {
        format!("<small>{}–{}</small>", percent(*low), percent(*high))
    });
    format!("<td class=\"num\"{bound}>{}{interval}</td>", percent(*value))
}

fn row(name: &str, counts: [usize; 2], figures: &Figures, notes: &mut Footnotes) -> String {
    let [images, defective] = counts;
    let mut row = format!(
        "<th scope=\"row\">{}</th><td class=\"num\">{images}</td><td class=\"num\">{defective}</td>",
        escape(name)
    );
    for figure in Figure::ALL {
        row += &cell(figures, figure, notes);
    }
    row
}

/// The whole table with its footnotes.
pub(super) fn table(metrics: &Metrics) -> String {
    let mut notes = Footnotes::default();
    let (mut rows, mut totals) = (String::new(), [0, 0]);
    for (name, product) in &metrics.products {
        let counts = [product.images, product.defective];
        totals = [totals[0] + counts[0], totals[1] + counts[1]];
        push(&mut rows, format_args!("<tr>{}</tr>\n", row(name, counts, &product.figures, &mut notes)));
    }
    let mean = row("mean", totals, &metrics.mean, &mut notes);
    let heads = heads(&["Product", "Images", "Defective"], 1);
    let mut html = format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Figures\" tabindex=\"0\"><table class=\"figures\">\n\
         <thead>{heads}</thead>\n<tbody>\n{rows}</tbody>\n<tfoot><tr>{mean}</tr></tfoot>\n</table></div>\n"
    );
    if !notes.0.is_empty() {
        html += "<ol class=\"notes\">";
        for (i, reason) in notes.0.iter().enumerate() {
            push(&mut html, format_args!("<li id=\"note-{}\">{}</li>", i + 1, escape(reason)));
        }
        html += "</ol>\n";
    }
    if metrics.products.values().any(|p| !p.figures.intervals.is_empty())
        || !metrics.mean.intervals.is_empty()
    {
        html += "<p class=\"muted\">Below a figure: its 95 % bootstrap interval over the images.</p>\n";
    }
    html
}

/// The four figures that are read first.
pub(super) fn cards(metrics: &Metrics) -> String {
    let mut cards = String::new();
    for figure in [Figure::ImageAuroc, Figure::PixelAuroc, Figure::Aupro, Figure::MultiAuroc] {
        let value = metrics.mean.values.get(&figure).copied().map_or_else(|| ABSENT.to_owned(), percent);
        let interval = metrics
            .mean
            .intervals
            .get(&figure)
            .map_or_else(String::new, |[low, high]| format!(" ({}–{})", percent(*low), percent(*high)));
        push(
            &mut cards,
            format_args!(
                "<div class=\"card\"><b>{value}</b><span class=\"muted\">mean {}{interval}</span></div>",
                figure.title()
            ),
        );
    }
    cards
}
