//! Mutations of resampling and of its transpose.

use super::mutation::{Mutation, Target, mutation};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/resample.wgsl",
        kernels: &[("resample", "scalar"), ("resample_backward", "scalar")],
        mutations: TAPS,
    },
    Target { file: "resample.wgsl", kernels: &[("resample", "scalar")], mutations: RESAMPLE },
    Target {
        file: "resample_backward.wgsl",
        kernels: &[("resample_backward", "scalar")],
        mutations: BACKWARD,
    },
];

const TAPS: &[Mutation] = &[
    mutation("torch's cubic for Pillow's", "= $CUBIC_A", "= -0.75"),
    mutation("Pillow's cubic for torch's", "= $CUBIC_A", "= -0.5"),
    mutation("the cubic's middle is wrong", "(A + 3.0)) * d * d", "(A + 2.0)) * d * d"),
    mutation("the cubic has no outer lobe", "if d < 2.0", "if d < 1.0"),
    mutation("the cubic's outer lobe is negated", "- 4.0 * A;", "+ 4.0 * A;"),
    mutation(
        "the triangle is a box",
        "max(1.0 - abs(distance), 0.0)",
        "select(0.0, 1.0, abs(distance) < 0.5)",
    ),
    mutation("the cubic reaches one pixel", "const RADIUS: f32 = 2.0", "const RADIUS: f32 = 1.0"),
    mutation("the triangle reaches two pixels", "const RADIUS: f32 = 1.0", "const RADIUS: f32 = 0.5"),
    mutation("the ratio is inverted", "f32(in_size) / f32(out_size)", "f32(out_size) / f32(in_size)"),
    mutation("the filter is not widened", "max(ratio, 1.0)", "1.0"),
    mutation("the filter is narrowed when enlarging", "max(ratio, 1.0)", "ratio"),
    mutation(
        "the antialiased centre is at the corner",
        "let middle = ratio * (f32(i) + 0.5)",
        "let middle = ratio * f32(i)",
    ),
    mutation(
        "taps start one late",
        "middle - RADIUS * stretch + 0.5), 0)",
        "middle - RADIUS * stretch + 1.5), 0)",
    ),
    mutation("the last tap is left out", "i32(in_size));", "i32(in_size) - 1);"),
    mutation("weights are summed at other distances", "- taps.centre) / stretch", "- taps.centre) * stretch"),
    mutation("one aligned corner is missed", "f32(out_size - 1u))", "f32(out_size))"),
    mutation("aligned corners are not aligned", "f32(in_size - 1u) /", "f32(in_size) /"),
    mutation("half a pixel off", "(f32(i) + 0.5) - 0.5;", "(f32(i) + 0.5);"),
    mutation("corners for areas", "let centre = ratio * (f32(i) + 0.5) - 0.5", "let centre = ratio * f32(i)"),
    mutation("taps are truncated, not floored", "i32(floor(centre)) + 1", "i32(centre) + 1"),
    mutation("taps start one early", "+ 1 - i32(RADIUS)", "- i32(RADIUS)"),
    mutation("one tap too few", "2 * i32(RADIUS), centre", "2 * i32(RADIUS) - 1, centre"),
];

