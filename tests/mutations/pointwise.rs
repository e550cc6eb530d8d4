//! Mutations of kernels whose invocations each make their outputs alone: activations, gather, patches,
//! tokens, and the probes of the device's ceilings.

use super::mutation::{Mutation, Target, mutation};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "activation.wgsl",
        kernels: &[("activation", "scalar"), ("activation", "vec4")],
        mutations: ACTIVATION,
    },
    Target { file: "activation.wgsl", kernels: &[("activation", "vec4")], mutations: VEC4 },
    Target { file: "activation.wgsl", kernels: &[("activation", "scalar")], mutations: SCALAR },
    Target { file: "activation_backward.wgsl", kernels: SLOPES, mutations: ACTIVATION_BACKWARD },
    Target {
        file: "activation_backward.wgsl",
        kernels: &[("activation_backward", "vec4")],
        mutations: ACTIVATION_BACKWARD_VEC4,
    },
    Target { file: "common/activation_slope.wgsl", kernels: SLOPES, mutations: SLOPE_FUNCTIONS },
    Target { file: "common/activation.wgsl", kernels: ACTIVATIONS, mutations: ACTIVATION_FUNCTIONS },
    Target { file: "gather.wgsl", kernels: &[("gather", "scalar"), ("gather", "vec4")], mutations: GATHER },
    Target {
        file: "patches.wgsl",
        kernels: &[("patches", "scalar"), ("patches", "vec4")],
        mutations: PATCHES,
    },
    Target { file: "patches.wgsl", kernels: &[("patches", "scalar")], mutations: PADDING },
    Target { file: "patches.wgsl", kernels: &[("patches", "vec4")], mutations: PACKS },
    Target { file: "tokens.wgsl", kernels: &[("tokens", "scalar"), ("tokens", "vec4")], mutations: TOKENS },
    Target { file: "probe_copy.wgsl", kernels: &[("copy", "vec4")], mutations: COPY },
    Target { file: "probe_read.wgsl", kernels: &[("read", "vec4")], mutations: READ },
    Target {
        file: "probe_multiply_add.wgsl",
        kernels: &[("multiply_add", "chains")],
        mutations: MULTIPLY_ADD,
    },
    Target { file: "probe_cache.wgsl", kernels: &[("cache_read", "vec4")], mutations: CACHE_READ },
    Target {
        file: "probe_workgroup.wgsl",
        kernels: &[("workgroup_read", "vec4")],
        mutations: WORKGROUP_READ,
    },
    Target {
        file: "probe_matrix.wgsl",
        kernels: &[("matrix_multiply_add", "units")],
        mutations: MATRIX_UNITS,
    },
    Target {
        file: "probe_matrix_plain.wgsl",
        kernels: &[("matrix_multiply_add", "plain")],
        mutations: MATRIX_PLAIN,
    },
];

