//! What a product's defects are taken for: figures of each type, and confusions as heat tables.

use std::collections::BTreeMap;

use super::super::markup::{escape, push};
use super::super::metrics::{Confusion, ProductMetrics, TypeFigures};
use super::super::tables::{ABSENT, percent};

/// Figures of each class against all others. `unit` says what the last column counts.
pub(super) fn types(types: &BTreeMap<String, TypeFigures>, unit: &str) -> String {
    if types.is_empty() {
        return String::new();
    }
    let show = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), percent);
    let mut rows = String::new();
    for (name, figures) in types {
        let [auroc, ap, f1] = [figures.auroc, figures.ap, figures.f1].map(show);
        push(
            &mut rows,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"num\">{auroc}</td><td class=\"num\">{ap}</td>\
                 <td class=\"num\">{f1}</td><td class=\"num\">{}</td></tr>\n",
                escape(name),
                figures.support
            ),
        );
    }
    format!(
        "<h3>Types</h3><div class=\"scroll\" role=\"region\" aria-label=\"Types\" tabindex=\"0\"><table>\n\
         <thead><tr><th scope=\"col\">Type</th><th scope=\"col\" class=\"num\">Pixel AUROC</th><th scope=\"col\" class=\"num\">Pixel AP</th>\
         <th scope=\"col\" class=\"num\">Pixel F1</th><th scope=\"col\" class=\"num\">{unit}</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// Both confusions of a product.
pub(super) fn confusions(product: &ProductMetrics) -> String {
    let mut html = String::new();
    if let Some(confusion) = &product.image_confusion {
        html += &heat_table("Images: truth and prediction at the run's threshold", confusion);
    }
    if let Some(confusion) = &product.pixel_confusion {
        html += &heat_table("Pixels: truth and the most likely class", confusion);
    }
    if html.is_empty() { html } else { format!("<div class=\"confusions\">{html}</div>\n") }
}

/// A confusion as a table: each cell has its share of the row, which also is its shade, and its count.
fn heat_table(title: &str, confusion: &Confusion) -> String {
    let heads: String = confusion
        .names
        .iter()
        .map(|name| format!("<th scope=\"col\" class=\"num\">{}</th>", escape(name)))
        .collect();
    let mut rows = String::new();
    for (truth, (name, counts)) in confusion.names.iter().zip(&confusion.counts).enumerate() {
        let total: u64 = counts.iter().sum();
        push(&mut rows, format_args!("<tr><th scope=\"row\">{}</th>", escape(name)));
        for (predicted, &count) in counts.iter().enumerate() {
            let share = if total > 0 { count as f64 / total as f64 } else { 0.0 };
            let right = if predicted == truth { " right" } else { "" };
            let percent = if total > 0 { format!("{:.1} %", share * 100.0) } else { ABSENT.to_owned() };
            push(
                &mut rows,
                format_args!(
                    "<td class=\"num heat-cell{right}\" style=\"--share:{share:.3}\">{percent}<small>{}</small></td>",
                    short(count)
                ),
            );
        }
        rows += "</tr>\n";
    }
    format!(
        "<div><h3>{title}</h3><div class=\"scroll\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\"><table>\n\
         <thead><tr><th scope=\"col\">Truth ↓ Prediction →</th>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table></div></div>\n"
    )
}

/// A count in at most five characters: `999`, `12.3k`, `4.5M`.
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
        let html = heat_table("t", &confusion);
        assert!(html.contains("heat-cell right\" style=\"--share:0.750\">75.0 %<small>3<"), "{html}");
        assert!(html.contains("heat-cell\" style=\"--share:0.250\">25.0 %<small>1<"), "{html}");
        assert!(
            html.contains("heat-cell right\" style=\"--share:0.000\">–<small>0<"),
            "a class without images"
        );
        assert!(html.contains("&lt;hole&gt;") && !html.contains("<hole>"));
    }
}
