// The order in which workgroups take the blocks of a grid: eight rows of blocks at a time, column by column. Workgroups
// that run at the same time then share operands in the cache: of a square of blocks instead of one long row.

const BAND: u32 = 8u;                         // rows of blocks

fn swizzled(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
    let id = group.y * groups.x + group.x;
    let band = id / (BAND * groups.x);
    let rest = id % (BAND * groups.x);
    let rows = min(groups.y - band * BAND, BAND);
    return vec2<u32>(rest / rows, band * BAND + rest % rows);
}
