//! Faults of the matmul's variants and of what they share.

use super::plant::{Bed, Fault, fault, race};

/// Variants that load four elements at a time.
const VEC4: &[(&str, &str)] = &[("matmul", "tile"), ("matmul", "subgroup"), ("matmul", "register")];
/// All variants.
const ALL: &[(&str, &str)] =
    &[("matmul", "tile"), ("matmul", "subgroup"), ("matmul", "register"), ("matmul", "naive")];

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "common/matmul.wgsl", kernels: ALL, faults: SHARED },
    Bed { file: "common/weights.wgsl", kernels: VEC4, faults: FOUR_HALVES },
    Bed { file: "common/weights.wgsl", kernels: &[("matmul", "naive")], faults: HALVES },
    Bed { file: "matmul_naive.wgsl", kernels: &[("matmul", "naive")], faults: NAIVE },
    Bed { file: "matmul_register.wgsl", kernels: &[("matmul", "register")], faults: REGISTER },
    Bed { file: "matmul_subgroup.wgsl", kernels: &[("matmul", "subgroup")], faults: SUBGROUP },
    Bed { file: "matmul_tile.wgsl", kernels: &[("matmul", "tile")], faults: TILE },
];

const SHARED: &[Fault] = &[
    fault("the scale is dropped", "product * params.scale", "product"),
    fault(
        "the bias is scaled too",
        "product * params.scale + column_bias",
        "(product + column_bias) * params.scale",
    ),
    fault("the bias is dropped", "return bias[col];", "return 0.0;"),
    fault("the bias is the neighbour's", "bias[col]", "bias[max(col, 1u) - 1u]"),
    fault("the residual is dropped", "value += residual[at];", ""),
    fault("the activation is dropped", "value = $ACTIVATION(value);", ""),
    fault("the residual is subtracted", "value += residual", "value -= residual"),
    fault("adds to what was in the output", "c[at] = value;", "c[at] += value;"),
    fault(
        "images and heads are swapped",
        "let outer = z / params.inner_count",
        "let outer = z % params.inner_count",
    ),
    fault("b is where a is", "params.b_offset +", "params.a_offset +"),
    fault("a's heads are not strided", "inner * params.a_inner", "0u * params.a_inner"),
    fault("c's images overlap", "outer * params.c_outer", "outer * params.c_inner"),
    fault("b's images are a's", "outer * params.b_outer", "outer * params.a_outer * 2u"),
];

const FOUR_HALVES: &[Fault] = &[
    fault(
        "two pairs of halves are swapped",
        "unpack2x16float(packed.x), unpack2x16float(packed.y)",
        "unpack2x16float(packed.y), unpack2x16float(packed.x)",
    ),
    fault(
        "the halves of a word are swapped",
        "unpack2x16float(packed.x), ",
        "unpack2x16float(packed.x).yx, ",
    ),
    fault("the first pair twice", "unpack2x16float(packed.y)", "unpack2x16float(packed.x)"),
];

const HALVES: &[Fault] = &[
    fault("halves of a pair are swapped", "select(pair.x, pair.y,", "select(pair.y, pair.x,"),
    fault("half the pairs", "b[i / 2u]", "b[i / 4u]"),
    fault("always the low half", "(i & 1u) == 1u", "false"),
];

const NAIVE: &[Fault] = &[
    fault("writes one column past the end", "col >= params.n", "col > params.n"),
    fault("writes one row past the end", "row >= params.m", "row > params.m"),
    fault("the last column is left out", "col >= params.n", "col + 1u >= params.n"),
    fault("the last element of the sum is left out", "k < params.k;", "k + 1u < params.k;"),
    fault("one element too many in the sum", "k < params.k;", "k <= params.k;"),
    fault("rows and columns are swapped", "let col = id.x;", "let col = id.y;"),
    fault("b is read as [n, k]", "base.b + k * params.b_row + col", "base.b + col * params.k + k"),
    fault("b is read as [k, n]", "base.b + col * params.b_row + k", "base.b + k * params.n + col"),
    fault("a's rows are dense", "row * params.a_row", "row * params.k"),
    fault("b's rows are dense", "col * params.b_row", "col * params.k"),
    fault("c's rows are dense", "row * params.c_row", "row * params.n"),
    fault("only one matrix", "bases(id.z)", "bases(0u)"),
];

const REGISTER: &[Fault] = &[
    fault("writes one column past the end", "if col0 + ${j}u < params.n", "if col0 + ${j}u <= params.n"),
    fault("writes one row past the end", "if row0 + ${i}u < params.m", "if row0 + ${i}u <= params.m"),
    fault("the last row is left out", "if row0 + ${i}u < params.m", "if row0 + ${i}u + 1u < params.m"),
    fault("the last columns are left out", "if col0 >= params.n", "if col0 + COLS > params.n"),
    fault("the last row is read in place of the one before", "params.m - 1u)", "max(params.m, 2u) - 2u)"),
    fault("the last four of the sum are left out", "k < params.k / 4u", "k + 1u < params.k / 4u"),
    fault("every row is multiplied by the first", "dot(a_$i, b_$j)", "dot(a_0, b_$j)"),
    fault("a's rows are dense", "* params.a_row)", "* params.k)"),
    fault("the bias is the block's", "bias_of(col0 + ${j}u)", "bias_of(col0)"),
];

const SUBGROUP: &[Fault] = &[
    fault("writes one row past the end", "if row0 + ${r}u < params.m", "if row0 + ${r}u <= params.m"),
    fault("writes one column past the end", "if col_$j < params.n", "if col_$j <= params.n"),
    fault("the last column is left out", "if col_$j < params.n", "if col_$j + 1u < params.n"),
    fault("the last four of the sum are left out", "k < params.k / 4u", "k + 1u < params.k / 4u"),
    fault(
        "everybody gets the first lane's row",
        "subgroupBroadcast(a_$i, ${l}u)",
        "subgroupBroadcast(a_$i, 0u)",
    ),
    fault("a product has the wrong component", "}.z * b_$j.z", "}.z * b_$j.w"),
    fault("the accumulator starts again", "= c_${i * LANES + l}_$j\n", "= 0.0\n"),
    fault("the bias is the neighbour's", "bias_of(col_$j)", "bias_of(col0 + lane)"),
];

const TILE: &[Fault] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        for", "        for"),
    race("no barrier before the next stores", "        workgroupBarrier();\n    }", "    }"),
    fault("a is not padded along k", "params.m && ka < params.k", "params.m"),
    fault("b is not padded along k", "params.n && ka < params.k", "params.n"),
    fault("writes one row past the end", "if row_$i < params.m", "if row_$i <= params.m"),
    fault("writes one column past the end", "if col_${i}_$j < params.n", "if col_${i}_$j <= params.n"),
    fault("the last step of a tile is left out", "k < TILE_K;", "k + 1u < TILE_K;"),
    fault(
        "rows and columns of a block are swapped",
        "local.y * 4u;\n            let b_at",
        "local.x * 4u;\n            let b_at",
    ),
    fault("b is read as dense", "kb * params.b_row", "kb * params.k"),
    fault("the bias is the neighbour's", "bias_of(col_${i}_$j)", "bias_of(col_${i}_0)"),
];
