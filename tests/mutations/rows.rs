//! Mutations of kernels that reduce over rows: layer norm, softmax, L2 norm, and what they share.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/rows.wgsl",
        kernels: &[("layernorm", "row"), ("softmax", "row"), ("l2norm", "row")],
        mutations: ROWWISE,
    },
    Target {
        file: "common/rows.wgsl",
        kernels: &[("layernorm", "workgroup"), ("softmax", "workgroup"), ("l2norm", "workgroup")],
        mutations: SUMS,
    },
    Target { file: "common/rows.wgsl", kernels: &[("layernorm", "workgroup")], mutations: REUSE },
    Target { file: "common/rows.wgsl", kernels: &[("softmax", "workgroup")], mutations: MAXIMUM },
    Target {
        file: "common/total.wgsl",
        kernels: &[("layernorm", "row"), ("layernorm", "workgroup")],
        mutations: TOTAL,
    },
    Target {
        file: "layernorm.wgsl",
        kernels: &[("layernorm", "row"), ("layernorm", "workgroup")],
        mutations: LAYERNORM,
    },
    Target {
        file: "softmax.wgsl",
        kernels: &[("softmax", "row"), ("softmax", "workgroup")],
        mutations: SOFTMAX,
    },
    Target { file: "l2norm.wgsl", kernels: &[("l2norm", "row"), ("l2norm", "workgroup")], mutations: L2NORM },
];

/// One invocation a row.
const ROWWISE: &[Mutation] = &[
    mutation("one row a workgroup", "return group * WG + lane;", "return group;"),
    mutation(
        "rows of two workgroups overlap",
        "return group * WG + lane;",
        "return group * (WG - 1u) + lane;",
    ),
    mutation("invocations share a row", "{ return 0u; }", "{ return lane; }"),
    mutation("every second element", "const row_step: u32 = 1u;", "const row_step: u32 = 2u;"),
];

/// One workgroup a row: strides and the tree sum.
const SUMS: &[Mutation] = &[
    mutation("the first element is left out", "{ return lane; }", "{ return lane + 1u; }"),
    mutation("the stride is too long", "const row_step: u32 = WG;", "const row_step: u32 = WG + 1u;"),
    race(
        "no barrier after the stores of the sum",
        SUM_STORES,
        "fn row_sum(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;",
    ),
    race(
        "no barrier between the steps of the sum",
        SUM_STEP,
        "scratch[lane] += scratch[lane + half];\n        }",
    ),
    mutation(
        "the first step is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, half == WG / 2u)",
    ),
    mutation(
        "the last step is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, half == 1u)",
    ),
    mutation(
        "the last partner is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, lane + 1u == half)",
    ),
    mutation("the sum adds a neighbour", "+= scratch[lane + half]", "+= scratch[lane + 1u]"),
    mutation("the sum is the second one's", "let total = scratch[0]", "let total = scratch[1]"),
];

const SUM_STORES: &str =
    "fn row_sum(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;\n    workgroupBarrier();";
const SUM_STEP: &str = "scratch[lane] += scratch[lane + half];\n        }\n        workgroupBarrier();";

/// Two reductions, one after the other.
const REUSE: &[Mutation] = &[race(
    "no barrier before the sum's scratch is used again",
    "    workgroupBarrier(); // nobody may",
    "    // nobody may",
)];

/// The tree maximum.
const MAXIMUM: &[Mutation] = &[
    race(
        "no barrier after the stores of the maximum",
        MAX_STORES,
        "fn row_max(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;",
    ),
    race("no barrier between the steps of the maximum", MAX_STEP, "scratch[lane + half]);\n        }"),
    race(
        "no barrier before the maximum's scratch is used again",
        "let largest = scratch[0];\n    workgroupBarrier();",
        "let largest = scratch[0];",
    ),
    mutation("the maximum is a minimum", "max(scratch[lane]", "min(scratch[lane]"),
    mutation("the maximum is the second one's", "let largest = scratch[0]", "let largest = scratch[1]"),
];

