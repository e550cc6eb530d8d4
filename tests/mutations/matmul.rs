//! Mutations of the matmul's variants and of what they share.

use super::mutation::{Mutation, Target, mutation, race};

/// A variant of every shader, and those that read the weight as panels: all end in the same epilogue.
const ALL: &[(&str, &str)] = &[
    ("matmul", "tile64"),
    ("matmul", "panel2"),
    ("matmul", "subgroup2"),
    ("matmul", "register"),
    ("matmul", "naive"),
    ("matmul", "split8"),
];
/// Those of them that take batches.
const BATCHED: &[(&str, &str)] =
    &[("matmul", "tile64"), ("matmul", "subgroup2"), ("matmul", "register"), ("matmul", "naive")];
/// Those of them that load four weights at a time from a buffer.
const VEC4: &[(&str, &str)] =
    &[("matmul", "tile64"), ("matmul", "subgroup2"), ("matmul", "register"), ("matmul", "split8")];
/// Those of them that write four outputs at a time.
const OUT_4: &[(&str, &str)] = &[("matmul", "tile64"), ("matmul", "split8"), ("matmul", "sliced")];
/// One subgroup a workgroup.
const SUBGROUPS: &[(&str, &str)] =
    &[("matmul", "panel"), ("matmul", "panel2"), ("matmul", "subgroup"), ("matmul", "subgroup2")];
/// Those of them that read the weight as panels, and those that read its rows from a buffer.
const TEXELS: &[(&str, &str)] = &[("matmul", "panel"), ("matmul", "panel2")];
const BUFFERS: &[(&str, &str)] = &[("matmul", "subgroup"), ("matmul", "subgroup2")];
/// Blocks staged in workgroup memory.
const TILES: &[(&str, &str)] = &[
    ("matmul", "tile32"),
    ("matmul", "tile64"),
    ("matmul", "tile64x8"),
    ("matmul", "tile128x64"),
    ("matmul", "tile128"),
];
/// Those that load a stage before they store it.
const STAGED: &[(&str, &str)] = &[("matmul", "tile64"), ("matmul", "tile32"), ("matmul", "split8")];
/// Those whose invocations own 8 × 8 outputs, in quarters.
const PART_8: &[(&str, &str)] = &[("matmul", "tile64x8"), ("matmul", "tile128x64"), ("matmul", "tile128")];
/// Those whose invocations load more than one vec4 of a block.
const SHARES: &[(&str, &str)] = &[("matmul", "tile32"), ("matmul", "tile64x8"), ("matmul", "tile128x64")];
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
    Target { file: "common/matmul.wgsl", kernels: OUT_4, mutations: EPILOGUE_4 },
    Target { file: "common/stage.wgsl", kernels: STAGED, mutations: STAGE },
    Target { file: "common/swizzle.wgsl", kernels: &[("matmul", "tile32")], mutations: SWIZZLE },
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

const EPILOGUE_4: &[Mutation] = &[
    mutation("the scale is dropped in vec4s", "products * params.scale", "products"),
    mutation("the bias is dropped in vec4s", "return bias[col / 4u];", "return vec4<f32>(0.0);"),
    mutation("the bias is the first four's", "bias[col / 4u]", "bias[0u * col]"),
    mutation("the residual is dropped in vec4s", "values += residuals;", ""),
    mutation("the residual is the first four's", "return residual[at];", "return residual[0u * at];"),
    mutation("a component's activation is its neighbour's", "$ACTIVATION(values.z)", "$ACTIVATION(values.y)"),
];

const STAGE: &[Mutation] = &[
    mutation("blocks are not padded along k", "quad <= last);", "true);"),
    mutation(
        "the last vec4 of a is the one before",
        "a[row + min(quad, last)]",
        "a[row + min(quad, max(last, 1u) - 1u)]",
    ),
    mutation(
        "the last vec4 of b is the one before",
        "load_b4(start + min(quad, last))",
        "load_b4(start + min(quad, max(last, 1u) - 1u))",
    ),
    mutation("b [k, n] is read as dense", "params.k - 1u) * params.b_row", "params.k - 1u) * params.k"),
];

