//! Faults of resampling.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] =
    &[Bed { file: "resample.wgsl", kernels: &[("resample", "scalar")], faults: RESAMPLE }];

const RESAMPLE: &[Fault] = &[
    fault("writes one element past the end", "i >= params.count", "i > params.count"),
    fault("the last element is left out", "i >= params.count", "i + 1u >= params.count"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
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
    fault("weights are not normalised", "sum / (v.total * h.total)", "sum"),
    fault("weights are normalised in one direction", "v.total * h.total", "v.total"),
    fault("one aligned corner is missed", "f32(out_size - 1u))", "f32(out_size))"),
    fault("aligned corners are not aligned", "f32(in_size - 1u) /", "f32(in_size) /"),
    fault("half a pixel off", "(f32(i) + 0.5) - 0.5;", "(f32(i) + 0.5);"),
    fault("corners for areas", "let centre = ratio * (f32(i) + 0.5) - 0.5", "let centre = ratio * f32(i)"),
    fault("taps are truncated, not floored", "i32(floor(centre)) + 1", "i32(centre) + 1"),
    fault("taps start one early", "+ 1 - i32(RADIUS)", "- i32(RADIUS)"),
    fault("one tap too few", "2 * i32(RADIUS), centre", "2 * i32(RADIUS) - 1, centre"),
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
