//! Mutations of the fused attention.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/quad.wgsl",
        kernels: &[("attention", "quad"), ("attention_backward", "quad")],
        mutations: SHARED,
    },
    Target { file: "attention_quad.wgsl", kernels: &[("attention", "quad")], mutations: QUAD },
    Target { file: "attention_tile.wgsl", kernels: &[("attention", "tile")], mutations: TILE },
    Target { file: "attention_subgroup.wgsl", kernels: BLOCKS, mutations: SUBGROUP },
    Target { file: "attention_subgroup.wgsl", kernels: SEVERAL_QUERIES, mutations: QUERIES },
    Target { file: "attention_subgroup.wgsl", kernels: SEVERAL_QUERIES, mutations: PARTS },
];

/// Blocks of every size. `subgroup8x8` splits rows over sixteen lanes or more: on a device of eight lanes
/// its mutations are reported as not run.
const BLOCKS: &[(&str, &str)] = &[
    ("attention", "subgroup1"),
    ("attention", "subgroup4x4"),
    ("attention", "subgroup8x2"),
    ("attention", "subgroup8x8"),
];
/// Blocks whose lanes own more than one query and load a part of a key's row each.
const SEVERAL_QUERIES: &[(&str, &str)] =
    &[("attention", "subgroup4x4"), ("attention", "subgroup8x2"), ("attention", "subgroup8x8")];

/// What kernels share whose quads share a dot product.
const SHARED: &[Mutation] = &[
    mutation(
        "odd and even parts are swapped",
        "select(parts.x, parts.y, odd)",
        "select(parts.y, parts.x, odd)",
    ),
    mutation("upper and lower parts are swapped", "select(low, high, upper) +", "select(high, low, upper) +"),
    mutation("a quarter of a product is left out", "+ quadSwapY(select(high, low, upper))", ""),
    mutation("a product has the wrong component", "fma(x.z, y.z,", "fma(x.z, y.w,"),
];

const QUAD: &[Mutation] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        // Four", "        // Four"),
    race("no barrier before the next stores", "now.\n        workgroupBarrier();", "now."),
    mutation("the scale is dropped", "* params.scale", "* 1.0"),
    mutation(
        "keys past the end are attended to",
        "let seen_$k = place_$k < params",
        "let seen_$k = place_$k <= params",
    ),
    mutation("a query sees one key too many", "place_$k <= query &&", "place_$k <= query + 1u &&"),
    mutation("a query does not see itself", "place_$k <= query &&", "place_$k < query &&"),
    mutation("a NaN of a later key gets through", "place_$k <= first + ${e}u);", "true);"),
    mutation("the maximum is not carried on", "largest = top;", ""),
    mutation("the maximum is not subtracted", "exp(s_$k - top)", "exp(s_$k)"),
    mutation("the sum is not rescaled", "sum * shrink", "sum"),
    mutation("the output is not rescaled", "o_${e}_$d *= shrink_$e;", ""),
    mutation("the output is rescaled by another query's factor", "quadBroadcast(shrink, ${e}u)", "shrink"),
    mutation("weights are another query's", "quadBroadcast(p_$k, ${e}u)", "quadBroadcast(p_$k, 0u)"),
    mutation("divided by another query's sum", "quadBroadcast(sum, ${e}u)", "quadBroadcast(sum, 0u)"),
    mutation("quarters of a query overlap", "qkv[q_at_$e + ${4 * d}u]", "qkv[q_at_$e + ${d}u]"),
    mutation(
        "quarters of a key overlap",
        "keys[(j + ${k}u) * D4 + ${4 * d}u + lane]",
        "keys[(j + ${k}u) * D4 + ${d}u + lane]",
    ),
    mutation("keys for values", "qkv[at_$s + 2u * params.heads * D4]", "qkv[at_$s + params.heads * D4]"),
    mutation("every load is the first", "let i_$s = index + ${s}u * SIZE", "let i_$s = index"),
    mutation("only the first image", "image * params.tokens * row", "0u * row"),
    mutation(
        "writes one query past the end",
        "if first + ${e}u < params.tokens",
        "if first + ${e}u <= params.tokens",
    ),
    mutation("the log-sum-exp lacks the maximum", "largest + log(sum)", "log(sum)"),
];

const TILE: &[Mutation] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        //", "        //"),
    race("no barrier before the next stores", "        workgroupBarrier();\n    }", "    }"),
    mutation("the scale is dropped", "* params.scale", "* 1.0"),
    mutation(
        "keys past the end are attended to",
        "let seen_$e = key_$e < params.tokens;",
        "let seen_$e = key_$e <= params.tokens;",
    ),
    mutation(
        "the last key is not attended to",
        "let seen_$e = key_$e < params.tokens;",
        "let seen_$e = key_$e + 1u < params.tokens;",
    ),
    mutation("a query sees one key too many", "key_$e <= query &&", "key_$e <= query + 1u &&"),
    mutation("a query does not see itself", "key_$e <= query &&", "key_$e < query &&"),
    mutation("a NaN of a later key gets through", "${d}u], seen_$e)", "${d}u], true)"),
    mutation("the maximum is not carried on", "largest = top;", ""),
    mutation("the maximum is not subtracted", "exp(s_$e - top)", "exp(s_$e)"),
    mutation("the sum is not rescaled", "sum * shrink", "sum"),
    mutation("the output is not rescaled", "o_$d * shrink", "o_$d"),
    mutation("not divided by the sum", "o_$d / sum", "o_$d"),
    mutation("keys for values", "qkv[at + 2u * params.heads * D4]", "qkv[at + params.heads * D4]"),
    mutation("only the first image", "image * params.tokens * row", "0u * row"),
    mutation("only the first head", "row + head * D4;", "row;"),
    mutation("one key is not summed", "(p_2 + p_3)", "p_2"),
    mutation("writes one query past the end", "if query < params.tokens", "if query <= params.tokens"),
    mutation("the last query is left out", "if query < params.tokens", "if query + 1u < params.tokens"),
    mutation("the log-sum-exp lacks the maximum", "largest + log(sum)", "log(sum)"),
    mutation("the log-sum-exp lacks the logarithm", "largest + log(sum)", "largest + sum"),
    mutation(
        "log-sum-exps of the heads are swapped",
        "(image * params.heads + head) * params.tokens",
        "(head * params.heads + image) * params.tokens",
    ),
];

