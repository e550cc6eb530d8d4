//! Recording a profile: timestamps around each launch, or the host's clock around its submit.

use super::clock::Instant;
use super::device::Gpu;
use super::error::GpuError;
use super::profile::{ActiveProfile, Clock, LaunchInfo, Profile, Span, Submit};
use super::stream::Recorded;
use super::wait;

impl Gpu {
    /// Times every launch from here on, until [`Gpu::end_profile`].
    pub fn start_profile(&self) -> Result<(), GpuError> {
        let clock = if self.timestamps_tick()? { Clock::Timestamps } else { Clock::Wall };
        self.wait()?;
        let mut stream = self.stream();
        stream.profiles += 1;
        stream.profile = Some(ActiveProfile::new(clock, stream.stats, self.compiled()));
        Ok(())
    }

    /// Waits for everything recorded and returns the profile; `None` when none was started.
    pub fn end_profile(&self) -> Result<Option<Profile>, GpuError> {
        self.wait()?;
        let mut stream = self.stream();
        let stats = stream.stats;
        let profile = stream.profile.take();
        profile.map(|profile| profile.finish(stats, self.compiled(), self.memory())).transpose()
    }

    /// Submits launches with one pass each, waits, and adds their times to the profile.
    pub(super) fn submit_profiled(&self, profile: &mut ActiveProfile, pending: Vec<Recorded>) {
        let start = profile.start.elapsed().as_secs_f64();
        let timed = match profile.clock {
            Clock::Timestamps => self.time_by_timestamps(profile.start, &pending),
            Clock::Wall => self.time_by_host_clock(profile.start, &pending),
        };
        let times = match timed {
            Ok(times) => times,
            Err(error) => {
                profile.error.get_or_insert(error);
                return;
            }
        };
        for (Recorded { work, grid, info, .. }, (start, seconds)) in pending.into_iter().zip(times) {
            // Launches recorded before the profile started were waited for then.
            let Some(LaunchInfo { label, scope, memory }) = info else { continue };
            let submit = profile.submits.len();
            profile.spans.push(Span { label, work, grid, scope, memory, submit, start, seconds });
        }
        let seconds = profile.start.elapsed().as_secs_f64() - start;
        profile.submits.push(Submit { start, seconds });
    }

    /// (start, seconds) of each launch by the device's timestamps.
    fn time_by_timestamps(
        &self,
        profile_start: Instant,
        pending: &[Recorded],
    ) -> Result<Vec<(f64, f64)>, GpuError> {
        let count = 2 * pending.len() as u32;
        let queries = self.inner.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("profile"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let bytes = u64::from(count) * 8;
        let buffer = |usage| {
            self.inner.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("profile"),
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let slots = self.upload_params(pending);
        let mut encoder =
            self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (i, recorded) in pending.iter().enumerate() {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(2 * i as u32),
                    end_of_pass_write_index: Some(2 * i as u32 + 1),
                }),
            });
            recorded.encode(&mut pass, slots.as_ref(), i)?;
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
        let submitted = profile_start.elapsed().as_secs_f64();
        self.submit_commands(Some(encoder.finish()));
        let raw = self.map(&staging)?;
        let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&raw);
        let period = f64::from(self.inner.queue.get_timestamp_period()) * 1e-9;
        let first = stamps.first().copied().unwrap_or(0);
        let since = |later: u64, earlier: u64| later.saturating_sub(earlier) as f64 * period;
        Ok(stamps.chunks_exact(2).map(|s| (submitted + since(s[0], first), since(s[1], s[0]))).collect())
    }

    /// (start, seconds) of each launch by the host's clock, one submit and one wait each.
    fn time_by_host_clock(
        &self,
        profile_start: Instant,
        pending: &[Recorded],
    ) -> Result<Vec<(f64, f64)>, GpuError> {
        let mut times = Vec::with_capacity(pending.len());
        for recorded in pending {
            let start = profile_start.elapsed().as_secs_f64();
            self.encode_and_submit(std::slice::from_ref(recorded))?;
            wait::settle(&self.inner.device, &self.inner.queue)?;
            times.push((start, profile_start.elapsed().as_secs_f64() - start));
        }
        Ok(times)
    }
}
