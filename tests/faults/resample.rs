//! Faults of resampling and of its transpose.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed {
        file: "common/resample.wgsl",
        kernels: &[("resample", "scalar"), ("resample_backward", "scalar")],
        faults: TAPS,
    },
    Bed { file: "resample.wgsl", kernels: &[("resample", "scalar")], faults: RESAMPLE },
    Bed { file: "resample_backward.wgsl", kernels: &[("resample_backward", "scalar")], faults: BACKWARD },
];

const TAPS: &[Fault] = &[
    fault("torch's cubic for Pillow's", "= $CUBIC_A", "= -0.75"),
    fault("Pillow's cubic for torch's", "= $CUBIC_A", "= -0.5"),
    fault("the cubic's middle is wrong", "(A + 3.0)) * d * d", "(A + 2.0)) * d * d"),
    fault("the cubic has no outer lobe", "if d < 2.0", "if d < 1.0"),
    fault("the cubic's outer lobe is turned", "- 4.0 * A;", "+ 4.0 * A;"),
    fault("the triangle is a box", "max(1.0 - abs(distance), 0.0)", "select(0.0, 1.0, abs(distance) < 0.5)"),
    fault("the cubic reaches one pixel", "const RADIUS: f32 = 2.0", "const RADIUS: f32 = 1.0"),
    fault("the triangle reaches two pixels", "const RADIUS: f32 = 1.0", "const RADIUS: f32 = 0.5"),
    fault("the ratio is turned over", "f32(in_size) / f32(out_size)", "f32(out_size) / f32(in_size)"),
    fault("the filter is not widened", "max(ratio, 1.0)", "1.0"),
    fault("the filter is narrowed when enlarging", "max(ratio, 1.0)", "ratio"),
    fault(
        "the antialiased centre is at the corner",
        "let middle = ratio * (f32(i) + 0.5)",
        "let middle = ratio * f32(i)",
    ),
    fault(
        "taps start one late",
        "middle - RADIUS * stretch + 0.5), 0)",
        "middle - RADIUS * stretch + 1.5), 0)",
    ),
    fault("the last tap is left out", "i32(in_size));", "i32(in_size) - 1);"),
    fault("weights are summed at other distances", "- taps.centre) / stretch", "- taps.centre) * stretch"),
    fault("one aligned corner is missed", "f32(out_size - 1u))", "f32(out_size))"),
    fault("aligned corners are not aligned", "f32(in_size - 1u) /", "f32(in_size) /"),
    fault("half a pixel off", "(f32(i) + 0.5) - 0.5;", "(f32(i) + 0.5);"),
    fault("corners for areas", "let centre = ratio * (f32(i) + 0.5) - 0.5", "let centre = ratio * f32(i)"),
    fault("taps are truncated, not floored", "i32(floor(centre)) + 1", "i32(centre) + 1"),
    fault("taps start one early", "+ 1 - i32(RADIUS)", "- i32(RADIUS)"),
    fault("one tap too few", "2 * i32(RADIUS), centre", "2 * i32(RADIUS) - 1, centre"),
];

