//! Faults of the fused attention.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "attention_tile.wgsl", kernels: &[("attention", "tile")], faults: TILE },
    Bed { file: "attention_subgroup.wgsl", kernels: BLOCKS, faults: SUBGROUP },
    Bed { file: "attention_subgroup.wgsl", kernels: SEVERAL_QUERIES, faults: QUERIES },
    Bed { file: "attention_subgroup.wgsl", kernels: SEVERAL_QUERIES, faults: PARTS },
];

/// Blocks of every size. `subgroup8x8` splits rows over sixteen lanes or more: on a device of eight lanes
/// its faults are reported as not run.
const BLOCKS: &[(&str, &str)] = &[
    ("attention", "subgroup1"),
    ("attention", "subgroup4x4"),
    ("attention", "subgroup8x2"),
    ("attention", "subgroup8x8"),
];
/// Blocks whose lanes own more than one query and load a part of a key's row each.
const SEVERAL_QUERIES: &[(&str, &str)] =
    &[("attention", "subgroup4x4"), ("attention", "subgroup8x2"), ("attention", "subgroup8x8")];

const TILE: &[Fault] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        //", "        //"),
    race("no barrier before the next stores", "        workgroupBarrier();\n    }", "    }"),
    fault("the scale is dropped", "* params.scale", "* 1.0"),
    fault(
        "keys past the end are seen",
        "let seen_$e = key_$e < params.tokens;",
        "let seen_$e = key_$e <= params.tokens;",
    ),
    fault(
        "the last key is not seen",
        "let seen_$e = key_$e < params.tokens;",
        "let seen_$e = key_$e + 1u < params.tokens;",
    ),
    fault("a query sees one key too many", "key_$e <= query &&", "key_$e <= query + 1u &&"),
    fault("a query does not see itself", "key_$e <= query &&", "key_$e < query &&"),
    fault("the maximum is not carried on", "largest = top;", ""),
    fault("the maximum is not subtracted", "exp(s_$e - top)", "exp(s_$e)"),
    fault("the sum is not rescaled", "sum * shrink", "sum"),
    fault("the output is not rescaled", "o_$d * shrink", "o_$d"),
    fault("not divided by the sum", "o_$d / sum", "o_$d"),
    fault("keys for values", "qkv[at + 2u * params.heads * D4]", "qkv[at + params.heads * D4]"),
    fault("only the first image", "image * params.tokens * row", "0u * row"),
    fault("only the first head", "row + head * D4;", "row;"),
    fault("one key is not summed", "(p_2 + p_3)", "p_2"),
    fault("writes one query past the end", "if query < params.tokens", "if query <= params.tokens"),
    fault("the last query is left out", "if query < params.tokens", "if query + 1u < params.tokens"),
    fault("the log-sum-exp lacks the maximum", "largest + log(sum)", "log(sum)"),
    fault("the log-sum-exp lacks the logarithm", "largest + log(sum)", "largest + sum"),
    fault(
        "log-sum-exps of the heads are swapped",
        "(image * params.heads + head) * params.tokens",
        "(head * params.heads + image) * params.tokens",
    ),
];

