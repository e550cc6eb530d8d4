//! A report as a text table, Markdown, CSV and JSON.

use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::comparison::{Change, Comparison};
use super::report::BenchReport;
use super::roofline::Bound;
use super::sensors::Sensors;
use super::timing::{KernelError, Kind, RunCounts, Timing};
use crate::files::inert;
use crate::gpu::{Clock, ShaderMode};
use crate::lab::grid::Grid;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for a terminal.
    Table,
    /// [`BenchReport`] as it is.
    Json,
    /// One line a row, each with the device it ran on.
    Csv,
    /// Tables for a web page or a pull request.
    Markdown,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "markdown" => Ok(Self::Markdown),
            _ => Err("the formats are table, json, csv and markdown".to_owned()),
        }
    }
}

impl Format {
    /// The format that a file's name asks for: CSV for `.csv`, Markdown for `.md`, else JSON.
    pub fn of_file(path: &Path) -> Self {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "md" | "markdown" => Self::Markdown,
            _ => Self::Json,
        }
    }
}

/// The name of a clock in a row.
fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Timestamps => "timestamps",
        Clock::Wall => "host",
    }
}

impl BenchReport {
    /// The report in this format, with a newline at its end.
    ///
    /// # Errors
    /// Those of the serialiser; a measured report causes none.
    pub fn render(&self, format: Format) -> Result<String, String> {
        match format {
            Format::Table => Ok(self.text()),
            Format::Markdown => Ok(self.markdown()),
            Format::Csv => self.csv(),
            Format::Json => {
                serde_json::to_string_pretty(self).map(|json| json + "\n").map_err(|e| e.to_string())
            }
        }
    }

    /// A sentence on how it was timed.
    pub fn note(&self) -> String {
        let (kernels, others): (Vec<&Timing>, Vec<&Timing>) =
            self.timings.iter().partition(|t| t.kind == Kind::Kernel);
        let stamped = kernels.iter().filter(|t| t.clock == Clock::Timestamps).count();
        let mut words = Vec::new();
        if !kernels.is_empty() {
            words.push(match stamped {
                0 => "kernels timed by the host's clock, a submit and a wait each, caches cold",
                n if n == kernels.len() => "kernels timed by the device's timestamps, caches cold",
                _ => {
                    "kernels timed by the clock in each row (where timestamps were implausible, the host's), caches cold"
                }
            });
        }
        if !others.is_empty() {
            words.push("models and pipelines timed by the host's clock, the last wait included");
        }
        words.push("repetitions interleaved");
        words.join("; ")
    }

    /// The device, its ceilings and how it was timed, a line each.
    fn head(&self) -> Vec<String> {
        let c = &self.ceilings;
        let mut lines = vec![
            self.device.adapter.line(),
            format!(
                "ceilings: {:.1} GFLOP/s multiply-add, {:.1} GB/s copy, {:.1} GB/s read, {:.1} µs a launch, {:.1} µs a submit",
                c.multiply_add * 1e-9,
                c.copy * 1e-9,
                c.read * 1e-9,
                c.launch * 1e6,
                c.submit * 1e6
            ),
            self.levels(),
            format!("{}; {:?} shaders; version {}", self.note(), self.device.mode, self.device.version),
        ];
        lines.extend(self.sensors.iter().map(Sensors::line));
        lines.extend(self.warnings().into_iter().map(|warning| format!("warning: {warning}")));
        lines
    }

    /// The ceilings of caches and matrix units, and the operations a byte above which each level of memory allows the
    /// full rate of multiply-adds.
    fn levels(&self) -> String {
        let c = &self.ceilings;
        let levels =
            [("memory", Some(c.copy.max(c.read))), ("cache", c.cache), ("workgroup memory", c.workgroup)];
        let known = levels.into_iter().filter_map(|(name, rate)| Some((name, rate?)));
        let words = known.map(|(name, rate)| {
            format!("{name} {:.1} GB/s, full rate from {:.2} FLOP a byte", rate * 1e-9, c.multiply_add / rate)
        });
        let units = c
            .matrix
            .iter()
            .map(|m| format!("matrix units {0}×{0} {1} {2:.1} GFLOP/s", m.edge, m.factors, m.rate * 1e-9));
        words.chain(units).collect::<Vec<_>>().join("; ")
    }

