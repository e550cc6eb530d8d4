//! Mutations of the matmul's variants and of what they share.

use super::mutation::{Mutation, Target, mutation, race};

/// A variant of every shader, and those that read the weight as panels: all end in the same epilogue.
const ALL: &[(&str, &str)] = &[
    ("matmul", "tile64"),
    ("matmul", "panel2"),
    ("matmul", "subgroup2"),
    ("matmul", "register"),
    ("matmul", "naive"),
    ("matmul", "coop8"),
];
/// Those of them that take batches.
const BATCHED: &[(&str, &str)] = &[
    ("matmul", "tile64"),
    ("matmul", "subgroup2"),
    ("matmul", "register"),
    ("matmul", "naive"),
    ("matmul", "coop8"),
];
/// Those of them that load four weights at a time from a buffer.
const VEC4: &[(&str, &str)] =
    &[("matmul", "tile64"), ("matmul", "subgroup2"), ("matmul", "register"), ("matmul", "coop8")];
/// One subgroup a workgroup.
const SUBGROUPS: &[(&str, &str)] =
    &[("matmul", "panel"), ("matmul", "panel2"), ("matmul", "subgroup"), ("matmul", "subgroup2")];
/// Those of them that read the weight as panels, and those that read its rows from a buffer.
const TEXELS: &[(&str, &str)] = &[("matmul", "panel"), ("matmul", "panel2")];
const BUFFERS: &[(&str, &str)] = &[("matmul", "subgroup"), ("matmul", "subgroup2")];
/// Blocks staged in workgroup memory.
const TILES: &[(&str, &str)] =
    &[("matmul", "tile32"), ("matmul", "tile64"), ("matmul", "tile64x8"), ("matmul", "tile128")];
/// Those whose invocations own 8 × 8 outputs, in quarters.
const PART_8: &[(&str, &str)] = &[("matmul", "tile64x8"), ("matmul", "tile128")];
/// Those whose invocations load more than one vec4 of a block.
const SHARES: &[(&str, &str)] = &[("matmul", "tile32"), ("matmul", "tile64x8")];
/// Covered only where the device has cooperative matrices of float32. No software device has them: there
/// the test prints these mutations as not run, with that reason.
const COOPERATIVE: &[(&str, &str)] = &[("matmul", "coop8"), ("matmul", "coop16")];

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "common/matmul.wgsl", kernels: ALL, mutations: EPILOGUE },
    Target { file: "common/matmul.wgsl", kernels: BATCHED, mutations: BATCHES },
    Target { file: "common/weights.wgsl", kernels: VEC4, mutations: FOUR_HALVES },
    Target { file: "common/weights.wgsl", kernels: &[("matmul", "naive")], mutations: HALVES },
    Target { file: "matmul_naive.wgsl", kernels: &[("matmul", "naive")], mutations: NAIVE },
    Target { file: "matmul_register.wgsl", kernels: &[("matmul", "register")], mutations: REGISTER },
    Target { file: "matmul_subgroup.wgsl", kernels: SUBGROUPS, mutations: SUBGROUP },
    Target { file: "matmul_subgroup.wgsl", kernels: TEXELS, mutations: PANELS },
    Target { file: "matmul_subgroup.wgsl", kernels: BUFFERS, mutations: BUFFER },
    Target { file: "matmul_tile.wgsl", kernels: TILES, mutations: TILE },
    Target { file: "matmul_tile.wgsl", kernels: PART_8, mutations: QUARTERS },
    Target { file: "matmul_tile.wgsl", kernels: SHARES, mutations: LOADS },
    Target { file: "matmul_tile.wgsl", kernels: &[("matmul", "tile128")], mutations: SHALLOW },
    Target { file: "matmul_cooperative.wgsl", kernels: COOPERATIVE, mutations: COOPERATIVE_FAULTS },
];

const EPILOGUE: &[Mutation] = &[
    mutation("the scale is dropped", "product * params.scale", "product"),
    mutation(
        "the bias is scaled too",
        "product * params.scale + column_bias",
        "(product + column_bias) * params.scale",
    ),
    mutation("the bias is dropped", "return bias[col];", "return 0.0;"),
    mutation("the bias is the neighbour's", "bias[col]", "bias[max(col, 1u) - 1u]"),
    mutation("the residual is dropped", "value += residual[at];", ""),
    mutation("the activation is dropped", "value = $ACTIVATION(value);", ""),
    mutation("the residual is subtracted", "value += residual", "value -= residual"),
    mutation("adds to what was in the output", "c[at] = value;", "c[at] += value;"),
];

