//! Faults of the backward kernels that reduce over rows, and of losses by rows.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed {
        file: "layernorm_backward.wgsl",
        kernels: &[("layernorm_backward", "row"), ("layernorm_backward", "workgroup")],
        faults: LAYERNORM,
    },
    Bed {
        file: "softmax_backward.wgsl",
        kernels: &[("softmax_backward", "row"), ("softmax_backward", "workgroup")],
        faults: SOFTMAX,
    },
    Bed {
        file: "l2norm_backward.wgsl",
        kernels: &[("l2norm_backward", "row"), ("l2norm_backward", "workgroup")],
        faults: L2NORM,
    },
    Bed {
        file: "cross_entropy.wgsl",
        kernels: &[
            ("cross_entropy", "row"),
            ("cross_entropy", "workgroup"),
            ("cross_entropy_backward", "row"),
            ("cross_entropy_backward", "workgroup"),
        ],
        faults: LOGITS,
    },
    Bed {
        file: "cross_entropy.wgsl",
        kernels: &[("cross_entropy", "row"), ("cross_entropy", "workgroup")],
        faults: CROSS_ENTROPY,
    },
    Bed {
        file: "cross_entropy.wgsl",
        kernels: &[("cross_entropy_backward", "row"), ("cross_entropy_backward", "workgroup")],
        faults: CROSS_ENTROPY_BACKWARD,
    },
];

const LAYERNORM: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    fault("the mean is not divided", "row_sum(sum, lane) / f32(params.width)", "row_sum(sum, lane)"),
    fault("the variance in one pass", "total(d * d)", "total(x[base + i] * x[base + i] - mean * mean)"),
    fault("epsilon is left out", "variance + params.epsilon", "variance"),
    fault("epsilon is 1e-5", "variance + params.epsilon", "variance + 1e-5"),
    fault("not rooted", "inverseSqrt(variance + params.epsilon)", "1.0 / (variance + params.epsilon)"),
    fault("the scale is dropped", "let g = dy[base + i] * scale[i];", "let g = dy[base + i];"),
    fault("the scale is dropped at the end", "(dy[base + i] * scale[i] -", "(dy[base + i] -"),
    fault(
        "the scale is one off",
        "let g = dy[base + i] * scale[i]",
        "let g = dy[base + i] * scale[max(i, 1u) - 1u]",
    ),
    fault("the mean of g is left out", " - mean_g -", " -"),
    fault("the mean of g is added", " - mean_g -", " + mean_g -"),
    fault("the mean of g is of dy", "upstream += total(g)", "upstream += total(dy[base + i])"),
    fault("the projection is left out", " - d * slope)", ")"),
    fault("the projection is added", " - d * slope)", " + d * slope)"),
    fault("the projection is on x", "total(g * d)", "total(g * x[base + i])"),
    fault("the projection is divided by σ once", "inverse * inverse * mean_gd", "inverse * mean_gd"),
    fault("σ is a constant", "(dy[base + i] * scale[i] - mean_g - d * slope)", "(dy[base + i] * scale[i])"),
    fault("not divided by σ", "- d * slope) * inverse;", "- d * slope);"),
];

const SOFTMAX: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    fault("the sum is of dy alone", "total(y[base + i] * dy[base + i])", "total(dy[base + i])"),
    fault("the sum is left out", "(dy[base + i] - average)", "dy[base + i]"),
    fault("the sum is added", "- average", "+ average"),
    fault("the sum is divided by the width", "row_sum(sum, lane)", "row_sum(sum, lane) / f32(params.width)"),
    fault("the scale is dropped", "params.scale * y", "y"),
    fault("y is dropped", "params.scale * y[base + i] *", "params.scale *"),
    fault("y is squared", "* y[base + i] * (", "* y[base + i] * y[base + i] * ("),
];

const L2NORM: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
    fault("not rooted", "1.0 / sqrt(divisor)", "1.0 / divisor"),
    fault("multiplied by the norm", "1.0 / sqrt(divisor)", "sqrt(divisor)"),
    fault("the projection is divided by the norm once", "product / divisor", "product / sqrt(divisor)"),
    fault("the projection is not divided", "product / divisor", "product"),
    fault("the projection is left out", " - x[base + i] * along)", ")"),
    fault("the projection is added", "- x[base + i] * along", "+ x[base + i] * along"),
    fault("the projection is along dy", "- x[base + i] * along", "- dy[base + i] * along"),
    fault("rows of zeros give NaN", "select(square, 1.0, square == 0.0)", "square"),
    fault("rows of zeros give dy", "0.0, square == 0.0)", "0.0, false)"),
    fault("rows of small norm are left out", "0.0, square == 0.0)", "0.0, square < 10.0)"),
];

/// What cross-entropy and its gradient have in common.
const LOGITS: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows overlap", "let base = row * params.classes;", "let base = row * (params.classes - 1u);"),
    fault("labels are not held", "min(label[row], params.classes - 1u)", "label[row]"),
    fault("labels are one off", "min(label[row], params.classes - 1u)", "max(label[row], 1u) - 1u"),
    fault("the last class is out of reach", "params.classes - 1u);", "max(params.classes, 2u) - 2u);"),
    fault("the maximum is not subtracted", "sum += exp(x[base + i] - largest)", "sum += exp(x[base + i])"),
    fault("the first logit for the maximum", "largest = max(largest, x[base + i]);", ""),
];

const CROSS_ENTROPY: &[Fault] = &[
    fault("the scale is dropped", "params.scale * (log", "(log"),
    fault("the sum is not logarithmic", "log(total)", "total"),
    fault("the logarithm is to base 2", "log(total)", "log2(total)"),
    fault(
        "the label's logit is left out",
        "log(total) - (x[base + target_class] - largest)",
        "log(total) + largest",
    ),
    fault("the label's logit is added", "- (x[base + target_class]", "+ (x[base + target_class]"),
    fault("the maximum is not added again", "(x[base + target_class] - largest)", "x[base + target_class]"),
    fault("the label is of the first row", "x[base + target_class]", "x[target_class]"),
];

const CROSS_ENTROPY_BACKWARD: &[Fault] = &[
    fault("the scale is left out", "params.scale * dy[row]", "dy[row]"),
    fault("dy is dropped", "params.scale * dy[row]", "params.scale"),
    fault("dy is of an element", "* dy[row]", "* dy[row / 2u]"),
    fault("the label is not subtracted", "/ total - onehot", "/ total"),
    fault("the label is added", "/ total - onehot", "/ total + onehot"),
    fault("not divided by the sum", " / total - onehot", " - onehot"),
    fault("only the label's logit", "upstream * (exp", "upstream * onehot * (exp"),
];
