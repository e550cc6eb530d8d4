//! Cutting large images into overlapping tiles, for defects that would vanish when the whole is scaled down.

/// A part of an image, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
