// The two GELUs of CLIP models.

// x · σ(1.702 x), as in OpenAI's CLIP. exp overflows to inf for x ≪ 0, and x / inf is the right 0.
fn quick_gelu(x: f32) -> f32 {
    return x / (1.0 + exp(-1.702 * x));
}

// erf by its Maclaurin series near zero and by a rational approximation in exp(-x²) elsewhere:
// Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.26, |error| ≤ 1.5e-7.
fn erf(x: f32) -> f32 {
    let z = abs(x);
    if z < 0.5 {
        // 7.1.5: 2/√π · Σ (-1)ⁿ x²ⁿ⁺¹ / (n! (2n+1)), to n = 6: the next term is below 2e-9 here.
        let s = x * x;
        return x * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706
            + s * (0.0052239776 + s * (-0.0008548327 + s * 0.0001205533))))));
    }
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
        + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
    return sign(x) * (1.0 - tail);
}

// x · Φ(x) = x/2 · (1 + erf(x/√2)), the GELU of open_clip's own models.
fn gelu(x: f32) -> f32 {
    return 0.5 * x * (1.0 + erf(x * 0.70710678118));
}
