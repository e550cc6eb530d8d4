//! Mutations of the search for the nearest rows.

use super::mutation::{Mutation, Target, mutation, race};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/nearest.wgsl",
        kernels: &[("nearest", "tile"), ("nearest", "subgroup")],
        mutations: SHARED,
    },
    Target { file: "nearest.wgsl", kernels: &[("nearest", "scalar")], mutations: SCALAR },
    Target { file: "nearest_tile.wgsl", kernels: &[("nearest", "tile")], mutations: TILE },
    Target { file: "nearest_subgroup.wgsl", kernels: &[("nearest", "subgroup")], mutations: SUBGROUP },
];

/// What the variants share that load four elements at once.
const SHARED: &[Mutation] = &[
    mutation(
        "only the first place is taken",
        "select(list.value_$t, value, sunk)",
        "select(list.value_$t, product, sunk)",
    ),
    mutation("what is displaced is lost", "value = select(value, list.value_$t, sunk);", ""),
    mutation("the place that is displaced is lost", "place = select(place, list.place_$t, sunk);", ""),
    mutation("the smallest products are listed", "value > list.value_$t", "value < list.value_$t"),
    mutation("a list begins at zero", "best.value_$t = NONE;", "best.value_$t = 0.0;"),
    mutation("an empty place is the first row", "best.place_$t = params.rows;", "best.place_$t = 0u;"),
    mutation("the next entry is the taken one", "list.value_$t, taken)", "list.value_${t - 1}, taken)"),
    mutation(
        "the next entry has the taken one's place",
        "list.place_$t, taken)",
        "list.place_${t - 1}, taken)",
    ),
];

