//! Compiled pipelines that a driver gives out and takes back, kept in a file between processes.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

/// Bytes of the checksum at the head of the file.
const CHECKSUM: usize = 8;

/// The driver's cache of a device, and its file.
#[derive(Debug)]
pub(super) struct DriverCache {
    raw: wgpu::PipelineCache,
    file: PathBuf,
    /// Bytes of data that the file had. Whether they were of use cannot be known: the file is written again when the
    /// driver has more than that.
    bytes: usize,
}

impl DriverCache {
    /// The feature that it needs, where the adapter offers it.
    pub(super) fn feature(adapter: &wgpu::Adapter) -> wgpu::Features {
        adapter.features() & wgpu::Features::PIPELINE_CACHE
    }

    /// Reads the driver's file below `folder`. A file that is damaged counts as none.
    pub(super) fn open(device: &wgpu::Device, adapter: &wgpu::AdapterInfo, folder: &Path) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let mut driver = DefaultHasher::new();
        driver.write(format!("{} {} {}", adapter.name, adapter.driver, adapter.driver_info).as_bytes());
        let key = wgpu::util::pipeline_cache_key(adapter)?;
        let file = folder.join(format!("{key}_{:016x}.bin", driver.finish()));
        let data = file.is_file().then(|| std::fs::read(&file).ok()).flatten().and_then(intact);
        let bytes = data.as_ref().map_or(0, Vec::len);
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: Some("pipelines"), data: data.as_deref(), fallback: true };
        // SAFETY: the bytes are those that this function's counterpart wrote from the same driver, by their checksum;
        // wgpu and the driver compare device and driver version, too.
        let raw = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { raw, file, bytes })
    }

    /// What pipelines are created with.
    pub(super) fn raw(&self) -> &wgpu::PipelineCache {
        &self.raw
    }

    /// Writes the file if `pipelines` were created and the driver has more than it gave before. A failure costs only
    /// the time of the next compilation.
    pub(super) fn save(&self, pipelines: usize) {
        let data = if pipelines > 0 { self.raw.get_data() } else { None };
        let Some(data) = data.filter(|data| data.len() > self.bytes) else { return };
        let Some(folder) = self.file.parent() else { return };
        let temporary = self.file.with_extension(format!("{}.tmp", std::process::id()));
        let contents = [&checksum(&data)[..], &data].concat();
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&temporary, contents))
            .and_then(|()| std::fs::rename(&temporary, &self.file));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
    }
}

fn checksum(data: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    hasher.finish().to_le_bytes()
}

/// The driver's data of a file whose checksum is right.
pub fn intact(file: Vec<u8>) -> Option<Vec<u8>> {
    let (sum, data) = file.split_first_chunk::<CHECKSUM>()?;
    (*sum == checksum(data)).then(|| data.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_with_its_checksum_reaches_the_driver() {
        let data = b"compiled".to_vec();
        let file = [&checksum(&data)[..], &data].concat();
        assert_eq!(intact(file.clone()), Some(data));
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            assert_eq!(intact(damaged), None, "byte {place}");
        }
        assert_eq!(intact(file[..file.len() - 1].to_vec()), None);
        assert_eq!(intact(Vec::new()), None);
    }
}
