//! A launch decided in full: shader, parameters and grid, and the pieces that they are made of.

use crate::gpu::{Capabilities, Define, ShaderSpec, Work};

/// How many bytes and operations a launch needs; see [`Work`].
pub type Cost = Work;

/// Constants, flags and types of a shader variant, by name.
pub type Defines = Vec<(&'static str, Define)>;

/// The shader with its constants, and the parameters and grid that fit it: made by one decision, so that
/// they cannot drift apart.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Shader and constants.
    pub shader: ShaderSpec,
    /// The shader's `Params`, at most 128 bytes; see [`param_bytes`].
    pub params: Vec<u8>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

/// A second launch, which finishes what a variant's first one has left in a buffer between the two.
#[derive(Debug, Clone)]
pub struct Finish {
    /// What profiles call it.
    pub name: &'static str,
    /// Float32 elements of the buffer between the launches, the only output of the first.
    pub between: usize,
    /// How many of the problem's inputs the first launch reads, from the first one on. The second reads the buffer
    /// between and the other inputs, in this order, and writes the outputs.
    pub inputs: usize,
    /// Its plan.
    pub plan: Plan,
    /// What it costs, besides the problem's own cost.
    pub work: Cost,
}

/// Shader files that others include.
pub fn include(name: &str) -> Option<(&'static str, &'static str)> {
    macro_rules! files {
        ($($file:literal),*) => {
            match name {
                $($file => Some(($file, include_str!(concat!("../../shaders/", $file)))),)*
                _ => None,
            }
        };
    }
    files!(
        "common/activation.wgsl",
        "common/activation_slope.wgsl",
        "common/matmul.wgsl",
        "common/nearest.wgsl",
        "common/pixels.wgsl",
        "common/quad.wgsl",
        "common/registers.wgsl",
        "common/resample.wgsl",
        "common/rows.wgsl",
        "common/stage.wgsl",
        "common/swizzle.wgsl",
        "common/total.wgsl",
        "common/weights.wgsl"
    )
}

/// Declares a [`ShaderSpec`] for a file below `shaders/` of the crate that is
/// being compiled, this one or one of your own; `#include` finds this crate's common files.
#[macro_export]
macro_rules! shader {
    ($file:literal, $defines:expr) => {
        $crate::gpu::ShaderSpec {
            file: $file,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
            defines: $defines,
            includes: $crate::kernels::include,
        }
    };
}
pub use shader;

/// The bytes of a shader's `Params`; floats are passed as their bits.
pub fn param_bytes(words: &[u32]) -> Vec<u8> {
    bytemuck::cast_slice(words).to_vec()
}

/// A grid of `groups` workgroups as two dimensions, each within the device's limit; shaders read
/// the linear index as `id.y * grid.x + id.x` and ignore what is past the end.
pub fn linear_grid(groups: usize, caps: &Capabilities) -> [u32; 3] {
    let limit = caps.limits.workgroups as usize;
    if groups <= limit {
        return [groups as u32, 1, 1];
    }
    let rows = groups.div_ceil(limit);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}
