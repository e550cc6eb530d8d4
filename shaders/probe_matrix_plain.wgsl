// The sums of `probe_matrix.wgsl` by one invocation an element: what a trial compares the matrix units with.

struct Params { groups: u32, rounds: u32 }
#params

@group(0) @binding(0) var<storage, read> a: array<f32>;          // [A_TILES, TILE, TILE]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [B_TILES, TILE, TILE]
@group(0) @binding(2) var<storage, read_write> c: array<f32>;    // [groups, 4, TILE, TILE]

const AREA: u32 = TILE * TILE;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let at = (group.y * grid.x + group.x) * 64u + lane;
    if at >= params.groups * 4u * AREA {
        return;
    }
    let row = at % AREA / TILE;
    let column = at % TILE;
    var sum = 0.0;
    for (var round = 0u; round < params.rounds; round++) {
#for i in 0..A_TILES
#for j in 0..B_TILES
        for (var k = 0u; k < TILE; k++) {
            sum += a[${i}u * AREA + row * TILE + k] * b[${j}u * AREA + k * TILE + column];
        }
#end
#end
    }
    c[at] = sum;
}
