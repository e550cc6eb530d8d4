//! The table beside the plot: what each number is, and how much of the roof it reaches.

use super::plot::marker;
use super::{Chart, Entry, PLOT, figure, fit, push, width, write};

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
    /// Appends the key. Kernels without arithmetic follow under a line of their own.
    pub(super) fn key(&self, svg: &mut String) {
        let (plotted, moves) = self.entries.split_at(self.plotted);
        if self.entries.is_empty() {
            write(svg, NAME, TOP + 20.0, 14.0, "fill=\"#777777\"", "no kernels to list");
            return;
        }
        let lines = self.entries.len() + usize::from(!moves.is_empty()) + usize::from(self.left_out > 0);
        let row = ((BOTTOM - TOP) / lines as f64).min(27.0);
        let size = (0.6 * row).min(13.5);
        // One size for all names: as large as the longest allows, within reason.
        let room = FIGURES[0] - 0.62 * 6.2 * size - NAME;
        let longest = self.entries.iter().map(|e| width(&e.point.label, 1.0)).fold(1.0, f64::max);
        let name = (room / longest).clamp(0.8 * size, size);
        let columns = Columns { row, size, name, room };

        let head = "fill=\"#555555\"";
        let end = "fill=\"#555555\" text-anchor=\"end\"";
        write(svg, NAME, PLOT[1] + 4.0, 12.5, head, "kernel, by falling time");
        for (x, words) in FIGURES.into_iter().zip(["GFLOP/s", "GB/s", "of roof"]) {
            write(svg, x, PLOT[1] + 4.0, 12.5, end, words);
        }
        write(svg, BOUND, PLOT[1] + 4.0, 12.5, head, "bound by");
        rule(svg, TOP - 4.0);

        let mut y = TOP;
        for (i, entry) in plotted.iter().enumerate() {
            entry.row(svg, Some(i + 1), y, &columns);
            y += row;
        }
        if !moves.is_empty() {
            let words = "no arithmetic: not on the plot; share of the bandwidth";
            write(svg, NAME, y + 0.72 * row, 0.92 * size, "fill=\"#555555\" font-style=\"italic\"", words);
            rule(svg, y + row - 0.5);
            y += row;
        }
        for entry in moves {
            entry.row(svg, None, y, &columns);
            y += row;
        }
        if self.left_out > 0 {
            rule(svg, y);
            let words = format!("and {} more with less time, left out", self.left_out);
            write(svg, NAME, y + 0.72 * row, 0.92 * size, "fill=\"#555555\" font-style=\"italic\"", &words);
        }
    }
}

fn rule(svg: &mut String, y: f64) {
    push(svg, format_args!("<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#c9ced6\"/>\n"));
}

impl Entry<'_> {
    fn row(&self, svg: &mut String, number: Option<usize>, top: f64, columns: &Columns) {
        let Columns { row, size, name, room } = *columns;
        let base = top + 0.5 * row + 0.35 * size;
        let [gflops, gbytes, share] = FIGURES;
        // A bar behind the share: the eye finds the weak ones without reading.
        if let Some(part) = self.share {
            let bar = (part.min(1.0) * (share - gbytes - 6.0)).max(0.5);
            push(
                svg,
                format_args!(
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{bar:.1}\" height=\"{:.1}\" fill=\"#cfe2f3\"/>\n",
                    gbytes + 8.0,
                    top + 0.12 * row,
                    0.76 * row
                ),
            );
        }
        if let Some(number) = number {
            let bold = "fill=\"#111111\" font-weight=\"700\" text-anchor=\"end\"";
            write(svg, LEFT + 20.0, base, size, bold, &number.to_string());
        }
        marker(svg, LEFT + 33.0, top + 0.5 * row, 0.4 * size, self.family);
        write(
            svg,
            NAME,
            top + 0.5 * row + 0.35 * name,
            name,
            "fill=\"#111111\"",
            &fit(&self.point.label, name, room),
        );
        let end = "fill=\"#111111\" text-anchor=\"end\"";
        let flops = if self.gflops > 0.0 { figure(self.gflops) } else { "–".to_owned() };
        for (x, words) in [(gflops, flops), (gbytes, figure(self.gbytes)), (share, percent(self.share))] {
            write(svg, x, base, size, end, &words);
        }
        let small = 0.9 * size;
        write(
            svg,
            BOUND,
            base,
            small,
            "fill=\"#444444\"",
            &fit(&self.point.bound, small, RIGHT - BOUND + 8.0),
        );
    }
}