const SCALAR: &[Mutation] = &[
    mutation("writes one list past the end", "i >= params.queries", "i > params.queries"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation(
        "query and part are swapped",
        "i / params.parts * params.width",
        "i % params.queries * params.width",
    ),
    mutation("every part is the first", "i % params.parts * params.part", "0u * i"),
    mutation("a part ends with the bank", "min(start + params.part, params.rows)", "params.rows"),
    mutation("the last row of a part is left out", "row < end", "row + 1u < end"),
    mutation("one row too many", "row < end", "row <= end"),
    mutation("the last element is left out", "d < params.width", "d + 1u < params.width"),
    mutation("every row is the first", "load_b(row * params.width + d)", "load_b(d)"),
    mutation("the smallest products are listed", "value > best_$t", "value < best_$t"),
    mutation("what is displaced is lost", "value = select(value, best_was_$t, sunk);", ""),
    mutation("the place that is displaced is lost", "place = select(place, place_was_$t, sunk);", ""),
    mutation("a list begins at zero", "var best_$t = NONE;", "var best_$t = 0.0;"),
    mutation("an empty place is the first row", "var place_$t = params.rows;", "var place_$t = 0u;"),
    mutation("places are counted from one", "f32(place_$t)", "f32(place_$t + 1u)"),
    mutation("lists overlap", "places[i * K + ${t}u]", "places[i + ${t}u]"),
];

const TILE: &[Mutation] = &[
    race(
        "no barrier after the stores",
        "            workgroupBarrier();\n            if k0",
        "            if k0",
    ),
    race("no barrier before the next stores", "any more.\n            workgroupBarrier();", "any more."),
    race("no barrier after the lists", "    workgroupBarrier();\n    var top_$t", "    var top_$t"),
    race(
        "no barrier after the winners",
        "    workgroupBarrier();\n#for i in 0..PART\n    best_$i = without_first",
        "#for i in 0..PART\n    best_$i = without_first",
    ),
    mutation("a folded grid is read as one-dimensional", "(group.y * grid.x + group.x)", "group.x"),
    mutation("blocks of queries overlap", "group.x) * ROWS", "group.x) * (ROWS / 2u)"),
    mutation("every part is the first", "let start = group.z * params.part", "let start = group.z * 0u"),
    mutation("a part ends with the bank", "min(start + params.part, params.rows)", "params.rows"),
    mutation("blocks of rows overlap", "col0 += COLUMNS", "col0 += COLUMNS - 8u"),
    mutation(
        "later stages of the queries are the first",
        "a_from_$s, k0 + QUADS + a_quad_$s",
        "a_from_$s, a_quad_$s",
    ),
    mutation(
        "later stages of the bank are the first",
        "b_from_$s, k0 + QUADS + b_quad_$s",
        "b_from_$s, b_quad_$s",
    ),
    mutation("the last query is the one before", "params.queries - 1u", "max(params.queries, 2u) - 2u"),
    mutation("the last row is the one before", "params.rows - 1u", "max(params.rows, 2u) - 2u"),
    mutation(
        "every load of the queries is the first",
        "let a_i_$s = index + ${s}u * SIZE",
        "let a_i_$s = index",
    ),
    mutation(
        "every load of the bank is the first",
        "let b_i_$s = index + ${s}u * SIZE",
        "let b_i_$s = index",
    ),
    mutation(
        "products are not reset for a block",
        "        var c_${i}_$q = vec4<f32>(0.0);",
        "        var c_${i}_$q = vec4<f32>(best_$i.value_0);",
    ),
    mutation(
        "every query is the first of its invocation",
        "stage[(local.y + ${i}u * DOWN) * STRIDE + quad]",
        "stage[local.y * STRIDE + quad]",
    ),
    mutation(
        "columns have each other's elements",
        "vec4<f32>(column_${q}_0[$k], column_${q}_1[$k]",
        "vec4<f32>(column_${q}_1[$k], column_${q}_0[$k]",
    ),
    mutation("a row past the part is listed", "= col_${q}_$e < end;", "= col_${q}_$e <= end;"),
    mutation("the last row of a part is left out", "= col_${q}_$e < end;", "= col_${q}_$e + 1u < end;"),
    mutation(
        "a product has another row's place",
        "inside_${q}_$e), col_${q}_$e",
        "inside_${q}_$e), col_${q}_0",
    ),
    mutation(
        "the lists of an invocation's queries are mixed up",
        "select(NONE, c_${i}_$q",
        "select(NONE, c_0_$q",
    ),
    mutation("only the first list is looked at", "x < ACROSS; x++", "x < 1u; x++"),
    mutation("the smallest head wins", "other.x > top_$t.x ||", "other.x < top_$t.x ||"),
    mutation("nobody wins", "whose_$t = x;", ""),
    mutation("a winner stays", ".x == f32(local.x)", ".x < 0.0"),
    mutation("everybody moves on", ".x == f32(local.x)", ".x >= 0.0"),
    mutation(
        "writes one query past the end",
        "if row0 + index < params.queries",
        "if row0 + index <= params.queries",
    ),
    mutation(
        "the last query is left out",
        "if row0 + index < params.queries",
        "if row0 + index + 1u < params.queries",
    ),
    mutation("lists of parts overlap", "* params.parts + group.z) * K", "* params.parts) * K"),
];

const SUBGROUP: &[Mutation] = &[
    mutation("a folded grid is read as one-dimensional", "(group.y * grid.x + group.x)", "group.x"),
    mutation("blocks of queries overlap", "group.x) * (ROWS * LANES)", "group.x) * (ROWS * LANES - 1u)"),
    mutation("every part is the first", "let start = group.z * params.part", "let start = group.z * 0u"),
    mutation("a part ends with the bank", "min(start + params.part, params.rows)", "params.rows"),
    // By whole lanes: of a row that two lanes list, both entries are taken at once.
    mutation("blocks of rows overlap", "col0 += ${COLS * LANES}u", "col0 += ${COLS * LANES - LANES}u"),
    mutation("the last query is the one before", "params.queries - 1u", "max(params.queries, 2u) - 2u"),
    mutation("the last row is the one before", "params.rows - 1u", "max(params.rows, 2u) - 2u"),
    mutation("queries of a lane overlap", "row0 + lane + ${i * LANES}u", "row0 + lane + ${i}u"),
    mutation("rows of a lane overlap", "col0 + lane + ${j * LANES}u", "col0 + lane + ${j}u"),
    mutation(
        "every lane gets the first query",
        "subgroupBroadcast(a_${t}_$i, ${l}u)",
        "subgroupBroadcast(a_${t}_$i, 0u)",
    ),
    mutation(
        "one element is another's",
        "s_${t}_${i * LANES + l}.y * b_${t}_$j.y",
        "s_${t}_${i * LANES + l}.y * b_${t}_$j.x",
    ),
    mutation("the last elements are left out", "k < quads", "k + 1u < quads"),
    mutation(
        "products are not reset for a block",
        "        var c_${r}_$j = 0.0;",
        "        var c_${r}_$j = best_$r.value_0;",
    ),
    mutation("a row past the part is listed", "col_$j >= end", "col_$j > end"),
    mutation("the last row of a part is left out", "col_$j >= end", "col_$j + 1u >= end"),
    mutation("a product has another row's place", "outside_$j), col_$j", "outside_$j), col_0"),
    mutation("the lane's own best is taken", "subgroupMax(best_$r.value_0)", "best_$r.value_0"),
    mutation(
        "the place is the first lane's",
        "let place_${r}_$t = subgroupMin(select(params.rows, best_$r.place_0, mine_${r}_$t))",
        "let place_${r}_$t = best_$r.place_0",
    ),
    mutation("a winner stays", "mine_${r}_$t & (best_$r.place_0 == place_${r}_$t)", "false"),
    mutation(
        "everybody moves on",
        "mine_${r}_$t & (best_$r.place_0 == place_${r}_$t)",
        "mine_${r}_$t | (best_$r.value_0 < 1e38)",
    ),
    mutation(
        "writes one query past the end",
        "row0 + ${r}u < params.queries {",
        "row0 + ${r}u <= params.queries {",
    ),
    mutation(
        "the last query is left out",
        "row0 + ${r}u < params.queries {",
        "row0 + ${r}u + 1u < params.queries {",
    ),
    mutation("lists of parts overlap", "* params.parts + group.z) * K", "* params.parts) * K"),
];
