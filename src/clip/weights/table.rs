//! Embedding tables that stay in the file.

use super::header::Shard;
use crate::clip::error::ModelError;
use crate::clip::noise::Noise;
use std::sync::Arc;

/// A `[rows, width]` table that is too large to copy as a whole: rows are read from the file, or generated, on demand.
#[derive(Debug, Clone)]
pub struct HostTable {
    source: Source,
    rows: usize,
    width: usize,
}

/// Where the rows come from.
#[derive(Debug, Clone)]
enum Source {
    /// The tensor of this name.
    File(Arc<Shard>, String),
    /// Random numbers.
    Noise(Noise),
}

impl HostTable {
    /// The tensor `name` of `shard`, which must have this shape.
    pub(super) fn new(shard: Arc<Shard>, name: &str, rows: usize, width: usize) -> Self {
        HostTable { source: Source::File(shard, name.to_owned()), rows, width }
    }

    /// Random rows of approximately unit length.
    pub fn random(noise: Noise, rows: usize, width: usize) -> Self {
        HostTable { source: Source::Noise(noise), rows, width }
    }

    /// Rows `ids`: `[ids.len(), width]`.
    ///
    /// # Errors
    /// [`ModelError::Row`] when an id is not a row; [`ModelError::Value`], [`ModelError::Truncated`] and
    /// [`ModelError::Read`] when the file changed since it was opened.
    pub fn rows(&self, ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        let noise = match &self.source {
            // The table was made from a tensor of this shard, so the view is always there.
            Source::File(shard, name) => {
                return shard.view(name).map_or(Ok(Vec::new()), |view| view.rows_f32(ids));
            }
            Source::Noise(noise) => noise,
        };
        let deviation = 1.0 / (self.width as f32).sqrt();
        let mut out = Vec::with_capacity(ids.len() * self.width);
        for &row in ids {
            if row as usize >= self.rows {
                let tensor = "the random token table".to_owned();
                return Err(ModelError::Row { tensor, row, rows: self.rows });
            }
            out.extend(noise.part(u64::from(row)).values(self.width, deviation));
        }
        Ok(out)
    }
}
