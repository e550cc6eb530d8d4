//! Faults of the fused attention.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed { file: "attention_tile.wgsl", kernels: &[("attention", "tile")], faults: TILE },
    Bed { file: "attention_subgroup.wgsl", kernels: &[("attention", "subgroup")], faults: SUBGROUP },
];

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
    fault("the output is not rescaled", "o_${i}_$d * shrink_$i", "o_${i}_$d"),
    fault("not divided by the sum", "o_${i}_$d * inverse", "o_${i}_$d"),
    fault("keys for values", "k_at + params.heads * D4", "k_at"),
    fault(
        "everybody gets the first lane's key",
        "subgroupBroadcast(k_$d, ${j}u)",
        "subgroupBroadcast(k_$d, 0u)",
    ),
    fault(
        "everybody gets the first lane's value",
        "subgroupBroadcast(v_$d, ${j}u)",
        "subgroupBroadcast(v_$d, 0u)",
    ),
    fault("a product has the wrong component", "* k_${d}_$j.z", "* k_${d}_$j.w"),
    fault("only the first image", "image * params.tokens * row", "0u * row"),
    fault("writes one query past the end", "if query_$i < params.tokens", "if query_$i <= params.tokens"),
    fault("the last query is left out", "if query_$i < params.tokens", "if query_$i + 1u < params.tokens"),
    fault("the log-sum-exp lacks the maximum", "largest_$i + log", "log"),
];
