//! The table beside the plot: what each number is, and how much of the roof it reaches.

use maud::{Markup, html};

use super::chart::{Chart, Entry, PLOT};
use super::plot::marker;
use super::text::{Style, figure, fit, px, text, width};

/// Left edge of the table, where names begin, the right edges of the three figures, where the last
/// column begins, and the right edge of the table.
const LEFT: f64 = 664.0;
const NAME: f64 = 708.0;
const FIGURES: [f64; 3] = [1068.0, 1122.0, 1180.0];
const BOUND: f64 = 1188.0;
const RIGHT: f64 = 1252.0;
/// Room for the rows.
const TOP: f64 = 126.0;
const BOTTOM: f64 = 676.0;

/// Height of a row, size of its figures and of its name, and the room for the name.
struct Columns {
    row: f64,
    size: f64,
    name: f64,
    room: f64,
}

/// `4.3 %`, `71 %`.
fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".to_owned(),
        Some(s) if (0.0995..1e4).contains(&s) => format!("{:.0} %", 100.0 * s),
        Some(s) if (0.00995..1.0).contains(&s) => format!("{:.1} %", 100.0 * s),
        Some(s) if (0.0001..1.0).contains(&s) => format!("{:.2} %", 100.0 * s),
        Some(s) => format!("{} %", if s < 1.0 { "<0.01" } else { ">10⁶" }),
    }
}

impl Chart<'_> {
    /// The key. Kernels without arithmetic follow under a line of their own.
    pub(super) fn key(&self) -> Markup {
        let (plotted, moves) = self.entries.split_at(self.plotted);
        if self.entries.is_empty() {
            return text(NAME, TOP + 20.0, 14.0, Style::fill("#777777"), "no kernels to list");
        }
        let lines = self.entries.len() + usize::from(!moves.is_empty()) + usize::from(self.left_out > 0);
        let row = ((BOTTOM - TOP) / lines as f64).min(27.0);
        let size = (0.6 * row).min(13.5);
        // One size for all names: as large as the longest allows, within reason.
        let room = FIGURES[0] - 0.62 * 6.2 * size - NAME;
        let longest = self.entries.iter().map(|e| width(&e.point.label, 1.0)).fold(1.0, f64::max);
        let name = (room / longest).clamp(0.8 * size, size);
        let columns = Columns { row, size, name, room };
        let top = |line: usize| TOP + row * line as f64;
        let note = |line: usize, words: &str| {
            text(NAME, top(line) + 0.72 * row, 0.92 * size, Style::fill("#555555").italic(), words)
        };
        let (first_move, last) = (plotted.len() + 1, lines - 1);
        html! {
            (heads())
            @for (i, entry) in plotted.iter().enumerate() { (entry.row(Some(i + 1), top(i), &columns)) }
            @if !moves.is_empty() {
                (note(plotted.len(), "no arithmetic: not on the plot; share of the bandwidth"))
                (rule(top(first_move) - 0.5))
            }
            @for (i, entry) in moves.iter().enumerate() { (entry.row(None, top(first_move + i), &columns)) }
            @if self.left_out > 0 {
                (rule(top(last)))
                (note(last, &format!("and {} more with less time, left out", self.left_out)))
            }
        }
    }
}

/// Headings of the columns.
fn heads() -> Markup {
    let head = |x, style, words| text(x, PLOT[1] + 4.0, 12.5, style, words);
    let grey = || Style::fill("#555555");
    html! {
        (head(NAME, grey(), "kernel, by descending time"))
        @for (x, words) in FIGURES.into_iter().zip(["GFLOP/s", "GB/s", "of roof"]) { (head(x, grey().end(), words)) }
        (head(BOUND, grey(), "bound by"))
        (rule(TOP - 4.0))
    }
}

fn rule(y: f64) -> Markup {
    html! { path d=(format_args!("M{LEFT} {y:.1}H{RIGHT}")) stroke="#c9ced6" {} }
}

impl Entry<'_> {
    fn row(&self, number: Option<usize>, top: f64, columns: &Columns) -> Markup {
        let Columns { row, size, name, room } = *columns;
        let (middle, black) = (top + 0.5 * row, || Style::fill("#111111"));
        let base = middle + 0.35 * size;
        let [gflops, gbytes, share] = FIGURES;
        // A bar behind the share: the eye finds the weak ones without reading.
        let bar = self.share.map(|part| (part.min(1.0) * (share - gbytes - 6.0)).max(0.5));
        let number = number.map(|number| number.to_string());
        let flops = if self.gflops > 0.0 { figure(self.gflops) } else { "–".to_owned() };
        let label = fit(&self.point.label, name, room);
        let bound = fit(&self.point.bound, 0.9 * size, RIGHT - BOUND + 8.0);
        html! {
            @if let Some(bar) = bar {
                rect x=(px(gbytes + 8.0)) y=(px(top + 0.12 * row)) width=(px(bar)) height=(px(0.76 * row))
                    fill="#cfe2f3" {}
            }
            @if let Some(number) = number { (text(LEFT + 20.0, base, size, black().weight(700).end(), &number)) }
            (marker(LEFT + 33.0, middle, 0.4 * size, self.family))
            (text(NAME, middle + 0.35 * name, name, black(), &label))
            @for (x, words) in [(gflops, flops), (gbytes, figure(self.gbytes)), (share, percent(self.share))] {
                (text(x, base, size, black().end(), &words))
            }
            (text(BOUND, base, 0.9 * size, Style::fill("#444444"), &bound))
        }
    }
}
