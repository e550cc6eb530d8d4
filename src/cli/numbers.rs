//! Numbers on the command line: what an option may be, so that a wrong one is a wrong command line (exit code 2) that names
//! the option and the range.

use std::ops::RangeInclusive;

/// Reads a whole number from 1 to a million.
///
/// # Errors
/// A message for anything else.
pub fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1_000_000).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 1000000".to_owned())
}

/// Reads a whole number from 0 to a million.
///
/// # Errors
/// A message for anything else.
pub fn count_or_none(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (0..=1_000_000).contains(n));
    number.ok_or_else(|| "expected a whole number from 0 to 1000000".to_owned())
}

/// Reads a probability.
///
/// # Errors
/// A message for anything but 0 to 1.
pub fn probability(text: &str) -> Result<f32, String> {
    within(text, 0.0..=1.0, "a probability from 0 to 1").map(|number| number as f32)
}

/// Reads a share of a whole.
///
/// # Errors
/// A message for anything but 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0..=1.0, "a share from 0 to 1")
}

/// Reads the share of a tile that it has in common with the next.
///
/// # Errors
/// A message for anything but 0 to 0.9.
pub fn overlap(text: &str) -> Result<f32, String> {
    within(text, 0.0..=0.9, "a share from 0 to 0.9").map(|number| number as f32)
}

/// Reads the rate of false alarms that may be asked for.
///
/// # Errors
/// A message for anything but more than 0 and less than 1.
pub fn rate(text: &str) -> Result<f64, String> {
    let expected = "a rate more than 0 and less than 1, such as 0.01";
    within(text, f64::MIN_POSITIVE..=1.0 - f64::EPSILON, expected)
}

/// Reads a change in per cent.
///
/// # Errors
/// A message for anything but 0 and more.
pub fn percentage(text: &str) -> Result<f64, String> {
    within(text, 0.0..=f64::MAX, "a percentage, 0 or more")
}

/// Reads a time in seconds.
///
/// # Errors
/// A message for anything but 0 to a thousand million seconds.
pub fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.0..=1e9, "a number of seconds, 0 or more")
}

/// What is not a number lies in no range.
fn within(text: &str, range: RangeInclusive<f64>, expected: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_the_range_is_refused_with_the_range() {
        for text in ["NaN", "inf", "-inf", "", "x", "1.5", "-0.1", "1e400", "0x1"] {
            assert!(probability(text).unwrap_err().contains("from 0 to 1"), "{text}");
            assert!(share(text).is_err() && overlap(text).is_err() && rate(text).is_err(), "{text}");
            assert!(count(text).is_err() && count_or_none(text).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "-1", "1e400"] {
            assert!(percentage(text).is_err() && seconds(text).is_err(), "{text}");
        }
        assert_eq!((probability("0"), probability("1"), share("0.5")), (Ok(0.0), Ok(1.0), Ok(0.5)));
        assert_eq!((overlap("0.9"), overlap("0.91").is_err()), (Ok(0.9), true));
        assert!(rate("0").is_err() && rate("1").is_err() && rate("0.01") == Ok(0.01));
        assert!(count("0").is_err() && count("1000001").is_err() && count_or_none("0") == Ok(0));
        assert_eq!((seconds("2.5"), percentage("250")), (Ok(2.5), Ok(250.0)));
    }
}
