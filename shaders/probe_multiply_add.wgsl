// c = c·x + y, over and over in CHAINS independent chains: the arithmetic ceiling. Nothing is loaded
// inside the loop. A device may fuse the product and the sum into one operation.

struct Params { count: u32, rounds: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [count]
@group(0) @binding(1) var<storage, read> y: array<f32>;          // [count]
@group(0) @binding(2) var<storage, read_write> c: array<f32>;    // [count]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    // Within ±0.9 the chains converge instead of overflowing.
    let factor = clamp(x[i], -0.9, 0.9);
    let term = y[i];
#for j in 0..CHAINS
    var c_$j = ${j}.0;
#end
    for (var round = 0u; round < params.rounds; round++) {
#for step in 0..STEPS
#for j in 0..CHAINS
        c_$j = c_$j * factor + term;
#end
#end
    }
    var sum = 0.0;
#for j in 0..CHAINS
    sum += c_$j;
#end
    c[i] = sum;
}
