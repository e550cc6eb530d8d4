//! AUPRO: the area under the curve of region overlap against the false-positive rate.

use super::error::Undefined;
use super::ranking::Bounded;

/// Number of thresholds.
const THRESHOLDS: usize = 200;
/// Points with a false-positive rate of this or more are left out.
const LIMIT: f64 = 0.3;

/// With this rate or more at the highest threshold a curve has no beginning, and its area is that of a part.
const LATE: f64 = 0.03;

/// A quantity, and the interval that its exact value lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    pub low: f64,
    pub value: f64,
    pub high: f64,
}

impl Between {
    /// A quantity that is known.
    pub fn exact(value: f64) -> Self {
        Self { low: value, value, high: value }
    }

    fn error(self) -> f64 {
        (self.value - self.low).max(self.high - self.value)
    }
}

/// What one threshold gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Share of the normal pixels above it.
    pub fpr: Between,
    /// Mean over the regions of the share of their pixels above it.
    pub overlap: Between,
}

/// The thresholds `min + i·(max − min)/200`, i from 0 to 199, of maps with these extremes, in float64.
///
/// # Errors
/// [`Undefined::Constant`].
pub(super) fn thresholds(min: f32, max: f32) -> Result<impl DoubleEndedIterator<Item = f64>, Undefined> {
    if min >= max {
        return Err(Undefined::Constant { value: max });
    }
    let step = (f64::from(max) - f64::from(min)) / THRESHOLDS as f64;
    Ok((0..THRESHOLDS).map(move |i| f64::from(min) + i as f64 * step))
}

/// The area of points in the order of rising thresholds: those with a false-positive rate below 0.3, whose rates are
/// rescaled to 0..=1 by their own extremes; by trapezoids.
///
/// Where the points are uncertain, which of them are kept may be too: the error is the largest over all sets that can
/// be meant, see [`area`].
///
/// # Errors
/// [`Undefined::NoCurve`] if the points kept have a single rate, [`Undefined::Coarse`] if only their estimates do.
pub(super) fn aupro(points: &[Point]) -> Result<Bounded, Undefined> {
    let first = |of: fn(Between) -> f64| points.iter().position(|p| of(p.fpr) < LIMIT);
    let certain = points.iter().all(|p| p.fpr.error() == 0.0);
    let reason = || if certain { Undefined::NoCurve } else { Undefined::Coarse };
    let kept = first(|b| b.value).ok_or_else(reason)?;
    let found = area(&points[kept..]).ok_or_else(reason)?;
    let (earliest, latest) = (first(|b| b.low).unwrap_or(kept), first(|b| b.high).unwrap_or(points.len()));
    let error =
        |from: usize| area(&points[from..]).map_or(1.0, |a| (a.value - found.value).abs() + a.max_error);
    // Both the area and its estimate lie in 0..=1.
    let widest = found.value.max(1.0 - found.value);
    let max_error = (earliest..=latest).map(error).fold(0.0, f64::max).min(widest);
    Ok(Bounded { value: found.value, max_error })
}

/// A curve that begins late: many normal pixels have the largest values, as in maps that were cut off or rounded. Its area
/// is that of the part from there on, rescaled, which says nothing of lower rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LateCurve {
    /// The false-positive rate at the highest threshold.
    pub rate: f64,
    /// The area over the rates from 0 to 0.3, with a line from the origin to the first point, as MVTec's own tool draws it.
    pub from_zero: f64,
}

/// What [`aupro`] does not tell of a curve that begins late.
pub(super) fn late(points: &[Point]) -> Option<LateCurve> {
    let (rate, overlap) = points.last().map(|p| (p.fpr.value, p.overlap.value))?;
    let kept = points.iter().position(|p| p.fpr.value < LIMIT).filter(|_| rate >= LATE)?;
    let at = |p: &Point| (p.fpr.value, p.overlap.value);
    let mut curve: Vec<(f64, f64)> = points[kept..].iter().map(at).collect();
    // To the limit itself, between the points on both sides of it.
    if let (Some((x, y)), Some((above, high))) = (curve.first(), points[..kept].last().map(at)) {
        let share = if above > *x { (LIMIT - x) / (above - x) } else { 0.0 };
        curve.insert(0, (LIMIT, y + share * (high - y)));
    }
    let area: f64 = curve.windows(2).map(|p| (p[0].0 - p[1].0) * (p[0].1 + p[1].1) / 2.0).sum();
    let width = curve.first().map_or(LIMIT, |(x, _)| *x);
    Some(LateCurve { rate, from_zero: (area + rate * overlap / 2.0) / width })
}