const MAX_STORES: &str =
    "fn row_max(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;\n    workgroupBarrier();";
const MAX_STEP: &str = "scratch[lane + half]);\n        }\n        workgroupBarrier();";

/// The sum over an element's components.
const TOTAL: &[Mutation] = &[
    mutation("a component is left out of the sum", "(v.x + v.y) + (v.z + v.w)", "(v.x + v.y) + v.z"),
    mutation("a component is summed twice", "(v.z + v.w)", "(v.z + v.z)"),
    mutation("one component for all", "(v.x + v.y) + (v.z + v.w)", "4.0 * v.x"),
];

const LAYERNORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the mean is not divided", "row_sum(sum, lane) / f32(params.width)", "row_sum(sum, lane)"),
    mutation(
        "the mean is divided by n - 1",
        "row_sum(sum, lane) / f32(params.width)",
        "row_sum(sum, lane) / f32(max(params.width, 2u) - 1u)",
    ),
    mutation(
        "the variance is divided by n - 1",
        "row_sum(squares, lane) / f32(params.width)",
        "row_sum(squares, lane) / f32(max(params.width, 2u) - 1u)",
    ),
    mutation("the variance in one pass", "total(d * d)", "total(x[base + i] * x[base + i] - mean * mean)"),
    mutation("epsilon is left out", "variance + params.epsilon", "variance"),
    mutation("epsilon is 1e-6", "variance + params.epsilon", "variance + 1e-6"),
    mutation(
        "epsilon is added to the deviation",
        "inverseSqrt(variance + params.epsilon)",
        "1.0 / (sqrt(variance) + params.epsilon)",
    ),
    mutation("no square root", "inverseSqrt(variance + params.epsilon)", "1.0 / (variance + params.epsilon)"),
    mutation("the mean is left in", "(x[base + i] - mean) * inverse", "x[base + i] * inverse"),
    mutation("the scale is dropped", "* inverse * scale[i]", "* inverse"),
    mutation("the shift is dropped", " + shift[i]", ""),
    mutation("scale and shift are swapped", "* scale[i] + shift[i]", "* shift[i] + scale[i]"),
    mutation("the scale is one off", "scale[i] + shift", "scale[max(i, 1u) - 1u] + shift"),
    mutation("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
];

const SOFTMAX: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the maximum is not subtracted", "* params.scale - largest)", "* params.scale)"),
    mutation("not divided by the sum", "y[base + i] /= total;", ""),
    mutation("the scale is dropped", "x[base + i] * params.scale - largest", "x[base + i] - largest"),
    mutation("a query sees one key too many", "row % params.period + 1u", "row % params.period + 2u"),
    mutation("a query does not see itself", "row % params.period + 1u", "max(row % params.period, 1u)"),
    mutation("later images see everything", "row % params.period + 1u", "row + 1u"),
    mutation("hidden keys are left as they were", "        y[base + i] = 0.0;", ""),
    mutation(
        "hidden keys are one off",
        "i = visible + row_first(lane)",
        "i = visible + 1u + row_first(lane)",
    ),
    mutation(
        "one exponential is not summed",
        "        sum += e;",
        "        sum += select(e, 0.0, i + 1u == visible);",
    ),
];

const L2NORM: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("no square root", "sqrt(row_sum(squares, lane))", "row_sum(squares, lane)"),
    mutation(
        "the sum of absolute values",
        "squares += x[base + i] * x[base + i]",
        "squares += abs(x[base + i])",
    ),
    mutation("rows of zeros give NaN", "select(norm, 1.0, norm == 0.0)", "norm"),
    mutation("rows of small norm are left alone", "norm == 0.0", "norm < 1.0"),
    mutation("an epsilon is added", "/ divisor", "/ (divisor + 1e-5)"),
    mutation("multiplied by the norm", "/ divisor", "* divisor"),
    mutation("rows overlap", "let base = row * params.width;", "let base = row * (params.width - 1u);"),
];
