// C = act(scale · A·Bᵀ + bias) + residual for devices that run a subgroup as one SIMD vector.
// A workgroup is exactly one subgroup of LANES invocations and owns (ROWS·LANES) × (COLS·LANES)
// outputs. What it adds over `register`:
// * a load there is a scalar loop over the lanes, so each value is loaded by one lane only and
//   reaches the others by a broadcast, one permute instruction;
// * an accumulator that lives across a loop is blended and spilled once a visit, so 4·STEPS products
//   are chained in one expression: more work a visit hides it;
// * with PANELS, the weight is a storage texture, which the driver reads in straight-line code.

#include "common/matmul.wgsl"

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let row0 = group.y * (ROWS * LANES);
    let col0 = group.x * (COLS * LANES);
    let base = bases(group.z);
    // Rows and columns past the edge read the last valid one and are not written.
#for i in 0..ROWS
    let a_at_$i = (base.a + min(row0 + lane + ${i * LANES}u, params.m - 1u) * params.a_row) / 4u;
#end
#for j in 0..COLS
    let b_row_$j = min(col0 + lane + ${j * LANES}u, params.n - 1u);
#if PANELS
    let b_at_$j = vec2<i32>(vec2<u32>(b_row_$j % 8u, b_row_$j / 8u));
#else
    let b_at_$j = (base.b + b_row_$j * params.b_row) / 4u;
#end
#end
#for r in 0..ROWS * LANES
#for j in 0..COLS
    var c_${r}_$j = 0.0;
#end
#end
    for (var k = 0u; k < params.k / 4u; k += STEPS) {
#for t in 0..STEPS
#for j in 0..COLS
#if PANELS
        let b_${t}_$j = textureLoad(b, b_at_$j + vec2<i32>(i32((k + ${t}u) * 8u), 0));
#else
        let b_${t}_$j = load_b4(b_at_$j + k + ${t}u);
#end
#end
#end
#for i in 0..ROWS
#for t in 0..STEPS
        let a_${t}_$i = a[a_at_$i + k + ${t}u];
#end
#for l in 0..LANES
#for t in 0..STEPS
        let s_${t}_${i * LANES + l} = subgroupBroadcast(a_${t}_$i, ${l}u);
#end
#for j in 0..COLS
        c_${i * LANES + l}_$j = c_${i * LANES + l}_$j
#for t in 0..STEPS
            + s_${t}_${i * LANES + l}.x * b_${t}_$j.x + s_${t}_${i * LANES + l}.y * b_${t}_$j.y
            + s_${t}_${i * LANES + l}.z * b_${t}_$j.z + s_${t}_${i * LANES + l}.w * b_${t}_$j.w
#end
            ;
#end
#end
#end
    }
#for j in 0..COLS
    let col_$j = col0 + lane + ${j * LANES}u;
    if col_$j < params.n {
        let bias_$j = bias_of(col_$j);
#for r in 0..ROWS * LANES
        if row0 + ${r}u < params.m {
            finish(c_${r}_$j, bias_$j, base.c + (row0 + ${r}u) * params.c_row + col_$j);
        }
#end
    }
#end
}
