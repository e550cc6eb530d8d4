//! From an anomaly map to boxes: threshold, connected components, one box per component.
//!
//! A pure function of the map, so that the same map always gives the same boxes. Pixels that touch by an edge or a
//! corner belong together (8-connectivity): scratches are often one pixel wide and run diagonally.

use super::components::components;

/// Settings of [`find_regions`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionOptions {
    /// A pixel belongs to a region if its value is **at least** this. Must be finite.
    pub threshold: f32,
    /// Components with fewer *map* pixels are dropped as noise, and counted.
    pub min_area: usize,
    /// At most this many regions are returned, the highest scores first; the others are counted.
    pub max_regions: usize,
}

impl Default for RegionOptions {
    /// Threshold 0.5, at least 16 map pixels, at most 64 regions.
    fn default() -> Self {
        Self { threshold: 0.5, min_area: 16, max_regions: 64 }
    }
}

/// A box around one connected region, in pixels of the original image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1; `x + width` never exceeds the image.
    pub width: u32,
    /// Height, at least 1; `y + height` never exceeds the image.
    pub height: u32,
    /// Largest value of the map inside the region.
    pub score: f32,
    /// Area of the region (not of its box), scaled to original pixels and rounded.
    pub area: u64,
    /// Defect channel with the largest sum inside the region, counted from 0 for the first *defect*; `None` without
    /// class maps.
    pub class: Option<usize>,
}

/// The regions of a map, and how many it has besides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Regions {
    /// The regions, the highest scores first.
    pub found: Vec<Region>,
    /// Components of less than [`RegionOptions::min_area`], which were dropped.
    pub small: usize,
    /// Components beyond [`RegionOptions::max_regions`], which were dropped.
    pub beyond: usize,
}

/// Why no regions could be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegionError {
    /// The map or the image has no pixels, or the slice does not match the stated size.
    #[error("the {what} has {values} values, which does not fit a map of {width} x {height}")]
    Size {
        /// `"map"` or `"class maps"`.
        what: &'static str,
        /// Values given.
        values: usize,
        /// Stated width.
        width: usize,
        /// Stated height.
        height: usize,
    },
    /// The original image has no pixels.
    #[error("the original image of {width} x {height} has no pixels")]
    EmptyImage {
        /// Stated width.
        width: u32,
        /// Stated height.
        height: u32,
    },
    /// NaN or infinity. Ignoring it would hide a broken model, so it is an error.
    #[error("the {what} at x {x}, y {y} is {value}, not a finite number")]
    NotFinite {
        /// `"map"` or `"class maps"`.
        what: &'static str,
        /// Column.
        x: usize,
        /// Row.
        y: usize,
        /// The value.
        value: f32,
    },
    /// A threshold that is NaN or infinite.
    #[error("the region threshold is {0}; give a finite number")]
    Threshold(f32),
}

/// Finds the regions of a map of `width` × `height` values (row-major) and maps their boxes to an image of
/// `original` = (width, height) pixels, which the map covers completely.
///
/// `classes`, if given, is `[C, height, width]` with the normal class in channel 0; it names the defect of each region.
/// The regions are sorted by score, highest first; equal scores by larger area, then top to bottom and left to right.
///
/// A box is widened to whole original pixels, so it always contains its region. No pixel at or above the threshold
/// gives an empty list; a map that lies above it everywhere gives one box around the whole image.
///
/// # Errors
/// [`RegionError`] for sizes that do not fit, and for NaN or infinity in the threshold, the map or the class maps.
///
/// ```
/// use dapo_wgpu::dapo::regions::{RegionOptions, find_regions};
///
/// #[rustfmt::skip]
/// let map = [
///     0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
///     0.1, 0.7, 0.1, 0.1, 0.1, 0.1,
///     0.1, 0.1, 0.9, 0.1, 0.1, 0.1, // touches the pixel above by a corner
///     0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
///     0.1, 0.1, 0.1, 0.1, 0.6, 0.6,
///     0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
/// ];
/// let options = RegionOptions { min_area: 2, ..RegionOptions::default() };
/// let regions = find_regions(&map, (6, 6), (60, 60), None, &options)?.found;
/// assert_eq!(regions.len(), 2);
/// let first = &regions[0];
/// assert_eq!((first.x, first.y, first.width, first.height), (10, 10, 20, 20));
/// assert_eq!((first.score, first.area), (0.9, 200));
/// # Ok::<(), dapo_wgpu::dapo::regions::RegionError>(())
/// ```
pub fn find_regions(
    map: &[f32],
    (width, height): (usize, usize),
    original: (u32, u32),
    classes: Option<&[f32]>,
    options: &RegionOptions,
) -> Result<Regions, RegionError> {
    let plane = width.checked_mul(height).unwrap_or(0);
    check(map, "map", width, height, plane != 0 && map.len() == plane)?;
    if let Some(classes) = classes {
        let whole = plane != 0 && classes.len() % plane == 0 && classes.len() >= 2 * plane;
        check(classes, "class maps", width, height, whole)?;
    }
    if original.0 == 0 || original.1 == 0 {
        return Err(RegionError::EmptyImage { width: original.0, height: original.1 });
    }
    if !options.threshold.is_finite() {
        return Err(RegionError::Threshold(options.threshold));
    }

    let (mut found, mut small) = (Vec::new(), 0);
    components(map, (width, height), options.threshold, |members| {
        if members.len() >= options.min_area {
            found.push(region(map, classes, members, (width, height), original));
        } else {
            small += 1;
        }
    });
    found.sort_by(|a: &Region, b: &Region| {
        let by_score = b.score.total_cmp(&a.score).then(b.area.cmp(&a.area));
        by_score.then((a.y, a.x).cmp(&(b.y, b.x)))
    });
    let beyond = found.len().saturating_sub(options.max_regions);
    found.truncate(options.max_regions);
    Ok(Regions { found, small, beyond })
}