const RESAMPLE: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("weights are not normalised", "sum / (v.total * h.total)", "sum"),
    mutation("weights are normalised in one direction", "v.total * h.total", "v.total"),
    mutation(
        "planar rows and columns are swapped",
        "let column = i % params.out_w;",
        "let column = i % params.out_h;",
    ),
    mutation("planar channels are not wrapped", "* params.out_h)) % params.channels;", "* params.out_h));"),
    mutation(
        "the column is not wrapped",
        "(i / params.channels) % params.out_w",
        "(i / params.channels) % params.out_h",
    ),
    mutation(
        "the row ignores the channels",
        "(i / (params.channels * params.out_w)) %",
        "(i / params.out_w) %",
    ),
    mutation(
        "the image ignores the channels",
        "i / (params.channels * params.out_w * params.out_h)",
        "i / (params.out_w * params.out_h)",
    ),
    mutation("only the first image is read", "(image * params.in_h + in_row)", "in_row"),
    mutation(
        "rows and columns are swapped",
        "axis(row, params.in_h, params.out_h)",
        "axis(column, params.in_h, params.out_h)",
    ),
    mutation(
        "heights for widths",
        "axis(column, params.in_w, params.out_w)",
        "axis(column, params.in_h, params.out_h)",
    ),
    mutation(
        "rows past the edge wrap",
        "clamp(v.first + r, 0, i32(params.in_h) - 1)",
        "(v.first + r + i32(params.in_h)) % i32(params.in_h)",
    ),
    mutation("columns stop one short of the edge", "i32(params.in_w) - 1))", "i32(params.in_w) - 2))"),
    mutation("the line has another length", "* params.in_w;", "* params.out_w;"),
    mutation("channels are not strided", "* params.channels + channel]", "* params.channels]"),
    mutation("columns are not stretched", "- h.centre) / h.stretch", "- h.centre)"),
    mutation("columns are weighted by rows", "f32(h.first + c) - h.centre", "f32(v.first + c) - v.centre"),
    mutation(
        "the row's weight is left out",
        "sum += filter_weight((f32(v.first + r) - v.centre) / v.stretch) * partial",
        "sum += partial",
    ),
];

const BACKWARD: &[Mutation] = &[
    mutation("writes one element past the end", "i >= params.count", "i > params.count"),
    mutation("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation(
        "centres are spaced like areas",
        "let spacing = f32(in_size - 1u) / f32(max(out_size, 2u) - 1u)",
        "let spacing = ratio",
    ),
    mutation("one input pixel spreads to one output", "spacing == 0.0 || out_size == 1u", "out_size == 1u"),
    mutation("areas for corners", "0.5 * ratio - 0.5;", "3.0 * ratio;"),
    mutation("the antialiased filter has no reach", "RADIUS * max(ratio, 1.0)", "0.0"),
    mutation("the reach is half", "let reach = RADIUS;", "let reach = 0.5 * RADIUS;"),
    mutation("the reach starts at the pixel", "f32(pixel) - reach", "f32(pixel)"),
    mutation("the reach ends at the pixel", "f32(pixel) + reach", "f32(pixel)"),
    mutation("the last output is out of reach", "i32(out_size))));", "i32(out_size) - 1)));"),
    mutation("taps beyond the border are lost", "clamp(j, 0, i32(in_size) - 1)", "j"),
    mutation("the last of a pixel's taps counts alone", "sum += filter_weight", "sum = filter_weight"),
    mutation("weights are not normalised", "sum / taps.total", "sum"),
    mutation("taps are not stretched", "/ taps.stretch", ""),
    mutation("one tap too few", "j < taps.first + taps.count", "j + 1 < taps.first + taps.count"),
    mutation(
        "the column is not wrapped",
        "(i / params.channels) % params.in_w",
        "(i / params.channels) % params.in_h",
    ),
    mutation(
        "the row ignores the channels",
        "(i / (params.channels * params.in_w)) %",
        "(i / params.in_w) %",
    ),
    mutation(
        "the image ignores the channels",
        "i / (params.channels * params.in_w * params.in_h)",
        "i / (params.in_w * params.in_h)",
    ),
    mutation(
        "rows for columns",
        "outputs(column, params.in_w, params.out_w)",
        "outputs(row, params.in_h, params.out_h)",
    ),
    mutation(
        "the rows' weight is that of columns",
        "weight(r, row, params.in_h, params.out_h)",
        "weight(r, column, params.in_w, params.out_w)",
    ),
    mutation("NaN beyond the reach", "if horizontal != 0.0 {", "if true {"),
    mutation("planar channels are not strided", "(image * params.channels + channel)", "image"),
    mutation("channels are not strided", "* params.channels + channel;", "* params.channels;"),
    mutation("only the first image is read", "((image * params.out_h + r)", "((r)"),
    mutation("only the last row", "sum += vertical", "sum = vertical"),
    mutation("rows are not weighted", "vertical * partial", "partial"),
    mutation("columns are not weighted", "horizontal * dy", "dy"),
];
