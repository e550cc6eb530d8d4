//! Faults of the backward kernels that reduce over rows.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[Bed {
    file: "layernorm_backward.wgsl",
    kernels: &[("layernorm_backward", "row"), ("layernorm_backward", "workgroup")],
    faults: LAYERNORM,
}];

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