/// Puts regions of `whole` into `map`, a mean of it and of other maps, that no region of the map has a pixel of; both of
/// `width` × `height` values. Afterwards [`find_regions`] finds in the map what it finds in `whole`, or what is left of it.
/// Returns how many regions were put back. `options` are those of the map, `own` those of `whole`.
///
/// ```
/// use dapo_wgpu::dapo::regions::{RegionOptions, restore_regions};
///
/// let options = RegionOptions { threshold: 0.5, min_area: 2, max_regions: 64 };
/// let whole = [0.9, 0.9, 0.0, 0.0, 0.8, 0.8];
/// let mut map = [0.6, 0.6, 0.0, 0.0, 0.4, 0.4];
/// assert_eq!(restore_regions(&mut map, &whole, (6, 1), &options, &options), 1);
/// assert_eq!(map, [0.6, 0.6, 0.0, 0.0, 0.8, 0.8]);
/// ```
pub fn restore_regions(
    map: &mut [f32],
    whole: &[f32],
    (width, height): (usize, usize),
    options: &RegionOptions,
    own: &RegionOptions,
) -> usize {
    if map.len() != whole.len() || width.checked_mul(height) != Some(map.len()) {
        return 0; // which finding regions refuses
    }
    let mut found = vec![false; map.len()];
    components(map, (width, height), options.threshold, |members| {
        if members.len() >= options.min_area {
            members.iter().for_each(|&at| found[at] = true);
        }
    });
    let mut restored = 0;
    components(whole, (width, height), own.threshold, |members| {
        if members.len() >= own.min_area && !members.iter().any(|&at| found[at]) {
            members.iter().for_each(|&at| map[at] = whole[at].max(map[at]));
            restored += 1;
        }
    });
    restored
}

/// Refuses a slice that does not fit its stated size or holds a value that is not finite.
fn check(
    values: &[f32],
    what: &'static str,
    width: usize,
    height: usize,
    fits: bool,
) -> Result<(), RegionError> {
    if !fits {
        return Err(RegionError::Size { what, values: values.len(), width, height });
    }
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let inside = at % (width * height);
            Err(RegionError::NotFinite { what, x: inside % width, y: inside / width, value: values[at] })
        }
    }
}

/// Box, score, area and class of the component `members` (not empty).
fn region(
    map: &[f32],
    classes: Option<&[f32]>,
    members: &[usize],
    (width, height): (usize, usize),
    original: (u32, u32),
) -> Region {
    let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
    let mut score = f32::NEG_INFINITY;
    for &at in members {
        let (x, y) = (at % width, at / width);
        (left, right) = (left.min(x), right.max(x + 1));
        (top, bottom) = (top.min(y), bottom.max(y + 1));
        score = score.max(map[at]);
    }
    let class = classes.and_then(|classes| {
        let total = |channel: &[f32]| members.iter().map(|&at| f64::from(channel[at])).sum::<f64>();
        let totals: Vec<f64> = classes.chunks_exact(width * height).skip(1).map(total).collect();
        // max_by keeps the last of equals; in reverse that is the first, as an argmax should.
        (0..totals.len()).rev().max_by(|&a, &b| totals[a].total_cmp(&totals[b]))
    });
    let (x, box_width) = span(left, right, width, original.0);
    let (y, box_height) = span(top, bottom, height, original.1);
    let image = f64::from(original.0) * f64::from(original.1);
    let area = (members.len() as f64 * image / (width * height) as f64).round().max(1.0) as u64;
    Region { x, y, width: box_width, height: box_height, score, area, class }
}

/// Map columns `from..to` of `cells` as (start, length) in an image of `pixels`, widened to whole pixels.
fn span(from: usize, to: usize, cells: usize, pixels: u32) -> (u32, u32) {
    let (cells, scale) = (cells as u64, u64::from(pixels));
    let start = from as u64 * scale / cells;
    let end = (to as u64 * scale).div_ceil(cells);
    // Both are at most `pixels`, so they fit.
    (start as u32, (end - start) as u32)
}

#[cfg(test)]
mod tests;
