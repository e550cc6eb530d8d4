//! Faults of kernels whose invocations each make their outputs alone: activations, gather, patches,
//! tokens, and the probes of the device's ceilings.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed {
        file: "activation.wgsl",
        kernels: &[("activation", "scalar"), ("activation", "vec4")],
        faults: ACTIVATION,
    },
    Bed { file: "activation.wgsl", kernels: &[("activation", "vec4")], faults: VEC4 },
    Bed { file: "activation.wgsl", kernels: &[("activation", "scalar")], faults: SCALAR },
    Bed { file: "activation_backward.wgsl", kernels: SLOPES, faults: ACTIVATION_BACKWARD },
    Bed {
        file: "activation_backward.wgsl",
        kernels: &[("activation_backward", "vec4")],
        faults: ACTIVATION_BACKWARD_VEC4,
    },
    Bed { file: "common/activation_slope.wgsl", kernels: SLOPES, faults: SLOPE_FUNCTIONS },
    Bed { file: "common/activation.wgsl", kernels: ACTIVATIONS, faults: ACTIVATION_FUNCTIONS },
    Bed { file: "gather.wgsl", kernels: &[("gather", "scalar"), ("gather", "vec4")], faults: GATHER },
    Bed { file: "patches.wgsl", kernels: &[("patches", "scalar"), ("patches", "vec4")], faults: PATCHES },
    Bed { file: "patches.wgsl", kernels: &[("patches", "scalar")], faults: PADDING },
    Bed { file: "patches.wgsl", kernels: &[("patches", "vec4")], faults: PACKS },
    Bed { file: "tokens.wgsl", kernels: &[("tokens", "scalar"), ("tokens", "vec4")], faults: TOKENS },
    Bed { file: "probe_copy.wgsl", kernels: &[("copy", "vec4")], faults: COPY },
    Bed { file: "probe_read.wgsl", kernels: &[("read", "vec4")], faults: READ },
    Bed { file: "probe_multiply_add.wgsl", kernels: &[("multiply_add", "chains")], faults: MULTIPLY_ADD },
];

const ACTIVATIONS: &[(&str, &str)] = &[("activation", "scalar"), ("activation", "vec4")];

const ACTIVATION_FUNCTIONS: &[Fault] = &[
    fault("QuickGELU's 1.702 is rounded", "-1.702", "-1.7"),
    fault("QuickGELU's sign is wrong", "exp(-1.702 * x)", "exp(1.702 * x)"),
    fault(
        "QuickGELU overflows to NaN",
        "x / (1.0 + exp(-1.702 * x))",
        "x * exp(1.702 * x) / (1.0 + exp(1.702 * x))",
    ),
    fault("GELU is not halved", "0.5 * x * erfc", "x * erfc"),
    fault("GELU's √½ is rounded", "0.70710678118", "0.7071"),
    fault("GELU's sides are swapped", "x < 0.0", "x > 0.0"),
    fault("GELU of |x| left out", "erfc(abs(x) *", "erfc(x *"),
    fault(
        "GELU from 1 - erf cancels",
        "select(x - tail, tail, x < 0.0)",
        "select(x - tail, x - (x - tail), x < 0.0)",
    ),
    fault("two digits of a coefficient are swapped", "0.225157440", "0.221557440"),
    fault("a coefficient's sign is lost", "-0.206574039", "0.206574039"),
    fault("the last coefficient is left out", "0.149656326 + t *", "0.149656326 + 0.0 *"),
    fault("erfc without its square", "exp(-z * z)", "exp(-z)"),
    fault("erfc's t is of another fit", "1.0 + 0.45 * z", "1.0 + 0.47047 * z"),
];

const SLOPES: &[(&str, &str)] = &[("activation_backward", "scalar"), ("activation_backward", "vec4")];

