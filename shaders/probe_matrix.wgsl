// Chains of C = A·B + C by cooperative matrices, A_TILES × B_TILES of them in each subgroup: the arithmetic ceiling of
// matrix units. Nothing is loaded inside the loop. The chains' sum is written, a tile for each of the four subgroups.

#enable wgpu_cooperative_matrix
#if F16_FACTORS
#enable f16
#end

struct Params { groups: u32, rounds: u32 }
#params

@group(0) @binding(0) var<storage, read> a: array<f32>;          // [A_TILES, TILE, TILE]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [B_TILES, TILE, TILE]
@group(0) @binding(2) var<storage, read_write> c: array<f32>;    // [groups, 4, TILE, TILE]

const AREA: u32 = TILE * TILE;
var<workgroup> a_staged: array<Factor, ${A_TILES * TILE * TILE}>;
var<workgroup> b_staged: array<Factor, ${B_TILES * TILE * TILE}>;
var<workgroup> sums: array<f32, ${4 * TILE * TILE}>;

@compute @workgroup_size(${4 * LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) index: u32) {
    for (var i = index; i < ${A_TILES}u * AREA; i += ${4 * LANES}u) {
        a_staged[i] = Factor(a[i]);
    }
    for (var i = index; i < ${B_TILES}u * AREA; i += ${4 * LANES}u) {
        b_staged[i] = Factor(b[i]);
    }
    workgroupBarrier();
    let at = group.y * grid.x + group.x;
    if at >= params.groups {
        return;
    }
#for i in 0..A_TILES
    let a_$i = coopLoadT<TileA>(&a_staged[${i}u * AREA], TILE);
#end
#for j in 0..B_TILES
    let b_$j = coopLoadT<TileB>(&b_staged[${j}u * AREA], TILE);
#end
#for i in 0..A_TILES
#for j in 0..B_TILES
    var c_${i}_$j = TileC();
#end
#end
    for (var round = 0u; round < params.rounds; round++) {
#for i in 0..A_TILES
#for j in 0..B_TILES
        c_${i}_$j = coopMultiplyAdd(a_$i, b_$j, c_${i}_$j);
#end
#end
    }
    var sum = TileC();
#for i in 0..A_TILES
#for j in 0..B_TILES
    sum = sum + c_${i}_$j;
#end
#end
    coopStoreT(sum, &sums[index / LANES * AREA], TILE);
    workgroupBarrier();
    for (var i = index; i < 4u * AREA; i += ${4 * LANES}u) {
        c[at * 4u * AREA + i] = sums[i];
    }
}
