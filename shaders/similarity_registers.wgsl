// y[n, c] = scale · cos(x[n], t[c]) for GPUs: a workgroup holds four rows of x in registers, an invocation the elements
// lane, lane + WG, … of type T, HELD of them, and goes through up to CLASSES classes, two at a time.
// Adds over `scalar`: neighbours load neighbouring elements, a row is read once and not once for each class, and a class
// once for four rows. Subgroups reduce by themselves; their results meet in workgroup memory, behind the only barrier.
// They may have any size: PARTS of the smallest fill a workgroup. A zero vector is similar to nothing: 0.

struct Params { rows: u32, classes: u32, width: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;           // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> t: array<T>;           // [classes, width]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows, classes]

var<workgroup> products: array<vec4<f32>, ${CLASSES * PARTS}>;  // [CLASSES, PARTS]; a component is of a row
var<workgroup> t_squares: array<f32, ${CLASSES * PARTS}>;       // [CLASSES, PARTS]
var<workgroup> x_squares: array<vec4<f32>, $PARTS>;

#include "common/total.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32,
        @builtin(num_subgroups) subgroups: u32, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
    let row0 = (group.y * grid.x + group.x) * 4u;
    if row0 >= params.rows {
        return; // uniform
    }
    let class0 = group.z * CLASSES;
    let count = min(CLASSES, params.classes - class0);
    let n = params.width / PACK;
    // Rows past the end are the last one again, and are not written; elements past the end are zero. The host makes HELD
    // as small as it can be, so only the last element may lie there.
#for e in 0..HELD
    let held_$e = ${e + 1}u < HELD || lane + ${e}u * WG < n;
    let i_$e = select(n - 1u, lane + ${e}u * WG, held_$e);
#for r in 0..4
    let x_${r}_$e = select(T(), x[min(row0 + ${r}u, params.rows - 1u) * n + i_$e], held_$e);
#end
#end
#for r in 0..4
    var square_$r = T();
#for e in 0..HELD
    square_$r += x_${r}_$e * x_${r}_$e;
#end
#end
    let squares = subgroupAdd(vec4<f32>(total(square_0), total(square_1), total(square_2), total(square_3)));
    if subgroup_lane == 0u {
        x_squares[subgroup] = squares;
    }
    for (var c = 0u; c < count; c += 2u) {
        // All loads of two classes are under way at once.
#for u in 0..2
        let t_at_$u = min(class0 + c + ${u}u, params.classes - 1u) * n;
#for e in 0..HELD
        let t_${u}_$e = select(T(), t[t_at_$u + i_$e], held_$e);
#end
#end
#for u in 0..2
        var t_square_$u = T();
#for r in 0..4
        var product_${u}_$r = T();
#end
#for e in 0..HELD
        t_square_$u += t_${u}_$e * t_${u}_$e;
#for r in 0..4
        product_${u}_$r += x_${r}_$e * t_${u}_$e;
#end
#end
        let t_sum_$u = subgroupAdd(total(t_square_$u));
        let sums_$u = subgroupAdd(vec4<f32>(total(product_${u}_0), total(product_${u}_1), total(product_${u}_2),
            total(product_${u}_3)));
        if subgroup_lane == 0u && c + ${u}u < count {
            t_squares[(c + ${u}u) * PARTS + subgroup] = t_sum_$u;
            products[(c + ${u}u) * PARTS + subgroup] = sums_$u;
        }
#end
    }
    workgroupBarrier();
    for (var i = lane; i < 4u * count; i += WG) {
        let r = i / count;
        let c = i % count;
        if row0 + r < params.rows {
            var product = 0.0;
            var xx = 0.0;
            var tt = 0.0;
            for (var p = 0u; p < subgroups; p++) {
                product += products[c * PARTS + p][r];
                xx += x_squares[p][r];
                tt += t_squares[c * PARTS + p];
            }
            let norms = sqrt(xx) * sqrt(tt);
            y[(row0 + r) * params.classes + class0 + c] =
                select(params.scale * (product / norms), 0.0, norms == 0.0);
        }
    }
}