const SLOPE_FUNCTIONS: &[Fault] = &[
    fault("QuickGELU's 1.702 is left out", "1.702 * x", "x"),
    fault("QuickGELU's slope has lost its second term", " + t * small * large", ""),
    fault("QuickGELU's second term is subtracted", "+ t * small * large", "- t * small * large"),
    fault("QuickGELU's second term has x", "+ t * small * large", "+ x * small * large"),
    fault("QuickGELU's exponential overflows", "exp(-abs(t))", "exp(-t)"),
    fault("QuickGELU's sides are swapped", "t < 0.0", "t > 0.0"),
    fault("QuickGELU's 1 - σ cancels", "let small = e / (1.0 + e)", "let small = 1.0 - large"),
    fault("GELU's √½ is left out", "abs(x) * 0.70710678118", "abs(x)"),
    fault("GELU's tail is not halved", "0.5 * erfc(z)", "erfc(z)"),
    fault("GELU's sides are swapped", "tail, x < 0.0", "tail, x > 0.0"),
    fault("GELU's slope has lost its second term", " + x * (0.39894228040 * exp(-z * z))", ""),
    fault("GELU's second term has |x|", "+ x * (", "+ abs(x) * ("),
    fault("GELU's density is not normalised", "0.39894228040 * exp", "exp"),
    fault("GELU's density is of x², not x²/2", "exp(-z * z)", "exp(-x * x)"),
];

const ACTIVATION_BACKWARD: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the slope is at dy", "let v = x[i];", "let v = dy[i];"),
    fault("reads the neighbour", "let v = x[i];", "let v = x[max(i, 1u) - 1u];"),
];

const ACTIVATION_BACKWARD_VEC4: &[Fault] = &[
    fault("two components are swapped", "$SLOPE(v.y), $SLOPE(v.z)", "$SLOPE(v.z), $SLOPE(v.y)"),
    fault("dy is left out", "dy[i] * vec4", "vec4"),
];

const ACTIVATION: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("the workgroup is taken for 32 wide", "* 64u + lane", "* 32u + lane"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the grid's sides are swapped", "group.y * grid.x", "group.y * grid.y"),
    fault("reads the neighbour", "let v = x[i];", "let v = x[max(i, 1u) - 1u];"),
];

const VEC4: &[Fault] = &[
    fault(
        "two components are swapped",
        "$ACTIVATION(v.y), $ACTIVATION(v.z)",
        "$ACTIVATION(v.z), $ACTIVATION(v.y)",
    ),
    fault("the last component is not activated", "$ACTIVATION(v.w)", "v.w"),
];

const SCALAR: &[Fault] =
    &[fault("applied twice", "y[i] = $ACTIVATION(v);", "y[i] = $ACTIVATION($ACTIVATION(v));")];

