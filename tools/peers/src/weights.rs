//! Tensors that the driver hands over: the ViT's, which `py/vit.py` writes, and those of `train_step.py`.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::Fault;

/// A safetensors file with float32 tensors.
pub struct Weights {
    bytes: Vec<u8>,
}

impl Weights {
    /// Reads model.safetensors of the folder that the driver names.
    pub fn open() -> Result<Self, Fault> {
        Self::read(&crate::model_folder()?.join("model.safetensors"))
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        Ok(Self { bytes: std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))? })
    }

    /// A tensor by its whole name.
    pub fn get(&self, name: &str) -> Result<Vec<f32>, Fault> {
        Ok(self.shaped(name)?.0)
    }

    /// A tensor and its shape. Fails if there is none, or if it is not of float32.
    pub fn shaped(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), Fault> {
        let all = SafeTensors::deserialize(&self.bytes)?;
        let found = all.tensor(name).map_err(|e| format!("{name}: {e}"))?;
        if found.dtype() != Dtype::F32 {
            return Err(format!("{name}: {:?} where F32 is expected", found.dtype()).into());
        }
        let values = found.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok((values.collect(), found.shape().to_vec()))
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).is_ok_and(|all| all.tensor(name).is_ok())
    }

    /// A tensor of the vision tower.
    pub fn vision(&self, name: &str) -> Result<Vec<f32>, Fault> {
        self.get(&format!("vision_model.{name}"))
    }
}
