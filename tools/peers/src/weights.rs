//! The ViT's weights, read from the folder that `py/vit.py` writes.

use safetensors::SafeTensors;

use crate::Fault;

/// A model.safetensors with float32 tensors.
pub struct Weights {
    bytes: Vec<u8>,
}

impl Weights {
    /// Reads the file of the folder that the driver names.
    pub fn open() -> Result<Self, Fault> {
        let path = crate::model_folder()?.join("model.safetensors");
        Ok(Self { bytes: std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))? })
    }

    /// A tensor by its whole name.
    pub fn get(&self, name: &str) -> Result<Vec<f32>, Fault> {
        let all = SafeTensors::deserialize(&self.bytes)?;
        let data = all.tensor(name).map_err(|e| format!("{name}: {e}"))?.data();
        Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// A tensor of the vision tower.
    pub fn vision(&self, name: &str) -> Result<Vec<f32>, Fault> {
        self.get(&format!("vision_model.{name}"))
    }
}
