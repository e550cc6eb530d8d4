//! Faults of kernels that reduce over rows: layer norm, softmax, L2 norm, and what they share.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed {
        file: "common/rows.wgsl",
        kernels: &[("layernorm", "row"), ("softmax", "row"), ("l2norm", "row")],
        faults: ROWWISE,
    },
    Bed {
        file: "common/rows.wgsl",
        kernels: &[("layernorm", "workgroup"), ("softmax", "workgroup"), ("l2norm", "workgroup")],
        faults: SUMS,
    },
    Bed { file: "common/rows.wgsl", kernels: &[("layernorm", "workgroup")], faults: REUSE },
    Bed { file: "common/rows.wgsl", kernels: &[("softmax", "workgroup")], faults: MAXIMUM },
    Bed {
        file: "common/total.wgsl",
        kernels: &[("layernorm", "row"), ("layernorm", "workgroup")],
        faults: TOTAL,
    },
    Bed {
        file: "layernorm.wgsl",
        kernels: &[("layernorm", "row"), ("layernorm", "workgroup")],
        faults: LAYERNORM,
    },
    Bed { file: "softmax.wgsl", kernels: &[("softmax", "row"), ("softmax", "workgroup")], faults: SOFTMAX },
    Bed { file: "l2norm.wgsl", kernels: &[("l2norm", "row"), ("l2norm", "workgroup")], faults: L2NORM },
];

/// One invocation a row.
const ROWWISE: &[Fault] = &[
    fault("one row a workgroup", "return group * WG + lane;", "return group;"),
    fault("rows of two workgroups overlap", "return group * WG + lane;", "return group * (WG - 1u) + lane;"),
    fault("invocations share a row", "{ return 0u; }", "{ return lane; }"),
    fault("every second element", "const row_step: u32 = 1u;", "const row_step: u32 = 2u;"),
];

/// One workgroup a row: strides and the tree sum.
const SUMS: &[Fault] = &[
    fault("the first element is left out", "{ return lane; }", "{ return lane + 1u; }"),
    fault("the stride is too long", "const row_step: u32 = WG;", "const row_step: u32 = WG + 1u;"),
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
    fault(
        "the first step is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, half == WG / 2u)",
    ),
    fault(
        "the last step is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, half == 1u)",
    ),
    fault(
        "the last partner is left out",
        "+= scratch[lane + half]",
        "+= select(scratch[lane + half], 0.0, lane + 1u == half)",
    ),
    fault("the sum adds a neighbour", "+= scratch[lane + half]", "+= scratch[lane + 1u]"),
    fault("the sum is the second one's", "let total = scratch[0]", "let total = scratch[1]"),
];

const SUM_STORES: &str =
    "fn row_sum(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;\n    workgroupBarrier();";
const SUM_STEP: &str = "scratch[lane] += scratch[lane + half];\n        }\n        workgroupBarrier();";

/// Two reductions, one after the other.
const REUSE: &[Fault] = &[race(
    "no barrier before the sum's scratch is used again",
    "    workgroupBarrier(); // nobody may",
    "    // nobody may",
)];

/// The tree maximum.
const MAXIMUM: &[Fault] = &[
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
    fault("the maximum is a minimum", "max(scratch[lane]", "min(scratch[lane]"),
    fault("the maximum is the second one's", "let largest = scratch[0]", "let largest = scratch[1]"),
];

const MAX_STORES: &str =
    "fn row_max(value: f32, lane: u32) -> f32 {\n    scratch[lane] = value;\n    workgroupBarrier();";
const MAX_STEP: &str = "scratch[lane + half]);\n        }\n        workgroupBarrier();";

/// The sum over an element's components.
const TOTAL: &[Fault] = &[
    fault("a component is left out of the sum", "(v.x + v.y) + (v.z + v.w)", "(v.x + v.y) + v.z"),
    fault("a component is summed twice", "(v.z + v.w)", "(v.z + v.z)"),
    fault("one component for all", "(v.x + v.y) + (v.z + v.w)", "4.0 * v.x"),
];

const LAYERNORM: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the mean is not divided", "row_sum(sum, lane) / f32(params.width)", "row_sum(sum, lane)"),
    fault(
        "the mean is divided by n - 1",
        "row_sum(sum, lane) / f32(params.width)",
        "row_sum(sum, lane) / f32(max(params.width, 2u) - 1u)",
    ),
    fault(
        "the variance is divided by n - 1",
        "row_sum(squares, lane) / f32(params.width)",
        "row_sum(squares, lane) / f32(max(params.width, 2u) - 1u)",
    ),
    fault("the variance in one pass", "total(d * d)", "total(x[base + i] * x[base + i] - mean * mean)"),
    fault("epsilon is left out", "variance + params.epsilon", "variance"),
    fault("epsilon is 1e-6", "variance + params.epsilon", "variance + 1e-6"),
    fault(
        "epsilon is added to the deviation",
        "inverseSqrt(variance + params.epsilon)",
        "1.0 / (sqrt(variance) + params.epsilon)",
    ),
    fault("not rooted", "inverseSqrt(variance + params.epsilon)", "1.0 / (variance + params.epsilon)"),
    fault("the mean is left in", "(x[base + i] - mean) * inverse", "x[base + i] * inverse"),
    fault("the scale is dropped", "* inverse * scale[i]", "* inverse"),
    fault("the shift is dropped", " + shift[i]", ""),
    fault("scale and shift are swapped", "* scale[i] + shift[i]", "* shift[i] + scale[i]"),
    fault("the scale is one off", "scale[i] + shift", "scale[max(i, 1u) - 1u] + shift"),
    fault("rows overlap", "let base = row * n;", "let base = row * (n - 1u);"),
];

const SOFTMAX: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the maximum is not subtracted", "* params.scale - largest)", "* params.scale)"),
    fault("not divided by the sum", "y[base + i] /= total;", ""),
    fault("the scale is dropped", "x[base + i] * params.scale - largest", "x[base + i] - largest"),
    fault("a query sees one key too many", "row % params.period + 1u", "row % params.period + 2u"),
    fault("a query does not see itself", "row % params.period + 1u", "max(row % params.period, 1u)"),
    fault("later images see everything", "row % params.period + 1u", "row + 1u"),
    fault("hidden keys are left as they were", "        y[base + i] = 0.0;", ""),
    fault("hidden keys are one off", "i = visible + row_first(lane)", "i = visible + 1u + row_first(lane)"),
    fault(
        "one exponential is not summed",
        "        sum += e;",
        "        sum += select(e, 0.0, i + 1u == visible);",
    ),
];

const L2NORM: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("not rooted", "sqrt(row_sum(squares, lane))", "row_sum(squares, lane)"),
    fault(
        "the sum of absolute values",
        "squares += x[base + i] * x[base + i]",
        "squares += abs(x[base + i])",
    ),
    fault("rows of zeros give NaN", "select(norm, 1.0, norm == 0.0)", "norm"),
    fault("rows of small norm are left alone", "norm == 0.0", "norm < 1.0"),
    fault("an epsilon is added", "/ divisor", "/ (divisor + 1e-5)"),
    fault("multiplied by the norm", "/ divisor", "* divisor"),
    fault("rows overlap", "let base = row * params.width;", "let base = row * (params.width - 1u);"),
];
