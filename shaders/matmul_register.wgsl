// C = act(scale · A·Bᵀ + bias) + residual, ROWS × COLS outputs in the registers of one invocation.
// No workgroup memory and no barrier: on a CPU, where caches are real and barriers are coroutine
// switches, this is the best that plain WGSL can do. Adds over `naive`: each loaded value is used
// ROWS (or COLS) times, and loads come four at a time along k.

#include "common/matmul.wgsl"

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row0 = group.y * ROWS;
    let col0 = (group.x * 8u + lane) * COLS;
    if col0 >= params.n {
        return;
    }
    let base = bases(group.z);
    // Rows and columns past the edge read the last valid one and are not written.
#for i in 0..ROWS
    let a_at_$i = (base.a + min(row0 + ${i}u, params.m - 1u) * params.a_row) / 4u;
#end
#for j in 0..COLS
    let b_at_$j = (base.b + min(col0 + ${j}u, params.n - 1u) * params.b_row) / 4u;
#end
#for i in 0..ROWS
#for j in 0..COLS
    var c_${i}_$j = 0.0;
#end
#end
    for (var k = 0u; k < params.k / 4u; k++) {
#for i in 0..ROWS
        let a_$i = a[a_at_$i + k];
#end
#for j in 0..COLS
        let b_$j = load_b4(b_at_$j + k);
#for i in 0..ROWS
        c_${i}_$j += dot(a_$i, b_$j);
#end
#end
    }
#for j in 0..COLS
    if col0 + ${j}u < params.n {
        let bias_$j = bias_of(col0 + ${j}u);
#for i in 0..ROWS
        if row0 + ${i}u < params.m {
            finish(c_${i}_$j, bias_$j, base.c + (row0 + ${i}u) * params.c_row + col0 + ${j}u);
        }
#end
    }
#end
}