const SUBGROUP: &[Fault] = &[
    fault("the scale is dropped", "* params.scale", "* 1.0"),
    fault(
        "keys past the end are seen",
        "let seen_${i}_$j = k0 + ${j}u < params.tokens;",
        "let seen_${i}_$j = k0 + ${j}u <= params.tokens;",
    ),
    fault("a query sees one key too many", "<= query_$i &&", "<= query_$i + 1u &&"),
    fault("a query does not see itself", "<= query_$i &&", "< query_$i &&"),
    fault("the maximum is not subtracted", "exp(s_${i}_$j - top_$i)", "exp(s_${i}_$j)"),
    fault("the sum is not rescaled", "sum_$i * shrink_$i", "sum_$i"),
    fault("the output is not rescaled", "+ e} * shrink_$i", "+ e}"),
    fault("not divided by the sum", "o_${i}_$d * inverse", "o_${i}_$d"),
    fault("keys for values", "k_at + params.heads * D4", "k_at"),
    fault(
        "everybody gets the first lane's key",
        "subgroupBroadcast(k_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(k_$e, 0u)",
    ),
    fault(
        "everybody gets the first lane's value",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, 0u)",
    ),
    fault("a product has the wrong component", "LANES + e}_$j.z", "LANES + e}_$j.w"),
    fault(
        "keys past the end are other images'",
        "min(k0 + lane % KEYS, params.tokens - 1u)",
        "(k0 + lane % KEYS)",
    ),
    fault(
        "the last key is read from the one before",
        "KEYS, params.tokens - 1u",
        "KEYS, max(params.tokens, 2u) - 2u",
    ),
    fault(
        "the last query is the one before",
        "query_$i, params.tokens - 1u",
        "query_$i, max(params.tokens, 2u) - 2u",
    ),
    fault("a visit skips a key", "k0 += KEYS", "k0 += KEYS + 1u"),
    fault("the maximum is not carried on", "        largest_$i = top_$i;\n", ""),
    fault(
        "hidden keys are summed",
        "select(0.0, exp(s_${i}_$j - top_$i), seen_${i}_$j)",
        "exp(s_${i}_$j - top_$i)",
    ),
    fault(
        "log-sum-exps of the heads are swapped",
        "(image * params.heads + head) * params.tokens",
        "(head * params.heads + image) * params.tokens",
    ),
    fault("only the first image", "image * params.tokens * row", "0u * row"),
    fault("writes one query past the end", "if query_$i < params.tokens", "if query_$i <= params.tokens"),
    fault("the last query is left out", "if query_$i < params.tokens", "if query_$i + 1u < params.tokens"),
    fault("the log-sum-exp lacks the maximum", "largest_$i + log", "log"),
];

const QUERIES: &[Fault] = &[
    fault("queries of a lane overlap", "+ ${i * LANES}u + lane", "+ ${i}u + lane"),
    fault("blocks of queries overlap", "group.x * (LANES * PER_LANE)", "group.x * LANES"),
    fault("every query has the first one's shares", "+ p_${i}_$j * v", "+ p_0_$j * v"),
    fault(
        "every query has the first one's scores",
        "top_$i = max(top_$i, select(-1e30, s_${i}_$j",
        "top_$i = max(top_$i, select(-1e30, s_0_$j",
    ),
    fault("every query is divided by the first one's sum", "1.0 / sum_$i", "1.0 / sum_0"),
    fault("the mask is the first query's", "k0 + ${j}u <= query_$i", "k0 + ${j}u <= query_0"),
];

const PARTS: &[Fault] = &[
    fault("every lane loads the first part", "let part = (lane / KEYS)", "let part = 0u * (lane / KEYS)"),
    fault("part and key are swapped", "let part = (lane / KEYS)", "let part = (lane % KEYS)"),
    fault("parts overlap", "${D4 * KEYS / LANES}u;", "${D4 * KEYS / LANES - 1}u;"),
    fault("lanes load keys of the next visit", "lane % KEYS", "lane"),
    fault("lanes of a key load different keys", "lane % KEYS", "lane / (LANES / KEYS)"),
    fault("a visit skips the keys of the other lanes", "k0 += KEYS", "k0 += LANES"),
    fault(
        "every part of a key is the first",
        "subgroupBroadcast(k_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(k_$e, ${j}u)",
    ),
    fault(
        "every part of a value is the first",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, ${j}u)",
    ),
    fault(
        "a part is taken from the lane of another",
        "subgroupBroadcast(v_$e, ${p * KEYS + j}u)",
        "subgroupBroadcast(v_$e, ${p + j * (LANES / KEYS)}u)",
    ),
    fault(
        "the first part of the products is not summed",
        "k_at + ${e}u];\n#for p in 0..",
        "k_at + ${e}u];\n#for p in 1..",
    ),
    fault(
        "the last part of the output is left out",
        "v_at + ${e}u];\n#for p in 0..LANES / KEYS",
        "v_at + ${e}u];\n#for p in 0..LANES / KEYS - 1",
    ),
];