const BATCHES: &[Mutation] = &[
    mutation(
        "images and heads are swapped",
        "let outer = z / params.inner_count",
        "let outer = z % params.inner_count",
    ),
    mutation("b is where a is", "params.b_offset +", "params.a_offset +"),
    mutation("a's heads are not strided", "inner * params.a_inner", "0u * params.a_inner"),
    mutation("c's images overlap", "outer * params.c_outer", "outer * params.c_inner"),
    mutation("b's images are a's", "outer * params.b_outer", "outer * params.a_outer * 2u"),
];

const FOUR_HALVES: &[Mutation] = &[
    mutation(
        "two pairs of halves are swapped",
        "unpack2x16float(packed.x), unpack2x16float(packed.y)",
        "unpack2x16float(packed.y), unpack2x16float(packed.x)",
    ),
    mutation(
        "the halves of a word are swapped",
        "unpack2x16float(packed.x), ",
        "unpack2x16float(packed.x).yx, ",
    ),
    mutation("the first pair twice", "unpack2x16float(packed.y)", "unpack2x16float(packed.x)"),
];

const HALVES: &[Mutation] = &[
    mutation("halves of a pair are swapped", "select(pair.x, pair.y,", "select(pair.y, pair.x,"),
    mutation("half the pairs", "b[i / 2u]", "b[i / 4u]"),
    mutation("always the low half", "(i & 1u) == 1u", "false"),
];

const NAIVE: &[Mutation] = &[
    mutation("writes one column past the end", "col >= params.n", "col > params.n"),
    mutation("writes one row past the end", "row >= params.m", "row > params.m"),
    mutation("the last column is left out", "col >= params.n", "col + 1u >= params.n"),
    mutation("the last element of the sum is left out", "k < params.k;", "k + 1u < params.k;"),
    mutation("one element too many in the sum", "k < params.k;", "k <= params.k;"),
    mutation("rows and columns are swapped", "let col = id.x;", "let col = id.y;"),
    mutation("b is read as [n, k]", "base.b + k * params.b_row + col", "base.b + col * params.k + k"),
    mutation("b is read as [k, n]", "base.b + col * params.b_row + k", "base.b + k * params.n + col"),
    mutation("a's rows are dense", "row * params.a_row", "row * params.k"),
    mutation("b's rows are dense", "col * params.b_row", "col * params.k"),
    mutation("c's rows are dense", "row * params.c_row", "row * params.n"),
    mutation("only one matrix", "bases(id.z)", "bases(0u)"),
];

const REGISTER: &[Mutation] = &[
    mutation("writes one column past the end", "if col0 + ${j}u < params.n", "if col0 + ${j}u <= params.n"),
    mutation("writes one row past the end", "if row0 + ${i}u < params.m", "if row0 + ${i}u <= params.m"),
    mutation("the last row is left out", "if row0 + ${i}u < params.m", "if row0 + ${i}u + 1u < params.m"),
    mutation("the last columns are left out", "if col0 >= params.n", "if col0 + COLS > params.n"),
    mutation("the last row is read in place of the one before", "params.m - 1u)", "max(params.m, 2u) - 2u)"),
    mutation("the last four of the sum are left out", "k < params.k / 4u", "k + 1u < params.k / 4u"),
    mutation("every row is multiplied by the first", "dot(a_$i, b_$j)", "dot(a_0, b_$j)"),
    mutation("a's rows are dense", "* params.a_row)", "* params.k)"),
    mutation("the bias is the block's", "bias_of(col0 + ${j}u)", "bias_of(col0)"),
];