const CACHE_READ: &[Mutation] = &[
    mutation("the last workgroup is left out", "at >= params.groups", "at + 1u >= params.groups"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("all begin at the first block", "at * 37u % params.blocks", "0u"),
    mutation("a block further than the array", "(block + 29u) % params.blocks", "block + 29u"),
    mutation("stays at its first block", "(block + 29u)", "(block + 0u)"),
    mutation("a round too few", "round < params.rounds", "round + 1u < params.rounds"),
    mutation("a block is 32 wide", "${64 * i}u + lane", "${32 * i}u + lane"),
    mutation("reads the neighbour's", "+ lane];", "+ (lane ^ 1u)];"),
];

const WORKGROUP_READ: &[Mutation] = &[
    mutation("the last workgroup is left out", "at >= params.groups", "at + 1u >= params.groups"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("half of the memory is filled", "i < ${STAGED}u", "i < ${STAGED / 2}u"),
    mutation("filled in the wrong order", "staged[i] = x[i]", "staged[i] = x[i ^ 1u]"),
    mutation("every round reads the same", "(round + ${64 * i}u", "(${64 * i}u"),
    mutation("a round too few", "round < params.rounds", "round + 1u < params.rounds"),
    mutation("reads the neighbour's", "+ lane) %", "+ (lane ^ 1u)) %"),
];

const MATRIX_UNITS: &[Mutation] = &[
    mutation("the last workgroup is left out", "at >= params.groups", "at + 1u >= params.groups"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("A is transposed", "coopLoadT<TileA>", "coopLoad<TileA>"),
    mutation("B is transposed", "coopLoadT<TileB>", "coopLoad<TileB>"),
    mutation("every tile of A is the first", "&a_staged[${i}u * AREA]", "&a_staged[0u]"),
    mutation("every tile of B is the first", "&b_staged[${j}u * AREA]", "&b_staged[0u]"),
    mutation("a round too few", "round < params.rounds", "round + 1u < params.rounds"),
    mutation(
        "sums do not add up",
        "coopMultiplyAdd(a_$i, b_$j, c_${i}_$j)",
        "coopMultiplyAdd(a_$i, b_$j, TileC())",
    ),
    mutation("only the last chain is written", "sum = sum + c_", "sum = c_"),
    mutation("the result is transposed", "coopStoreT(sum", "coopStore(sum"),
    mutation("subgroups write to one place", "&sums[index / LANES * AREA]", "&sums[0u]"),
];

const MATRIX_PLAIN: &[Mutation] = &[
    mutation("the last element is left out", "at >= params.groups", "at + 1u >= params.groups"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("A is transposed", "row * TILE + k]", "k * TILE + row]"),
    mutation("B is transposed", "k * TILE + column]", "column * TILE + k]"),
    mutation("a round too few", "round < params.rounds", "round + 1u < params.rounds"),
    mutation("every tile of A is the first", "a[${i}u * AREA + row", "a[row"),
];

const ACTIVATIONS: &[(&str, &str)] = &[("activation", "scalar"), ("activation", "vec4")];

const ACTIVATION_FUNCTIONS: &[Mutation] = &[
    mutation("QuickGELU's 1.702 is rounded", "-1.702", "-1.7"),
    mutation("QuickGELU's sign is wrong", "exp(-1.702 * x)", "exp(1.702 * x)"),
    mutation(
        "QuickGELU overflows to NaN",
        "x / (1.0 + exp(-1.702 * x))",
        "x * exp(1.702 * x) / (1.0 + exp(1.702 * x))",
    ),
    mutation("GELU is not halved", "0.5 * x * erfc", "x * erfc"),
    mutation("GELU's √½ is rounded", "0.70710678118", "0.7071"),
    mutation("GELU's sides are swapped", "x < 0.0", "x > 0.0"),
    mutation("GELU of |x| left out", "erfc(abs(x) *", "erfc(x *"),
    mutation(
        "GELU from 1 - erf cancels",
        "select(x - tail, tail, x < 0.0)",
        "select(x - tail, x - (x - tail), x < 0.0)",
    ),
    mutation("two digits of a coefficient are swapped", "0.225157440", "0.221557440"),
    mutation("a coefficient's sign is lost", "-0.206574039", "0.206574039"),
    mutation("the last coefficient is left out", "0.149656326 + t *", "0.149656326 + 0.0 *"),
    mutation("erfc without its square", "exp(-z * z)", "exp(-z)"),
    mutation("erfc's t is of another fit", "1.0 + 0.45 * z", "1.0 + 0.47047 * z"),
];

const SLOPES: &[(&str, &str)] = &[("activation_backward", "scalar"), ("activation_backward", "vec4")];

const SLOPE_FUNCTIONS: &[Mutation] = &[
    mutation("QuickGELU's 1.702 is left out", "1.702 * x", "x"),
    mutation("QuickGELU's slope has lost its second term", " + t * small * large", ""),
    mutation("QuickGELU's second term is subtracted", "+ t * small * large", "- t * small * large"),
    mutation("QuickGELU's second term has x", "+ t * small * large", "+ x * small * large"),
    mutation("QuickGELU's exponential overflows", "exp(-abs(t))", "exp(-t)"),
    mutation("QuickGELU's sides are swapped", "t < 0.0", "t > 0.0"),
    mutation("QuickGELU's 1 - σ cancels", "let small = e / (1.0 + e)", "let small = 1.0 - large"),
    mutation("GELU's √½ is left out", "abs(x) * 0.70710678118", "abs(x)"),
    mutation("GELU's tail is not halved", "0.5 * erfc(z)", "erfc(z)"),
    mutation("GELU's sides are swapped", "tail, x < 0.0", "tail, x > 0.0"),
    mutation("GELU's slope has lost its second term", " + x * (0.39894228040 * exp(-z * z))", ""),
    mutation("GELU's second term has |x|", "+ x * (", "+ abs(x) * ("),
    mutation("GELU's density is not normalised", "0.39894228040 * exp", "exp"),
    mutation("GELU's density is of x², not x²/2", "exp(-z * z)", "exp(-x * x)"),
];

const ACTIVATION_BACKWARD: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the slope is at dy", "let v = x[i];", "let v = dy[i];"),
    mutation("reads the neighbour", "let v = x[i];", "let v = x[max(i, 1u) - 1u];"),
];

const ACTIVATION_BACKWARD_VEC4: &[Mutation] = &[
    mutation("two components are swapped", "$SLOPE(v.y), $SLOPE(v.z)", "$SLOPE(v.z), $SLOPE(v.y)"),
    mutation("dy is left out", "dy[i] * vec4", "vec4"),
];

const ACTIVATION: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("the workgroup is assumed to be 32 wide", "* 64u + lane", "* 32u + lane"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the grid's sides are swapped", "group.y * grid.x", "group.y * grid.y"),
    mutation("reads the neighbour", "let v = x[i];", "let v = x[max(i, 1u) - 1u];"),
];

const VEC4: &[Mutation] = &[
    mutation(
        "two components are swapped",
        "$ACTIVATION(v.y), $ACTIVATION(v.z)",
        "$ACTIVATION(v.z), $ACTIVATION(v.y)",
    ),
    mutation("the last component is not activated", "$ACTIVATION(v.w)", "v.w"),
];

const SCALAR: &[Mutation] =
    &[mutation("applied twice", "y[i] = $ACTIVATION(v);", "y[i] = $ACTIVATION($ACTIVATION(v));")];

const GATHER: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params", "i > params"),
    mutation("the last row is left out", "params.count * WIDTH {", "(params.count - 1u) * WIDTH {"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the last index is never read", "index[i / WIDTH]", "index[min(i / WIDTH, params.count - 2u)]"),
    mutation("the last row of the table is out of reach", "params.rows - 1u", "params.rows - 2u"),
    mutation("divided by the wrong size", "index[i / WIDTH]", "index[i / params.rows]"),
    mutation("the column is swapped for the row", "+ i % WIDTH", "+ i / WIDTH"),
    mutation("rows of the table are too long", "row * WIDTH", "row * (WIDTH + 1u)"),
    mutation("the index is not looked up", "min(index[i / WIDTH]", "min(i / WIDTH"),
    mutation("adds to what was in the output", "out[i] = table[row", "out[i] += table[row"),
];

const PATCHES: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.images", "i > params.images"),
    mutation("the last element is left out", "i >= params.images", "i + 1u >= params.images"),
    mutation("a folded grid is read as one-dimensional", "group.y * groups.x + group.x", "group.x"),
    mutation("rows and columns of a patch are swapped", "(k % area) / EDGE", "k % EDGE"),
    mutation("rows and columns of the grid are swapped", "(cell / grid) * EDGE", "(cell % grid) * EDGE"),
    mutation("only the first image is read", "image * 3u + k / area", "k / area"),
    mutation("four channels an image", "image * 3u", "image * 4u"),
    mutation("channels in reverse", "+ k / area)", "+ 2u - k / area)"),
    mutation("the image's row has the length of the grid", "* SIZE + y)", "* grid + y)"),
    mutation("patches overlap", "(cell % grid) * EDGE", "(cell % grid) * (EDGE - 1u)"),
    mutation("a row of the output is an image's", "i / row / (grid * grid)", "i / (grid * grid)"),
];

/// Only the rows of single elements are padded: four divides the others.
const PADDING: &[Mutation] = &[
    mutation("padding starts one element late", "k >= 3u * area", "k > 3u * area"),
    mutation("padding is one", "out[i] = T();", "out[i] = T(1);"),
    mutation("padding is left as it was", "out[i] = T();", ""),
];

/// Elements are counted one by one in a patch, and by fours in the buffers.
const PACKS: &[Mutation] = &[
    mutation("rows are counted in elements", "ROW / PACK", "ROW"),
    mutation("an element of four is counted as one", "(i % row) * PACK", "(i % row)"),
    mutation("pixels are counted one by one", "* SIZE + x) / PACK]", "* SIZE + x)]"),
    mutation("components are swapped", "/ PACK];", "/ PACK].yxzw;"),
];

const TOKENS: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.batch", "i > params.batch"),
    mutation("the last image is left out", "params.batch * (LENGTH", "(params.batch - 1u) * (LENGTH"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the class token comes last", "in_sequence < WIDTH", "in_sequence >= (LENGTH - 1u) * WIDTH"),
    mutation(
        "the class token has no position",
        "class_token[in_sequence] + position[in_sequence]",
        "class_token[in_sequence]",
    ),
    mutation("the class token is left out", "class_token[in_sequence] + position", "position"),
    mutation("the class token takes a second place", "in_sequence < WIDTH", "in_sequence < 2u * WIDTH"),
    mutation("tokens after the class token are one late", "(sequence + 1u) * WIDTH", "sequence * WIDTH"),
    mutation("only the first class token takes room", "(sequence + 1u) * WIDTH", "WIDTH"),
    mutation("the position is the batch's", "i % (LENGTH * WIDTH)", "i / (LENGTH * WIDTH)"),
    mutation("positions are of all images", "i % (LENGTH * WIDTH)", "i"),
    mutation("the position is subtracted", "x[i] + position", "x[i] - position"),
    mutation("the position after a class token is left out", "* WIDTH] + position[in_sequence]", "* WIDTH]"),
];

const COPY: &[Mutation] = &[
    mutation("writes one element past the end", "i < params.count", "i <= params.count"),
    mutation("the last vec4 is left out", "i < params.count", "i + 1u < params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("components are swapped", "y[i] = x[i];", "y[i] = x[i].yxzw;"),
];

const READ: &[Mutation] = &[
    mutation("writes past the end", ">= params.sums", ">= params.sums + 64u"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("the last vec4 is left out", "0..PER", "0..PER - 1"),
    mutation("blocks overlap", "${64 * PER}u", "${64 * PER - 64}u"),
    mutation("a component is left out", "(sum.z + sum.w)", "sum.z"),
    mutation("a component twice", "(sum.z + sum.w)", "(sum.z + sum.z)"),
];

const MULTIPLY_ADD: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("x and y are swapped", "let term = y[i];", "let term = x[i];"),
    mutation("the factor is not clamped", "clamp(x[i], -0.9, 0.9)", "x[i]"),
    mutation("one round too few", "round < params.rounds", "round + 1u < params.rounds"),
    mutation(
        "one round too many",
        "var round = 0u; round < params.rounds",
        "var round = 0u; round <= params.rounds",
    ),
    mutation("a step is left out", "0..STEPS", "1..STEPS"),
    mutation("chains start at zero", "= ${j}.0", "= 0.0"),
    mutation("the first chain is not summed", "    sum += c_$j;", "    sum += c_$j * min(1.0, ${j}.0);"),
];
