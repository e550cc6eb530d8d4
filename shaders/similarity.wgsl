// y[n, c] = scale · cos(x[n], t[c]): feature rows against a few class vectors.
// A zero vector is similar to nothing: 0.

struct Params { rows: u32, classes: u32, width: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [rows, width]
@group(0) @binding(1) var<storage, read> t: array<f32>;         // [classes, width]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows, classes]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.rows * params.classes {
        return;
    }
    let x_at = (i / params.classes) * params.width;
    let t_at = (i % params.classes) * params.width;
    var product = 0.0;
    var xx = 0.0;
    var tt = 0.0;
    for (var d = 0u; d < params.width; d++) {
        let a = x[x_at + d];
        let b = t[t_at + d];
        product += a * b;
        xx += a * a;
        tt += b * b;
    }
    let norms = sqrt(xx) * sqrt(tt);
    y[i] = select(params.scale * (product / norms), 0.0, norms == 0.0);
}