const SWIZZLE: &[Mutation] = &[
    mutation("bands overlap", "band * BAND + rest % rows", "rest % rows"),
    mutation("the last band is as high as the others", "min(groups.y - band * BAND, BAND)", "BAND"),
    mutation("rows and columns are swapped", "rest / rows, band", "rest % rows, band"),
    mutation("one row of blocks for all", "group.y * groups.x + group.x", "group.x"),
];

const TILE: &[Mutation] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        if k0", "        if k0"),
    race("no barrier before the next stores", "        workgroupBarrier();\n    }", "    }"),
    mutation("writes one row past the end", "if row_${h}_$i < params.m", "if row_${h}_$i <= params.m"),
    mutation(
        "writes one column past the end",
        "if col_$q + ${e}u < params.n",
        "if col_$q + ${e}u <= params.n",
    ),
    mutation("writes four columns past the end", "if col_$q < params.n", "if col_$q <= params.n"),
    mutation("the last quad of a stage is left out", "quad < QUADS;", "quad + 1u < QUADS;"),
    mutation("the next stage is half a stage further", "k0 += DEPTH", "k0 += DEPTH / 2u"),
    mutation("the stage is loaded again", "let next = (k0 + DEPTH) / 4u", "let next = k0 / 4u"),
    mutation("the stage of b [k, n] is loaded again", "k0 + DEPTH + b_k_$s", "k0 + b_k_$s"),
    mutation("rows and columns of a block are swapped", "a_tile[(local.y +", "a_tile[(local.x +"),
    mutation("staged rows overlap", "STRIDE: u32 = QUADS + 1u", "STRIDE: u32 = QUADS - 1u"),
    mutation("columns are staged in order", "return x + ACROSS * (4u * q + column % 4u);", "return column;"),
    mutation("columns of b [k, n] are rows", "* B_STRIDE + local.x", "* B_STRIDE + local.y"),
    mutation("a's rows are dense", "params.m - 1u) * params.a_row", "params.m - 1u) * params.k"),
    mutation("the bias is the neighbour's", "bias_of(min(col_$q + 1u,", "bias_of(min(col_$q + 2u,"),
    mutation("the bias is the block's first", "bias4(min(col_$q,", "bias4(min(col0,"),
    mutation("a component of b is the neighbour's", "column_${q}_2[$k]", "column_${q}_1[$k]"),
];

/// Right where a part has one quarter.
const QUARTERS: &[Mutation] = &[
    mutation(
        "lower rows are written as upper ones",
        "row0 + local.y + ${4 * h + i}u",
        "row0 + local.y + ${i}u",
    ),
    mutation("right columns are written as left ones", "4u * (local.x + ${q}u * ACROSS)", "4u * local.x"),
    mutation("right columns of b are the left ones", "ACROSS * ${4 * q + e}u", "ACROSS * ${e}u"),
    mutation("right columns are multiplied by left ones", "b_${k}_$q, c_${i}_$q);", "b_${k}_0, c_${i}_$q);"),
    mutation("lower quarters are finished as upper ones", "finish4(c_${4 * h + i}_$q", "finish4(c_${i}_$q"),
    mutation("the same, column by column", "finish(c_${4 * h + i}_$q", "finish(c_${i}_$q"),
    mutation(
        "right quarters are finished as left ones",
        "i}_$q, bias_$q, residual",
        "i}_0, bias_$q, residual",
    ),
    mutation("right columns of b [k, n] are the left ones", "local.x + ${q}u * ACROSS];", "local.x];"),
];

const LOADS: &[Mutation] = &[
    mutation("every load of a is the first", "let a_i_$s = index + ${s}u * SIZE", "let a_i_$s = index"),
    mutation("loads of a overlap", "let a_i_$s = index + ${s}u * SIZE", "let a_i_$s = index + ${s}u"),
    mutation("every load of b is the first", "let b_i_$s = index + ${s}u * SIZE", "let b_i_$s = index"),
];

/// Depth 8, where others have 16.
const SHALLOW: &[Mutation] = &[
    mutation("the depth is assumed to be 16", "a_quad_$s = a_i_$s % QUADS", "a_quad_$s = a_i_$s % 4u"),
    mutation("rows of a block are of depth 16", "slot(b_i_$s / QUADS)", "slot(b_i_$s / 4u)"),
];
