//! Kernels of one's own: a family and a variant.

pub mod activation_wide;
pub mod scale_shift;

use dapo_wgpu::kernels::registry::Registry;

/// The kernels of dapo-wgpu and these.
pub fn registry() -> Registry {
    Registry::builtin().with(scale_shift::family()).with(activation_wide::family())
}