const SUBGROUP: &[Mutation] = &[
    mutation("writes one row past the end", "if row0 + ${r}u < params.m", "if row0 + ${r}u <= params.m"),
    mutation("writes one column past the end", "if col_$j < params.n", "if col_$j <= params.n"),
    mutation("the last column is left out", "if col_$j < params.n", "if col_$j + 1u < params.n"),
    mutation("the last four of the sum are left out", "k < params.k / 4u", "k + 1u < params.k / 4u"),
    mutation("the last row is read from the one before", "params.m - 1u)", "max(params.m, 2u) - 2u)"),
    mutation("the last column is read from the one before", "params.n - 1u)", "max(params.n, 2u) - 2u)"),
    mutation("columns of a lane overlap", "${j * LANES}u, params.n", "${j}u, params.n"),
    mutation("rows of a lane overlap", "${i * LANES}u, params.m", "${i}u, params.m"),
    mutation(
        "every lane gets the first lane's row",
        "subgroupBroadcast(a_${t}_$i, ${l}u)",
        "subgroupBroadcast(a_${t}_$i, 0u)",
    ),
    mutation(
        "every step takes the first one's row",
        "subgroupBroadcast(a_${t}_$i",
        "subgroupBroadcast(a_0_$i",
    ),
    mutation("steps overlap", "k += STEPS", "k += 1u"),
    mutation("a product has the wrong component", "}.z * b_${t}_$j.z", "}.z * b_${t}_$j.w"),
    mutation("the accumulator starts again", "= c_${i * LANES + l}_$j\n", "= 0.0\n"),
    mutation("the bias is the neighbour's", "bias_of(col_$j)", "bias_of(col0 + lane)"),
];

/// The clamp of the texel's row is not among them: past the edge there is nothing to write, so that a
/// result does not depend on what is read there.
const PANELS: &[Mutation] = &[
    mutation(
        "row and column of the texel are swapped",
        "b_row_$j % 8u, b_row_$j / 8u",
        "b_row_$j / 8u, b_row_$j % 8u",
    ),
    mutation("rows of a panel are in reverse", "b_row_$j % 8u", "7u - b_row_$j % 8u"),
    mutation("every row is its panel's first", "b_row_$j % 8u", "0u"),
    mutation("panels of four rows", "b_row_$j % 8u, b_row_$j / 8u", "b_row_$j % 4u, b_row_$j / 4u"),
    mutation("only the first panel", "b_row_$j / 8u", "0u"),
    mutation("the panel is the next one", "b_row_$j / 8u", "b_row_$j / 8u + 1u"),
    mutation("the panel is the lane's in its block", "b_row_$j / 8u", "${j}u"),
    mutation("the stride is a panel's half", "i32((k + ${t}u) * 8u), 0", "i32((k + ${t}u) * 4u), 0"),
    mutation("texels of a row are neighbours", "i32((k + ${t}u) * 8u), 0", "i32(k + ${t}u), 0"),
    mutation("k goes down the grid", "i32((k + ${t}u) * 8u), 0", "0, i32((k + ${t}u) * 8u)"),
    mutation("every step reads the first one's texel", "(k + ${t}u) * 8u", "k * 8u"),
    mutation("steps are a texel apart", "(k + ${t}u) * 8u", "(k * 8u + ${t}u)"),
    mutation(
        "columns past the last full panel are its last",
        "lane + ${j * LANES}u, params.n - 1u",
        "lane + ${j * LANES}u, max(params.n / 8u * 8u, 1u) - 1u",
    ),
];

const BUFFER: &[Mutation] = &[
    mutation("b's rows are dense", "b_row_$j * params.b_row", "b_row_$j * params.k"),
    mutation("only one matrix", "(base.b + b_row_$j", "(b_row_$j"),
    mutation("every step reads the first one's row", "load_b4(b_at_$j + k + ${t}u)", "load_b4(b_at_$j + k)"),
    mutation("every column is the block's first", "load_b4(b_at_$j", "load_b4(b_at_0"),
];

