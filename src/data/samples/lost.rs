//! Defects that are gone from a mask once it is scaled down.

use image::GrayImage;

/// Which of the defects of a mask are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    None,
    Some,
    All,
}

/// Compares a mask with its cells at another size, `[height, width]`. A defect is a region of pixels that touch, at
/// corners too; it is there if a cell that it reaches into is defective.
pub(super) fn lost(mask: &GrayImage, cells: &[f32], [width, height]: [u32; 2]) -> Lost {
    if !cells.iter().any(|cell| *cell > 0.0) {
        return Lost::All;
    }
    let (columns, rows) = (mask.width() as usize, mask.height() as usize);
    if columns <= width as usize && rows <= height as usize {
        return Lost::None; // A mask that is not scaled down keeps its defects.
    }
    let cell = |at: usize| {
        let x = at % columns * width as usize / columns;
        let y = at / columns * height as usize / rows;
        cells[y * width as usize + x] > 0.0
    };
    let mut left: Vec<bool> = mask.iter().map(|value| *value > 0).collect();
    let mut stack = Vec::new();
    for start in 0..left.len() {
        if !std::mem::take(&mut left[start]) {
            continue;
        }
        stack.push(start);
        let mut is_there = false;
        while let Some(at) = stack.pop() {
            is_there |= cell(at);
            let (x, y) = (at % columns, at / columns);
            for row in y.saturating_sub(1)..(y + 2).min(rows) {
                for column in x.saturating_sub(1)..(x + 2).min(columns) {
                    if std::mem::take(&mut left[row * columns + column]) {
                        stack.push(row * columns + column);
                    }
                }
            }
        }
        if !is_there {
            return Lost::Some;
        }
    }
    Lost::None
}
