//! Tables as aligned text and as Markdown, from the same columns.

/// A table, column by column.
#[derive(Default)]
pub(crate) struct Grid {
    columns: Vec<Column>,
}

struct Column {
    heading: &'static str,
    left: bool,
    cells: Vec<String>,
}

impl Grid {
    /// Adds a column that is flush left.
    pub(crate) fn left<R>(&mut self, heading: &'static str, rows: &[&R], cell: impl Fn(&R) -> String) {
        let cells = rows.iter().map(|row| cell(row)).collect();
        self.columns.push(Column { heading, left: true, cells });
    }

    /// Adds a column of numbers.
    pub(crate) fn right<R>(&mut self, heading: &'static str, rows: &[&R], cell: impl Fn(&R) -> String) {
        self.left(heading, rows, cell);
        self.columns.iter_mut().rev().take(1).for_each(|column| column.left = false);
    }

    /// Each line from its cells, the headings first.
    fn lines(&self, line: impl Fn(&[&str]) -> String) -> Vec<String> {
        let heading: Vec<&str> = self.columns.iter().map(|c| c.heading).collect();
        let count = self.columns.first().map_or(0, |c| c.cells.len());
        let row = |at: usize| line(&self.columns.iter().map(|c| c.cells[at].as_str()).collect::<Vec<_>>());
        std::iter::once(line(&heading)).chain((0..count).map(row)).collect()
    }

    /// Aligned columns, two spaces apart.
    pub(crate) fn text(&self) -> String {
        let length = |text: &str| text.chars().count();
        let wide = |c: &Column| c.cells.iter().map(|t| length(t)).fold(length(c.heading), usize::max);
        let widths: Vec<usize> = self.columns.iter().map(wide).collect();
        let line = |cells: &[&str]| {
            let padded = cells.iter().zip(&self.columns).zip(&widths).map(|((cell, column), &width)| {
                if column.left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        self.lines(line).concat()
    }

    /// A table of Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut lines = self.lines(|cells| format!("| {} |\n", cells.join(" | ").replace('\n', " ")));
        let rules: Vec<&str> = self.columns.iter().map(|c| if c.left { "---" } else { "--:" }).collect();
        lines.insert(1, format!("|{}|\n", rules.join("|")));
        lines.concat()
    }
}
