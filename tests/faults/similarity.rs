//! Faults of the similarities of rows with class vectors.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "similarity.wgsl", kernels: &[("similarity", "scalar")], faults: SCALAR },
    Bed { file: "similarity_subgroup.wgsl", kernels: &[("similarity", "subgroup")], faults: SUBGROUP },
];

const SCALAR: &[Fault] = &[
    fault("writes one element past the end", "i >= params.rows", "i > params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows and classes are swapped", "(i / params.classes)", "(i % params.rows)"),
    fault("the class is the row", "(i % params.classes)", "(i / params.classes)"),
    fault("the last element is left out", "d < params.width", "d + 1u < params.width"),
    fault("one element too many", "d < params.width", "d <= params.width"),
    fault("the norm of x twice", "sqrt(xx) * sqrt(tt)", "sqrt(xx) * sqrt(xx)"),
    fault("norms are not rooted", "sqrt(xx) * sqrt(tt)", "xx * tt"),
    fault("the scale is dropped", "params.scale * (product / norms)", "product / norms"),
    fault("the norm of x is not divided by", "sqrt(xx) * sqrt(tt)", "sqrt(tt)"),
    fault(
        "zero vectors give NaN",
        "select(params.scale * (product / norms), 0.0, norms == 0.0)",
        "params.scale * (product / norms)",
    ),
    fault("zero vectors are similar to everything", ", 0.0, norms", ", params.scale, norms"),
    fault("only zero x is minded", "0.0, norms == 0.0", "0.0, xx == 0.0"),
    fault("only zero classes are minded", "0.0, norms == 0.0", "0.0, tt == 0.0"),
];

const SUBGROUP: &[Fault] = &[
    fault("writes one row past the end", "row_$i < params.rows", "row_$i <= params.rows"),
    fault("the last row is left out", "row_$i < params.rows", "row_$i + 1u < params.rows"),
    fault(
        "writes one class past the end",
        "class0 + ${c}u < params.classes {",
        "class0 + ${c}u <= params.classes {",
    ),
    fault(
        "the last class is left out",
        "class0 + ${c}u < params.classes {",
        "class0 + ${c}u + 1u < params.classes {",
    ),
    fault("rows of a lane overlap", "row0 + ${i * LANES}u", "row0 + ${i}u"),
    fault("blocks of rows overlap", "group.x * (ROWS * LANES)", "group.x * LANES"),
    fault("the last row is the one before", "params.rows - 1u", "params.rows - 2u"),
    fault("the last class is the one before", "params.classes - 1u", "params.classes - 2u"),
    fault("later classes are the first ones", "min(class0 + lane", "min(lane"),
    fault(
        "later blocks of classes are the first",
        "let class0 = group.y * CLASSES",
        "let class0 = 0u * group.y",
    ),
    fault("everybody gets the first class", "subgroupBroadcast(t4, ${c}u)", "subgroupBroadcast(t4, 0u)"),
    fault(
        "everybody gets the first class's norm",
        "subgroupBroadcast(tt, ${c}u)",
        "subgroupBroadcast(tt, 0u)",
    ),
    fault("the norm is that of the lane's class", "sqrt(subgroupBroadcast(tt, ${c}u))", "sqrt(tt)"),
    fault("the last four of the sum are left out", "k < width", "k + 1u < width"),
    fault("four too many in the sum", "k < width", "k <= width"),
    fault("every row has the first one's norm", "dot(x_$i, x_$i)", "dot(x_0, x_0)"),
    fault("every row is the first one", "dot(x_$i, t_$c)", "dot(x_0, t_$c)"),
    fault("the norm of a class is not summed", "tt += dot(t4, t4)", "tt = dot(t4, t4)"),
    fault("the norm of x is not rooted", "sqrt(xx_$i)", "xx_$i"),
    fault("the norm of x is not divided by", "sqrt(xx_$i) * t_norm_$c", "t_norm_$c"),
    fault("rows of the output are a block's", "row_$i * params.classes", "row_$i * CLASSES"),
    fault("the scale is dropped", "params.scale * (xt_${i}_$c", "(xt_${i}_$c"),
    fault("zero vectors are similar to everything", ", 0.0, norms", ", params.scale, norms"),
    fault("zero vectors give NaN", "norms_${i}_$c == 0.0", "false"),
    fault("only zero x is minded", "norms_${i}_$c == 0.0", "xx_$i == 0.0"),
    fault("only zero classes are minded", "norms_${i}_$c == 0.0", "t_norm_$c == 0.0"),
];
