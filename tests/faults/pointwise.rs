//! Faults of kernels whose invocations each make their outputs alone: activations, gather, patches,
//! tokens, similarity, and the probes of the device's ceilings.

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
    Bed { file: "common/activation.wgsl", kernels: ACTIVATIONS, faults: ACTIVATION_FUNCTIONS },
    Bed { file: "gather.wgsl", kernels: &[("gather", "scalar")], faults: GATHER },
    Bed { file: "patches.wgsl", kernels: &[("patches", "scalar")], faults: PATCHES },
    Bed { file: "tokens.wgsl", kernels: &[("tokens", "scalar")], faults: TOKENS },
    Bed { file: "similarity.wgsl", kernels: &[("similarity", "scalar")], faults: SIMILARITY },
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
    fault(
        "the last row is left out",
        "params.count * params.width {",
        "(params.count - 1u) * params.width {",
    ),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault(
        "the last index is never read",
        "index[i / params.width]",
        "index[min(i / params.width, params.count - 2u)]",
    ),
    fault("the last row of the table is out of reach", "params.rows - 1u", "params.rows - 2u"),
    fault("divided by the wrong size", "index[i / params.width]", "index[i / params.rows]"),
    fault("the column is swapped for the row", "+ i % params.width", "+ i / params.width"),
    fault("rows of the table are too long", "row * params.width", "row * (params.width + 1u)"),
    fault("the index is not looked up", "min(index[i / params.width]", "min(i / params.width"),
    fault("adds to what was in the output", "out[i] = table[row", "out[i] += table[row"),
];

const PATCHES: &[Fault] = &[
    fault("writes one element past the end", "i >= params.images", "i > params.images"),
    fault("a folded grid is taken for a flat one", "group.y * groups.x + group.x", "group.x"),
    fault("rows and columns of a patch are swapped", "(k % area) / params.edge", "k % params.edge"),
    fault(
        "rows and columns of the grid are swapped",
        "(cell / grid) * params.edge",
        "(cell % grid) * params.edge",
    ),
    fault("only the first image is read", "image * 3u + k / area", "k / area"),
    fault("four channels an image", "image * 3u", "image * 4u"),
    fault("channels in reverse", "+ k / area)", "+ 2u - k / area)"),
    fault("padding starts one element late", "k >= 3u * area", "k > 3u * area"),
    fault("padding is one", "out[i] = 0.0;", "out[i] = 1.0;"),
    fault("padding is left as it was", "out[i] = 0.0;", ""),
    fault("the image's row has the length of the grid", "* params.size + y)", "* grid + y)"),
];

const TOKENS: &[Fault] = &[
    fault("writes one element past the end", "i >= params.batch", "i > params.batch"),
    fault("the last image is left out", "params.batch * length", "(params.batch - 1u) * length"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("the class token comes last", "t == 0u", "t == params.tokens"),
    fault("the class token has no position", "value += class_token[d]", "value = class_token[d]"),
    fault("the class token is left out", "value += class_token[d]", "value += 0.0"),
    fault("tokens after the class token are one late", "params.tokens + t - 1u", "params.tokens + t"),
    fault("no room for the class token", "let length = params.tokens + EXTRA", "let length = params.tokens"),
    fault("the position is the batch's", "position[t * params.width", "position[b * params.width"),
    fault(
        "the position is subtracted",
        "value += x[(b * params.tokens + t) *",
        "value -= x[(b * params.tokens + t) *",
    ),
    fault("images overlap", "x[(b * params.tokens + t) * params.width + d]", "x[(b + t) * params.width + d]"),
];

const SIMILARITY: &[Fault] = &[
    fault("writes one element past the end", "i >= params.rows", "i > params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("rows and classes are swapped", "(i / params.classes)", "(i % params.rows)"),
    fault("the class is the row", "(i % params.classes)", "(i / params.classes)"),
    fault("the last element is left out", "d < params.width", "d + 1u < params.width"),
    fault("one element too many", "d < params.width", "d <= params.width"),
    fault("the norm of x twice", "sqrt(xx) * sqrt(tt)", "sqrt(xx) * sqrt(xx)"),
    fault("norms are not rooted", "sqrt(xx) * sqrt(tt)", "xx * tt"),
    fault("the scale is dropped", "params.scale * (product / norms)", "product / norms"),
    fault("the norm of x is not divided by", "sqrt(xx) * sqrt(tt)", "sqrt(tt)"),
    fault(
        "zero vectors give NaN",
        "select(params.scale * (product / norms), 0.0, norms == 0.0)",
        "params.scale * (product / norms)",
    ),
    fault("zero vectors are similar to everything", ", 0.0, norms", ", params.scale, norms"),
    fault("only zero x is minded", "0.0, norms == 0.0", "0.0, xx == 0.0"),
    fault("only zero classes are minded", "0.0, norms == 0.0", "0.0, tt == 0.0"),
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
