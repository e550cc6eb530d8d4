// Dot products that the four invocations of a quad share, a quarter of the dimensions each.

// The product of two quarters' vec4s, added to a sum.
fn add_dot(x: vec4<f32>, y: vec4<f32>, sum: f32) -> f32 {
    return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum))));
}

// Invocation e of a quad gets the quad's sum of part e. `odd` and `upper` are the bits of e.
fn sum_of_own(parts: vec4<f32>, odd: bool, upper: bool) -> f32 {
    let low = select(parts.x, parts.y, odd) + quadSwapX(select(parts.y, parts.x, odd));
    let high = select(parts.z, parts.w, odd) + quadSwapX(select(parts.w, parts.z, odd));
    return select(low, high, upper) + quadSwapY(select(high, low, upper));
}
