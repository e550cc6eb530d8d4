//! Attention of a query in float64, and how far an arithmetic may be off it.

use super::shape::Attention;
use crate::kernels::bounds::{DIVISION, TINY, U, dot, exp_error, gamma};
use crate::kernels::matmul::Factors;
use crate::kernels::matrix_units::HALF;

/// The reference's results for one query: its output row, log-sum-exp, and error terms.
pub(super) struct Query {
    pub out: Vec<f64>,
    pub lse: f64,
    pub bound: Vec<f64>,
    pub lse_bound: f64,
}

/// A query's scores against the keys that it sees.
struct Scores {
    /// Each score, and Σ|q·scale||k| behind it.
    each: Vec<(f64, f64)>,
    /// The largest Σ|q·scale| + Σ|k|.
    lengths: f64,
    largest: f64,
    /// Between the largest and the smallest.
    range: f64,
    /// Σ exp(score − largest).
    sum: f64,
}

/// How far an arithmetic may be off: an output by relative·Σ p|v| + (1 + relative)·(absolute + each·Σ|v|).
struct Errors {
    relative: f64,
    absolute: f64,
    each: f64,
    /// Of the log-sum-exp.
    lse: f64,
}

/// The largest weight that is lost when it is below float16's normal range: 2⁻¹⁴, where weights are times 128.
const FLUSHED_WEIGHT: f64 = 1.0 / (1u64 << 21) as f64;
/// How far behind the largest score the maximum may lag to which weights are relative: ln 256.
const SLACK: f64 = 5.5452;

impl Scores {
    fn new<'k>(q: &[f64], keys: impl Iterator<Item = &'k [f64]>) -> Self {
        let length = |x: &[f64]| x.iter().map(|x| x.abs()).sum::<f64>();
        let (mut each, mut longest) = (Vec::new(), 0.0f64);
        for k in keys {
            each.push(dot(q.iter().copied(), k.iter().copied()));
            longest = longest.max(length(k));
        }
        let largest = each.iter().map(|s| s.0).fold(f64::NEG_INFINITY, f64::max);
        let smallest = each.iter().map(|s| s.0).fold(f64::INFINITY, f64::min);
        let sum = each.iter().map(|s| (s.0 - largest).exp()).sum();
        Self { each, lengths: length(q) + longest, largest, range: largest - smallest, sum }
    }

    /// The largest Σ|q·scale||k|.
    fn magnitude(&self) -> f64 {
        self.each.iter().map(|s| s.1).fold(0.0, f64::max)
    }

    fn lse(&self) -> f64 {
        self.largest + self.sum.ln()
    }
}

impl Attention {
    pub(super) fn query(&self, qkv: &[f64], image: usize, head: usize, query: usize) -> Query {
        let (d, width) = (self.head_dim, self.heads * self.head_dim);
        let row = |t: usize, part: usize| {
            &qkv[(image * self.tokens + t) * 3 * width + part * width + head * d..][..d]
        };
        let visible = if self.causal { query + 1 } else { self.tokens };
        let scale = f64::from(self.scale());
        let q: Vec<f64> = row(query, 0).iter().map(|x| x * scale).collect();
        let scores = Scores::new(&q, (0..visible).map(|t| row(t, 1)));
        let (mut out, mut magnitude, mut values) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
        for (t, s) in scores.each.iter().enumerate() {
            let p = (s.0 - scores.largest).exp() / scores.sum;
            for (i, v) in row(t, 2).iter().enumerate() {
                out[i] += p * v;
                magnitude[i] += p * v.abs();
                values[i] += v.abs();
            }
        }
        let errors = match self.factors {
            Factors::F32 => self.float32_errors(&scores),
            Factors::F16 => self.float16_errors(&scores),
        };
        let bound = |(m, v): (&f64, &f64)| {
            let lost = (1.0 + errors.relative) * (errors.absolute + errors.each * v);
            1.01 * (errors.relative * m + lost) + TINY
        };
        let bound = magnitude.iter().zip(&values).map(bound).collect();
        Query { out, lse: scores.lse(), bound, lse_bound: errors.lse }
    }

