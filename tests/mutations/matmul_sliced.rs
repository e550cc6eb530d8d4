//! Mutations of the matmul in slices of k: a batch of products, and the sum of their parts.

use super::mutation::{Mutation, Target, mutation};

const SLICED: &[(&str, &str)] = &[("matmul", "sliced")];

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "common/matmul.wgsl", kernels: SLICED, mutations: SLICES },
    Target { file: "matmul_sums.wgsl", kernels: SLICED, mutations: SUMS },
];

const SLICES: &[Mutation] = &[
    mutation("every slice of a is the first", "outer * params.a_outer + inner * params.a_inner", "0u"),
    mutation("every slice of b is the first", "outer * params.b_outer + inner * params.b_inner", "0u"),
    mutation("every part is where the first is", "outer * params.c_outer + inner * params.c_inner", "0u"),
];

const SUMS: &[Mutation] = &[
    mutation("the last slice is left out", "slice < params.k;", "slice + 1u < params.k;"),
    mutation("the first slice counts twice", "var slice = 1u;", "var slice = 0u;"),
    mutation("only the first slice", "sum += parts[slice * count + i];", ""),
    mutation("the last slice only", "sum += parts", "sum = parts"),
    mutation("parts overlap", "parts[slice * count + i]", "parts[slice + i]"),
    mutation("a part is a row", "parts[slice * count + i]", "parts[slice * columns + i]"),
    mutation("writes past the end", "if i >= count {", "if i > count {"),
    mutation("the last outputs are left out", "if i >= count {", "if i + 1u >= count {"),
    mutation("the bias is the row's", "bias4(col)", "bias4(i / columns * 4u)"),
    mutation("the residual is the first row's", "residual4(to)", "residual4(col / 4u)"),
    mutation("outputs of workgroups overlap", "* 64u + lane", "* 32u + lane"),
];
