//! Mutations of the gradient of fused attention.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "attention_backward_tile.wgsl",
        kernels: &[("attention_backward", "tile")],
        mutations: TILE,
    },
    Target { file: "attention_backward_subgroup.wgsl", kernels: BLOCKS, mutations: SUBGROUP },
];

const BLOCKS: &[(&str, &str)] =
    &[("attention_backward", "subgroup4x2"), ("attention_backward", "subgroup2x4")];

const TILE: &[Mutation] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        for", "        for"),
    race(
        "no barrier before the next stores",
        "        workgroupBarrier();\n    }\n    if token",
        "    }\n    if token",
    ),
    mutation("the scale is dropped from the scores", "u] * params.scale", "u] * 1.0"),
    mutation("the scale is dropped from dq and dk", "select(params.scale, 1.0, part == DV)", "1.0"),
    mutation("dv is scaled", "select(params.scale, 1.0, part == DV)", "params.scale"),
    mutation("delta is dropped", " - select(deltas[j], own_delta, part == DQ)", ""),
    mutation("delta is added", " - select(deltas[j], own_delta", " + select(deltas[j], own_delta"),
    mutation("delta of the key's token", "select(deltas[j], own_delta, part == DQ)", "own_delta"),
    mutation(
        "delta of the visited token",
        "select(deltas[j], own_delta, part == DQ)",
        "select(own_delta, deltas[j], part == DQ)",
    ),
    mutation("lse of the key's token", "select(lses[j], own_lse, part == DQ)", "own_lse"),
    mutation("lse is added", "exp(score - select", "exp(score + select"),
    mutation("lses are packed as deltas", "lse_base + v0 + lane", "lse_base + (v0 + lane) * params.heads"),
    mutation("deltas are packed as lses", "(v0 + lane) * params.heads", "(v0 + lane)"),
    mutation(
        "deltas of the first head",
        "image * params.tokens * params.heads + head;",
        "image * params.tokens * params.heads;",
    ),
    mutation("dv gets ds", "if part != DV {", "{"),
    mutation("dv sums queries", "select(0u, VISITS * D4, part == DV)", "0u"),
    mutation("keys for values", "qkv[qkv_at + 2u * width]", "qkv[qkv_at + width]"),
    mutation("dk is made of keys", "rows[i] = qkv[qkv_at];", "rows[i] = qkv[qkv_at + width];"),
    mutation("a key's own row is its query", "select(width, 0u, part == DQ)", "0u"),
    mutation("a key's value is its key", "own * 3u * width + 2u * width", "own * 3u * width + width"),
    mutation("the first row is visited again and again", "rows[(VISITS + j) * D4", "rows[VISITS * D4"),
    mutation("rows past the end are visited", "let count = min(VISITS, end - v0);", "let count = VISITS;"),
    mutation("the last row is not visited", "j < count; j++", "j + 1u < count; j++"),
    mutation("the mask is that of the other side", "own < visited, part == DQ", "own < visited, part != DQ"),
    mutation("a query does not see itself", "own > visited, own < visited", "own >= visited, own <= visited"),
    mutation(
        "the queries of a block are left out",
        "select(first, 0u, part == DQ)",
        "select(first + OWN, 0u, part == DQ)",
    ),
    mutation(
        "the keys of a block are left out",
        "min(params.tokens, first + OWN)",
        "min(params.tokens, first + 1u)",
    ),
    mutation("only the first image", "image * params.tokens * 3u * width", "0u * width"),
    mutation("only the first head", "3u * width + head * D4", "3u * width"),
    mutation("dout of the first image", "image * params.tokens * width", "0u * width"),
    mutation("writes one token past the end", "if token < params.tokens", "if token <= params.tokens"),
    mutation("the last token is left out", "if token < params.tokens", "if token + 1u < params.tokens"),
    mutation("parts are written in another order", "+ part * width", "+ (2u - part) * width"),
];

