//! Faults of kernels that sum, move and update: what a backward pass and an optimiser need beside the
//! gradients themselves.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "sums.wgsl", kernels: &[("sums", "column"), ("sums", "workgroup")], faults: SUMS },
    Bed { file: "sums.wgsl", kernels: &[("sums", "column")], faults: SUMS_COLUMN },
    Bed { file: "sums.wgsl", kernels: &[("sums", "workgroup")], faults: SUMS_WORKGROUP },
    Bed { file: "combine.wgsl", kernels: &[("combine", "scalar"), ("combine", "vec4")], faults: COMBINE },
    Bed { file: "concat.wgsl", kernels: &[("concat", "scalar"), ("concat", "vec4")], faults: CONCAT },
    Bed {
        file: "transpose.wgsl",
        kernels: &[("transpose", "scalar"), ("transpose", "tile")],
        faults: TRANSPOSE,
    },
    Bed { file: "transpose.wgsl", kernels: &[("transpose", "tile")], faults: TRANSPOSE_TILE },
    Bed { file: "splice.wgsl", kernels: &[("splice", "scalar"), ("splice", "vec4")], faults: SPLICE },
    Bed { file: "scatter.wgsl", kernels: &[("scatter", "scalar"), ("scatter", "vec4")], faults: SCATTER },
    Bed { file: "adam.wgsl", kernels: &[("adam", "scalar"), ("adam", "vec4")], faults: ADAM },
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

const COMBINE: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the second term is subtracted", "x[i] + params.b", "x[i] - params.b"),
    fault(
        "the factors are swapped",
        "params.a * x[i] + params.b * z[i]",
        "params.b * x[i] + params.a * z[i]",
    ),
    fault("one factor for both", "params.b * z[i]", "params.a * z[i]"),
    fault("the only term has no factor", "y[i] = params.a * x[i];", "y[i] = x[i];"),
    fault("z is left out", "+ params.b * z[i]", ""),
];

const CONCAT: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the first table is one element longer", "i < params.first", "i <= params.first"),
    fault("the second table is not moved", "b[i - params.first]", "b[i]"),
    fault("the first table twice", "out[i] = b[i - params.first]", "out[i] = a[i - params.first]"),
];

