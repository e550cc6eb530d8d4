//! Whether a device's timestamps are reliable.

use super::device::Gpu;
use super::error::GpuError;

impl Gpu {
    /// Whether timestamps advance. Some drivers offer the query and return zeros or the same
    /// value twice, so one empty pass is timed, once per device.
    pub fn timestamps_tick(&self) -> Result<bool, GpuError> {
        if let Some(&known) = self.inner.timestamps_tick.get() {
            return Ok(known);
        }
        let ticks = self.capabilities().timestamps && self.probe_timestamps()?;
        Ok(*self.inner.timestamps_tick.get_or_init(|| ticks))
    }

    fn probe_timestamps(&self) -> Result<bool, GpuError> {
        self.flush();
        let device = &self.inner.device;
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamp probe"),
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamp probe"),
                size: 256,
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        drop(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &queries,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
        }));
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, 256);
        self.submit_commands(Some(encoder.finish()));
        let bytes = self.map(&staging)?;
        let stamp = |i: usize| bytes[i * 8..i * 8 + 8].iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
        Ok(stamp(0) > 0 && stamp(1) > stamp(0) && self.inner.queue.get_timestamp_period() > 0.0)
    }
}
