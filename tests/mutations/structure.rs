//! Mutations of kernels that sum, move and update: what a backward pass and an optimiser need beside the
//! gradients themselves.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "sums.wgsl", kernels: &[("sums", "column"), ("sums", "workgroup")], mutations: SUMS },
    Target { file: "sums.wgsl", kernels: &[("sums", "column")], mutations: SUMS_COLUMN },
    Target { file: "sums.wgsl", kernels: &[("sums", "workgroup")], mutations: SUMS_WORKGROUP },
    Target {
        file: "combine.wgsl",
        kernels: &[("combine", "scalar"), ("combine", "vec4")],
        mutations: COMBINE,
    },
    Target { file: "concat.wgsl", kernels: &[("concat", "scalar"), ("concat", "vec4")], mutations: CONCAT },
    Target {
        file: "transpose.wgsl",
        kernels: &[("transpose", "scalar"), ("transpose", "tile")],
        mutations: TRANSPOSE,
    },
    Target { file: "transpose.wgsl", kernels: &[("transpose", "tile")], mutations: TRANSPOSE_TILE },
    Target { file: "splice.wgsl", kernels: &[("splice", "scalar"), ("splice", "vec4")], mutations: SPLICE },
    Target {
        file: "scatter.wgsl",
        kernels: &[("scatter", "scalar"), ("scatter", "vec4")],
        mutations: SCATTER,
    },
    Target { file: "adam.wgsl", kernels: &[("adam", "scalar"), ("adam", "vec4")], mutations: ADAM },
];

const SUMS: &[Mutation] = &[
    mutation("the offset is left out", "params.offset + g", "g"),
    mutation("groups are a row apart", "g * params.group_stride", "g * params.row_stride"),
    mutation("rows are as long as they are summed", "r * params.row_stride", "r * params.columns"),
    mutation("the column is left out", "params.group_stride + c;", "params.group_stride;"),
    mutation("the last row is left out", "r < params.rows", "r + 1u < params.rows"),
    mutation("one row too many", "r < params.rows", "r <= params.rows"),
    mutation("the first row counts twice", "var total = 0.0;", "var total = term(base);"),
    mutation("z is squared", "x[at] * z[at]", "z[at] * z[at]"),
    mutation("z is added", "x[at] * z[at]", "x[at] + z[at]"),
];

const SUMS_COLUMN: &[Mutation] = &[
    mutation("writes one sum past the end", "i >= params.groups", "i > params.groups"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x) * WG", "group.x) * WG"),
    mutation("divided by the wrong size", "sum(i / params.columns", "sum(i / params.rows"),
    mutation("not scaled", "y[i] = params.scale *", "y[i] ="),
];

const SUMS_WORKGROUP: &[Mutation] = &[
    mutation("a tile too few", "(params.columns + TILE - 1u) / TILE", "max(params.columns / TILE, 1u)"),
    mutation(
        "tiles of a folded grid are read as one-dimensional",
        "let tile = group.y * grid.x + group.x",
        "let tile = group.x",
    ),
    mutation("writes one group past the end", "g >= params.groups", "g > params.groups"),
    mutation("writes past the last column", "lane < TILE && c < params.columns", "lane < TILE"),
    mutation("rows overlap", "lane / TILE, WG / TILE)", "lane / TILE, WG / TILE - 1u)"),
    mutation("a row is left out", "lane / TILE, WG / TILE)", "lane / TILE, WG / TILE + 1u)"),
    race(
        "no barrier after the stores",
        "partial[lane] = own;\n    workgroupBarrier();",
        "partial[lane] = own;",
    ),
    race("no barrier between the steps", "        }\n        workgroupBarrier();", "        }"),
    mutation("the last step is left out", "half >= TILE", "half > TILE"),
    mutation("one step too many", "half >= TILE", "half >= max(TILE / 2u, 1u)"),
    mutation("a shared sum is not scaled", "+ c] = params.scale *", "+ c] ="),
    mutation("groups overlap", "y[g * params.columns", "y[g * TILE"),
];

const COMBINE: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the second term is subtracted", "x[i] + params.b", "x[i] - params.b"),
    mutation(
        "the factors are swapped",
        "params.a * x[i] + params.b * z[i]",
        "params.b * x[i] + params.a * z[i]",
    ),
    mutation("one factor for both", "params.b * z[i]", "params.a * z[i]"),
    mutation("the only term has no factor", "y[i] = params.a * x[i];", "y[i] = x[i];"),
    mutation("z is left out", "+ params.b * z[i]", ""),
];

const CONCAT: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the first table is one element longer", "i < params.first", "i <= params.first"),
    mutation("the second table is not moved", "b[i - params.first]", "b[i]"),
    mutation("the first table twice", "out[i] = b[i - params.first]", "out[i] = a[i - params.first]"),
];

