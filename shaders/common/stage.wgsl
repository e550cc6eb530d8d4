// What a workgroup loads of A and B before it stages them: vec4s at clamped addresses, so that no load stands in a branch
// and waits alone. What lies past k is zero.

fn within_k(value: vec4<f32>, quad: u32, last: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), value, quad <= last);
}

// A vec4 of A from the start of its row; `last` is the last vec4 of a row.
fn load_a(row: u32, quad: u32, last: u32) -> vec4<f32> {
    return within_k(a[row + min(quad, last)], quad, last);
}

#if B_KN
// A vec4 of row k of B, in the column whose first vec4 is `start`.
fn load_b_stage(start: u32, k: u32, last: u32) -> vec4<f32> {
    return within_k(load_b4(start + min(k, params.k - 1u) * params.b_row / 4u), k / 4u, last);
}
#else
// A vec4 of B from the start of its row.
fn load_b_stage(start: u32, quad: u32, last: u32) -> vec4<f32> {
    return within_k(load_b4(start + min(quad, last)), quad, last);
}
#end
