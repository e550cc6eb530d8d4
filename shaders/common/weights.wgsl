// Reading `b`, the operand that may be stored as f16: two halves in a u32, four in a vec2<u32>.
// unpack2x16float is core WGSL, so f16 weights need no f16 arithmetic on the device.

#if VEC4
#if B_F16
fn load_b4(i: u32) -> vec4<f32> {
    let packed = b[i];
    return vec4<f32>(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
#else
fn load_b4(i: u32) -> vec4<f32> {
    return b[i];
}
#end
#else
#if B_F16
fn load_b(i: u32) -> f32 {
    let pair = unpack2x16float(b[i / 2u]);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}
#else
fn load_b(i: u32) -> f32 {
    return b[i];
}
#end
#end
