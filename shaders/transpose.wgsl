// y = xᵀ in tiles of 16 × 16, rows of y rounded up to a multiple of 4 with zeros. With STAGED a tile goes
// through workgroup memory, so that reads and writes are side by side; without, each invocation fetches
// its own element, and a tile keeps what it reads within 16 lines of the cache.

struct Params { rows: u32, columns: u32, padded: u32 }   // padded: elements of a row of y
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [rows, columns]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;   // [columns, padded]

const SIDE: u32 = 16u;
#if STAGED
// One element more a row: the lines of a column then lie in different banks.
var<workgroup> tile: array<array<f32, SIDE + 1u>, SIDE>;
#end

fn element(row: u32, column: u32) -> f32 {
    var value = 0.0;
    if row < params.rows && column < params.columns {
        value = x[row * params.columns + column];
    }
    return value;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let across = (params.columns + SIDE - 1u) / SIDE;
    let i = group.y * grid.x + group.x;
    let first_row = i / across * SIDE;
    let first_column = i % across * SIDE;
    let outer = lane / SIDE;
    let inner = lane % SIDE;
    let row = first_row + inner;
    let column = first_column + outer;
#if STAGED
    tile[outer][inner] = element(first_row + outer, first_column + inner);
    workgroupBarrier();
    let value = tile[inner][outer];
#else
    let value = element(row, column);
#end
    if row < params.padded && column < params.columns {
        y[column * params.padded + row] = value;
    }
}
