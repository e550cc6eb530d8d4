//! Mutations of the gradient of fused attention.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "attention_backward_tile.wgsl",
        kernels: &[("attention_backward", "tile")],
        mutations: TILE,
    },
    Target {
        file: "attention_backward_quad.wgsl",
        kernels: &[("attention_backward", "quad")],
        mutations: QUAD,
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
    mutation(
        "lses are packed as deltas",
        "lse_base + visited_lane",
        "lse_base + visited_lane * params.heads",
    ),
    mutation("deltas are packed as lses", "visited_lane * params.heads", "visited_lane"),
    mutation(
        "deltas of the first head",
        "image * params.tokens * params.heads + head;",
        "image * params.tokens * params.heads;",
    ),
    mutation("dv gets ds", "if part != DV {", "{"),
    mutation("dv sums queries", "select(0u, STAGED, part == DV)", "0u"),
    mutation("keys for values", "qkv[qkv_at_$s + 2u * width]", "qkv[qkv_at_$s + width]"),
    mutation("dk is made of keys", "let x_of = select(0u, width, part == DQ)", "let x_of = width"),
    mutation("every load is the first", "let i_$s = lane + ${s}u * OWN", "let i_$s = lane"),
    mutation("a key's own row is its query", "select(width, 0u, part == DQ)", "0u"),
    mutation("a key's value is its key", "own * 3u * width + 2u * width", "own * 3u * width + width"),
    mutation("the first row is visited again and again", "rows[STAGED + j * D4", "rows[STAGED"),
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

const QUAD: &[Mutation] = &[
    race(
        "no barrier after the stores",
        "            workgroupBarrier();\n            for",
        "            for",
    ),
    race("no barrier before the next stores", "now.\n            workgroupBarrier();", "now."),
    mutation("the scale is dropped from the scores", "u] * params.scale", "u] * 1.0"),
    mutation("the scale is dropped from dq and dk", "dx_${t}_$d * params.scale", "dx_${t}_$d"),
    mutation("dv is scaled", "= dg_${t}_$d;", "= dg_${t}_$d * params.scale;"),
    mutation("delta is dropped", "(dp - delta_of_pair)", "dp"),
    mutation("delta is added", "(dp - delta_of_pair)", "(dp + delta_of_pair)"),
    mutation("lse is added", "exp(s - lse_of_pair)", "exp(s + lse_of_pair)"),
    mutation("lse of the other row", "lses[row]", "lses[row ^ 1u]"),
    mutation("delta of the other row", "deltas[row]", "deltas[row ^ 1u]"),
    mutation(
        "lse of the quad's first query",
        "lse[lse_base + min(paired, last)]",
        "lse[lse_base + min(token, last)]",
    ),
    mutation(
        "delta of the quad's first query",
        "delta_base + min(paired, last)",
        "delta_base + min(token, last)",
    ),
    mutation("lses are packed as deltas", "lse_base + visited", "lse_base + visited * params.heads"),
    mutation("deltas are packed as lses", "visited * params.heads", "visited"),
    mutation(
        "deltas of the first head",
        "image * params.tokens * params.heads + head;",
        "image * params.tokens * params.heads;",
    ),
    mutation("weights of dq and dk are another pair's", "quadBroadcast(ds, ${e}u)", "quadBroadcast(ds, 0u)"),
    mutation("weights of dv are another pair's", "quadBroadcast(p, ${e}u)", "p"),
    mutation("dv sums ds", "fma(vec4<f32>(p_${t + 2 * v})", "fma(vec4<f32>(ds_${t + 2 * v})"),
    mutation(
        "tokens have each other's weights",
        "fma(vec4<f32>(ds_${t + 2 * v})",
        "fma(vec4<f32>(ds_${1 - t + 2 * v})",
    ),
    mutation(
        "visited rows have each other's weights",
        "fma(vec4<f32>(p_${t + 2 * v})",
        "fma(vec4<f32>(p_${t + 2 - 2 * v})",
    ),
    mutation("the second row's score is the first's", "x_${d}_of_1, s_parts.z)", "x_${d}_of_0, s_parts.z)"),
    mutation(
        "the second token's slope is the first's",
        "add_dot(g_1_$d, g_${d}_of_0,",
        "add_dot(g_0_$d, g_${d}_of_0,",
    ),
    mutation("a pair's row is its token", "let row = j + lane / 2u", "let row = j + lane % 2u"),
    mutation(
        "quarters of an own row overlap",
        "qkv[x_at_$t + ${4 * d}u] * params",
        "qkv[x_at_$t + ${d}u] * params",
    ),
    mutation(
        "quarters of a visited row overlap",
        "gs[(j + ${v}u) * D4 + ${4 * d}u + lane]",
        "gs[(j + ${v}u) * D4 + ${d}u + lane]",
    ),
    mutation(
        "every quarter is the first",
        "xs[(j + ${v}u) * D4 + ${4 * d}u + lane]",
        "xs[(j + ${v}u) * D4 + ${4 * d}u]",
    ),
    mutation("every load is the first", "let i_$s = index + ${s}u * SIZE", "let i_$s = index"),
    mutation("visited keys are queries", "${1 - keys}u) * width", "0u) * width"),
    mutation("visited values are keys", "qkv[base + (at_$s * 3u + 2u)", "qkv[base + (at_$s * 3u + 1u)"),
    mutation(
        "a key's value is its key",
        "let g_at_$t = base + (own_$t * 3u + 2u)",
        "let g_at_$t = base + (own_$t * 3u + 1u)",
    ),
    mutation(
        "rows past the end are attended to",
        "let there = v0 + row < params.tokens;",
        "let there = true;",
    ),
    mutation("a query does not see itself", "${v}u <= token + ${t}u;", "${v}u < token + ${t}u;"),
    mutation("a key is not seen by its own query", "${v}u >= token + ${t}u;", "${v}u > token + ${t}u;"),
    mutation("a query sees the next key", "${v}u <= token + ${t}u;", "${v}u <= token + ${t + 1}u;"),
    mutation("the second query is the first", "${v}u <= token + ${t}u;", "${v}u <= token;"),
    mutation("a key is seen by every query", "${v}u >= token + ${t}u;", "${v}u >= 0u;"),
    mutation(
        "hidden queries have a weight of 0",
        "select(vec4<f32>(0.0), p_${t + 2 * v} * g_${d}_of_$v, seen_${t}_$v)",
        "select(0.0, p_${t + 2 * v}, seen_${t}_$v) * g_${d}_of_$v",
    ),
    mutation(
        "the queries of a block are left out",
        "let begin = ${keys}u * first;",
        "let begin = ${keys}u * (first + OWN);",
    ),
    mutation(
        "the keys of a block are left out",
        "min(params.tokens, first + OWN)",
        "min(params.tokens, first + 1u)",
    ),
    mutation("only the first image", "image * params.tokens * 3u * width", "0u * width"),
    mutation("only the first head", "3u * width + head * D4", "3u * width"),
    mutation("dout of the first image", "image * params.tokens * width", "0u * width"),
    mutation(
        "writes one token past the end",
        "if token + ${t}u < params.tokens",
        "if token + ${t}u <= params.tokens",
    ),
    mutation(
        "the last token is left out",
        "if token + ${t}u < params.tokens",
        "if token + ${t}u + 1u < params.tokens",
    ),
    mutation("quads overlap", "index / 4u * 2u", "index / 4u"),
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
