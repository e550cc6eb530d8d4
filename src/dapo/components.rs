//! Thresholds and connected components, the image processing under [`find_regions`](super::regions::find_regions).

/// How the threshold of a map is chosen; a pixel belongs to a region if its value is **at least** the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// The same value for every image. Right for calibrated maps; a normal image then has no boxes.
    Fixed(f32),
    /// `max(floor, median + fraction · (max − median))` of the map itself.
    ///
    /// The median stands for the background, since defects rarely cover half an image; with `fraction` 0.5 a region
    /// is what rises over half the height of the highest peak. It adapts to maps whose level differs from image to
    /// image, and is why `floor` is needed: every map has a peak, also that of a normal image, and only a peak of at
    /// least `floor` counts.
    Adaptive {
        /// Where between the median (0) and the maximum (1) to cut.
        fraction: f32,
        /// The lowest threshold allowed.
        floor: f32,
    },
}

impl Threshold {
    /// The value at which `map` (not empty, finite) is cut; `None` if a number is not finite or the
    /// fraction outside 0..=1.
    pub(super) fn level(self, map: &[f32]) -> Option<f32> {
        match self {
            Threshold::Fixed(value) if value.is_finite() => Some(value),
            Threshold::Adaptive { fraction, floor }
                if (0.0..=1.0).contains(&fraction) && floor.is_finite() =>
            {
                let mut values = map.to_vec();
                let middle = values.len() / 2;
                let (_, &mut median, above) = values.select_nth_unstable_by(middle, f32::total_cmp);
                let maximum = above.iter().copied().fold(median, f32::max);
                // min: rounding must not lift the threshold over the peak itself.
                Some(floor.max((median + fraction * (maximum - median)).min(maximum)))
            }
            _ => None,
        }
    }
}

/// Calls `found` with the pixel indices of each 8-connected component of `map` at or above `threshold`, in the order of
/// their first pixel. `map` must have `width * height` values.
pub(super) fn components(
    map: &[f32],
    (width, height): (usize, usize),
    threshold: f32,
    mut found: impl FnMut(&[usize]),
) {
    let mut seen = vec![false; map.len()];
    let mut members = Vec::new();
    for start in 0..map.len() {
        if seen[start] || map[start] < threshold {
            continue;
        }
        // A queue and not a recursion, which would be as deep as the component has pixels. The queue is also the list
        // of members.
        members.clear();
        members.push(start);
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = members.get(next) {
            next += 1;
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let neighbour = ny * width + nx;
                    if !seen[neighbour] && map[neighbour] >= threshold {
                        seen[neighbour] = true;
                        members.push(neighbour);
                    }
                }
            }
        }
        found(&members);
    }
}
