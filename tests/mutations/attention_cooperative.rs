//! Mutations of attention by cooperative matrices. Where a device lacks their tiles, the test prints these mutations as not
//! run, with that reason; `make check-all` has a device with tiles of 8.

use super::mutation::{Mutation, Target, mutation, race};

const HALF: &[(&str, &str)] = &[("attention", "half8"), ("attention", "half16")];

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target { file: "attention_cooperative.wgsl", kernels: HALF, mutations: STAGES },
    Target { file: "attention_cooperative.wgsl", kernels: HALF, mutations: SOFTMAX },
    Target { file: "attention_cooperative.wgsl", kernels: HALF, mutations: OUTPUTS },
];

/// Queries, keys and values on their way into tiles, and scores out of them.
const STAGES: &[Mutation] = &[
    race(
        "no barrier after the queries are stored",
        "    workgroupBarrier();\n#for i in 0..DOWN\n#for j in 0..DOWN\n    let q_",
        "#for i in 0..DOWN\n#for j in 0..DOWN\n    let q_",
    ),
    race(
        "no barrier before the next queries",
        "queries are stored.\n    workgroupBarrier();",
        "queries are stored.",
    ),
    race("no barrier after the first keys", "    workgroupBarrier();\n\n#if CAUSAL", "\n#if CAUSAL"),
    race("no barrier after the scores", "the step before.\n        workgroupBarrier();", "the step before."),
    mutation("the scale is dropped", "* params.q_power", "* params.power"),
    mutation("keys are not scaled", "vec4<f16>(key * params.power)", "vec4<f16>(key)"),
    mutation("values are not scaled", "vec4<f16>(kept * params.power)", "vec4<f16>(kept)"),
    mutation(
        "queries are read by columns",
        "= coopLoadT<TileA>(&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);\n    var",
        "= coopLoad<TileA>(&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);\n    var",
    ),
    mutation("keys are read by rows", "coopLoad<TileB>(&keys", "coopLoadT<TileB>(&keys"),
    mutation("values are read by columns", "coopLoadT<TileB>(&values", "coopLoad<TileB>(&values"),
    mutation(
        "every 16 dimensions of queries are the first",
        "* row + ${4 * c}u + i % 4u]",
        "* row + i % 4u]",
    ),
    mutation(
        "columns of keys overlap",
        "* TILE * STRIDE + ${t}u * TILE], STRIDE);\n#for i in 0..DOWN\n        s_",
        "* TILE * STRIDE + ${t}u * TILE / 2u], STRIDE);\n#for i in 0..DOWN\n        s_",
    ),
    mutation(
        "columns of values are the first",
        "&values[${j}u * TILE * STRIDE + ${t}u * TILE]",
        "&values[${j}u * TILE * STRIDE]",
    ),
    mutation("keys of a step are its first", "&keys[${j}u * TILE * STRIDE +", "&keys[0u * STRIDE +"),
    mutation(
        "every subgroup has the first one's queries",
        "let strip = index / LANES * STRIP;",
        "let strip = 0u * index;",
    ),
    mutation(
        "scores of another strip",
        "coopStoreT(s_${i}_$j, &scores[(strip +",
        "coopStoreT(s_${i}_$j, &scores[(48u - strip +",
    ),
    mutation(
        "keys for values",
        "let value_$s = qkv[from_$s + params.heads * D4 +",
        "let value_$s = qkv[from_$s +",
    ),
    mutation(
        "the same keys again",
        "let next_$s = qkv[from_$s + min(k0 + KEYS + down_$s,",
        "let next_$s = qkv[from_$s + min(k0 + down_$s,",
    ),
    mutation(
        "the last key is the one before",
        "min(k0 + KEYS + down_$s, last)",
        "min(k0 + KEYS + down_$s, max(last, 1u) - 1u)",
    ),
    mutation(
        "the last query is the one before",
        "min(first + i / 4u, last)",
        "min(first + i / 4u, max(last, 1u) - 1u)",
    ),
    mutation("every load is the first", "let i_$s = index + ${s}u * SIZE", "let i_$s = index"),
    mutation("only the first image", "image * params.tokens * row", "0u * row"),
    mutation("only the first head", "row + head * D4;", "row;"),
    mutation("staged rows overlap", "STRIDE: u32 = 4u * D4 + 8u", "STRIDE: u32 = 4u * D4 - 4u"),
];

