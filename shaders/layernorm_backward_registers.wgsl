// dx = (g - mean(g) - x̂ · mean(g · x̂)) / σ with g = dy · γ and x̂ = (x - mean(x)) / σ, a workgroup a row.
// Adds over `workgroup`: x and g are read once and stay in registers, all loads are under way at once, and the four
// reductions are two pairs, each with one barrier or none. The mean comes first, as the variance is made of centred values.

struct Params { rows: u32, width: u32, epsilon: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;          // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> scale: array<T>;      // [width]  γ
@group(0) @binding(2) var<storage, read> dy: array<T>;         // [rows, width]
@group(0) @binding(3) var<storage, read_write> dx: array<T>;   // [rows, width]

#include "common/registers.wgsl"
#include "common/total.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32,
        @builtin(num_subgroups) subgroups: u32, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
    let row = group.y * grid.x + group.x;
    if row >= params.rows {
        return; // uniform: one row a workgroup
    }
    let place = Place(subgroup, subgroups, subgroup_lane);
    let n = params.width / PACK;
    let base = row * n;
    // An element past the end is the last one again, and does not count.
#for e in 0..HELD
    let held_$e = inside(${e}u, lane + ${e}u * WG, n);
    let i_$e = select(n - 1u, lane + ${e}u * WG, held_$e);
    let x_$e = x[base + i_$e];
    let dy_$e = dy[base + i_$e];
    let scale_$e = scale[i_$e];
#end
    var sums = vec2<f32>();   // of x and of g
#for e in 0..HELD
    let g_$e = dy_$e * scale_$e;
    sums += select(vec2<f32>(), vec2<f32>(total(x_$e), total(g_$e)), held_$e);
#end
    let means = row_sum(sums, 0u, place) / f32(params.width);
    var products = vec2<f32>();   // of d · d and of g · d
#for e in 0..HELD
    let d_$e = x_$e - means.x;
    products += select(vec2<f32>(), vec2<f32>(total(d_$e * d_$e), total(g_$e * d_$e)), held_$e);
#end
    let mean_products = row_sum(products, 1u, place) / f32(params.width);
    let inverse = inverseSqrt(mean_products.x + params.epsilon);
    let slope = inverse * inverse * mean_products.y; // x̂ · mean(g · x̂) = d · slope
#for e in 0..HELD
    if held_$e {
        dx[base + i_$e] = (g_$e - means.y - d_$e * slope) * inverse;
    }
#end
}