    fn text(&self) -> String {
        let mut text = self.head().join("\n") + "\n";
        for (_, grid) in self.grids() {
            text += &grid.text();
        }
        if let Some(comparison) = &self.comparison {
            text += &format!("\n{}\n{}", comparison.rule(), comparison.grid().text());
            text += &(comparison.summary() + "\n");
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text: String = self.head().iter().map(|line| format!("* {line}\n")).collect();
        for (heading, grid) in self.grids() {
            text += &format!("\n### {heading}\n\n{}", grid.markdown());
        }
        if let Some(comparison) = &self.comparison {
            text += &format!("\n### Comparison\n\n{}\n", comparison.rule());
            for warning in &comparison.warnings {
                text += &format!("\n**Warning: {warning}.**\n");
            }
            text += &format!("\n{}\n{}\n", comparison.grid().markdown(), comparison.summary());
        }
        text
    }

    /// Kernels, and models with pipelines: each a table where there is any.
    fn grids(&self) -> Vec<(&'static str, Grid)> {
        let (kernels, others): (Vec<&Timing>, Vec<&Timing>) =
            self.timings.iter().partition(|t| t.kind == Kind::Kernel);
        let tables = [("Kernels", kernels), ("Models and pipelines", others)];
        tables
            .into_iter()
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(heading, rows)| (heading, self.grid(&rows)))
            .collect()
    }

    fn grid(&self, rows: &[&Timing]) -> Grid {
        let mut grid = Grid::default();
        let ms = |seconds: f64| format!("{:.3}", seconds * 1e3);
        grid.right("median ms", rows, |t| ms(t.spread.median));
        grid.right("quartiles", rows, |t| {
            format!("{}-{}", ms(t.spread.quartiles.0), ms(t.spread.quartiles.1))
        });
        grid.right("GFLOP/s", rows, |t| format!("{:.2}", t.gflops));
        grid.right("GB/s", rows, |t| format!("{:.2}", t.gbytes));
        grid.right("roof", rows, |t| format!("{:.1}%", 100.0 * t.roofline));
        grid.left("bound by", rows, |t| t.bound.name().to_owned());
        if rows.iter().any(|t| t.run.is_some()) {
            let of_run =
                |t: &Timing, what: fn(&RunCounts) -> String| t.run.as_ref().map_or_else(String::new, what);
            grid.right("rate", rows, |t| of_run(t, |r| format!("{:.3} {}/s", r.per_second, r.unit)));
            grid.right("launches", rows, |t| of_run(t, |r| r.launches.to_string()));
            grid.right("submits", rows, |t| of_run(t, |r| r.submits.to_string()));
            grid.right("host µs/launch", rows, |t| {
                of_run(t, |r| {
                    let each = r.host.map(|seconds| seconds / r.launches.max(1) as f64);
                    each.map_or_else(String::new, |seconds| format!("{:.1}", 1e6 * seconds))
                })
            });
        }
        if rows.iter().any(|t| t.error.is_some()) {
            let of = |t: &Timing, what: fn(KernelError) -> Option<f64>| {
                t.error.and_then(what).map_or_else(String::new, |value| format!("{value:.3}"))
            };
            grid.right("error/bound", rows, |t| of(t, |e| Some(e.of_bound)));
            grid.right("error/u·Σ|a||b|", rows, |t| of(t, |e| e.units));
        }
        grid.right("compile s", rows, |t| format!("{:.3}", t.compile));
        if self.clock().is_none() {
            grid.left("clock", rows, |t| clock_name(t.clock).to_owned());
        }
        grid.left("variant", rows, |t| t.variant.clone());
        grid.left("case", rows, |t| t.case.clone());
        grid
    }