const TRANSPOSE: &[Mutation] = &[
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("a tile too few", "(params.columns + SIDE - 1u) / SIDE", "max(params.columns / SIDE, 1u)"),
    mutation("rows and columns of tiles are swapped", "i / across * SIDE", "i % across * SIDE"),
    mutation(
        "rows of x are as long as columns",
        "row * params.columns + column]",
        "row * params.rows + column]",
    ),
    mutation("rows of y are not padded", "column * params.padded + row", "column * params.rows + row"),
    mutation("padding is left as it was", "row < params.padded", "row < params.rows"),
    mutation("padding is one", "var value = 0.0;", "var value = 1.0;"),
    mutation(
        "padding repeats the last row",
        "if row < params.rows && column < params.columns {
        value = x[row *",
        "if column < params.columns {
        value = x[min(row, params.rows - 1u) *",
    ),
    mutation(
        "writes past the last row",
        "row < params.padded && column < params.columns",
        "row < params.padded",
    ),
    mutation("writes past the padding", "row < params.padded && ", ""),
];

const TRANSPOSE_TILE: &[Mutation] = &[
    mutation("not transposed within the tile", "tile[inner][outer];", "tile[outer][inner];"),
    mutation(
        "an element is read for another place",
        "element(first_row + outer, first_column + inner)",
        "element(row, column)",
    ),
    race("no barrier after the stores", "    workgroupBarrier();\n", ""),
];

const SPLICE: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.batch", "i > params.batch"),
    mutation("the last sequence is left out", "params.batch * (LENGTH", "(params.batch - 1u) * (LENGTH"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation(
        "rows come in front",
        "in_sequence >= WIDTH && in_sequence < WIDTH + size",
        "in_sequence < size",
    ),
    mutation("the last row is not put in", "< WIDTH + size", "< size"),
    mutation("one row too many", "< WIDTH + size", "< 2u * WIDTH + size"),
    mutation("rows are of the batch's place", "in_sequence = i % (LENGTH * WIDTH)", "in_sequence = i"),
    mutation("rows put in are one late", "out[i] = p[in_sequence - WIDTH]", "out[i] = p[in_sequence]"),
    mutation(
        "rows blended are one late",
        "params.add * p[in_sequence - WIDTH]",
        "params.add * p[in_sequence]",
    ),
    mutation(
        "only this sequence is moved",
        "(sequence + select(0u, 1u, in_sequence >= WIDTH))",
        "select(0u, 1u, in_sequence >= WIDTH)",
    ),
    mutation("the first row is moved too", "select(0u, 1u, in_sequence >= WIDTH)", "1u"),
    mutation(
        "rows past those put in are not moved",
        "sequence + select(0u, 1u, in_sequence >= WIDTH)",
        "sequence",
    ),
    mutation("what was there is dropped", "params.keep * value + params.add", "params.add"),
    mutation("what was there is kept whole", "params.keep * value + params.add", "value + params.add"),
    mutation(
        "the factors are swapped",
        "params.keep * value + params.add *",
        "params.add * value + params.keep *",
    ),
    mutation("kept whole where nothing is added", "value = params.keep * value;", ""),
    mutation("zero where nothing is added", "value = params.keep * value;", "value = T();"),
];

const SCATTER: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.rows", "i > params.rows"),
    mutation("the last row is left out", "params.rows * WIDTH {", "(params.rows - 1u) * WIDTH {"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the order is not looked up", "min(order[p],", "min(p,"),
    mutation("the last row of dy is out of reach", "params.count - 1u", "max(params.count, 2u) - 2u"),
    mutation("the last of a range is left out", "p < end", "p + 1u < end"),
    mutation("one past the range", "p < end", "p <= end"),
    mutation("the first of a range is left out", "var p = starts[row]", "var p = starts[row] + 1u"),
    mutation("ranges end at the count", "min(starts[row + 1u], params.count)", "params.count"),
    mutation("ranges start at zero", "var p = starts[row]", "var p = 0u"),
    mutation("only the last one stays", "sum += dy", "sum = dy"),
    mutation("rows of dy are too long", ") * WIDTH + column", ") * (WIDTH + 1u) + column"),
    mutation("the column is swapped for the row", "column = i % WIDTH", "column = i / WIDTH"),
    mutation("adds to what was in the output", "out[i] = sum;", "out[i] += sum;"),
    mutation("an empty sum is left as it was", "out[i] = sum;", "if starts[row] < end { out[i] = sum; }"),
];

const ADAM: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation(
        "the mean's factors are swapped",
        "params.beta1 * m[i] + params.one_beta1 * gradient",
        "params.one_beta1 * m[i] + params.beta1 * gradient",
    ),
    mutation("the mean has β₂", "params.beta1 * m[i]", "params.beta2 * m[i]"),
    mutation("the gradient has no factor in the mean", "params.one_beta1 * gradient", "gradient"),
    mutation(
        "the gradient is not squared",
        "params.one_beta2 * gradient * gradient",
        "params.one_beta2 * gradient",
    ),
    mutation("the square has β₁", "params.beta2 * v[i]", "params.beta1 * v[i]"),
    mutation("climbs", "p[i] - params.rate", "p[i] + params.rate"),
    mutation("steps by the gradient", "params.rate * mean /", "params.rate * gradient /"),
    mutation("divides by the old root", "sqrt(square)", "sqrt(v[i])"),
    mutation("no square root", "(sqrt(square) *", "(square *"),
    mutation("the root is not corrected", "sqrt(square) * params.correction", "sqrt(square)"),
    mutation(
        "the correction is inside the root",
        "sqrt(square) * params.correction",
        "sqrt(square * params.correction)",
    ),
    mutation("epsilon is left out", " * params.correction + params.epsilon", " * params.correction"),
    mutation(
        "epsilon is inside the root",
        "(sqrt(square) * params.correction + params.epsilon)",
        "sqrt(square * params.correction * params.correction + params.epsilon)",
    ),
    mutation(
        "epsilon is corrected",
        "(sqrt(square) * params.correction + params.epsilon)",
        "((sqrt(square) + params.epsilon) * params.correction)",
    ),
    mutation("does not decay", "params.decay * p[i]", "p[i]"),
    mutation("the old mean is kept", "new_m[i] = mean;", "new_m[i] = m[i];"),
    mutation("the means are swapped", "new_v[i] = square;", "new_v[i] = mean;"),
];
