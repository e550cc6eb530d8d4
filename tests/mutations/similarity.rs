//! Mutations of the similarities of rows with class vectors.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "similarity.wgsl", kernels: &[("similarity", "scalar")], mutations: SCALAR },
    Target {
        file: "similarity_registers.wgsl",
        kernels: &[("similarity", "registers")],
        mutations: REGISTERS,
    },
    Target { file: "similarity_subgroup.wgsl", kernels: &[("similarity", "subgroup")], mutations: SUBGROUP },
];

const SCALAR: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.rows", "i > params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows and classes are swapped", "(i / params.classes)", "(i % params.rows)"),
    mutation("the class is the row", "(i % params.classes)", "(i / params.classes)"),
    mutation("the last element is left out", "d < params.width", "d + 1u < params.width"),
    mutation("one element too many", "d < params.width", "d <= params.width"),
    mutation("the norm of x twice", "sqrt(xx) * sqrt(tt)", "sqrt(xx) * sqrt(xx)"),
    mutation("norms lack the square root", "sqrt(xx) * sqrt(tt)", "xx * tt"),
    mutation("the scale is dropped", "params.scale * (product / norms)", "product / norms"),
    mutation("the norm of x is not divided by", "sqrt(xx) * sqrt(tt)", "sqrt(tt)"),
    mutation(
        "zero vectors give NaN",
        "select(params.scale * (product / norms), 0.0, norms == 0.0)",
        "params.scale * (product / norms)",
    ),
    mutation("zero vectors are similar to everything", ", 0.0, norms", ", params.scale, norms"),
    mutation("only zero x is handled", "0.0, norms == 0.0", "0.0, xx == 0.0"),
    mutation("only zero classes are handled", "0.0, norms == 0.0", "0.0, tt == 0.0"),
];

const REGISTERS: &[Mutation] = &[
    race("no barrier after the stores", "    workgroupBarrier();\n", ""),
    mutation("writes one row past the end", "row0 + r < params.rows", "row0 + r <= params.rows"),
    mutation("the last row is left out", "row0 + r < params.rows", "row0 + r + 1u < params.rows"),
    mutation("a folded grid is read as one-dimensional", "(group.y * grid.x + group.x)", "group.x"),
    mutation(
        "blocks of rows overlap",
        "(group.y * grid.x + group.x) * 4u",
        "(group.y * grid.x + group.x) * 3u",
    ),
    mutation(
        "later blocks of classes are the first",
        "let class0 = group.z * CLASSES",
        "let class0 = 0u * group.z",
    ),
    mutation("writes past the last class", "min(CLASSES, params.classes - class0)", "CLASSES"),
    mutation("the last class is the one before", "params.classes - 1u)", "max(params.classes, 2u) - 2u)"),
    mutation("the last row is the one before", "params.rows - 1u)", "max(params.rows, 2u) - 2u)"),
    mutation("elements of x and t past the end count", "|| lane + ${e}u * WG < n", "|| true"),
    mutation("the last element is left out", "|| lane + ${e}u * WG < n", "|| lane + ${e}u * WG + 1u < n"),
    mutation("every second class is the one before", "c + ${u}u, params.classes", "c, params.classes"),
    mutation(
        "two classes share a place",
        "products[(c + ${u}u) * PARTS + subgroup]",
        "products[c * PARTS + subgroup]",
    ),
    mutation(
        "subgroups write to one place",
        "t_squares[(c + ${u}u) * PARTS + subgroup]",
        "t_squares[(c + ${u}u) * PARTS]",
    ),
    mutation("the last class of an odd number is left out", "c + ${u}u < count {", "c + 1u < count {"),
    mutation("only the first subgroup counts", "p < subgroups", "p < 1u"),
    mutation("a subgroup's square is one value", "subgroupAdd(total(t_square_$u))", "total(t_square_$u)"),
    mutation("every row is the first one", "x_${r}_$e * t_${u}_$e", "x_0_$e * t_${u}_$e"),
    mutation("every row has the first one's norm", "x_squares[p][r]", "x_squares[p][0]"),
    mutation("the norm of a class is the first one's", "t_squares[c * PARTS + p]", "t_squares[p]"),
    mutation("norms lack the square root", "sqrt(xx) * sqrt(tt)", "xx * tt"),
    mutation("the norm of x is not divided by", "sqrt(xx) * sqrt(tt)", "sqrt(tt)"),
    mutation("the scale is dropped", "params.scale * (product / norms)", "product / norms"),
    mutation("rows and classes are swapped", "let r = i / count;", "let r = i % 4u;"),
    mutation("rows of the output are a block's", "(row0 + r) * params.classes", "(row0 + r) * CLASSES"),
    mutation("zero vectors give NaN", "norms == 0.0", "false"),
    mutation("only zero x is handled", "norms == 0.0", "xx == 0.0"),
    mutation("only zero classes are handled", "norms == 0.0", "tt == 0.0"),
];

