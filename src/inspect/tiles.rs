//! One result of a large image and its tiles.
//!
//! A large image goes through the model as a whole and once more in overlapping tiles. The rule by which the results
//! become one:
//! * the score and the type are those of the whole image: a tile cut out of an object is not what prompts describe,
//!   and the largest of many scores would raise alarms on large images only because they are large;
//! * at each pixel of the map the tiles that cover it are averaged, weighted by how far the pixel lies from the edge
//!   of the tile (where a tile sees little of the surroundings), and the map is the mean of that and the whole's;
//! * what the whole showed is kept beside it, so that a region that tiles dilute has its box all the same.

use crate::dapo::Detection;
use crate::data::Tile;

/// One result from that of the whole image, of `size` (width, height) in pixels, and those of its tiles.
pub fn merge(whole: Detection, size: (u32, u32), tiles: Vec<(Tile, Detection)>) -> Detection {
    if tiles.is_empty() {
        return whole;
    }
    let edge = whole.size;
    let area = edge * edge;
    let channels = whole.maps.len() / area;
    let mut sums = vec![0.0f32; whole.maps.len()];
    let mut weights = vec![0.0f32; area];
    for (tile, found) in &tiles {
        let columns = Axis::new(edge, size.0, tile.x, tile.width);
        for row in Axis::new(edge, size.1, tile.y, tile.height).cells {
            for column in &columns.cells {
                let at = row.cell * edge + column.cell;
                let weight = row.weight * column.weight;
                weights[at] += weight;
                for channel in 0..channels {
                    let map = &found.maps[channel * area..][..area];
                    let along = |y: usize| {
                        let (left, right) = (map[y * edge + column.below], map[y * edge + column.above]);
                        left + column.part * (right - left)
                    };
                    let (top, bottom) = (along(row.below), along(row.above));
                    sums[channel * area + at] += weight * (top + row.part * (bottom - top));
                }
            }
        }
    }
    let mut merged = whole;
    merged.whole = Some(merged.binary_map());
    for (at, value) in merged.maps.iter_mut().enumerate() {
        let weight = weights[at % area];
        if weight > 0.0 {
            *value = (*value + sums[at] / weight) / 2.0;
        }
    }
    merged
}

/// A cell of the whole's map that a tile covers, along one axis.
#[derive(Debug, Clone, Copy)]
struct Cell {
    cell: usize,
    /// The two cells of the tile's map between which its centre lies, and how far it is to the second.
    below: usize,
    above: usize,
    part: f32,
    weight: f32,
}

struct Axis {
    cells: Vec<Cell>,
}

impl Axis {
    /// Cells of a map of `edge` cells over `length` pixels whose centres lie in `start .. start + extent`.
    fn new(edge: usize, length: u32, start: u32, extent: u32) -> Self {
        let cell = |cell: usize| {
            let centre = (cell as f64 + 0.5) / edge as f64 * f64::from(length);
            let inside = (centre - f64::from(start)) / f64::from(extent);
            if !(0.0..1.0).contains(&inside) {
                return None;
            }
            let place = (inside * edge as f64 - 0.5).clamp(0.0, (edge - 1) as f64);
            let below = place.floor() as usize;
            let weight = inside.min(1.0 - inside).max(1e-3) as f32;
            let part = (place - below as f64) as f32;
            Some(Cell { cell, below, above: (below + 1).min(edge - 1), part, weight })
        };
        Self { cells: (0..edge).filter_map(cell).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tiling;

    fn detection(map: Vec<f32>, size: usize) -> Detection {
        let probabilities = vec![0.75, 0.25];
        Detection {
            score: 0.25,
            probabilities,
            defect: 0,
            maps: map,
            size,
            layers: 1,
            whole: None,
            comparison: None,
        }
    }

    #[test]
    fn a_map_in_tiles_is_put_together_in_place() {
        // A ramp over 200 pixels, seen as a whole and in three tiles: each gives the same ramp where it lies.
        let size = 16;
        let ramp = |start: f32, extent: f32| -> Vec<f32> {
            let column = |c: usize| (start + (c as f32 + 0.5) / size as f32 * extent) / 200.0;
            (0..size * size).map(|at| column(at % size)).collect()
        };
        let tiling = Tiling { edge: 80, overlap: 0.2 };
        let tiles: Vec<(Tile, Detection)> = tiling
            .tiles((200, 60))
            .into_iter()
            .map(|t| (t, detection(ramp(t.x as f32, t.width as f32), size)))
            .collect();
        assert_eq!(tiles.len(), 3);
        let whole = ramp(0.0, 200.0);
        let merged = merge(detection(whole.clone(), size), (200, 60), tiles);
        assert_eq!(merged.score, 0.25);
        for (at, (merged, whole)) in merged.maps.iter().zip(&whole).enumerate() {
            // Within half a cell of the image's edges a tile's map has no second neighbour.
            let tolerance = if at % size == 0 || at % size == size - 1 { 0.02 } else { 1e-6 };
            assert!((merged - whole).abs() <= tolerance, "{at}: {merged} {whole}");
        }
    }

    #[test]
    fn a_small_defect_that_only_a_tile_sees_is_on_the_map() {
        let size = 8;
        let mut seen = vec![1.0; 64];
        seen[0] = 0.0;
        let quiet = || detection(vec![1.0; 64], size);
        let tiles = Tiling { edge: 50, overlap: 0.0 }.tiles((100, 100));
        let parts: Vec<(Tile, Detection)> = tiles
            .iter()
            .map(|&t| (t, if t.x + t.y == 0 { detection(seen.clone(), size) } else { quiet() }))
            .collect();
        let merged = merge(quiet(), (100, 100), parts);
        let low: Vec<usize> = (0..64).filter(|&at| merged.maps[at] < 0.9).collect();
        assert_eq!(low, [0], "{:?}", merged.maps);
        assert_eq!(merged.whole, Some(vec![0.0; 64]), "what the whole showed");
    }
}
