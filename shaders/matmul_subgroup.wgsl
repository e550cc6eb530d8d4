// C = act(scale · A·Bᵀ + bias) + residual for devices that run a subgroup as one SIMD vector.
// A workgroup is exactly one subgroup of LANES invocations and owns (ROWS·LANES) × (COLS·LANES)
// outputs. Adds over `register`: a load there is a scalar loop over the lanes, so each value is
// loaded by one lane only and reaches the others by a broadcast, one permute instruction.
// The four k-steps are chained in one expression, because an accumulator that lives across a loop
// is spilled and reloaded once a visit: more work a visit hides it.

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
    let b_at_$j = (base.b + min(col0 + lane + ${j * LANES}u, params.n - 1u) * params.b_row) / 4u;
#end
#for r in 0..ROWS * LANES
#for j in 0..COLS
    var c_${r}_$j = 0.0;
#end
#end
    for (var k = 0u; k < params.k / 4u; k++) {
#for j in 0..COLS
        let b_$j = load_b4(b_at_$j + k);
#end
#for i in 0..ROWS
        let a_$i = a[a_at_$i + k];
#for l in 0..LANES
        let s_${i * LANES + l} = subgroupBroadcast(a_$i, ${l}u);
#for j in 0..COLS
        c_${i * LANES + l}_$j = c_${i * LANES + l}_$j
            + s_${i * LANES + l}.x * b_$j.x + s_${i * LANES + l}.y * b_$j.y
            + s_${i * LANES + l}.z * b_$j.z + s_${i * LANES + l}.w * b_$j.w;
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
