//! Mutations of the losses of pixels.

use super::mutation::{Mutation, Target, mutation};

/// The mutations, by shader.
pub const TARGETS: &[Target] = &[
    Target {
        file: "common/pixels.wgsl",
        kernels: &[
            ("pixel_sums", "row"),
            ("pixel_sums", "workgroup"),
            ("pixel_loss_backward", "row"),
            ("pixel_loss_backward", "workgroup"),
        ],
        mutations: MAPS,
    },
    Target {
        file: "common/pixels.wgsl",
        kernels: &[("pixel_sums", "row"), ("pixel_sums", "workgroup")],
        mutations: FOCAL,
    },
    Target {
        file: "common/pixels.wgsl",
        kernels: &[("pixel_loss_backward", "row"), ("pixel_loss_backward", "workgroup")],
        mutations: FOCAL_SLOPE,
    },
    Target {
        file: "pixel_sums.wgsl",
        kernels: &[("pixel_sums", "row"), ("pixel_sums", "workgroup")],
        mutations: SUMS,
    },
    Target {
        file: "pixel_loss.wgsl",
        kernels: &[("pixel_loss", "row"), ("pixel_loss", "workgroup")],
        mutations: LOSS,
    },
    Target {
        file: "pixel_loss_backward.wgsl",
        kernels: &[("pixel_loss_backward", "row"), ("pixel_loss_backward", "workgroup")],
        mutations: BACKWARD,
    },
];

const MAPS: &[Mutation] = &[
    mutation("corners are not aligned", "max(params.size, 2u) - 1u", "params.size"),
    mutation(
        "the grid's last cell is never reached",
        "i * (params.grid - 1u)",
        "i * (max(params.grid, 2u) - 2u)",
    ),
    mutation("the nearest cell", "position % span", "0u * position"),
    mutation(
        "the weights are swapped",
        "f32(span - rest) / f32(span), f32(rest)",
        "f32(rest) / f32(span), f32(span - rest)",
    ),
    mutation("only the first image is read", "(image * params.grid + row)", "row"),
    mutation(
        "rows and columns are swapped",
        "+ row) * params.grid + column",
        "+ column) * params.grid + row",
    ),
    mutation("channels are not strided", "* params.classes + channel]", "* params.classes]"),
    mutation("the right cells are the left ones", "v.low, h.high", "v.low, h.low"),
    mutation(
        "the lower row is left out",
        "    + v.high_weight * probability(image, v.high, h.low, channel)",
        "",
    ),
    mutation("columns are not weighted", "h.low_weight * left", "v.low_weight * left"),
    mutation("targets are not smoothed", "params.gain * q + params.floor", "q"),
    mutation("the floor is left out", " + params.floor", ""),
];

const FOCAL: &[Mutation] = &[
    // Its weight is zero: only a NaN there shows.
    mutation("the next cell is not clamped", "min(low + 1u, params.grid - 1u)", "low + 1u"),
    mutation("cross-entropy alone", "-(1.0 - p) * (1.0 - p) * log(p)", "-log(p)"),
    mutation("not squared", "-(1.0 - p) * (1.0 - p)", "-(1.0 - p)"),
    mutation("the sign is lost", "-(1.0 - p) * (1.0 - p)", "(1.0 - p) * (1.0 - p)"),
    mutation("the logarithm is to base 2", "(1.0 - p) * log(p)", "(1.0 - p) * log2(p)"),
];

const FOCAL_SLOPE: &[Mutation] = &[
    mutation("the factor's slope is left out", "2.0 * log(p) - ", "0.0 - "),
    mutation("the logarithm's slope is left out", " - (1.0 - p) / p)", ")"),
    mutation("the logarithm's slope is added", "- (1.0 - p) / p", "+ (1.0 - p) / p"),
    mutation("the square's 2 is lost", "2.0 * log(p)", "log(p)"),
    mutation("the slope is multiplied by p", "(1.0 - p) / p", "(1.0 - p) * p"),
];