const SUBGROUP: &[Mutation] = &[
    mutation("the scale is dropped", "* params.scale", "* 1.0"),
    mutation(
        "keys past the end are attended to",
        "let seen_${i}_$j = k0 + ${j}u < params.tokens;",
        "let seen_${i}_$j = k0 + ${j}u <= params.tokens;",
    ),
    mutation("a query sees one key too many", "<= query_$i &&", "<= query_$i + 1u &&"),
    mutation("a query does not see itself", "<= query_$i &&", "< query_$i &&"),
    mutation("the maximum is not subtracted", "exp(s_${i}_$j - top_$i)", "exp(s_${i}_$j)"),
    mutation("the sum is not rescaled", "sum_$i * shrink_$i", "sum_$i"),
    mutation("the output is not rescaled", "+ e} * shrink_$i", "+ e}"),
    mutation("not divided by the sum", "o_${i}_$d * inverse", "o_${i}_$d"),
    mutation("keys for values", "k_at + params.heads * D4", "k_at"),
    mutation(
        "every lane gets the first lane's key",
        "subgroupBroadcast(k_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(k_$e, 0u)",
    ),
    mutation(
        "every lane gets the first lane's value",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, 0u)",
    ),
    mutation("a product has the wrong component", "LANES + e}_$j.z", "LANES + e}_$j.w"),
    mutation(
        "keys past the end are other images'",
        "min(k0 + lane % KEYS, params.tokens - 1u)",
        "(k0 + lane % KEYS)",
    ),
    mutation(
        "the last key is read from the one before",
        "KEYS, params.tokens - 1u",
        "KEYS, max(params.tokens, 2u) - 2u",
    ),
    mutation(
        "the last query is the one before",
        "query_$i, params.tokens - 1u",
        "query_$i, max(params.tokens, 2u) - 2u",
    ),
    mutation("a visit skips a key", "k0 += KEYS", "k0 += KEYS + 1u"),
    mutation("the maximum is not carried on", "        largest_$i = top_$i;\n", ""),
    mutation(
        "hidden keys are summed",
        "select(0.0, exp(s_${i}_$j - top_$i), seen_${i}_$j)",
        "exp(s_${i}_$j - top_$i)",
    ),
    mutation(
        "log-sum-exps of the heads are swapped",
        "(image * params.heads + head) * params.tokens",
        "(head * params.heads + image) * params.tokens",
    ),
    mutation("only the first image", "image * params.tokens * row", "0u * row"),
    mutation("writes one query past the end", "if query_$i < params.tokens", "if query_$i <= params.tokens"),
    mutation("the last query is left out", "if query_$i < params.tokens", "if query_$i + 1u < params.tokens"),
    mutation("the log-sum-exp lacks the maximum", "largest_$i + log", "log"),
];

const QUERIES: &[Mutation] = &[
    mutation("queries of a lane overlap", "+ ${i * LANES}u + lane", "+ ${i}u + lane"),
    mutation("blocks of queries overlap", "group.x * (LANES * PER_LANE)", "group.x * LANES"),
    mutation("every query has the first one's shares", "+ p_${i}_$j * v", "+ p_0_$j * v"),
    mutation(
        "every query has the first one's scores",
        "top_$i = max(top_$i, select(-1e30, s_${i}_$j",
        "top_$i = max(top_$i, select(-1e30, s_0_$j",
    ),
    mutation("every query is divided by the first one's sum", "1.0 / sum_$i", "1.0 / sum_0"),
    mutation("the mask is the first query's", "k0 + ${j}u <= query_$i", "k0 + ${j}u <= query_0"),
];

const PARTS: &[Mutation] = &[
    mutation("every lane loads the first part", "let part = (lane / KEYS)", "let part = 0u * (lane / KEYS)"),
    mutation("part and key are swapped", "let part = (lane / KEYS)", "let part = (lane % KEYS)"),
    mutation("parts overlap", "${D4 * KEYS / LANES}u;", "${D4 * KEYS / LANES - 1}u;"),
    mutation("lanes load keys of the next visit", "lane % KEYS", "lane"),
    mutation("lanes of a key load different keys", "lane % KEYS", "lane / (LANES / KEYS)"),
    mutation("a visit skips the keys of the other lanes", "k0 += KEYS", "k0 += LANES"),
    mutation(
        "every part of a key is the first",
        "subgroupBroadcast(k_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(k_$e, ${j}u)",
    ),
    mutation(
        "every part of a value is the first",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, ${j}u)",
    ),
    mutation(
        "a part is taken from the lane of another",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, ${p + j * (LANES / KEYS)}u)",
    ),
    mutation(
        "the first part of the products is not summed",
        "k_at + ${e}u];\n#for p in 0..",
        "k_at + ${e}u];\n#for p in 1..",
    ),
    mutation(
        "the last part of the output is left out",
        "v_at + ${e}u];\n#for p in 0..LANES / KEYS",
        "v_at + ${e}u];\n#for p in 0..LANES / KEYS - 1",
    ),
];