const TRANSPOSE: &[Fault] = &[
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("a tile too few", "(params.columns + SIDE - 1u) / SIDE", "max(params.columns / SIDE, 1u)"),
    fault("rows and columns of tiles are swapped", "i / across * SIDE", "i % across * SIDE"),
    fault(
        "rows of x are as long as columns",
        "row * params.columns + column]",
        "row * params.rows + column]",
    ),
    fault("rows of y are not padded", "column * params.padded + row", "column * params.rows + row"),
    fault("padding is left as it was", "row < params.padded", "row < params.rows"),
    fault("padding is one", "var value = 0.0;", "var value = 1.0;"),
    fault(
        "padding repeats the last row",
        "if row < params.rows && column < params.columns {
        value = x[row *",
        "if column < params.columns {
        value = x[min(row, params.rows - 1u) *",
    ),
    fault(
        "writes past the last row",
        "row < params.padded && column < params.columns",
        "row < params.padded",
    ),
    fault("writes past the padding", "row < params.padded && ", ""),
];

const TRANSPOSE_TILE: &[Fault] = &[
    fault("not transposed within the tile", "tile[inner][outer];", "tile[outer][inner];"),
    fault(
        "an element is read for another place",
        "element(first_row + outer, first_column + inner)",
        "element(row, column)",
    ),
    race("no barrier after the stores", "    workgroupBarrier();\n", ""),
];

const SPLICE: &[Fault] = &[
    fault("writes one element past the end", "i >= params.batch", "i > params.batch"),
    fault("the last sequence is left out", "params.batch * (LENGTH", "(params.batch - 1u) * (LENGTH"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows come in front", "in_sequence >= WIDTH && in_sequence < WIDTH + size", "in_sequence < size"),
    fault("the last row is not put in", "< WIDTH + size", "< size"),
    fault("one row too many", "< WIDTH + size", "< 2u * WIDTH + size"),
    fault("rows are of the batch's place", "in_sequence = i % (LENGTH * WIDTH)", "in_sequence = i"),
    fault("rows put in are one late", "out[i] = p[in_sequence - WIDTH]", "out[i] = p[in_sequence]"),
    fault("rows blended are one late", "params.add * p[in_sequence - WIDTH]", "params.add * p[in_sequence]"),
    fault(
        "only this sequence is moved",
        "(sequence + select(0u, 1u, in_sequence >= WIDTH))",
        "select(0u, 1u, in_sequence >= WIDTH)",
    ),
    fault("the first row is moved too", "select(0u, 1u, in_sequence >= WIDTH)", "1u"),
    fault(
        "rows past those put in are not moved",
        "sequence + select(0u, 1u, in_sequence >= WIDTH)",
        "sequence",
    ),
    fault("what was there is dropped", "params.keep * value + params.add", "params.add"),
    fault("what was there is kept whole", "params.keep * value + params.add", "value + params.add"),
    fault(
        "the factors are swapped",
        "params.keep * value + params.add *",
        "params.add * value + params.keep *",
    ),
    fault("kept whole where nothing is added", "value = params.keep * value;", ""),
    fault("zero where nothing is added", "value = params.keep * value;", "value = T();"),
];

const SCATTER: &[Fault] = &[
    fault("writes one element past the end", "i >= params.rows", "i > params.rows"),
    fault("the last row is left out", "params.rows * WIDTH {", "(params.rows - 1u) * WIDTH {"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the order is not looked up", "min(order[p],", "min(p,"),
    fault("the last row of dy is out of reach", "params.count - 1u", "max(params.count, 2u) - 2u"),
    fault("the last of a range is left out", "p < end", "p + 1u < end"),
    fault("one past the range", "p < end", "p <= end"),
    fault("the first of a range is left out", "var p = starts[row]", "var p = starts[row] + 1u"),
    fault("ranges end at the count", "min(starts[row + 1u], params.count)", "params.count"),
    fault("ranges start at zero", "var p = starts[row]", "var p = 0u"),
    fault("only the last one stays", "sum += dy", "sum = dy"),
    fault("rows of dy are too long", ") * WIDTH + column", ") * (WIDTH + 1u) + column"),
    fault("the column is swapped for the row", "column = i % WIDTH", "column = i / WIDTH"),
    fault("adds to what was in the output", "out[i] = sum;", "out[i] += sum;"),
    fault("an empty sum is left as it was", "out[i] = sum;", "if starts[row] < end { out[i] = sum; }"),
];

const ADAM: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault(
        "the mean's factors are swapped",
        "params.beta1 * m[i] + params.one_beta1 * gradient",
        "params.one_beta1 * m[i] + params.beta1 * gradient",
    ),
    fault("the mean has β₂", "params.beta1 * m[i]", "params.beta2 * m[i]"),
    fault("the gradient has no factor in the mean", "params.one_beta1 * gradient", "gradient"),
    fault(
        "the gradient is not squared",
        "params.one_beta2 * gradient * gradient",
        "params.one_beta2 * gradient",
    ),
    fault("the square has β₁", "params.beta2 * v[i]", "params.beta1 * v[i]"),
    fault("climbs", "p[i] - params.rate", "p[i] + params.rate"),
    fault("steps by the gradient", "params.rate * mean /", "params.rate * gradient /"),
    fault("divides by the old root", "sqrt(square)", "sqrt(v[i])"),
    fault("not rooted", "(sqrt(square) *", "(square *"),
    fault("the root is not corrected", "sqrt(square) * params.correction", "sqrt(square)"),
    fault(
        "the correction is inside the root",
        "sqrt(square) * params.correction",
        "sqrt(square * params.correction)",
    ),
    fault("epsilon is left out", " * params.correction + params.epsilon", " * params.correction"),
    fault(
        "epsilon is inside the root",
        "(sqrt(square) * params.correction + params.epsilon)",
        "sqrt(square * params.correction * params.correction + params.epsilon)",
    ),
    fault(
        "epsilon is corrected",
        "(sqrt(square) * params.correction + params.epsilon)",
        "((sqrt(square) + params.epsilon) * params.correction)",
    ),
    fault("does not decay", "params.decay * p[i]", "p[i]"),
    fault("the old mean is kept", "new_m[i] = mean;", "new_m[i] = m[i];"),
    fault("the means are swapped", "new_v[i] = square;", "new_v[i] = mean;"),
];