    /// A score is off by γ·Σ|q||k|; that and the rounding of the difference are relative errors of exp. The running
    /// maximum rescales at most once a tile of four keys or more; the exponents of these factors add up to at most the
    /// range of the scores.
    fn float32_errors(&self, scores: &Scores) -> Errors {
        let visible = scores.each.len();
        let score = gamma(self.head_dim + 2) * scores.magnitude();
        let rescales = visible.div_ceil(4) as f64;
        let term = 2.0 * score
            + 2.0 * U * (scores.largest.abs() + scores.range)
            + exp_error(scores.range)
            + rescales * 10.0 * U
            + exp_error(scores.range);
        let (lse, log) = (scores.lse(), scores.sum.ln());
        Errors {
            relative: 2.0 * term + 2.0 * gamma(visible + 2) + DIVISION + U,
            absolute: 0.0,
            each: 0.0,
            // log passes the relative error of its argument on as an absolute one, and adds 3 ulp.
            lse: 1.01 * (score + term + gamma(visible) + 6.0 * U * log.abs() + 4.0 * U * lse.abs()) + 8.0 * U,
        }
    }

    /// With factors of float16, each off by 2⁻¹¹ of itself, or of 2⁻²⁸ of the largest where it is flushed: the largest is
    /// brought to 2¹⁴ at least, and what is flushed is below 2⁻¹⁴. Units may cut each sum off where float32 rounds, an
    /// error of 2u.
    ///
    /// A score s is off by both factors' errors, and is the same for numerator and denominator of p = e^s / Σ e^s. With
    /// ε the largest error of an exponent, that of exp and of the factors that rescale included, a p is off by a factor
    /// between e^−2ε and e^2ε, whatever the maximum that was subtracted. Then p is rounded to float16, v too, and the sums
    /// of both round. Float32 arithmetic, which a device without units does, is within the same bound: its score error is
    /// 2u·(d + 2)·Σ|q||k| or less, where this one is 2⁻¹⁰ = 16384u of it.
    fn float16_errors(&self, scores: &Scores) -> Errors {
        let visible = scores.each.len();
        let d = self.head_dim;
        let small = self.range.map_or(0.0, |range| (-28f64).exp2() * f64::from(range));
        let score = (2.0 * HALF + HALF * HALF + gamma(2 * d + 4)) * 1.001 * scores.magnitude()
            + 1.001 * small * scores.lengths
            + d as f64 * small * small;
        let span = scores.range + 2.0 * score + SLACK;
        let rescales = visible.div_ceil(4) as f64;
        let exponent =
            score + 2.0 * U * (scores.largest.abs() + span) + 2.0 * exp_error(span) + rescales * 10.0 * U;
        let sums = 1.0 + gamma(2 * visible + 2) + gamma(visible + 2) + DIVISION + 3.0 * U;
        let (lse, log) = (scores.lse(), scores.sum.ln());
        Errors {
            relative: (2.0 * exponent).exp() * (1.0 + HALF).powi(2) * sums - 1.0,
            absolute: small,
            each: FLUSHED_WEIGHT / scores.sum,
            lse: 1.01
                * (exponent + gamma(visible) + 6.0 * U * (log.abs() + SLACK) + 4.0 * U * (lse.abs() + SLACK))
                + 8.0 * U,
        }
    }

    /// Calls `f(output start, lse index, query)` for every query.
    pub(super) fn for_each(&self, qkv: &[f64], mut f: impl FnMut(usize, usize, Query)) {
        for image in 0..self.images {
            for head in 0..self.heads {
                for query in 0..self.tokens {
                    let at = ((image * self.tokens + query) * self.heads + head) * self.head_dim;
                    let lse_at = (image * self.heads + head) * self.tokens + query;
                    f(at, lse_at, self.query(qkv, image, head, query));
                }
            }
        }
    }
}
