//! Launches that are recorded but not yet submitted.

use std::sync::Arc;

use super::capabilities::MAX_PARAMS;
use super::compile::Pipeline;
use super::error::GpuError;
use super::launch::{RecordStats, Work};
use super::profile::{ActiveProfile, LaunchInfo};

/// Bytes from one launch's parameters to the next in the uniform buffer: the default `minUniformBufferOffsetAlignment`.
pub(super) const SLOT: usize = 256;

/// One launch, ready to be encoded.
pub(super) struct Recorded {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) params: Vec<u8>,
    pub(super) grid: [u32; 3],
    pub(super) work: Work,
    /// Present while a profile is active.
    pub(super) info: Option<LaunchInfo>,
}

/// Parameters of launches on a device without immediates: the uniform buffer's bind group and the buffer.
pub(super) type ParamSlots = (wgpu::BindGroup, wgpu::Buffer);

impl Recorded {
    /// Writes the launch into a pass; `index` is its slot in the uniform buffer.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when its pipeline did not compile.
    pub(super) fn encode(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        slots: Option<&ParamSlots>,
        index: usize,
    ) -> Result<(), GpuError> {
        pass.set_pipeline(self.pipeline.wait()?);
        pass.set_bind_group(0, &self.bind_group, &[]);
        match slots {
            Some((group, _)) => pass.set_bind_group(1, group, &[(index * SLOT) as u32]),
            None => pass.set_immediates(0, &padded(&self.params)),
        }
        let [x, y, z] = self.grid;
        pass.dispatch_workgroups(x, y, z);
        Ok(())
    }
}

/// Pending launches, counters and the active profile.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) pending: Vec<Recorded>,
    /// Arithmetic of the pending launches.
    pub(super) flops: f64,
    pub(super) stats: RecordStats,
    pub(super) profile: Option<ActiveProfile>,
    /// Profiles that were started.
    pub(super) profiles: u64,
}

/// Immediates must all be set; kernels use a prefix of the block.
fn padded(params: &[u8]) -> [u8; MAX_PARAMS] {
    let mut block = [0; MAX_PARAMS];
    block[..params.len()].copy_from_slice(params);
    block
}