const TILE: &[Mutation] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        for", "        for"),
    race("no barrier before the next stores", "        workgroupBarrier();\n    }", "    }"),
    mutation("a is not padded along k", "params.m && ka_$s < params.k", "params.m"),
    mutation("b is not padded along k", "params.n && ka_$s < params.k", "params.n"),
    mutation("b [k, n] is not padded along k", "kb_$s < params.k && nb_$s", "nb_$s"),
    mutation("writes one row past the end", "if row_$i < params.m", "if row_$i <= params.m"),
    mutation("writes one column past the end", "if col_${i}_$j < params.n", "if col_${i}_$j <= params.n"),
    mutation("the last step of a tile is left out", "k < TILE_K;", "k + 1u < TILE_K;"),
    mutation("the next block is half a block further", "k0 += TILE_K", "k0 += TILE_K / 2u"),
    mutation(
        "rows and columns of a block are swapped",
        "local.y * 4u;\n            let b_at",
        "local.x * 4u;\n            let b_at",
    ),
    mutation(
        "rows of a block overlap in workgroup memory",
        "STRIDE: u32 = TILE + 4u",
        "STRIDE: u32 = TILE - 4u",
    ),
    mutation("b [k, n] is read as dense", "kb_$s * params.b_row", "kb_$s * params.k"),
    mutation(
        "b [k, n] is stored a row off",
        "(i_$s / (TILE / 4u)) * STRIDE",
        "(i_$s / (TILE / 4u) + 1u) * STRIDE",
    ),
    mutation("the bias is the neighbour's", "bias_of(col_${i}_$j)", "bias_of(col_${i}_0)"),
    mutation("a component of b is the neighbour's", "ACROSS * 4u + 2u]", "ACROSS * 4u + 1u]"),
];

/// Right where a part has one quarter.
const QUARTERS: &[Mutation] = &[
    mutation(
        "lower quarters are written next to upper ones",
        "row0 + ${i / 4}u * ACROSS * 4u",
        "row0 + ${i / 4}u * 4u",
    ),
    mutation(
        "right quarters are written next to left ones",
        "col0 + ${j / 4}u * ACROSS * 4u",
        "col0 + ${j / 4}u * 4u",
    ),
    mutation("lower quarters are the upper ones", "row0 + ${i / 4}u *", "row0 + 0u *"),
    mutation("lower rows of a are the upper ones", "a_at + ${i / 4}u * ACROSS * 4u", "a_at"),
    mutation("lower rows of a follow upper ones", "a_at + ${i / 4}u * ACROSS * 4u", "a_at + ${i / 4}u * 4u"),
    mutation("a right column of b is a left one", "ACROSS * 4u + 3u]", "0u + 3u]"),
    mutation(
        "the first right column of b is a left one",
        "vec4<f32>(b_tile[b_at + ${q}u * ACROSS * 4u]",
        "vec4<f32>(b_tile[b_at]",
    ),
    mutation("right columns are multiplied by left ones", "a_$i * b_$q", "a_$i * b_0"),
    mutation(
        "right quarters are not summed",
        "#for q in 0..PART / 4\n            c_",
        "#for q in 0..1\n            c_",
    ),
    mutation("right quarters are finished as left ones", "finish(c_${i}_${j / 4}", "finish(c_${i}_0"),
    mutation("lower quarters are finished as upper ones", "finish(c_${i}_", "finish(c_${i % 4}_"),
    mutation("the bias is the left quarter's", "bias_of(col_${i}_$j)", "bias_of(col_${i}_${j % 4})"),
];

const LOADS: &[Mutation] = &[
    mutation("every load is the first", "index + ${s}u * SIZE", "index"),
    mutation("loads overlap", "index + ${s}u * SIZE", "index + ${s}u"),
    mutation(
        "only one load",
        "#for s in 0..TILE * TILE_K / 4 / ((TILE / PART) * (TILE / PART))",
        "#for s in 0..1",
    ),
];

/// Depth 8, where others have 16.
const SHALLOW: &[Mutation] = &[
    mutation("the depth is assumed to be 16", "i_$s % (TILE_K / 4u)", "i_$s % 4u"),
    mutation("rows of a block are of depth 16", "i_$s / (TILE_K / 4u)", "i_$s / 4u"),
];

const COOPERATIVE_FAULTS: &[Mutation] = &[
    mutation("a is not padded along k", "params.m && k0 + along < params.k", "params.m"),
    mutation("writes one row past the end", "if row < params.m &&", "if row <= params.m &&"),
    mutation("writes one column past the end", "col < params.n {", "col <= params.n {"),
    mutation("b is read by rows", "coopLoad<TileB>", "coopLoadT<TileB>"),
    mutation("a is read by columns", "coopLoadT<TileA>", "coopLoad<TileA>"),
    mutation(
        "a subgroup reads another's rows",
        "subgroup / 2u * PART * STRIDE",
        "subgroup % 2u * PART * STRIDE",
    ),
    mutation("a subgroup writes another's columns", "col0 + owner % 2u * PART", "col0 + owner / 2u * PART"),
    mutation("sums do not start at zero", "stage[i] = 0.0;", "stage[i] = 1.0;"),
];