/// The mean height of a curve: `A = N/D`, `N = Σ (x_i − x_{i+1})(y_i + y_{i+1})/2`, `D = x_first − x_last`, for falling
/// rates x and overlaps y. `None` if it has no width.
///
/// The bound has two parts, for the exact points (x, y) and the given ones (x̂, ŷ):
///
/// * `A(x, y) − A(x, ŷ)` is a mean of the errors of the overlaps, so at most the largest of them.
/// * `A(x, ŷ) − A(x̂, ŷ) = [N(x, ŷ) − N(x̂, ŷ) − Â·(D − D̂)] / D`. The bracket is linear in the errors of the rates, with
///   the coefficients `(ŷ_{i+1} − ŷ_{i−1})/2` inside and `(ŷ_i + ŷ_{i±1})/2 − Â` at the ends; `D` is at least the
///   smallest width that the intervals allow.
fn area(points: &[Point]) -> Option<Bounded> {
    let (first, last) = (points.first()?, points.last()?);
    let width = first.fpr.value - last.fpr.value;
    if width <= 0.0 {
        return None;
    }
    let middle = |pair: &[Point]| (pair[0].overlap.value + pair[1].overlap.value) / 2.0;
    let sum: f64 = points.windows(2).map(|p| (p[0].fpr.value - p[1].fpr.value) * middle(p)).sum();
    let value = sum / width;
    let overlaps = points.iter().map(|p| p.overlap.error()).fold(0.0, f64::max);
    let inner = |p: &[Point]| p[1].fpr.error() * (p[2].overlap.value - p[0].overlap.value).abs() / 2.0;
    let rates: f64 = points.windows(3).map(inner).sum::<f64>()
        + first.fpr.error() * (middle(&points[..2]) - value).abs()
        + last.fpr.error() * (middle(&points[points.len() - 2..]) - value).abs();
    let least = first.fpr.low - last.fpr.high;
    let rates = match rates {
        0.0 => 0.0,
        _ if least > 0.0 => rates / least,
        _ => 1.0,
    };
    Some(Bounded { value, max_error: overlaps + rates })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(points: &[(f64, f64)]) -> Vec<Point> {
        let point = |&(fpr, overlap)| Point { fpr: Between::exact(fpr), overlap: Between::exact(overlap) };
        points.iter().map(point).collect()
    }

    #[test]
    fn rates_are_cut_off_and_rescaled() {
        // Kept: 0.2, 0.1 and 0. Areas 0.1·0.7 and 0.1·0.4 over a width of 0.2.
        let curve = exact(&[(1.0, 1.0), (0.3, 0.9), (0.2, 0.8), (0.1, 0.6), (0.0, 0.2)]);
        let found = aupro(&curve).expect("an area");
        assert!((found.value - 0.55).abs() < 1e-12 && found.max_error == 0.0, "{found:?}");
        assert_eq!(aupro(&exact(&[(1.0, 1.0), (0.3, 0.9)])), Err(Undefined::NoCurve));
        assert_eq!(aupro(&exact(&[(1.0, 1.0), (0.1, 0.9), (0.1, 0.4)])), Err(Undefined::NoCurve));
    }

    #[test]
    fn a_curve_that_begins_late_is_drawn_from_zero_too() {
        // A fifth of the normal pixels and every defective one have the largest value.
        let curve = exact(&[(1.0, 1.0), (0.4, 1.0), (0.25, 1.0), (0.2, 1.0)]);
        assert_eq!(aupro(&curve).expect("an area").value, 1.0);
        let found = late(&curve).expect("late");
        // A triangle up to 0.2 and a rectangle from there to 0.3.
        assert!((found.from_zero - (0.1 + 0.1) / 0.3).abs() < 1e-12 && found.rate == 0.2, "{found:?}");
        // The limit lies between two points: at 0.3 the overlap is 0.8.
        let found = late(&exact(&[(0.4, 1.0), (0.2, 0.6)])).expect("late");
        assert!((found.from_zero - (0.06 + 0.07) / 0.3).abs() < 1e-12, "{found:?}");
        assert_eq!(late(&exact(&[(1.0, 1.0), (0.2, 0.8), (0.0, 0.2)])), None);
        assert_eq!(late(&exact(&[(1.0, 1.0), (0.4, 0.8)])), None, "no area at all");
        assert_eq!(late(&[]), None);
    }

    #[test]
    fn a_point_that_may_be_kept_widens_the_bound() {
        let mut curve = exact(&[(1.0, 1.0), (0.31, 0.9), (0.2, 0.8), (0.0, 0.2)]);
        let without = aupro(&curve).expect("an area").value;
        curve[1].fpr = Between { low: 0.29, value: 0.31, high: 0.31 };
        let bounded = aupro(&curve).expect("an area");
        curve[1].fpr = Between::exact(0.29);
        let with = aupro(&curve).expect("an area").value;
        assert_eq!(bounded.value, without);
        assert!((with - without).abs() > 0.05 && (with - without).abs() <= bounded.max_error, "{bounded:?}");
    }
}
