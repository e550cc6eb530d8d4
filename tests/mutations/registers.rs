//! Mutations of kernels that hold a row in registers and reduce it by subgroups.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/registers.wgsl",
        kernels: &[("layernorm", "registers"), ("softmax", "registers"), ("l2norm", "registers")],
        mutations: SUMS,
    },
    Target { file: "common/registers.wgsl", kernels: &[("layernorm", "registers")], mutations: SLOTS },
    Target {
        file: "common/registers.wgsl",
        kernels: &[("softmax", "registers"), ("cross_entropy", "registers")],
        mutations: MAXIMUM,
    },
    Target {
        file: "common/total.wgsl",
        kernels: &[("softmax", "registers"), ("cross_entropy_backward", "registers")],
        mutations: LARGEST,
    },
    Target { file: "layernorm_registers.wgsl", kernels: &[("layernorm", "registers")], mutations: LAYERNORM },
    Target {
        file: "layernorm_backward_registers.wgsl",
        kernels: &[("layernorm_backward", "registers")],
        mutations: LAYERNORM_BACKWARD,
    },
    Target { file: "softmax_registers.wgsl", kernels: &[("softmax", "registers")], mutations: SOFTMAX },
    Target {
        file: "softmax_backward_registers.wgsl",
        kernels: &[("softmax_backward", "registers")],
        mutations: SOFTMAX_BACKWARD,
    },
    Target { file: "l2norm_registers.wgsl", kernels: &[("l2norm", "registers")], mutations: L2NORM },
    Target {
        file: "l2norm_backward_registers.wgsl",
        kernels: &[("l2norm_backward", "registers")],
        mutations: L2NORM_BACKWARD,
    },
    Target {
        file: "cross_entropy_registers.wgsl",
        kernels: &[("cross_entropy", "registers"), ("cross_entropy_backward", "registers")],
        mutations: LOGITS,
    },
    Target {
        file: "cross_entropy_registers.wgsl",
        kernels: &[("cross_entropy", "registers")],
        mutations: CROSS_ENTROPY,
    },
    Target {
        file: "cross_entropy_registers.wgsl",
        kernels: &[("cross_entropy_backward", "registers")],
        mutations: CROSS_ENTROPY_BACKWARD,
    },
];

const SUMS: &[Mutation] = &[
    race("no barrier after the stores", "    }\n    workgroupBarrier();\n}", "    }\n}"),
    mutation("subgroups write to one place", "slot * WG + place.subgroup]", "slot * WG]"),
    mutation("a subgroup's sum is one value", "subgroupAdd(value)", "value"),
    mutation(
        "only the first subgroup counts",
        "    sum += select(S(), parts",
        "    sum += select(S(), 0.0 * parts",
    ),
    mutation(
        "the first subgroup counts twice",
        "    sum = parts[slot * WG];",
        "    sum += parts[slot * WG];",
    ),
    mutation("the last element of a row is left out", "i < n;", "i + 1u < n;"),
    mutation("one element past the end", "i < n;", "i <= n;"),
    mutation("elements past the end count", "e + 1u < HELD || i < n", "true"),
];

const SLOTS: &[Mutation] = &[mutation(
    "reductions write to one slot",
    "parts[slot * WG + place.subgroup] = part;",
    "parts[place.subgroup] = part;",
)];

const MAXIMUM: &[Mutation] = &[
    mutation("a subgroup's maximum is one value", "subgroupMax(value)", "value"),
    mutation("the maximum is a minimum", "subgroupMax(value)", "subgroupMin(value)"),
    mutation(
        "subgroups' maximum is a minimum",
        "largest = max(largest, select",
        "largest = min(largest, select",
    ),
];

const LARGEST: &[Mutation] = &[
    mutation(
        "the largest component is the smallest",
        "max(max(v.x, v.y), max(v.z, v.w))",
        "min(min(v.x, v.y), min(v.z, v.w))",
    ),
    mutation("one component is the largest", "max(max(v.x, v.y), max(v.z, v.w))", "v.x"),
];

const LAYERNORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("elements past the end add to the mean", "select(0.0, total(x_$e), held_$e)", "total(x_$e)"),
    mutation(
        "elements past the end add to the variance",
        "select(0.0, total(d_$e * d_$e), held_$e)",
        "total(d_$e * d_$e)",
    ),
    mutation(
        "an invocation's elements are neighbours",
        "select(n - 1u, lane + ${e}u * WG, held_$e)",
        "min(n - 1u, lane * HELD + ${e}u)",
    ),
    mutation(
        "the mean is not divided",
        "row_sum(sum, 0u, place) / f32(params.width)",
        "row_sum(sum, 0u, place)",
    ),
    mutation(
        "the variance is divided by n - 1",
        "row_sum(squares, 1u, place) / f32(params.width)",
        "row_sum(squares, 1u, place) / f32(max(params.width, 2u) - 1u)",
    ),
    mutation("the variance in one pass", "total(d_$e * d_$e)", "total(x_$e * x_$e - mean * mean)"),
    mutation("epsilon is left out", "variance + params.epsilon", "variance"),
    mutation("no square root", "inverseSqrt(variance + params.epsilon)", "1.0 / (variance + params.epsilon)"),
    mutation("the mean is left in", "= d_$e * inverse", "= x_$e * inverse"),
    mutation("the scale is dropped", " * scale_$e", ""),
    mutation("the shift is dropped", " + shift_$e", ""),
    mutation("scale and shift are swapped", "* scale_$e + shift_$e", "* shift_$e + scale_$e"),
    mutation("the scale is one off", "scale[i_$e]", "scale[max(i_$e, 1u) - 1u]"),
];

const LAYERNORM_BACKWARD: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("elements past the end add to the means", "total(g_$e)), held_$e)", "total(g_$e)), true)"),
    mutation(
        "elements past the end add to the products",
        "total(g_$e * d_$e)), held_$e)",
        "total(g_$e * d_$e)), true)",
    ),
    mutation(
        "the means are not divided",
        "row_sum(sums, 0u, place) / f32(params.width)",
        "row_sum(sums, 0u, place)",
    ),
    mutation("the means are swapped", "d_$e = x_$e - means.x", "d_$e = x_$e - means.y"),
    mutation("the variance in one pass", "total(d_$e * d_$e)", "total(x_$e * x_$e - means.x * means.x)"),
    mutation("epsilon is left out", "mean_products.x + params.epsilon", "mean_products.x"),
    mutation("epsilon is 1e-5", "+ params.epsilon", "+ 1e-5"),
    mutation(
        "no square root",
        "inverseSqrt(mean_products.x + params.epsilon)",
        "1.0 / (mean_products.x + params.epsilon)",
    ),
    mutation("the scale is dropped", "dy_$e * scale_$e", "dy_$e"),
    mutation("the scale is one off", "scale[i_$e]", "scale[max(i_$e, 1u) - 1u]"),
    mutation("the mean of g is left out", " - means.y -", " -"),
    mutation("the projection is left out", " - d_$e * slope)", ")"),
    mutation("the projection is added", " - d_$e * slope)", " + d_$e * slope)"),
    mutation("the projection is on x", "total(g_$e * d_$e)", "total(g_$e * x_$e)"),
    mutation("the projection is divided by σ once", "inverse * inverse * mean", "inverse * mean"),
    mutation("not divided by σ", "- d_$e * slope) * inverse;", "- d_$e * slope);"),
];

const SOFTMAX: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("the maximum is not subtracted", "exp(x_$e - top)", "exp(x_$e)"),
    mutation("an invocation subtracts its own maximum", "    top = row_max(top, 0u, place);", ""),
    mutation("not divided by the sum", "e_$e / divisor", "e_$e"),
    mutation("elements past the end are summed", "select(0.0, total(e_$e), held_$e)", "total(e_$e)"),
    mutation("the scale is dropped", "x[base + i_$e] * params.scale", "x[base + i_$e]"),
    mutation("a query sees one key too many", "row % params.period + 1u", "row % params.period + 2u"),
    mutation("a query does not see itself", "row % params.period + 1u", "max(row % params.period, 1u)"),
    mutation("later images see everything", "row % params.period + 1u", "row + 1u"),
    mutation(
        "hidden keys are summed",
        "select(T(), exp(x_$e - top), seen_$e)",
        "exp(x[base + i_$e] * params.scale - top)",
    ),
    mutation(
        "a hidden key's NaN gets into the maximum",
        "select(T(LOWEST), x[base + i_$e] * params.scale, seen_$e)",
        "x[base + i_$e] * params.scale",
    ),
    mutation("a row's NaN gets to hidden keys", "select(T(), e_$e / divisor, seen_$e)", "e_$e / divisor"),
    mutation("the first component hides the others", "vec4<u32>(0u, 1u, 2u, 3u)", "vec4<u32>()"),
    mutation("elements are columns", "vec4<u32>(4u * i)", "vec4<u32>(i)"),
];