    fn csv(&self) -> Result<String, String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for timing in &self.timings {
            writer.serialize(CsvRow::new(self, timing)).map_err(|e| e.to_string())?;
        }
        let bytes = writer.into_inner().map_err(|e| e.to_string())?;
        String::from_utf8(bytes).map_err(|e| e.to_string())
    }
}

/// A line of CSV. Times are in seconds; absent values are empty.
#[derive(Serialize)]
struct CsvRow<'a> {
    kind: Kind,
    kernel: Cow<'a, str>,
    case: Cow<'a, str>,
    variant: Cow<'a, str>,
    median: f64,
    first_quartile: f64,
    third_quartile: f64,
    best: f64,
    repetitions: usize,
    flops: f64,
    bytes: f64,
    gflops: f64,
    gbytes: f64,
    roofline: f64,
    bound: Bound,
    clock: Clock,
    compile: f64,
    cold: f64,
    items: Option<usize>,
    per_second: Option<f64>,
    launches: Option<u64>,
    submits: Option<u64>,
    host: Option<f64>,
    error_of_bound: Option<f64>,
    error_units: Option<f64>,
    old_median: Option<f64>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    #[serde(rename = "verdict")]
    change: Option<Change>,
    adapter: Cow<'a, str>,
    kind_of_device: Cow<'a, str>,
    driver: String,
    mode: ShaderMode,
    version: Cow<'a, str>,
}

impl<'a> CsvRow<'a> {
    fn new(report: &'a BenchReport, t: &'a Timing) -> Self {
        let (device, run) = (&report.device, t.run.as_ref());
        let compared = report.comparison.as_ref().and_then(|c| c.row(t));
        let ratio = compared.and_then(|row| row.ratio);
        Self {
            kind: t.kind,
            kernel: inert(&t.kernel),
            case: inert(&t.case),
            variant: inert(&t.variant),
            median: t.spread.median,
            first_quartile: t.spread.quartiles.0,
            third_quartile: t.spread.quartiles.1,
            best: t.spread.best,
            repetitions: t.spread.repetitions,
            flops: t.work.flops,
            bytes: t.work.bytes,
            gflops: t.gflops,
            gbytes: t.gbytes,
            roofline: t.roofline,
            bound: t.bound,
            clock: t.clock,
            compile: t.compile,
            cold: t.cold,
            items: run.map(|r| r.items),
            per_second: run.map(|r| r.per_second),
            launches: run.map(|r| r.launches),
            submits: run.map(|r| r.submits),
            host: run.and_then(|r| r.host),
            error_of_bound: t.error.map(|e| e.of_bound),
            error_units: t.error.and_then(|e| e.units),
            old_median: compared.and_then(|row| row.old),
            ratio: ratio.map(|r| r.value),
            ratio_low: ratio.map(|r| r.low),
            ratio_high: ratio.map(|r| r.high),
            change: compared.map(|row| row.change),
            adapter: inert(&device.adapter.name),
            kind_of_device: inert(&device.adapter.kind),
            driver: inert(format!("{} {}", device.adapter.driver, device.adapter.driver_info).trim())
                .into_owned(),
            mode: device.mode,
            version: inert(&device.version),
        }
    }
}

impl Comparison {
    fn grid(&self) -> Grid {
        let mut grid = Grid::default();
        let rows: Vec<_> = self.rows.iter().collect();
        let ms = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |s| format!("{:.3}", s * 1e3));
        grid.left("", &rows, |r| r.change.name().to_owned());
        grid.right("new/old", &rows, |r| r.ratio.map_or("-".to_owned(), |x| format!("{:.3}", x.value)));
        grid.right("new/old from quartiles", &rows, |r| {
            r.ratio.map_or("-".to_owned(), |x| format!("{:.3}-{:.3}", x.low, x.high))
        });
        grid.right("old ms", &rows, |r| ms(r.old));
        grid.right("new ms", &rows, |r| ms(r.new));
        grid.left("variant", &rows, |r| r.variant.clone());
        grid.left("case", &rows, |r| r.case.clone());
        grid
    }
}