const SUBGROUP: &[Mutation] = &[
    mutation("writes one row past the end", "row_$i < params.rows", "row_$i <= params.rows"),
    mutation("the last row is left out", "row_$i < params.rows", "row_$i + 1u < params.rows"),
    mutation(
        "writes one class past the end",
        "class0 + ${c}u < params.classes {",
        "class0 + ${c}u <= params.classes {",
    ),
    mutation(
        "the last class is left out",
        "class0 + ${c}u < params.classes {",
        "class0 + ${c}u + 1u < params.classes {",
    ),
    mutation("rows of a lane overlap", "row0 + ${i * LANES}u", "row0 + ${i}u"),
    mutation("blocks of rows overlap", "group.x * (ROWS * LANES)", "group.x * LANES"),
    mutation("the last row is the one before", "params.rows - 1u", "params.rows - 2u"),
    mutation("the last class is the one before", "params.classes - 1u", "params.classes - 2u"),
    mutation("later classes are the first ones", "min(class0 + lane", "min(lane"),
    mutation(
        "later blocks of classes are the first",
        "let class0 = group.y * CLASSES",
        "let class0 = 0u * group.y",
    ),
    mutation("every lane gets the first class", "subgroupBroadcast(t4, ${c}u)", "subgroupBroadcast(t4, 0u)"),
    mutation(
        "every lane gets the first class's norm",
        "subgroupBroadcast(tt, ${c}u)",
        "subgroupBroadcast(tt, 0u)",
    ),
    mutation("the norm is that of the lane's class", "sqrt(subgroupBroadcast(tt, ${c}u))", "sqrt(tt)"),
    mutation("the last four of the sum are left out", "k < width", "k + 1u < width"),
    mutation("four too many in the sum", "k < width", "k <= width"),
    mutation("every row has the first one's norm", "dot(x_$i, x_$i)", "dot(x_0, x_0)"),
    mutation("every row is the first one", "dot(x_$i, t_$c)", "dot(x_0, t_$c)"),
    mutation("the norm of a class is not summed", "tt += dot(t4, t4)", "tt = dot(t4, t4)"),
    mutation("the norm of x lacks the square root", "sqrt(xx_$i)", "xx_$i"),
    mutation("the norm of x is not divided by", "sqrt(xx_$i) * t_norm_$c", "t_norm_$c"),
    mutation("rows of the output are a block's", "row_$i * params.classes", "row_$i * CLASSES"),
    mutation("the scale is dropped", "params.scale * (xt_${i}_$c", "(xt_${i}_$c"),
    mutation("zero vectors are similar to everything", ", 0.0, norms", ", params.scale, norms"),
    mutation("zero vectors give NaN", "norms_${i}_$c == 0.0", "false"),
    mutation("only zero x is handled", "norms_${i}_$c == 0.0", "xx_$i == 0.0"),
    mutation("only zero classes are handled", "norms_${i}_$c == 0.0", "t_norm_$c == 0.0"),
];