const SUBGROUP: &[Mutation] = &[
    mutation(
        "the scale is dropped from the queries",
        "qkv[own_at_$i + ${d}u] * params.scale",
        "qkv[own_at_$i + ${d}u]",
    ),
    mutation(
        "the scale is dropped from the keys",
        "qkv[own_at_$i + width + ${d}u] * params.scale",
        "qkv[own_at_$i + width + ${d}u]",
    ),
    mutation("the scale is dropped from dq and dk", "dx_${i}_$d * params.scale", "dx_${i}_$d"),
    mutation("dv is scaled", "= dg_${i}_$d;", "= dg_${i}_$d * params.scale;"),
    mutation("delta is dropped from dq", "(dp_${i}_$j - delta_$i)", "dp_${i}_$j"),
    mutation(
        "delta of the key's token",
        "let deltas = delta[delta_base + at * params.heads]",
        "let deltas = delta[delta_base + own_0 * params.heads]",
    ),
    mutation(
        "every query of a lane has the first one's delta",
        "(dp_${i}_$j - delta_$i)",
        "(dp_${i}_$j - delta_0)",
    ),
    mutation("every query of a lane has the first one's lse", "s_${i}_$j - lse_$i", "s_${i}_$j - lse_0"),
    mutation(
        "every lane gets the first lane's lse",
        "subgroupBroadcast(lses, ${j}u)",
        "subgroupBroadcast(lses, 0u)",
    ),
    mutation("every lane uses its own delta", "subgroupBroadcast(deltas, ${j}u)", "deltas"),
    mutation(
        "lses of the heads are swapped",
        "(image * params.heads + head) * params.tokens",
        "(head * params.heads + image) * params.tokens",
    ),
    mutation(
        "dv is a sum of ds",
        "+ p_${i}_$j * g_${d}_of_$j\n#end\n            ;",
        "+ ds_${i}_$j * g_${d}_of_$j\n#end\n            ;",
    ),
    mutation(
        "dq is a sum of values",
        "+ ds_${i}_$j * x_${d}_of_$j\n#end\n            ;",
        "+ ds_${i}_$j * g_${d}_of_$j\n#end\n            ;",
    ),
    mutation(
        "every token of a lane has the first one's weights",
        "+ ds_${i}_$j * x_${d}_of_$j\n#end\n            ;",
        "+ ds_0_$j * x_${d}_of_$j\n#end\n            ;",
    ),
    mutation("keys for values", "let g_at = x_at + width;", "let g_at = x_at;"),
    mutation(
        "every lane loads the first part",
        "let part = (lane / VISITS)",
        "let part = 0u * (lane / VISITS)",
    ),
    mutation("part and row are swapped", "let part = (lane / VISITS)", "let part = (lane % VISITS)"),
    mutation("lanes of a row load different rows", "v0 + lane % VISITS", "v0 + lane / (LANES / VISITS)"),
    mutation(
        "rows past the end are other images'",
        "min(v0 + lane % VISITS, params.tokens - 1u)",
        "(v0 + lane % VISITS)",
    ),
    mutation(
        "every part of x is the first",
        "subgroupBroadcast(x_$e, ${p * VISITS + j}u)",
        "subgroupBroadcast(x_$e, ${j}u)",
    ),
    mutation(
        "every part of g is the first",
        "subgroupBroadcast(g_$e, ${p * VISITS + j}u)",
        "subgroupBroadcast(g_$e, ${j}u)",
    ),
    mutation("a product has the wrong component", "LANES + e}.z * g", "LANES + e}.w * g"),
    mutation(
        "rows past the end are attended to",
        "let seen_${i}_$j = v0 + ${j}u < params.tokens;",
        "let seen_${i}_$j = v0 + ${j}u <= params.tokens;",
    ),
    mutation("a query does not see itself", "v0 + ${j}u <= own_$i", "v0 + ${j}u < own_$i"),
    mutation("a key is not seen by its own query", "v0 + ${j}u >= own_$i", "v0 + ${j}u > own_$i"),
    mutation("the mask is the first token's", "v0 + ${j}u >= own_$i", "v0 + ${j}u >= own_0"),
    mutation(
        "hidden pairs are multiplied by 0",
        "select(dg_${i}_$d, dg_${i}_$d + p_${i}_$j * g_${d}_of_$j, seen_${i}_$j)",
        "dg_${i}_$d + p_${i}_$j * g_${d}_of_$j",
    ),
    mutation(
        "hidden rows are summed into dq and dk",
        "let ds_${i}_$j = select(0.0, p_${i}_$j * (dp_${i}_$j - delta_of_$j), seen_${i}_$j);",
        "let ds_${i}_$j = exp(s_${i}_$j - lse_of_$j) * (dp_${i}_$j - delta_of_$j);",
    ),
    mutation("the last rows of a block are left out", "first + LANES * PER_LANE);", "first + LANES);"),
    mutation(
        "the first queries of a block are left out",
        "let begin = ${keys}u * first;",
        "let begin = ${keys}u * (first + LANES);",
    ),
    mutation("a visit skips a row", "v0 += VISITS", "v0 += VISITS + 1u"),
    mutation("tokens of a lane overlap", "+ ${i * LANES}u + lane", "+ ${i}u + lane"),
    mutation("blocks of tokens overlap", "group.x * (LANES * PER_LANE)", "group.x * LANES"),
    mutation("only the first image", "image * params.tokens * 3u * width", "0u * width"),
    mutation("only the first head", "3u * width + head * D4", "3u * width"),
    mutation("dout of the first image", "image * params.tokens * width", "0u * width"),
    mutation("writes one token past the end", "if token_$i < params.tokens", "if token_$i <= params.tokens"),
    mutation("the last token is left out", "if token_$i < params.tokens", "if token_$i + 1u < params.tokens"),
    mutation("dk is written over dq", "to + ${keys}u * width + ${d}u", "to + ${d}u"),
];
