//! Which types of defects a product's images are classified as: figures of each type, and confusion matrices.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::document::{columns, scroll};
use super::super::metrics::{Confusion, ProductMetrics, TypeFigures};
use super::super::text::{ABSENT, percent_or_absent};

/// Figures of each class against all others. `unit` says what the last column counts.
pub(super) fn types(types: &BTreeMap<String, TypeFigures>, unit: &str) -> Markup {
    let table = html! {
        table {
            thead { tr { (columns(&["Type"], &["Pixel AUROC", "Pixel AP", "Pixel F1", unit])) } }
            tbody {
                @for (name, figures) in types {
                    tr {
                        th scope="row" { (name) }
                        @for value in [figures.auroc, figures.ap, figures.f1] { td.num { (percent_or_absent(value)) } }
                        td.num { (figures.support) }
                    }
                }
            }
        }
    };
    html! { @if !types.is_empty() { h3 { "Types" } (scroll("Types", &table)) } }
}

/// Both confusion matrices of a product.
pub(super) fn confusions(product: &ProductMetrics) -> Markup {
    let images = ("Images: truth and prediction at the run's threshold", &product.image_confusion);
    let pixels = ("Pixels: truth and the most likely class", &product.pixel_confusion);
    let all = [images, pixels].into_iter().filter_map(|(title, found)| Some((title, found.as_ref()?)));
    let all: Vec<_> = all.collect();
    html! {
        @if !all.is_empty() {
            div.confusions { @for (title, confusion) in all { (heat_table(title, confusion)) } }
        }
    }
}

/// A confusion matrix: each cell has its share of the row, which also is its shade, and its count.
fn heat_table(title: &str, confusion: &Confusion) -> Markup {
    let table = html! {
        table {
            thead { tr { (columns(&["Truth ↓ Prediction →"], &confusion.names)) } }
            tbody {
                @for (truth, (name, counts)) in confusion.names.iter().zip(&confusion.counts).enumerate() {
                    @let total: u64 = counts.iter().sum();
                    tr {
                        th scope="row" { (name) }
                        @for (predicted, &count) in counts.iter().enumerate() {
                            @let share = count as f64 / total.max(1) as f64;
                            td.num.heat-cell.right[predicted == truth]
                                style={ "--share:" (format_args!("{share:.3}")) } {
                                @if total > 0 { (format_args!("{:.1} %", share * 100.0)) } @else { (ABSENT) }
                                small { (short(count)) }
                            }
                        }
                    }
                }
            }
        }
    };
    html! { div { h3 { (title) } (scroll(title, &table)) } }
}

/// A count in at most six characters: `9999`, `12.3k`, `4.5M`.
fn short(count: u64) -> String {
    match count {
        0..=9_999 => count.to_string(),
        10_000..=999_949 => format!("{:.1}k", count as f64 / 1e3),
        999_950..=999_949_999 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{:.1}G", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        let words = [0, 9_999, 10_000, 999_949, 999_950, 1_500_000_000].map(short);
        assert_eq!(words, ["0", "9999", "10.0k", "999.9k", "1.0M", "1.5G"]);
    }

    #[test]
    fn shares_are_of_the_true_class_and_the_diagonal_is_marked() {
        let confusion =
            Confusion { names: vec!["normal".into(), "<hole>".into()], counts: vec![vec![3, 1], vec![0, 0]] };
        let html = heat_table("t", &confusion).into_string();
        assert!(html.contains("heat-cell right\" style=\"--share:0.750\">75.0 %<small>3<"), "{html}");
        assert!(html.contains("heat-cell\" style=\"--share:0.250\">25.0 %<small>1<"), "{html}");
        assert!(
            html.contains("heat-cell right\" style=\"--share:0.000\">–<small>0<"),
            "a class without images"
        );
        assert!(html.contains("&lt;hole&gt;") && !html.contains("<hole>"));
    }
}
