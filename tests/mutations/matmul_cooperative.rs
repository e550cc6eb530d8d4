//! Mutations of the matmul by cooperative matrices.

use super::mutation::{Mutation, Target, mutation};

/// By cooperative matrices. Where a device lacks their tiles, the test prints these mutations as not run, with that
/// reason; `make check-all` has a device with tiles of 8.
const COOPERATIVE: &[(&str, &str)] = &[
    ("matmul", "split8"),
    ("matmul", "half8"),
    ("matmul", "coop8"),
    ("matmul", "split16"),
    ("matmul", "half16"),
];
/// Those of them with float16 factors, and with two for each.
const F16_FACTORS: &[(&str, &str)] =
    &[("matmul", "split8"), ("matmul", "half8"), ("matmul", "split16"), ("matmul", "half16")];
const SPLIT: &[(&str, &str)] = &[("matmul", "split8"), ("matmul", "split16")];

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "matmul_cooperative.wgsl", kernels: COOPERATIVE, mutations: COOPERATIVE_FAULTS },
    Target { file: "matmul_cooperative.wgsl", kernels: F16_FACTORS, mutations: POWERS },
    Target { file: "matmul_cooperative.wgsl", kernels: SPLIT, mutations: SPLIT_FAULTS },
];

const COOPERATIVE_FAULTS: &[Mutation] = &[
    mutation("writes one row past the end", "if row4 < params.m &&", "if row4 <= params.m &&"),
    mutation("writes four columns past the end", "col4 < params.n {", "col4 <= params.n {"),
    mutation("b is read by rows", "coopLoad<TileB>(&b_high", "coopLoadT<TileB>(&b_high"),
    mutation("a is read by columns", "coopLoadT<TileA>(&a_high", "coopLoad<TileA>(&a_high"),
    mutation("a subgroup reads another's rows", "subgroup / 2u * PART_ROWS", "subgroup % 2u * PART_ROWS"),
    mutation(
        "a subgroup reads another's columns",
        "subgroup % 2u * PART_COLUMNS * STRIDE",
        "subgroup / 2u * PART_COLUMNS * STRIDE",
    ),
    mutation(
        "the first tile of a for all",
        "&a_high[a_at + ${i * TILE}u * STRIDE + ${s * TILE}u]",
        "&a_high[0u * a_at]",
    ),
    mutation("the stage is loaded again", "(k0 + DEPTH) / 4u + a_quad_$s", "k0 / 4u + a_quad_$s"),
    mutation("the next stage is half a stage further", "k0 += DEPTH", "k0 += DEPTH / 2u"),
    mutation("every load of a is the first", "let a_i_$s = index + ${s}u * SIZE", "let a_i_$s = index"),
    mutation("staged rows overlap", "STRIDE: u32 = DEPTH + PAD", "STRIDE: u32 = DEPTH - PAD"),
];

const POWERS: &[Mutation] = &[
    mutation("a is not scaled", "a4_$s * params.a_power", "a4_$s"),
    mutation("b is not scaled", "b4_$s * params.b_power", "b4_$s"),
    mutation("the result is not scaled back", "product * params.unscale, bias4", "product, bias4"),
];

const SPLIT_FAULTS: &[Mutation] = &[
    mutation("a's lower part is left out", "coopMultiplyAdd(a_l_${s}_$i, b_h_${s}_$j, low", "(low"),
    mutation("b's lower part is left out", "coopMultiplyAdd(a_h_${s}_$i, b_l_${s}_$j, low", "(low"),
    mutation(
        "a's lower part is half of it",
        "(a_scaled_$s - a_h_$s) * 2048.0",
        "(a_scaled_$s - a_h_$s) * 1024.0",
    ),
    mutation("the corrections count twice", "0.00048828125", "0.0009765625"),
    mutation("the total is lost", "c_${i}_$j = c_${i}_$j + partial_${i}_$j;", "c_${i}_$j = partial_${i}_$j;"),
    mutation("a partial sum is added again", "            partial_${i}_$j = TileC();\n", ""),
    mutation("the last partial sum is left out", "c_${i}_$j + partial_${i}_$j + low", "c_${i}_$j + low"),
    mutation(
        "the upper part is not rounded",
        "+ 0x1000u) & vec4<u32>(0xffffe000u)",
        "& vec4<u32>(0xff800000u))",
    ),
];
