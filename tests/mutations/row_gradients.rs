//! Mutations of the backward kernels that reduce over rows, and of losses by rows.

use super::mutation::{Mutation, Target, mutation};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "layernorm_backward.wgsl",
        kernels: &[("layernorm_backward", "row"), ("layernorm_backward", "workgroup")],
        mutations: LAYERNORM,
    },
    Target {
        file: "softmax_backward.wgsl",
        kernels: &[("softmax_backward", "row"), ("softmax_backward", "workgroup")],
        mutations: SOFTMAX,
    },
    Target {
        file: "l2norm_backward.wgsl",
        kernels: &[("l2norm_backward", "row"), ("l2norm_backward", "workgroup")],
        mutations: L2NORM,
    },
    Target {
        file: "cross_entropy.wgsl",
        kernels: &[
            ("cross_entropy", "row"),
            ("cross_entropy", "workgroup"),
            ("cross_entropy_backward", "row"),
            ("cross_entropy_backward", "workgroup"),
        ],
        mutations: LOGITS,
    },
    Target {
        file: "cross_entropy.wgsl",
        kernels: &[("cross_entropy", "row"), ("cross_entropy", "workgroup")],
        mutations: CROSS_ENTROPY,
    },
    Target {
        file: "cross_entropy.wgsl",
        kernels: &[("cross_entropy_backward", "row"), ("cross_entropy_backward", "workgroup")],
        mutations: CROSS_ENTROPY_BACKWARD,
    },
];

const LAYERNORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("the mean is not divided", "row_sum(sum, lane) / f32(params.width)", "row_sum(sum, lane)"),
    mutation("the variance in one pass", "total(d * d)", "total(x[base + i] * x[base + i] - mean * mean)"),
    mutation("epsilon is left out", "variance + params.epsilon", "variance"),
    mutation("epsilon is 1e-5", "variance + params.epsilon", "variance + 1e-5"),
    mutation("no square root", "inverseSqrt(variance + params.epsilon)", "1.0 / (variance + params.epsilon)"),
    mutation("the scale is dropped", "let g = dy[base + i] * scale[i];", "let g = dy[base + i];"),
    mutation("the scale is dropped at the end", "(dy[base + i] * scale[i] -", "(dy[base + i] -"),
    mutation(
        "the scale is one off",
        "let g = dy[base + i] * scale[i]",
        "let g = dy[base + i] * scale[max(i, 1u) - 1u]",
    ),
    mutation("the mean of g is left out", " - mean_g -", " -"),
    mutation("the mean of g is added", " - mean_g -", " + mean_g -"),
    mutation("the mean of g is of dy", "upstream += total(g)", "upstream += total(dy[base + i])"),
    mutation("the projection is left out", " - d * slope)", ")"),
    mutation("the projection is added", " - d * slope)", " + d * slope)"),
    mutation("the projection is on x", "total(g * d)", "total(g * x[base + i])"),
    mutation("the projection is divided by σ once", "inverse * inverse * mean_gd", "inverse * mean_gd"),
    mutation(
        "σ is a constant",
        "(dy[base + i] * scale[i] - mean_g - d * slope)",
        "(dy[base + i] * scale[i])",
    ),
    mutation("not divided by σ", "- d * slope) * inverse;", "- d * slope);"),
];

const SOFTMAX: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("the sum is of dy alone", "total(y[base + i] * dy[base + i])", "total(dy[base + i])"),
    mutation("the sum is left out", "(dy[base + i] - average)", "dy[base + i]"),
    mutation("the sum is added", "- average", "+ average"),
    mutation(
        "the sum is divided by the width",
        "row_sum(sum, lane)",
        "row_sum(sum, lane) / f32(params.width)",
    ),
    mutation("the scale is dropped", "params.scale * y", "y"),
    mutation("y is dropped", "params.scale * y[base + i] *", "params.scale *"),
    mutation("y is squared", "* y[base + i] * (", "* y[base + i] * y[base + i] * ("),
];

const L2NORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    mutation("no square root", "1.0 / sqrt(divisor)", "1.0 / divisor"),
    mutation("multiplied by the norm", "1.0 / sqrt(divisor)", "sqrt(divisor)"),
    mutation("the projection is divided by the norm once", "product / divisor", "product / sqrt(divisor)"),
    mutation("the projection is not divided", "product / divisor", "product"),
    mutation("the projection is left out", " - x[base + i] * along)", ")"),
    mutation("the projection is added", "- x[base + i] * along", "+ x[base + i] * along"),
    mutation("the projection is along dy", "- x[base + i] * along", "- dy[base + i] * along"),
    mutation("rows of zeros give NaN", "select(square, 1.0, square == 0.0)", "square"),
    mutation("rows of zeros give dy", "0.0, square == 0.0)", "0.0, false)"),
    mutation("rows of small norm are left out", "0.0, square == 0.0)", "0.0, square < 10.0)"),
];

/// What cross-entropy and its gradient have in common.
const LOGITS: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("rows overlap", "let base = row * params.classes;", "let base = row * (params.classes - 1u);"),
    mutation("labels are not clamped", "min(label[row], params.classes - 1u)", "label[row]"),
    mutation("labels are one off", "min(label[row], params.classes - 1u)", "max(label[row], 1u) - 1u"),
    mutation("the last class is out of reach", "params.classes - 1u);", "max(params.classes, 2u) - 2u);"),
    mutation("the maximum is not subtracted", "sum += exp(x[base + i] - largest)", "sum += exp(x[base + i])"),
    mutation("the first logit for the maximum", "largest = max(largest, x[base + i]);", ""),
];

const CROSS_ENTROPY: &[Mutation] = &[
    mutation("the scale is dropped", "params.scale * (log", "(log"),
    mutation("the sum is not logarithmic", "log(total)", "total"),
    mutation("the logarithm is to base 2", "log(total)", "log2(total)"),
    mutation(
        "the label's logit is left out",
        "log(total) - (x[base + target_class] - largest)",
        "log(total) + largest",
    ),
    mutation("the label's logit is added", "- (x[base + target_class]", "+ (x[base + target_class]"),
    mutation(
        "the maximum is not added again",
        "(x[base + target_class] - largest)",
        "x[base + target_class]",
    ),
    mutation("the label is of the first row", "x[base + target_class]", "x[target_class]"),
];

const CROSS_ENTROPY_BACKWARD: &[Mutation] = &[
    mutation("the scale is left out", "params.scale * dy[row]", "dy[row]"),
    mutation("dy is dropped", "params.scale * dy[row]", "params.scale"),
    mutation("dy is of an element", "* dy[row]", "* dy[row / 2u]"),
    mutation("the label is not subtracted", "/ total - onehot", "/ total"),
    mutation("the label is added", "/ total - onehot", "/ total + onehot"),
    mutation("not divided by the sum", " / total - onehot", " - onehot"),
    mutation("only the label's logit", "upstream * (exp", "upstream * onehot * (exp"),
];
