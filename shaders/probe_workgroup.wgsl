// Sums of `rounds` times PER vec4s of workgroup memory, neighbours reading neighbouring vec4s: how fast that memory is.
// Each round begins a vec4 further, so that no round can be taken for the one before.

struct Params { groups: u32, rounds: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;           // [STAGED]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;     // [groups, 64]

var<workgroup> staged: array<vec4<f32>, $STAGED>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < ${STAGED}u; i += 64u) {
        staged[i] = x[i];
    }
    workgroupBarrier();
    let at = group.y * grid.x + group.x;
    if at >= params.groups {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var round = 0u; round < params.rounds; round++) {
#for i in 0..PER
        sum += staged[(round + ${64 * i}u + lane) % ${STAGED}u];
#end
    }
    y[at * 64u + lane] = sum;
}
