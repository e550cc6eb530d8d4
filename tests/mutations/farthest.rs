//! Mutations of the choice of the farthest point.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "farthest.wgsl",
        kernels: &[("farthest", "scalar"), ("farthest", "vec4")],
        mutations: STEP,
    },
    Target { file: "farthest.wgsl", kernels: &[("farthest", "scalar")], mutations: SCALAR },
    Target { file: "farthest.wgsl", kernels: &[("farthest", "vec4")], mutations: VEC4 },
];

const SCALAR: &[Mutation] = &[
    mutation(
        "the last dimension is left out",
        "#end\n    for (var d = 0u; d < params.width",
        "#end\n    for (var d = 0u; d + 1u < params.width",
    ),
    mutation(
        "every dimension is the first",
        "let row = d * params.stride;\n        let middle",
        "let row = 0u * d;\n        let middle",
    ),
    mutation("points overlap", "let point_$e = own * (4u * WG)", "let point_$e = own * (3u * WG)"),
    mutation("distances are another point's", "min(own * (4u * WG) + ${e}u * WG", "min(own * (4u * WG)"),
    mutation("the last column is the one before", "params.stride - 1u", "max(params.stride, 2u) - 2u"),
    mutation("distances are the magnitudes of differences", "away_$e * away_$e", "abs(away_$e)"),
    mutation("all points have the distance of the first", "= sum_$e;", "= sum_0;"),
];

const VEC4: &[Mutation] = &[
    mutation(
        "the last dimension of four columns is left out",
        "{\n        for (var d = 0u; d < params.width",
        "{\n        for (var d = 0u; d + 1u < params.width",
    ),
    mutation(
        "every dimension of four columns is the first",
        "let row = d * params.stride;\n            let away",
        "let row = 0u * d;\n            let away",
    ),
    mutation("groups overlap", "let at = own * WG + lane", "let at = own * (WG - 1u) + lane"),
    mutation("the last columns are left out", "at < params.stride", "at + 1u < params.stride"),
    mutation("the centre is the first of four", "[centre % 4u]", "[0]"),
    mutation("distances of four columns are not squared", "away * away", "abs(away)"),
    mutation("all four have the distance of the first", "= sum[$e];", "= sum[0];"),
];

const STEP: &[Mutation] = &[
    race("no barrier before the tree", "    workgroupBarrier();\n    for (var half", "    for (var half"),
    race(
        "no barrier between levels of the tree",
        "        }\n        workgroupBarrier();\n    }\n}",
        "        }\n    }\n    workgroupBarrier();\n}",
    ),
    race(
        "no barrier before the arrays are used again",
        "    let centre = u32(lane_places[0]);\n    workgroupBarrier();",
        "    let centre = u32(lane_places[0]);",
    ),
    mutation("the smallest of the groups is taken", "(other > own)", "(other < own)"),
    mutation("of equal ones the last is taken", "(other_place < own_place)", "(other_place > own_place)"),
    mutation(
        "only the first groups are looked at",
        "g < params.groups; g += WG",
        "g < min(params.groups, WG); g += WG",
    ),
    mutation("groups are looked at in part", "g += WG", "g += 2u * WG"),
    mutation(
        "a lane keeps its first group",
        "let better = values[g] > value;",
        "let better = value == LOWEST;",
    ),
    mutation("the first point is every centre", "u32(lane_places[0])", "0u * u32(lane_places[0])"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("writes one past the end", "if point_$e < params.points", "if point_$e <= params.points"),
    mutation("the last point is left out", "if point_$e < params.points", "if point_$e + 1u < params.points"),
    mutation("older centres are forgotten", "min(distances[point_$e], ", "max(-1e30, "),
    mutation("a centre may be taken again", "TAKEN, point_$e == centre", "TAKEN, false"),
    mutation("the nearest point is offered", "next_$e > value;", "next_$e < value;"),
    mutation("the point offered is another", "f32(point_$e), better_$e", "f32(point_$e ^ 1u), better_$e"),
    mutation(
        "every lane writes its own",
        "lane_values[0];\n        next_places",
        "value;\n        next_places",
    ),
];
