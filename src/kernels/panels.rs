//! Weights as grids of texels, in the order in which a matrix product reads them.

use crate::gpu::{Buffer, Capabilities, Gpu, GpuError};

/// Rows of a panel.
pub const PANEL: usize = 8;

/// A matrix [rows, columns], columns a multiple of 4, cut into panels of eight rows. Texel
/// (x, y) holds the columns 4·(x / 8) to 4·(x / 8) + 3 of row 8·y + x mod 8: eight neighbouring
/// texels are the same columns of a panel's rows. Rows past the last are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panels {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
}

impl Panels {
    /// Texels in a row of the grid, and rows of the grid.
    pub fn grid(self) -> (usize, usize) {
        (self.columns / 4 * PANEL, self.rows.div_ceil(PANEL))
    }

    /// Why this device cannot hold the matrix this way, if it cannot.
    pub fn refused(self, caps: &Capabilities) -> Option<String> {
        let (width, height) = self.grid();
        match caps.storage_texture_size as usize {
            0 => Some("shaders cannot read texels here".to_owned()),
            _ if !self.columns.is_multiple_of(4) => Some("k is not a multiple of 4".to_owned()),
            limit if width.max(height) > limit => {
                Some(format!("a grid of {width}×{height} texels exceeds this device's {limit}"))
            }
            _ => None,
        }
    }

    /// The texels of a row-major matrix [rows, columns], four floats each.
    pub fn pack(self, matrix: &[f32]) -> Vec<f32> {
        let (width, height) = self.grid();
        let mut texels = vec![0.0; 4 * width * height];
        for (row, values) in matrix.chunks(self.columns).enumerate() {
            let first = 4 * (row / PANEL * width + row % PANEL);
            for (to, from) in texels[first..].chunks_mut(4 * PANEL).zip(values.chunks(4)) {
                to[..4].copy_from_slice(from);
            }
        }
        texels
    }

    /// Uploads a row-major matrix [rows, columns].
    ///
    /// # Errors
    /// Those of [`Gpu::upload_storage_texture`].
    pub fn upload(self, gpu: &Gpu, matrix: &[f32], what: &str) -> Result<Buffer, GpuError> {
        gpu.upload_storage_texture(&self.pack(matrix), self.grid().0 as u32, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texel_holds_four_columns_of_one_row() {
        let panels = Panels { rows: 11, columns: 12 };
        let matrix: Vec<f32> = (0..11 * 12).map(|i| i as f32).collect();
        let texels = panels.pack(&matrix);
        assert_eq!(panels.grid(), (24, 2));
        for (row, column) in [(0, 0), (3, 5), (8, 11), (10, 4)] {
            let (x, y) = (column / 4 * 8 + row % 8, row / 8);
            assert_eq!(texels[4 * (y * 24 + x) + column % 4], matrix[row * 12 + column]);
        }
        // Row 11 would be the fourth of the second panel.
        assert_eq!(texels[4 * (24 + 3)..][..4], [0.0; 4]);
    }
}
