//! One chart of all devices: a row for each case, a dot for each device.

use crate::DeviceResult;
use crate::page::{CASES, timing};

/// Colours that differ for colour-blind eyes, too (Okabe and Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3a3a3a"];
const WIDTH: f64 = 960.0;
/// Where the names of cases end and the axis begins, and where the axis ends.
const AXIS: [f64; 2] = [460.0, 930.0];
const ROW: f64 = 30.0;

/// A rate with its unit: operations where the case is about arithmetic, else bytes.
fn rate(result: &DeviceResult, case: &str) -> Option<(f64, &'static str)> {
    let timing = timing(result, case)?;
    let moves = timing.work.flops < 8.0 * timing.work.bytes;
    Some(if moves { (timing.gbytes, "GB/s") } else { (timing.gflops, "GFLOP/s") })
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>\n")
}

pub fn svg(results: &[DeviceResult]) -> String {
    let rates: Vec<f64> =
        CASES.iter().flat_map(|case| results.iter().filter_map(move |r| Some(rate(r, case)?.0))).collect();
    let exponent = |value: f64, up: bool| if up { value.log10().ceil() } else { value.log10().floor() };
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    let (first, last) = (exponent(low, false), exponent(high, true).max(exponent(low, false) + 1.0));
    let place = |value: f64| AXIS[0] + (AXIS[1] - AXIS[0]) * (value.log10() - first) / (last - first);

    let top = 24.0 + 20.0 * results.len() as f64;
    let bottom = top + ROW * CASES.len() as f64;
    let height = bottom + 44.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Rates of kernels by device</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (at, result) in results.iter().enumerate() {
        let y = 20.0 + 20.0 * at as f64;
        let software = if result.report.device.adapter.software { " (software)" } else { "" };
        svg +=
            &format!("<circle cx=\"{}\" cy=\"{y}\" r=\"6\" fill=\"{}\"/>\n", AXIS[0] + 6.0, COLOURS[at % 7]);
        svg += &text(AXIS[0] + 20.0, y + 4.5, "start", &format!("{}{software}", result.file));
    }
    for power in first as i32..=last as i32 {
        let x = place(10f64.powi(power));
        svg += &format!("<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#d8d8d8\"/>\n");
        svg += &text(x, bottom + 18.0, "middle", &10f64.powi(power).to_string());
    }
    svg += &text(
        AXIS[1],
        bottom + 36.0,
        "end",
        "GFLOP/s of products and attention, GB/s of the others; further right is faster",
    );
    for (at, case) in CASES.iter().enumerate() {
        let y = top + ROW * (at as f64 + 0.5);
        svg += &text(AXIS[0] - 12.0, y + 4.5, "end", case);
        svg += &format!("<path d=\"M{} {y}H{}\" stroke=\"#eeeeee\"/>\n", AXIS[0], AXIS[1]);
        for (number, result) in results.iter().enumerate() {
            if let Some((rate, unit)) = rate(result, case) {
                svg += &format!(
                    "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"6\" fill=\"{}\"><title>{}: {rate:.1} {unit}</title></circle>\n",
                    place(rate),
                    COLOURS[number % 7],
                    result.file
                );
            }
        }
    }
    svg + "</svg>\n"
}
