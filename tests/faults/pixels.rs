//! Faults of the losses of pixels.

use super::plant::{Bed, Fault, fault};

/// The faults.
pub const BEDS: &[Bed] = &[
    Bed {
        file: "common/pixels.wgsl",
        kernels: &[
            ("pixel_sums", "row"),
            ("pixel_sums", "workgroup"),
            ("pixel_loss_backward", "row"),
            ("pixel_loss_backward", "workgroup"),
        ],
        faults: MAPS,
    },
    Bed {
        file: "common/pixels.wgsl",
        kernels: &[("pixel_sums", "row"), ("pixel_sums", "workgroup")],
        faults: FOCAL,
    },
    Bed {
        file: "common/pixels.wgsl",
        kernels: &[("pixel_loss_backward", "row"), ("pixel_loss_backward", "workgroup")],
        faults: FOCAL_SLOPE,
    },
    Bed {
        file: "pixel_sums.wgsl",
        kernels: &[("pixel_sums", "row"), ("pixel_sums", "workgroup")],
        faults: SUMS,
    },
    Bed {
        file: "pixel_loss.wgsl",
        kernels: &[("pixel_loss", "row"), ("pixel_loss", "workgroup")],
        faults: LOSS,
    },
    Bed {
        file: "pixel_loss_backward.wgsl",
        kernels: &[("pixel_loss_backward", "row"), ("pixel_loss_backward", "workgroup")],
        faults: BACKWARD,
    },
];

const MAPS: &[Fault] = &[
    fault("corners are not aligned", "max(params.size, 2u) - 1u", "params.size"),
    fault(
        "the grid's last cell is never reached",
        "i * (params.grid - 1u)",
        "i * (max(params.grid, 2u) - 2u)",
    ),
    fault("the nearest cell", "position % span", "0u * position"),
    fault(
        "the weights are swapped",
        "f32(span - rest) / f32(span), f32(rest)",
        "f32(rest) / f32(span), f32(span - rest)",
    ),
    fault("only the first image is read", "(image * params.grid + row)", "row"),
    fault("rows and columns are swapped", "+ row) * params.grid + column", "+ column) * params.grid + row"),
    fault("channels are not strided", "* params.classes + channel]", "* params.classes]"),
    fault("the right cells are the left ones", "v.low, h.high", "v.low, h.low"),
    fault(
        "the lower row is left out",
        "    + v.high_weight * probability(image, v.high, h.low, channel)",
        "",
    ),
    fault("columns are not weighed", "h.low_weight * left", "v.low_weight * left"),
    fault("targets are not smoothed", "params.gain * q + params.floor", "q"),
    fault("the floor is left out", " + params.floor", ""),
];

const FOCAL: &[Fault] = &[
    // Its weight is zero: only a NaN there shows.
    fault("the next cell is not held", "min(low + 1u, params.grid - 1u)", "low + 1u"),
    fault("cross-entropy alone", "-(1.0 - p) * (1.0 - p) * log(p)", "-log(p)"),
    fault("not squared", "-(1.0 - p) * (1.0 - p)", "-(1.0 - p)"),
    fault("the sign is lost", "-(1.0 - p) * (1.0 - p)", "(1.0 - p) * (1.0 - p)"),
    fault("the logarithm is to base 2", "(1.0 - p) * log(p)", "(1.0 - p) * log2(p)"),
];

const FOCAL_SLOPE: &[Fault] = &[
    fault("the factor's slope is left out", "2.0 * log(p) - ", "0.0 - "),
    fault("the logarithm's slope is left out", " - (1.0 - p) / p)", ")"),
    fault("the logarithm's slope is added", "- (1.0 - p) / p", "+ (1.0 - p) / p"),
    fault("the square's 2 is lost", "2.0 * log(p)", "log(p)"),
    fault("the slope is multiplied by p", "(1.0 - p) / p", "(1.0 - p) * p"),
];

