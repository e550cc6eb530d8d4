//! Weights as storage textures, in the order in which a matrix product reads them.

use super::unmet::Unmet;
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
    /// Width and height of the texture in texels.
    pub fn grid(self) -> (usize, usize) {
        (self.columns / 4 * PANEL, self.rows.div_ceil(PANEL))
    }

    /// Whether this device can hold the matrix this way.
    ///
    /// # Errors
    /// What it lacks.
    pub fn supported(self, caps: &Capabilities) -> Result<(), Unmet> {
        let ((width, height), limit) = (self.grid(), caps.storage_texture_size as usize);
        Unmet::StorageTextures.unless(limit > 0)?;
        Unmet::multiple_of_4("k", self.columns)?;
        Unmet::TextureSize { width, height, limit }.unless(width.max(height) <= limit)
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

    /// Uploads a row-major matrix [rows, columns] as a storage texture.
    ///
    /// # Errors
    /// See [`Gpu::upload_storage_texture`].
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
