//! Large images in tiles, for defects that would vanish when the whole is scaled down.
//!
//! An image is seen once as a whole and once more in overlapping tiles. The rule by which they become one result:
//! * the score and the type are those of the whole image: a tile cut out of an object is not what prompts describe,
//!   and the largest of many scores would raise alarms on large images only because they are large;
//! * at each pixel of the map the tiles that cover it are averaged, weighted by how far the pixel lies from the edge
//!   of the tile (where a tile sees little of the surroundings), and the map is the mean of that and the whole's.

use super::detect::Detection;

/// A part of an image, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

/// How images are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiling {
    /// Edge of a tile in pixels of the image.
    pub edge: u32,
    /// Share of a tile that it has in common with its neighbour, at least; from 0 to 0.9.
    pub overlap: f32,
}

impl Tiling {
    /// Tiles that cover an image, row by row; none if a single one would show all of it.
    pub fn tiles(&self, (width, height): (u32, u32)) -> Vec<Tile> {
        let (columns, rows) = (self.cuts(width), self.cuts(height));
        if columns.len() * rows.len() == 1 {
            return Vec::new();
        }
        let tile = |(x, w): (u32, u32), (y, h): (u32, u32)| Tile { x, y, width: w, height: h };
        rows.iter().flat_map(|&row| columns.iter().map(move |&column| tile(column, row))).collect()
    }

    /// Starts and lengths along an axis: evenly spread, all of the same length.
    fn cuts(&self, length: u32) -> Vec<(u32, u32)> {
        let edge = self.edge.max(1);
        if length <= edge {
            return vec![(0, length)];
        }
        let step = f64::from(edge) * (1.0 - f64::from(self.overlap.clamp(0.0, 0.9)));
        let room = f64::from(length - edge);
        // A hair less: an overlap in float32 must not cost a tile more.
        let steps = (room / step - 1e-6).ceil().max(1.0);
        (0..=steps as u32).map(|i| ((f64::from(i) * room / steps).round() as u32, edge)).collect()
    }
}

/// One result from that of the whole image, of `size` (width, height) in pixels, and those of its tiles.
pub fn merge(whole: Detection, size: (u32, u32), tiles: &[(Tile, Detection)]) -> Detection {
    if tiles.is_empty() {
        return whole;
    }
    let edge = whole.size;
    let area = edge * edge;
    let channels = whole.maps.len() / area;
    let mut sums = vec![0.0f32; whole.maps.len()];
    let mut weights = vec![0.0f32; area];
    for (tile, found) in tiles {
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

    fn detection(map: Vec<f32>, size: usize) -> Detection {
        Detection { score: 0.25, probabilities: vec![0.75, 0.25], defect: 0, maps: map, size, layers: 1 }
    }

    #[test]
    fn tiles_cover_the_image_and_overlap() {
        for (length, edge, overlap) in [(1000, 300, 0.25), (301, 300, 0.0), (5000, 512, 0.5), (7, 3, 0.9)] {
            let cuts = Tiling { edge, overlap }.cuts(length);
            assert_eq!((cuts[0].0, cuts.last().map(|c| c.0 + c.1)), (0, Some(length)), "{cuts:?}");
            for pair in cuts.windows(2) {
                let common = i64::from(pair[0].0 + edge) - i64::from(pair[1].0);
                // Rounding to whole pixels may cost one.
                assert!(common as f32 >= edge as f32 * overlap - 1.0, "{cuts:?}");
            }
        }
        let tiling = Tiling { edge: 100, overlap: 0.2 };
        assert!(tiling.tiles((100, 80)).is_empty());
        assert_eq!(tiling.tiles((180, 80)).len(), 2);
        assert_eq!(tiling.tiles((180, 180)).len(), 4);
        assert_eq!(tiling.tiles((180, 60))[1], Tile { x: 80, y: 0, width: 100, height: 60 });
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
        let merged = merge(detection(whole.clone(), size), (200, 60), &tiles);
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
        let merged = merge(quiet(), (100, 100), &parts);
        let low: Vec<usize> = (0..64).filter(|&at| merged.maps[at] < 0.9).collect();
        assert_eq!(low, [0], "{:?}", merged.maps);
    }
}
