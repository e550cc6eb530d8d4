//! A table in the three formats, with the escaping of each.

use super::super::metrics::Figure;
use super::super::text::{ABSENT, percent};
use crate::files::inert;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// For GitHub and notes.
    Markdown,
    /// A `tabular` with booktabs' rules.
    Latex,
    /// For programs: fractions of 1, with columns of their own for the spread.
    Csv,
}

/// One field.
pub(super) enum Cell {
    Text(String),
    /// Mean, sample standard deviation and number of the values, of how many runs.
    Number {
        mean: f64,
        std: Option<f64>,
        count: usize,
        of: usize,
    },
    Absent,
}

impl Cell {
    /// Mean and standard deviation of the values that `of` runs have.
    pub(super) fn spread(values: &[f64], of: usize) -> Self {
        let count = values.len();
        if count == 0 {
            return Cell::Absent;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let std = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        Cell::Number { mean, std, count, of }
    }

    /// As it is printed; `sign` is put before the standard deviation.
    fn print(&self, sign: &str, text: impl Fn(&str) -> String) -> String {
        match self {
            Cell::Text(words) => text(words),
            Cell::Absent => ABSENT.to_owned(),
            Cell::Number { mean, std, count, of } => {
                let spread = std.map(|std| format!("{sign}{}", percent(std))).unwrap_or_default();
                // Not every run has a value: say of how many this is the mean.
                let some = if count < of { format!(" ({count} of {of})") } else { String::new() };
                format!("{}{spread}{some}", percent(*mean))
            }
        }
    }
}

/// Rows under headings; the first `left` columns are texts, set to the left.
pub(super) struct Table {
    pub(super) headings: Vec<String>,
    pub(super) left: usize,
    pub(super) rows: Vec<Vec<Cell>>,
    /// A line below the table for each group of rows.
    pub(super) notes: Vec<String>,
}

impl Table {
    pub(super) fn new(headings: Vec<String>, left: usize) -> Self {
        Self { headings, left, rows: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn print(&self, format: TableFormat) -> String {
        match format {
            TableFormat::Markdown => self.markdown(),
            TableFormat::Latex => self.latex(),
            TableFormat::Csv => self.csv(),
        }
    }

    fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = (0..self.headings.len()).map(|i| if i < self.left { "---" } else { "---:" }.to_owned());
        let mut text = line(self.headings.iter().map(|h| markdown(h)).collect());
        text += &format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        for row in &self.rows {
            text += &line(row.iter().map(|cell| cell.print(" ± ", markdown)).collect());
        }
        if !self.notes.is_empty() {
            text += "\n";
        }
        for note in &self.notes {
            text += &format!("* {}\n", markdown(note));
        }
        text
    }

    fn latex(&self) -> String {
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let columns = "l".repeat(self.left) + &"r".repeat(self.headings.len() - self.left);
        let mut text =
            format!("% needs \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n");
        text += &line(self.headings.iter().map(|h| latex(h)).collect());
        text += "\\midrule\n";
        let typewriter = |words: &str| format!("\\texttt{{{}}}", latex(words));
        for row in &self.rows {
            let (names, numbers) = row.split_at(self.left.min(row.len()));
            let mut cells: Vec<String> = names.iter().map(|cell| cell.print("", typewriter)).collect();
            cells.extend(numbers.iter().map(|cell| match cell.print(" $\\pm$ ", latex) {
                absent if absent == ABSENT => "--".to_owned(),
                words => words,
            }));
            text += &line(cells);
        }
        text += "\\bottomrule\n\\end{tabular}\n";
        for note in &self.notes {
            text += &format!("% {}\n", one_line(note));
        }
        text
    }

    /// Every figure has a column; where there are runs to average, two more with the spread and the number.
    fn csv(&self) -> String {
        let spread = !self.notes.is_empty();
        let texts = self.headings.len() - Figure::ALL.len();
        let mut headings: Vec<String> = self.headings[..texts].to_vec();
        for figure in Figure::ALL {
            let key = figure.key();
            headings.push(key.to_owned());
            if spread {
                headings.extend([format!("{key}_std"), format!("{key}_runs")]);
            }
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory cannot fail, and all rows have one length.
        let _ = writer.write_record(&headings);
        for row in &self.rows {
            let mut fields = Vec::with_capacity(headings.len());
            for cell in row {
                match cell {
                    Cell::Text(words) => fields.push(inert(words).into_owned()),
                    Cell::Number { mean, std, count, .. } => {
                        fields.push(mean.to_string());
                        if spread {
                            fields.push(std.map(|std| std.to_string()).unwrap_or_default());
                            fields.push(count.to_string());
                        }
                    }
                    Cell::Absent => {
                        fields.push(String::new());
                        if spread {
                            fields.extend([String::new(), "0".to_owned()]);
                        }
                    }
                }
            }
            let _ = writer.write_record(&fields);
        }
        writer.into_inner().ok().and_then(|text| String::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// Text in a cell of a Markdown table.
fn markdown(words: &str) -> String {
    let mut safe = String::new();
    for c in one_line(words).chars() {
        if "\\|`*_[]<>~#".contains(c) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// Text in LaTeX.
fn latex(words: &str) -> String {
    let mut safe = String::new();
    for c in one_line(words).chars() {
        match c {
            '\\' => safe.push_str("\\textbackslash{}"),
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

/// A line break would end a row or a comment.
fn one_line(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
