//! Faults of the gradient of fused attention.

use super::plant::{Bed, Fault, fault, race};

/// The faults.
pub const BEDS: &[Bed] =
    &[Bed { file: "attention_backward_tile.wgsl", kernels: &[("attention_backward", "tile")], faults: TILE }];

const TILE: &[Fault] = &[
    race("no barrier after the stores", "        workgroupBarrier();\n        for", "        for"),
    race(
        "no barrier before the next stores",
        "        workgroupBarrier();\n    }\n    if token",
        "    }\n    if token",
    ),
    fault("the scale is dropped from the scores", "u] * params.scale", "u] * 1.0"),
    fault("the scale is dropped from dq and dk", "select(params.scale, 1.0, part == DV)", "1.0"),
    fault("dv is scaled", "select(params.scale, 1.0, part == DV)", "params.scale"),
    fault("delta is dropped", " - select(deltas[j], own_delta, part == DQ)", ""),
    fault("delta is added", " - select(deltas[j], own_delta", " + select(deltas[j], own_delta"),
    fault("delta of the key's token", "select(deltas[j], own_delta, part == DQ)", "own_delta"),
    fault(
        "delta of the visited token",
        "select(deltas[j], own_delta, part == DQ)",
        "select(own_delta, deltas[j], part == DQ)",
    ),
    fault("lse of the key's token", "select(lses[j], own_lse, part == DQ)", "own_lse"),
    fault("lse is added", "exp(score - select", "exp(score + select"),
    fault("lses are packed as deltas", "lse_base + v0 + lane", "lse_base + (v0 + lane) * params.heads"),
    fault("deltas are packed as lses", "(v0 + lane) * params.heads", "(v0 + lane)"),
    fault(
        "deltas of the first head",
        "image * params.tokens * params.heads + head;",
        "image * params.tokens * params.heads;",
    ),
    fault("dv gets ds", "if part != DV {", "{"),
    fault("dv sums queries", "select(0u, VISITS * D4, part == DV)", "0u"),
    fault("keys for values", "qkv[qkv_at + 2u * width]", "qkv[qkv_at + width]"),
    fault("dk is made of keys", "rows[i] = qkv[qkv_at];", "rows[i] = qkv[qkv_at + width];"),
    fault("a key's own row is its query", "select(width, 0u, part == DQ)", "0u"),
    fault("a key's value is its key", "own * 3u * width + 2u * width", "own * 3u * width + width"),
    fault("the first row is visited again and again", "rows[(VISITS + j) * D4", "rows[VISITS * D4"),
    fault("rows past the end are visited", "let count = min(VISITS, end - v0);", "let count = VISITS;"),
    fault("the last row is not visited", "j < count; j++", "j + 1u < count; j++"),
    fault("the mask is that of the other side", "own < visited, part == DQ", "own < visited, part != DQ"),
    fault("a query does not see itself", "own > visited, own < visited", "own >= visited, own <= visited"),
    fault(
        "the queries of a block are left out",
        "select(first, 0u, part == DQ)",
        "select(first + OWN, 0u, part == DQ)",
    ),
    fault(
        "the keys of a block are left out",
        "min(params.tokens, first + OWN)",
        "min(params.tokens, first + 1u)",
    ),
    fault("only the first image", "image * params.tokens * 3u * width", "0u * width"),
    fault("only the first head", "3u * width + head * D4", "3u * width"),
    fault("dout of the first image", "image * params.tokens * width", "0u * width"),
    fault("writes one token past the end", "if token < params.tokens", "if token <= params.tokens"),
    fault("the last token is left out", "if token < params.tokens", "if token + 1u < params.tokens"),
    fault("parts are written in another order", "+ part * width", "+ (2u - part) * width"),
];