const SUMS: &[Mutation] = &[
    mutation("writes one row past the end", "row >= params.rows", "row > params.rows"),
    mutation("the last row is left out", "row >= params.rows", "row + 1u >= params.rows"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation("class ids are not clamped", "min(class_id[image], params.classes - 1u)", "class_id[image]"),
    mutation("the class is the row's", "class_id[image]", "class_id[row % params.size]"),
    mutation("the image is the row", "let image = row / params.size", "let image = row / (params.size + 1u)"),
    mutation("rows of all images follow one another", "taps(row % params.size)", "taps(row)"),
    mutation("the mask is inverted", "> 0.5", "<= 0.5"),
    mutation(
        "the mask's rows are too long",
        "mask[row * params.size + i]",
        "mask[row * (params.size - 1u) + i]",
    ),
    mutation("marked pixels should be normal", "q = map(image, v, h, k)", "q = q0"),
    mutation("not smoothed", "focal(smoothed(q))", "focal(q)"),
    mutation("the sum of the target, not of normality", "focal(smoothed(q)), q0", "focal(smoothed(q)), q"),
    mutation("normality of good pixels", "select(0.0, q0, defect)", "select(q0, 0.0, defect)"),
    mutation("good pixels are counted", "select(0.0, 1.0, defect)", "select(1.0, 0.0, defect)"),
    mutation("only the last pixel", "sum += vec4", "sum = vec4"),
];

const LOSS: &[Mutation] = &[
    mutation("only the first image", "i < params.images", "i < 1u"),
    mutation("the last image is left out", "i < params.images", "i + 1u < params.images"),
    mutation("dice without its numerator's 1", "2.0 * (t.y - t.z) + 1.0", "2.0 * (t.y - t.z)"),
    mutation("dice without its denominator's 1", "(params.pixels - t.w) + 1.0", "(params.pixels - t.w)"),
    mutation("dice is not doubled", "2.0 * (t.w - t.z)", "(t.w - t.z)"),
    mutation("marked pixels are counted as good", "t.y + (params.pixels - t.w)", "t.y + t.w"),
    mutation("normality is used for defect", "(params.pixels - t.y) + t.w", "t.y + t.w"),
    mutation("the overlap is that of the other", "2.0 * (t.y - t.z)", "2.0 * t.z"),
    mutation("the focal loss is left out", "params.focal * t.x + ", ""),
    mutation(
        "weights are swapped",
        "params.normal * normal + params.defect * defect",
        "params.defect * normal + params.normal * defect",
    ),
    mutation("a score, not a loss", "let normal = 1.0 - ", "let normal = "),
    mutation("the scale is dropped", "params.scale * total", "total"),
];

const BACKWARD: &[Mutation] = &[
    mutation("writes one cell past the end", "cell >= params.cells", "cell > params.cells"),
    mutation("the last cell is left out", "cell >= params.cells", "cell + 1u >= params.cells"),
    mutation("a folded grid is read as one-dimensional", "group.y * grid.x + group.x", "group.x"),
    mutation(
        "the reach starts at the cell",
        "(max(cell, 1u) - 1u) * span / steps + 1u",
        "cell * span / steps + 1u",
    ),
    mutation("the reach ends at the cell", "((cell + 1u) * span + steps - 1u)", "(cell * span + steps - 1u)"),
    mutation(
        "the reach ends one early",
        "((cell + 1u) * span + steps - 1u) / steps",
        "((cell + 1u) * span) / steps",
    ),
    mutation("the last pixel is out of reach", "/ steps, params.size)", "/ steps, params.size - 1u)"),
    mutation("the first pixel is out of reach", "0u, cell == 0u)", "1u, cell == 0u)"),
    mutation("a single cell reaches one pixel", "params.grid == 1u)", "false)"),
    mutation("the upper weight is left out", "select(0.0, t.low_weight, t.low == cell)", "0.0"),
    mutation("the lower weight is left out", " + select(0.0, t.high_weight, t.high == cell)", ""),
    mutation("columns are weighted as rows", "weight(h, column)", "weight(v, row)"),
    mutation("the window's rows for its columns", "i / width", "i % width"),
    mutation(
        "rows and columns are swapped",
        "let column = cell % params.grid",
        "let column = cell / params.grid % params.grid",
    ),
    mutation("class ids are not clamped", "min(class_id[image], params.classes - 1u)", "class_id[image]"),
    mutation("the mask is of the first image", "(image * params.size + y)", "y"),
    mutation("the mask is inverted", "> 0.5", "<= 0.5"),
    mutation("totals of the first image", "totals[image]", "totals[0]"),
    mutation(
        "both numerators are of the normal dice",
        "params.defect * (2.0 * (t.w - t.z) + 1.0)",
        "params.defect * (2.0 * (t.y - t.z) + 1.0)",
    ),
    mutation("the denominator is not squared", "/ (normal * normal)", "/ normal"),
    mutation("numerators are added", "- params.defect * (2.0", "+ params.defect * (2.0"),
    mutation("dice of the good is not doubled", "both - 2.0 * params.normal", "both - params.normal"),
    mutation(
        "dice of the marked has the wrong sign",
        "both + 2.0 * params.defect",
        "both - 2.0 * params.defect",
    ),
    mutation(
        "dice of the good and the marked are swapped",
        "select(dice_good, dice_bad, bad)",
        "select(dice_bad, dice_good, bad)",
    ),
    mutation("dice is left out of marked pixels", "by_normal += w * dice;", ""),
    mutation("dice goes to the class", "by_class += w * by_target", "by_class += w * (by_target + dice)"),
    mutation("the focal loss of normality everywhere", "select(0u, k, bad)", "0u"),
    mutation("the focal weight is dropped", "params.focal * focal_slope", "focal_slope"),
    mutation("the scale is dropped", "params.scale * dy[0]", "dy[0]"),
    mutation("dy is dropped", "params.scale * dy[0]", "params.scale"),
    mutation("other channels are not zero", "select(0.0, to_class, c == k)", "to_class"),
    mutation("normality's channel is the class'", "to_normal, c == 0u", "to_normal, c == k"),
];