const GATHER: &[Fault] = &[
    fault("writes one element past the end", "i >= params", "i > params"),
    fault("the last row is left out", "params.count * WIDTH {", "(params.count - 1u) * WIDTH {"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the last index is never read", "index[i / WIDTH]", "index[min(i / WIDTH, params.count - 2u)]"),
    fault("the last row of the table is out of reach", "params.rows - 1u", "params.rows - 2u"),
    fault("divided by the wrong size", "index[i / WIDTH]", "index[i / params.rows]"),
    fault("the column is swapped for the row", "+ i % WIDTH", "+ i / WIDTH"),
    fault("rows of the table are too long", "row * WIDTH", "row * (WIDTH + 1u)"),
    fault("the index is not looked up", "min(index[i / WIDTH]", "min(i / WIDTH"),
    fault("adds to what was in the output", "out[i] = table[row", "out[i] += table[row"),
];

const PATCHES: &[Fault] = &[
    fault("writes one element past the end", "i >= params.images", "i > params.images"),
    fault("the last element is left out", "i >= params.images", "i + 1u >= params.images"),
    fault("a folded grid is taken for a flat one", "group.y * groups.x + group.x", "group.x"),
    fault("rows and columns of a patch are swapped", "(k % area) / EDGE", "k % EDGE"),
    fault("rows and columns of the grid are swapped", "(cell / grid) * EDGE", "(cell % grid) * EDGE"),
    fault("only the first image is read", "image * 3u + k / area", "k / area"),
    fault("four channels an image", "image * 3u", "image * 4u"),
    fault("channels in reverse", "+ k / area)", "+ 2u - k / area)"),
    fault("the image's row has the length of the grid", "* SIZE + y)", "* grid + y)"),
    fault("patches overlap", "(cell % grid) * EDGE", "(cell % grid) * (EDGE - 1u)"),
    fault("a row of the output is an image's", "i / row / (grid * grid)", "i / (grid * grid)"),
];

/// Only the rows of single elements are padded: four divides the others.
const PADDING: &[Fault] = &[
    fault("padding starts one element late", "k >= 3u * area", "k > 3u * area"),
    fault("padding is one", "out[i] = T();", "out[i] = T(1);"),
    fault("padding is left as it was", "out[i] = T();", ""),
];

/// Elements are counted one by one in a patch, and by fours in the buffers.
const PACKS: &[Fault] = &[
    fault("rows are counted in elements", "ROW / PACK", "ROW"),
    fault("an element of four is counted as one", "(i % row) * PACK", "(i % row)"),
    fault("pixels are counted one by one", "* SIZE + x) / PACK]", "* SIZE + x)]"),
    fault("components are swapped", "/ PACK];", "/ PACK].yxzw;"),
];

const TOKENS: &[Fault] = &[
    fault("writes one element past the end", "i >= params.batch", "i > params.batch"),
    fault("the last image is left out", "params.batch * (LENGTH", "(params.batch - 1u) * (LENGTH"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the class token comes last", "in_sequence < WIDTH", "in_sequence >= (LENGTH - 1u) * WIDTH"),
    fault(
        "the class token has no position",
        "class_token[in_sequence] + position[in_sequence]",
        "class_token[in_sequence]",
    ),
    fault("the class token is left out", "class_token[in_sequence] + position", "position"),
    fault("the class token takes a second place", "in_sequence < WIDTH", "in_sequence < 2u * WIDTH"),
    fault("tokens after the class token are one late", "(sequence + 1u) * WIDTH", "sequence * WIDTH"),
    fault("only the first class token takes room", "(sequence + 1u) * WIDTH", "WIDTH"),
    fault("the position is the batch's", "i % (LENGTH * WIDTH)", "i / (LENGTH * WIDTH)"),
    fault("positions are of all images", "i % (LENGTH * WIDTH)", "i"),
    fault("the position is subtracted", "x[i] + position", "x[i] - position"),
    fault("the position after a class token is left out", "* WIDTH] + position[in_sequence]", "* WIDTH]"),
];

const COPY: &[Fault] = &[
    fault("writes one element past the end", "i < params.count", "i <= params.count"),
    fault("the last vec4 is left out", "i < params.count", "i + 1u < params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("components are swapped", "y[i] = x[i];", "y[i] = x[i].yxzw;"),
];

const READ: &[Fault] = &[
    fault("writes past the end", ">= params.sums", ">= params.sums + 64u"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the last vec4 is left out", "0..PER", "0..PER - 1"),
    fault("blocks overlap", "${64 * PER}u", "${64 * PER - 64}u"),
    fault("a component is left out", "(sum.z + sum.w)", "sum.z"),
    fault("a component twice", "(sum.z + sum.w)", "(sum.z + sum.z)"),
];

const MULTIPLY_ADD: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("x and y are swapped", "let term = y[i];", "let term = x[i];"),
    fault("the factor is not held", "clamp(x[i], -0.9, 0.9)", "x[i]"),
    fault("one round too few", "round < params.rounds", "round + 1u < params.rounds"),
    fault(
        "one round too many",
        "var round = 0u; round < params.rounds",
        "var round = 0u; round <= params.rounds",
    ),
    fault("a step is left out", "0..STEPS", "1..STEPS"),
    fault("chains start at zero", "= ${j}.0", "= 0.0"),
    fault("the first chain is not summed", "    sum += c_$j;", "    sum += c_$j * min(1.0, ${j}.0);"),
];
