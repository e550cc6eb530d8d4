//! Storage textures: data that the host writes once and many launches read, such as weights.
//!
//! Where a CPU runs the shaders, reading a buffer element by element is a loop over the lanes with a
//! bounds check in each iteration, and reading a texel is not; see `docs/performance.md`.

use super::buffer::{Buffer, TEXEL_BYTES};
use super::device::Gpu;
use super::error::GpuError;
use super::memory::Purpose;
use super::transfer::UPLOAD_CHUNK;
use super::wait;

impl Gpu {
    /// A new storage texture, `width` texels of four floats to a row, that shaders read as
    /// `texture_storage_2d<rgba32float, read>`. `what` names it in errors.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] when width or height exceeds the device's limit, [`GpuError::OutOfMemory`], and
    /// [`GpuError::Validation`] when the values do not fill whole rows or the device has no such textures.
    pub fn upload_storage_texture(&self, values: &[f32], width: u32, what: &str) -> Result<Buffer, GpuError> {
        let rows = values.len() / (4 * width.max(1) as usize);
        let limit = self.capabilities().storage_texture_size;
        if limit == 0 || values.is_empty() || values.len() != rows * 4 * width as usize {
            let message = format!(
                "{what}: {} values cannot be a storage texture of {width} texels a row on this device",
                values.len()
            );
            return Err(GpuError::Validation { message });
        }
        let edge = rows.max(width as usize) as u64;
        if edge > u64::from(limit) {
            return Err(GpuError::TooLarge {
                what: format!("the width or height of {what}"),
                bytes: edge,
                limit: u64::from(limit),
                limit_name: "maxTextureDimension2D",
            });
        }
        let size = wgpu::Extent3d { width, height: rows as u32, depth_or_array_layers: 1 };
        let descriptor = wgpu::TextureDescriptor {
            label: Some(what),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        };
        let bytes = 4 * values.len() as u64;
        let device = &self.inner.device;
        let Some(texture) = wait::allocate(device, bytes, || device.create_texture(&descriptor)) else {
            self.check()?;
            let held = self.memory().held();
            return Err(GpuError::OutOfMemory { what: what.to_owned(), bytes, held });
        };
        self.stream().stats.uploaded += 4 * values.len() as u64;
        let pitch = width as usize * TEXEL_BYTES as usize;
        // In bands, so that staging memory stays bounded.
        let rows_of_band = (UPLOAD_CHUNK / pitch).max(1);
        for (i, band) in values.chunks(rows_of_band * pitch / 4).enumerate() {
            let staged = self.stage(4 * band.len() as u64);
            self.inner.queue.write_texture(
                wgpu::TexelCopyTextureInfo {
                    texture: &texture,
                    mip_level: 0,
                    origin: wgpu::Origin3d { x: 0, y: (i * rows_of_band) as u32, z: 0 },
                    aspect: wgpu::TextureAspect::All,
                },
                bytemuck::cast_slice(band),
                wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(pitch as u32),
                    rows_per_image: None,
                },
                wgpu::Extent3d { height: (4 * band.len() / pitch) as u32, ..size },
            );
            if staged >= UPLOAD_CHUNK as u64 {
                self.submit_commands(None);
            }
        }
        self.check()?;
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Buffer::storage_texture(view, 4 * values.len() as u64, Purpose::Weights, &self.inner.pool))
    }
}
