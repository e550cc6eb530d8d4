// The two GELUs of CLIP models.

// x · σ(1.702 x), as in OpenAI's CLIP. exp overflows to inf for x ≪ 0, and x / inf is the right 0.
fn quick_gelu(x: f32) -> f32 {
    return x / (1.0 + exp(-1.702 * x));
}

// erfc(z) for z ≥ 0 as t·P(t)·exp(-z²) with t = 1 / (1 + 0.45 z). P is a minimax fit of our own to
// erfcx(z) = exp(z²)·erfc(z) (tools/fit_erfc.py): relative error 1.3e-8, a quarter of float32's unit. Unlike an
// approximation of erf, it keeps its relative accuracy where erfc is small.
fn erfc(z: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.45 * z);
    let p = 0.253869780 + t * (0.254222365 + t * (0.225157440 + t * (0.191053547 + t * (0.070988211
        + t * (0.074063513 + t * (0.021253269 + t * (-0.206574039 + t * (0.149656326 + t *
        -0.033690425))))))));
    return t * p * exp(-z * z);
}

// x · Φ(x) = x/2 · erfc(-x/√2), the GELU of open_clip's own models.
fn gelu(x: f32) -> f32 {
    let tail = 0.5 * x * erfc(abs(x) * 0.70710678118);
    return select(x - tail, tail, x < 0.0);
}