/// Scores, weights and their maximum.
const SOFTMAX: &[Mutation] = &[
    mutation(
        "scores are not scaled back",
        "max(top, select(-1e30, scores[at * S_STRIDE + j] * params.unscale,",
        "max(top, select(-1e30, scores[at * S_STRIDE + j],",
    ),
    mutation(
        "weights are of scores that are not scaled back",
        "let score = scores[at * S_STRIDE + j] * params.unscale;",
        "let score = scores[at * S_STRIDE + j];",
    ),
    mutation(
        "keys past the end are attended to",
        "    return key < params.tokens;",
        "    return key <= params.tokens;",
    ),
    mutation(
        "the last key is not attended to",
        "    return key < params.tokens;",
        "    return key + 1u < params.tokens;",
    ),
    mutation("a query sees one key too many", "if key > query {", "if key > query + 1u {"),
    mutation("a query does not see itself", "if key > query {", "if key >= query {"),
    mutation(
        "nothing is masked in the weights",
        "exp(score - largest[r]), seen(k0 + j, query))",
        "exp(score - largest[r]), true)",
    ),
    mutation(
        "the mask of the weights is that of the first keys",
        "exp(score - largest[r]), seen(k0 + j, query))",
        "exp(score - largest[r]), seen(j, query))",
    ),
    mutation(
        "the mask is that of the workgroup's first query",
        "let query = first + at;",
        "let query = first;",
    ),
    mutation(
        "a workgroup's last keys are left out",
        "min(params.tokens, first + QUERIES)",
        "min(params.tokens, first + QUERIES - KEYS)",
    ),
    mutation("the maximum is not carried on", "largest[r] = select(largest[r], top, grows);", ""),
    mutation("the maximum is not subtracted", "exp(score - largest[r])", "exp(score)"),
    mutation("the sum is not rescaled", "sums[r] *= factor;", ""),
    mutation("rescaled the other way", "exp(largest[r] - top)", "exp(top - largest[r])"),
    mutation("every row is rescaled by the first one's factor", "*= factors[i / 16u]", "*= factors[0]"),
    mutation("no row is rescaled", "*= factors[i / 16u]", "*= 1.0"),
    mutation(
        "outputs are never rescaled",
        "if workgroupUniformLoad(&grown) != 0u {",
        "if workgroupUniformLoad(&grown) == 2u {",
    ),
    mutation("growth with the second keys is ignored", "if grows && k0 > 0u {", "if grows && k0 > KEYS {"),
    mutation("weights go beyond float16", "top > largest[r] + SLACK", "top > largest[r] + 20.0"),
    mutation("only the last weight is summed", "sums[r] += weight;", "sums[r] = weight;"),
    mutation("weights are not multiplied", "f16(weight * WEIGHT)", "f16(weight)"),
    mutation(
        "weights are written to another row",
        "weights[at * W_STRIDE + j] =",
        "weights[(63u - at) * W_STRIDE + j] =",
    ),
    mutation(
        "weights of a part go to the first",
        "weights[at * W_STRIDE + j] =",
        "weights[at * W_STRIDE + j - part] =",
    ),
    mutation(
        "the keys of a part are the first",
        "for (var j = part; j < part + PART; j++) {",
        "for (var j = 0u; j < PART; j++) {",
    ),
    mutation(
        "a key of a part is left out",
        "for (var j = part; j < part + PART; j++) {",
        "for (var j = part; j + 1u < part + PART; j++) {",
    ),
    mutation("rows of an invocation overlap", "+ r * (SIZE / SHARE)", "+ r"),
    mutation(
        "weights of another strip",
        "&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);\n#end\n#for t",
        "&weights[(48u - strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);\n#end\n#for t",
    ),
    mutation(
        "the first keys' weights for all",
        "&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);\n#end\n#for t",
        "&weights[(strip + ${i}u * TILE) * W_STRIDE], W_STRIDE);\n#end\n#for t",
    ),
    mutation("a NaN of a later key gets through", "kept = select(kept, vec4<f32>(0.0), odd);", ""),
];

/// Rescaling, and what comes after the last key.
const OUTPUTS: &[Mutation] = &[
    race(
        "no barrier before outputs are rescaled",
        "            workgroupBarrier();\n            for",
        "            for",
    ),
    race(
        "no barrier after outputs are rescaled",
        "            }\n            workgroupBarrier();\n#for i",
        "            }\n#for i",
    ),
    race(
        "no barrier before the outputs are stored",
        "    }\n    workgroupBarrier();\n#for c in 0..D4 / 4\n#for i",
        "    }\n#for c in 0..D4 / 4\n#for i",
    ),
    race(
        "no barrier after the outputs are stored",
        "    workgroupBarrier();\n    for (var i = index; i < QUERIES * 4u; i += SIZE) {\n        let quad",
        "    for (var i = index; i < QUERIES * 4u; i += SIZE) {\n        let quad",
    ),
    mutation("parts of a sum overwrite each other", "+ index % SHARE] = sums[r];", "] = sums[r];"),
    mutation("only the first part of a sum", "e < SHARE;", "e < 1u;"),
    mutation("rescaled outputs are read by columns", "coopLoadT<TileC>", "coopLoad<TileC>"),
    mutation(
        "rescaled outputs are another strip's",
        "coopLoadT<TileC>(&scores[(strip +",
        "coopLoadT<TileC>(&scores[(48u - strip +",
    ),
    mutation(
        "right columns of rescaled outputs are the left ones",
        "coopLoadT<TileC>(&scores[(strip + ${i}u * TILE) * S_STRIDE + ${j}u * TILE]",
        "coopLoadT<TileC>(&scores[(strip + ${i}u * TILE) * S_STRIDE]",
    ),
    mutation("not divided by the sum", "params.out_unscale / factors[i / 4u]", "params.out_unscale"),
    mutation(
        "divided by another row's sum",
        "params.out_unscale / factors[i / 4u]",
        "params.out_unscale / factors[0]",
    ),
    mutation("outputs are not scaled back", "summed * params.out_unscale", "summed"),
    mutation(
        "every 16 dimensions of outputs are the first",
        "let quad = ${4 * c}u + i % 4u;",
        "let quad = i % 4u;",
    ),
    mutation(
        "writes one query past the end",
        "        if query < params.tokens {",
        "        if query <= params.tokens {",
    ),
    mutation(
        "the last query is left out",
        "        if query < params.tokens {",
        "        if query + 1u < params.tokens {",
    ),
    mutation("the log-sum-exp lacks the maximum", "= largest[r] + log(total)", "= log(total)"),
    mutation(
        "log-sum-exps of the heads are swapped",
        "(image * params.heads + head) * params.tokens + first + at]",
        "(head * params.heads + image) * params.tokens + first + at]",
    ),
    mutation(
        "a NaN is added to queries that do not see it",
        "if odd_$e <= query {",
        "if odd_$e != 0xffffffffu {",
    ),
];