const SOFTMAX_BACKWARD: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation(
        "elements past the end are summed",
        "total(y_$e * dy_$e), held_$e)",
        "total(y_$e * dy_$e), true)",
    ),
    mutation("the sum is of dy alone", "total(y_$e * dy_$e)", "total(dy_$e)"),
    mutation("the sum is left out", "(dy_$e - average)", "dy_$e"),
    mutation("the sum is added", "- average", "+ average"),
    mutation("the scale is dropped", "params.scale * y_$e", "y_$e"),
    mutation("y is dropped", "params.scale * y_$e *", "params.scale *"),
];

const L2NORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("elements past the end are summed", "total(x_$e * x_$e), held_$e)", "total(x_$e * x_$e), true)"),
    mutation("no square root", "sqrt(row_sum(squares, 0u, place))", "row_sum(squares, 0u, place)"),
    mutation("rows of zeros give NaN", "select(norm, 1.0, norm == 0.0)", "norm"),
    mutation("rows of small norm are left alone", "norm == 0.0", "norm < 1.0"),
    mutation("multiplied by the norm", "/ divisor", "* divisor"),
];

const L2NORM_BACKWARD: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation(
        "elements past the end are summed",
        "total(x_$e * dy_$e)), held_$e)",
        "total(x_$e * dy_$e)), true)",
    ),
    mutation("no square root", "1.0 / sqrt(divisor)", "1.0 / divisor"),
    mutation("the projection is divided by the norm once", "sums.y / divisor", "sums.y / sqrt(divisor)"),
    mutation("the projection is not divided", "sums.y / divisor", "sums.y"),
    mutation("the projection is left out", " - x_$e * along)", ")"),
    mutation("the projection is along dy", "- x_$e * along", "- dy_$e * along"),
    mutation("rows of zeros give NaN", "select(sums.x, 1.0, sums.x == 0.0)", "sums.x"),
    mutation("rows of zeros give dy", "0.0, sums.x == 0.0)", "0.0, false)"),
    mutation("rows of small norm are left out", "0.0, sums.x == 0.0)", "0.0, sums.x < 10.0)"),
];

/// What cross-entropy and its gradient have in common.
const LOGITS: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("labels are not clamped", "min(label[row], params.classes - 1u)", "label[row]"),
    mutation("labels are one off", "min(label[row], params.classes - 1u)", "max(label[row], 1u) - 1u"),
    mutation("the last class is out of reach", "params.classes - 1u);", "max(params.classes, 2u) - 2u);"),
    mutation("the maximum is not subtracted", "exp(x_$e - top)", "exp(x_$e)"),
    mutation("an invocation subtracts its own maximum", "    top = row_max(top, 0u, place);", ""),
    mutation("elements past the end are summed", "select(0.0, total(e_$e), held_$e)", "total(e_$e)"),
];

const CROSS_ENTROPY: &[Mutation] = &[
    mutation("the scale is dropped", "params.scale * (log", "(log"),
    mutation("the sum is not logarithmic", "log(divisor)", "divisor"),
    mutation("the label's logit is added", "- (target_x - top)", "+ (target_x - top)"),
    mutation("the maximum is not added again", "(target_x - top)", "target_x"),
    mutation("the label is of the first row", "x[base + target_class / PACK]", "x[target_class / PACK]"),
    mutation("the label's component is the first", "return value[at];", "return value.x;"),
    mutation("another invocation writes the loss", "lane == 0u", "lane == WG"),
];

const CROSS_ENTROPY_BACKWARD: &[Mutation] = &[
    mutation("the scale is left out", "params.scale * dy[row]", "dy[row]"),
    mutation("dy is dropped", "params.scale * dy[row]", "params.scale"),
    mutation("the label is not subtracted", " - onehot(i_$e, target_class)", ""),
    mutation("the label is added", "/ divisor - onehot(", "/ divisor + onehot("),
    mutation("not divided by the sum", "e_$e / divisor", "e_$e"),
    mutation("a label marks its element", "vec4<u32>(0u, 1u, 2u, 3u)", "vec4<u32>(0u, 0u, 0u, 0u)"),
    mutation("elements are classes", "i == class_id", "i + 1u == class_id"),
];
