//! Faults of kernels that sum, move and update: what a backward pass and an optimiser need beside the
//! gradients themselves.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "sums.wgsl", kernels: &[("sums", "column"), ("sums", "workgroup")], faults: SUMS },
    Bed { file: "sums.wgsl", kernels: &[("sums", "column")], faults: SUMS_COLUMN },
    Bed { file: "sums.wgsl", kernels: &[("sums", "workgroup")], faults: SUMS_WORKGROUP },
];

const SUMS: &[Fault] = &[
    fault("the offset is left out", "params.offset + g", "g"),
    fault("groups are a row apart", "g * params.group_stride", "g * params.row_stride"),
    fault("rows are as long as they are summed", "r * params.row_stride", "r * params.columns"),
    fault("the column is left out", "params.group_stride + c;", "params.group_stride;"),
    fault("the last row is left out", "r < params.rows", "r + 1u < params.rows"),
    fault("one row too many", "r < params.rows", "r <= params.rows"),
    fault("the first row counts twice", "var total = 0.0;", "var total = term(base);"),
    fault("z is squared", "x[at] * z[at]", "z[at] * z[at]"),
    fault("z is added", "x[at] * z[at]", "x[at] + z[at]"),
];

const SUMS_COLUMN: &[Fault] = &[
    fault("writes one sum past the end", "i >= params.groups", "i > params.groups"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x) * WG", "group.x) * WG"),
    fault("divided by the wrong size", "sum(i / params.columns", "sum(i / params.rows"),
    fault("not scaled", "y[i] = params.scale *", "y[i] ="),
];

const SUMS_WORKGROUP: &[Fault] = &[
    fault("a tile too few", "(params.columns + TILE - 1u) / TILE", "max(params.columns / TILE, 1u)"),
    fault(
        "tiles of a folded grid are taken for a flat one's",
        "let tile = group.y * grid.x + group.x",
        "let tile = group.x",
    ),
    fault("writes one group past the end", "g >= params.groups", "g > params.groups"),
    fault("writes past the last column", "lane < TILE && c < params.columns", "lane < TILE"),
    fault("rows overlap", "lane / TILE, WG / TILE)", "lane / TILE, WG / TILE - 1u)"),
    fault("a row is left out", "lane / TILE, WG / TILE)", "lane / TILE, WG / TILE + 1u)"),
    race(
        "no barrier after the stores",
        "partial[lane] = own;\n    workgroupBarrier();",
        "partial[lane] = own;",
    ),
    race("no barrier between the steps", "        }\n        workgroupBarrier();", "        }"),
    fault("the last step is left out", "half >= TILE", "half > TILE"),
    fault("one step too many", "half >= TILE", "half >= max(TILE / 2u, 1u)"),
    fault("a shared sum is not scaled", "+ c] = params.scale *", "+ c] ="),
    fault("groups overlap", "y[g * params.columns", "y[g * TILE"),
];
