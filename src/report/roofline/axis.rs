//! Logarithmic axes: ranges that fit the data, ticks, and their labels.

/// A logarithmic axis between two pixels. Positions are decimal logarithms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub from: f64,
    pub to: f64,
    pixels: (f64, f64),
}

/// A line of the grid.
pub(super) struct Tick {
    pub at: f64,
    /// Empty for a line between the labelled ones.
    pub label: String,
    pub decade: bool,
}

impl Axis {
    /// The smallest range from 1, 2 or 5·10ⁿ to another that holds `logs` with a small margin, at least
    /// two decades wide.
    pub fn around(logs: &[f64], pixels: (f64, f64)) -> Self {
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 2.0) };
        let short = (1.8 - (high - low)).max(0.0) / 2.0;
        Self { from: -round(-(low - short - 0.08)), to: round(high + short + 0.08), pixels }
    }

    /// The pixel of a logarithm.
    pub fn pixel(&self, log: f64) -> f64 {
        let (first, last) = self.pixels;
        first + (log - self.from) / (self.to - self.from) * (last - first)
    }

    pub fn ticks(&self) -> Vec<Tick> {
        let decades = self.to - self.from;
        let step = (decades / 7.0).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for exponent in self.from.floor() as i32..=self.to.ceil() as i32 {
            for digit in 1..10_i32 {
                let at = f64::from(exponent) + f64::from(digit).log10();
                let inside = at > self.from - 1e-9 && at < self.to + 1e-9;
                let labelled = match digit {
                    1 => exponent.rem_euclid(step) == 0,
                    2 | 5 => decades < 2.6,
                    _ => false,
                };
                if inside && (labelled || decades < 7.0) {
                    let label = if labelled { power(digit, exponent) } else { String::new() };
                    ticks.push(Tick { at, label, decade: digit == 1 });
                }
            }
        }
        ticks
    }
}

/// The next 1, 2 or 5·10ⁿ at or above a value, all as logarithms; the next 5, 2 or 1 below for negatives.
fn round(log: f64) -> f64 {
    let exponent = log.floor();
    let steps = [0.0, 2f64.log10(), 5f64.log10(), 1.0];
    exponent + steps.into_iter().find(|s| *s >= log - exponent - 1e-9).unwrap_or(1.0)
}

/// `0.02`, `50`, `1000`, `10⁶`.
fn power(digit: i32, exponent: i32) -> String {
    match exponent {
        0..=4 => format!("{digit}{}", "0".repeat(exponent as usize)),
        -3..=-1 => format!("0.{}{digit}", "0".repeat((-exponent - 1) as usize)),
        _ => {
            let raised = |c| match c {
                '-' => '⁻',
                '1' => '¹',
                '2' => '²',
                '3' => '³',
                c => char::from_u32(0x2070 + (u32::from(c) - u32::from('0'))).unwrap_or(c),
            };
            let exponent: String = exponent.to_string().chars().map(raised).collect();
            if digit == 1 { format!("10{exponent}") } else { format!("{digit}·10{exponent}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_round_and_hold_the_data() {
        let axis = Axis::around(&[0.3f64.log10(), 700f64.log10()], (0.0, 100.0));
        assert!((10f64.powf(axis.from) - 0.2).abs() < 1e-9 && (10f64.powf(axis.to) - 1000.0).abs() < 1e-6);
        let point = Axis::around(&[1.0], (0.0, 100.0));
        assert!(point.to - point.from >= 1.8 && point.from < 1.0 && point.to > 1.0);
        let empty = Axis::around(&[], (0.0, 100.0));
        assert!(empty.from < empty.to && empty.pixel(empty.to) == 100.0);
    }

    #[test]
    fn labels_are_short() {
        let texts = [(1, 0), (2, 1), (5, -2), (1, 4), (1, 5), (2, -12)].map(|(d, e)| power(d, e));
        assert_eq!(texts, ["1", "20", "0.05", "10000", "10⁵", "2·10⁻¹²"]);
        let wide = Axis::around(&[-300.0, 300.0], (0.0, 600.0));
        let labels = wide.ticks().iter().filter(|t| !t.label.is_empty()).count();
        assert!((4..12).contains(&labels), "{labels}");
    }
}
