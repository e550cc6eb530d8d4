//! How far float32 may be off: the pieces from which kernels derive their error bounds.
//!
//! The rounding unit of binary32 is u = 2⁻²⁴. A sum or dot product of n terms, evaluated in *any*
//! order and with or without fused multiply-adds, differs from the exact value by at most
//! γₙ·Σ|xᵢ||yᵢ| with γₙ = n·u/(1 − n·u) (Higham, *Accuracy and Stability of Numerical Algorithms*,
//! 2nd ed., section 3.1). Division and square root may be off by 2.5 ulp in WGSL, exp by 3 + 2|x|
//! ulp, and tanh and 1/√x by their inherited errors (WGSL specification, section "Accuracy of
//! concrete floating point expressions"); one ulp is at most 2u relative.

/// Rounding unit of float32.
pub const U: f64 = 1.0 / (1u64 << 24) as f64;
/// Smallest normal float32: devices may flush what is below to zero.
pub const TINY: f64 = f32::MIN_POSITIVE as f64;

/// What is lost when `x` is flushed to zero: all of a denormal number, nothing of others. WGSL lets a
/// device do so with the operands and the result of every operation of arithmetic, but not with what
/// it merely copies.
pub fn flushed(x: f64) -> f64 {
    if x.abs() < TINY { x.abs() } else { 0.0 }
}

/// γₙ: relative error of n chained roundings.
pub fn gamma(n: usize) -> f64 {
    let nu = n as f64 * U;
    assert!(nu < 0.5, "the bound is meaningless for {n} operations");
    nu / (1.0 - nu)
}

/// Relative error of `exp(x)`: 3 + 2|x| ulp.
pub fn exp_error(x: f64) -> f64 {
    (3.0 + 2.0 * x.abs()) * 2.0 * U
}

/// Absolute error of `log(x)`: 2⁻²¹ between 1/2 and 2, 3 ulp elsewhere. An x that is itself off may lie
/// on the other side of the border.
pub fn ln_error(x: f64) -> f64 {
    let near = if (0.499..2.001).contains(&x) { 1.0 / (1u64 << 21) as f64 } else { 0.0 };
    near + 6.0 * U * x.ln().abs()
}

/// Relative error of one division or reciprocal square root: 2.5 ulp.
pub const DIVISION: f64 = 5.0 * U;

/// Σ a·b and Σ |a·b|: a dot product and the magnitude that its error bound is relative to.
pub fn dot(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> (f64, f64) {
    a.zip(b).fold((0.0, 0.0), |(sum, magnitude), (x, y)| (sum + x * y, magnitude + (x * y).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_denormal_numbers_are_lost_to_flushing() {
        assert_eq!(flushed(-1e-39), 1e-39);
        assert_eq!([flushed(0.0), flushed(TINY), flushed(-1.0)], [0.0; 3]);
    }

    #[test]
    fn gamma_bounds_a_float32_sum() {
        // A hard case for naive summation: many equal terms that are not representable sums.
        let n = 4096;
        let x = 0.1f32;
        let sum: f32 = (0..n).map(|_| x).sum();
        let exact = f64::from(x) * f64::from(n);
        assert!((f64::from(sum) - exact).abs() <= gamma(n as usize) * exact);
        assert!((f64::from(sum) - exact).abs() > 0.0, "the case must exercise rounding");
    }
}
