// y[n, c] = scale · cos(x[n], t[c]) for devices that run a subgroup as one SIMD vector. A workgroup is
// one subgroup and owns ROWS·LANES rows and up to CLASSES classes. Adds over `scalar`: a value of x is
// loaded once and not once for each class, one of t once and not once for each row; classes reach the
// rows by broadcasts. A zero vector is similar to nothing: 0.

struct Params { rows: u32, classes: u32, width: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;   // [rows, width / 4]
@group(0) @binding(1) var<storage, read> t: array<vec4<f32>>;   // [classes, width / 4]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows, classes]

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let row0 = group.x * (ROWS * LANES) + lane;
    let class0 = group.y * CLASSES;
    let width = params.width / 4u;
    // Lanes past the edge read the last row or class and write nothing.
#for i in 0..ROWS
    let row_$i = row0 + ${i * LANES}u;
    let x_at_$i = min(row_$i, params.rows - 1u) * width;
    var xx_$i = 0.0;
#for c in 0..CLASSES
    var xt_${i}_$c = 0.0;
#end
#end
    let t_at = min(class0 + lane, params.classes - 1u) * width;
    var tt = 0.0;
    for (var k = 0u; k < width; k++) {
        let t4 = t[t_at + k];
        tt += dot(t4, t4);
#for i in 0..ROWS
        let x_$i = x[x_at_$i + k];
        xx_$i += dot(x_$i, x_$i);
#end
#for c in 0..CLASSES
        let t_$c = subgroupBroadcast(t4, ${c}u);
#for i in 0..ROWS
        xt_${i}_$c += dot(x_$i, t_$c);
#end
#end
    }
#for c in 0..CLASSES
    let t_norm_$c = sqrt(subgroupBroadcast(tt, ${c}u));
#end
#for i in 0..ROWS
#for c in 0..CLASSES
    if row_$i < params.rows && class0 + ${c}u < params.classes {
        let norms_${i}_$c = sqrt(xx_$i) * t_norm_$c;
        y[row_$i * params.classes + class0 + ${c}u] =
            select(params.scale * (xt_${i}_$c / norms_${i}_$c), 0.0, norms_${i}_$c == 0.0);
    }
#end
#end
}
