// Sums of `rounds` times PER vec4s of a small array, which a last-level cache holds and the caches of single cores do
// not: how fast that cache can be read. Workgroups walk over the array's blocks of 64 · PER vec4s, each from a place of
// its own and in steps that leave few blocks for a neighbour on the same core to find in its own cache.

struct Params { groups: u32, blocks: u32, rounds: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;           // [blocks, PER, 64]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;     // [groups, 64]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let at = group.y * grid.x + group.x;
    if at >= params.groups {
        return;
    }
    var block = at * 37u % params.blocks;
    var sum = vec4<f32>(0.0);
    for (var round = 0u; round < params.rounds; round++) {
#for i in 0..PER
        sum += x[block * ${64 * PER}u + ${64 * i}u + lane];
#end
        block = (block + 29u) % params.blocks;
    }
    y[at * 64u + lane] = sum;
}
