// Derivatives of the two GELUs, to be included after common/activation.wgsl: gelu_slope needs its erfc.

// σ(t) + t·σ(t)·σ(-t) with t = 1.702 x. exp of -|t| does not overflow, and 1 - σ does not cancel.
fn quick_gelu_slope(x: f32) -> f32 {
    let t = 1.702 * x;
    let e = exp(-abs(t));
    let large = 1.0 / (1.0 + e); // σ(|t|)
    let small = e / (1.0 + e);   // σ(-|t|)
    return select(large, small, t < 0.0) + t * small * large;
}

// Φ(x) + x·φ(x), with the smaller of Φ and 1 - Φ from erfc.
fn gelu_slope(x: f32) -> f32 {
    let z = abs(x) * 0.70710678118;
    let tail = 0.5 * erfc(z);
    return select(1.0 - tail, tail, x < 0.0) + x * (0.39894228040 * exp(-z * z));
}