const RESAMPLE: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("weights are not normalised", "sum / (v.total * h.total)", "sum"),
    fault("weights are normalised in one direction", "v.total * h.total", "v.total"),
    fault(
        "planar rows and columns are swapped",
        "let column = i % params.out_w;",
        "let column = i % params.out_h;",
    ),
    fault("planar channels are not wrapped", "* params.out_h)) % params.channels;", "* params.out_h));"),
    fault(
        "the column is not wrapped",
        "(i / params.channels) % params.out_w",
        "(i / params.channels) % params.out_h",
    ),
    fault("the row ignores the channels", "(i / (params.channels * params.out_w)) %", "(i / params.out_w) %"),
    fault(
        "the image ignores the channels",
        "i / (params.channels * params.out_w * params.out_h)",
        "i / (params.out_w * params.out_h)",
    ),
    fault("only the first image is read", "(image * params.in_h + in_row)", "in_row"),
    fault(
        "rows and columns are swapped",
        "axis(row, params.in_h, params.out_h)",
        "axis(column, params.in_h, params.out_h)",
    ),
    fault(
        "heights for widths",
        "axis(column, params.in_w, params.out_w)",
        "axis(column, params.in_h, params.out_h)",
    ),
    fault(
        "rows past the edge wrap",
        "clamp(v.first + r, 0, i32(params.in_h) - 1)",
        "(v.first + r + i32(params.in_h)) % i32(params.in_h)",
    ),
    fault("columns stop one short of the edge", "i32(params.in_w) - 1))", "i32(params.in_w) - 2))"),
    fault("the line has another length", "* params.in_w;", "* params.out_w;"),
    fault("channels are not strided", "* params.channels + channel]", "* params.channels]"),
    fault("columns are not stretched", "- h.centre) / h.stretch", "- h.centre)"),
    fault("columns are weighed by rows", "f32(h.first + c) - h.centre", "f32(v.first + c) - v.centre"),
    fault(
        "the row's weight is left out",
        "sum += filter_weight((f32(v.first + r) - v.centre) / v.stretch) * partial",
        "sum += partial",
    ),
];

const BACKWARD: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault(
        "centres are spaced like areas",
        "let spacing = f32(in_size - 1u) / f32(max(out_size, 2u) - 1u)",
        "let spacing = ratio",
    ),
    fault("one input pixel spreads to one output", "spacing == 0.0 || out_size == 1u", "out_size == 1u"),
    fault("areas for corners", "0.5 * ratio - 0.5;", "3.0 * ratio;"),
    fault("the antialiased filter has no reach", "RADIUS * max(ratio, 1.0)", "0.0"),
    fault("the reach is half", "let reach = RADIUS;", "let reach = 0.5 * RADIUS;"),
    fault("the reach starts at the pixel", "f32(pixel) - reach", "f32(pixel)"),
    fault("the reach ends at the pixel", "f32(pixel) + reach", "f32(pixel)"),
    fault("the last output is out of reach", "i32(out_size))));", "i32(out_size) - 1)));"),
    fault("taps beyond the border are lost", "clamp(j, 0, i32(in_size) - 1)", "j"),
    fault("the last of a pixel's taps counts alone", "sum += filter_weight", "sum = filter_weight"),
    fault("weights are not normalised", "sum / taps.total", "sum"),
    fault("taps are not stretched", "/ taps.stretch", ""),
    fault("one tap too few", "j < taps.first + taps.count", "j + 1 < taps.first + taps.count"),
    fault(
        "the column is not wrapped",
        "(i / params.channels) % params.in_w",
        "(i / params.channels) % params.in_h",
    ),
    fault("the row ignores the channels", "(i / (params.channels * params.in_w)) %", "(i / params.in_w) %"),
    fault(
        "the image ignores the channels",
        "i / (params.channels * params.in_w * params.in_h)",
        "i / (params.in_w * params.in_h)",
    ),
    fault(
        "rows for columns",
        "outputs(column, params.in_w, params.out_w)",
        "outputs(row, params.in_h, params.out_h)",
    ),
    fault(
        "the rows' weight is that of columns",
        "weight(r, row, params.in_h, params.out_h)",
        "weight(r, column, params.in_w, params.out_w)",
    ),
    fault("NaN beyond the reach", "if horizontal != 0.0 {", "if true {"),
    fault("planar channels are not strided", "(image * params.channels + channel)", "image"),
    fault("channels are not strided", "* params.channels + channel;", "* params.channels;"),
    fault("only the first image is read", "((image * params.out_h + r)", "((r)"),
    fault("only the last row", "sum += vertical", "sum = vertical"),
    fault("rows are not weighed", "vertical * partial", "partial"),
    fault("columns are not weighed", "horizontal * dy", "dy"),
];