const SUMS: &[Fault] = &[
    fault("writes one row past the end", "row >= params.rows", "row > params.rows"),
    fault("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault("classes are not held", "min(class_id[image], params.classes - 1u)", "class_id[image]"),
    fault("the class is the row's", "class_id[image]", "class_id[row % params.size]"),
    fault("the image is the row", "let image = row / params.size", "let image = row / (params.size + 1u)"),
    fault("rows of all images follow one another", "taps(row % params.size)", "taps(row)"),
    fault("the mask is turned over", "> 0.5", "<= 0.5"),
    fault(
        "the mask's rows are too long",
        "mask[row * params.size + i]",
        "mask[row * (params.size - 1u) + i]",
    ),
    fault("marked pixels should be normal", "q = map(image, v, h, k)", "q = q0"),
    fault("not smoothed", "focal(smoothed(q))", "focal(q)"),
    fault("the sum of the target, not of normality", "focal(smoothed(q)), q0", "focal(smoothed(q)), q"),
    fault("normality of good pixels", "select(0.0, q0, defect)", "select(q0, 0.0, defect)"),
    fault("good pixels are counted", "select(0.0, 1.0, defect)", "select(1.0, 0.0, defect)"),
    fault("only the last pixel", "sum += vec4", "sum = vec4"),
];

const LOSS: &[Fault] = &[
    fault("only the first image", "i < params.images", "i < 1u"),
    fault("the last image is left out", "i < params.images", "i + 1u < params.images"),
    fault("dice without its numerator's 1", "2.0 * (t.y - t.z) + 1.0", "2.0 * (t.y - t.z)"),
    fault("dice without its denominator's 1", "(params.pixels - t.w) + 1.0", "(params.pixels - t.w)"),
    fault("dice is not doubled", "2.0 * (t.w - t.z)", "(t.w - t.z)"),
    fault("the marked are taken for the good", "t.y + (params.pixels - t.w)", "t.y + t.w"),
    fault("normality is taken for defect", "(params.pixels - t.y) + t.w", "t.y + t.w"),
    fault("the overlap is that of the other", "2.0 * (t.y - t.z)", "2.0 * t.z"),
    fault("the focal loss is left out", "params.focal * t.x + ", ""),
    fault(
        "weights are swapped",
        "params.normal * normal + params.defect * defect",
        "params.defect * normal + params.normal * defect",
    ),
    fault("a score, not a loss", "let normal = 1.0 - ", "let normal = "),
    fault("the scale is dropped", "params.scale * total", "total"),
];

const BACKWARD: &[Fault] = &[
    fault("writes one cell past the end", "cell >= params.cells", "cell > params.cells"),
    fault("the last cell is left out", "cell >= params.cells", "cell + 1u >= params.cells"),
    fault("a folded grid is taken for a flat one", "group.y * grid.x + group.x", "group.x"),
    fault(
        "the reach starts at the cell",
        "(max(cell, 1u) - 1u) * span / steps + 1u",
        "cell * span / steps + 1u",
    ),
    fault("the reach ends at the cell", "((cell + 1u) * span + steps - 1u)", "(cell * span + steps - 1u)"),
    fault(
        "the reach ends one early",
        "((cell + 1u) * span + steps - 1u) / steps",
        "((cell + 1u) * span) / steps",
    ),
    fault("the last pixel is out of reach", "/ steps, params.size)", "/ steps, params.size - 1u)"),
    fault("the first pixel is out of reach", "0u, cell == 0u)", "1u, cell == 0u)"),
    fault("a single cell reaches one pixel", "params.grid == 1u)", "false)"),
    fault("the upper weight is left out", "select(0.0, t.low_weight, t.low == cell)", "0.0"),
    fault("the lower weight is left out", " + select(0.0, t.high_weight, t.high == cell)", ""),
    fault("columns are weighed as rows", "weight(h, column)", "weight(v, row)"),
    fault("the window's rows for its columns", "i / width", "i % width"),
    fault(
        "rows and columns are swapped",
        "let column = cell % params.grid",
        "let column = cell / params.grid % params.grid",
    ),
    fault("classes are not held", "min(class_id[image], params.classes - 1u)", "class_id[image]"),
    fault("the mask is of the first image", "(image * params.size + y)", "y"),
    fault("the mask is turned over", "> 0.5", "<= 0.5"),
    fault("totals of the first image", "totals[image]", "totals[0]"),
    fault(
        "both numerators are of the normal dice",
        "params.defect * (2.0 * (t.w - t.z) + 1.0)",
        "params.defect * (2.0 * (t.y - t.z) + 1.0)",
    ),
    fault("the denominator is not squared", "/ (normal * normal)", "/ normal"),
    fault("numerators are added", "- params.defect * (2.0", "+ params.defect * (2.0"),
    fault("dice of the good is not doubled", "both - 2.0 * params.normal", "both - params.normal"),
    fault(
        "dice of the marked has the wrong sign",
        "both + 2.0 * params.defect",
        "both - 2.0 * params.defect",
    ),
    fault(
        "dice of the good and the marked are swapped",
        "select(dice_good, dice_bad, bad)",
        "select(dice_bad, dice_good, bad)",
    ),
    fault("dice is left out of marked pixels", "by_normal += w * dice;", ""),
    fault("dice goes to the class", "by_class += w * by_target", "by_class += w * (by_target + dice)"),
    fault("the focal loss of normality everywhere", "select(0u, k, bad)", "0u"),
    fault("the focal weight is dropped", "params.focal * focal_slope", "focal_slope"),
    fault("the scale is dropped", "params.scale * dy[0]", "dy[0]"),
    fault("dy is dropped", "params.scale * dy[0]", "params.scale"),
    fault("other channels are not zero", "select(0.0, to_class, c == k)", "to_class"),
    fault("normality's channel is the class'", "to_normal, c == 0u", "to_normal, c == k"),
];
