//! Kernels of one's own: a kernel, an activation with its gradient, a variant, and a network.

pub mod activation_wide;
pub mod isru;
pub mod network;
pub mod scale_shift;

use dapo_wgpu::kernels::registry::Registry;

/// The kernels of dapo-wgpu and these.
pub fn registry() -> Registry {
    Registry::builtin()
        .with(scale_shift::family())
        .with(isru::family())
        .with(isru::family_backward())
        .with(activation_wide::family())
}
