//! Boxes as pixels.

use image::GrayImage;

/// Filled rectangles: every pixel that a box touches. The time grows with the pixels and the number of boxes, not with their
/// areas, however they overlap.
pub(super) fn drawn(width: u32, height: u32, boxes: &[[f32; 4]]) -> GrayImage {
    // Where a box begins and ends: the row, and what happens to its first column and to the one behind its last.
    let mut edges: Vec<(u32, usize, usize, i32)> = Vec::new();
    for &[x, y, w, h] in boxes {
        // The casts saturate: a box may reach beyond the image, or lie outside.
        let (left, right) = (x.floor() as u32, ((x + w).ceil() as u32).min(width));
        let (upper, lower) = (y.floor() as u32, ((y + h).ceil() as u32).min(height));
        if left < right && upper < lower {
            edges.push((upper, left as usize, right as usize, 1));
            edges.push((lower, left as usize, right as usize, -1));
        }
    }
    edges.sort_unstable();
    let mut image = GrayImage::new(width, height);
    // How many more boxes cover a column than the one before it.
    let mut steps = vec![0_i32; width as usize + 1];
    let mut row = vec![0_u8; width as usize];
    let mut edges = edges.into_iter().peekable();
    for (y, pixels) in image.chunks_exact_mut((width as usize).max(1)).enumerate() {
        let mut is_changed = false;
        while let Some((_, left, right, step)) = edges.next_if(|(at, ..)| *at as usize <= y) {
            steps[left] += step;
            steps[right] -= step;
            is_changed = true;
        }
        if is_changed {
            let mut covered = 0;
            for (pixel, step) in row.iter_mut().zip(&steps) {
                covered += step;
                *pixel = if covered > 0 { 255 } else { 0 };
            }
        }
        pixels.copy_from_slice(&row);
    }
    image
}
