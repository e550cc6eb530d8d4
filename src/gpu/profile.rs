//! Profiling: what every launch took, on the device's own clock where it has one.
//!
//! While a profile is on, each launch is a compute pass of its own between two timestamps, and every
//! submit is waited for. That costs time (passes are split, the host waits), so a profile says where
//! the time of a run goes, and not how long the run takes without it.

use std::time::Instant;

use serde::Serialize;

use super::device::Gpu;
use super::error::GpuError;
use super::record::{Recorded, Work};

/// What a launch is called in profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LaunchLabel {
    /// Kernel family: `matmul`.
    pub kernel: String,
    /// Variant: `tile`.
    pub variant: String,
    /// The case in words: `matmul f32 m=77 n=512 k=512 +bias`.
    pub case: String,
}

/// Which clock timed a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Timestamps that the device wrote before and after the launch.
    Timestamps,
    /// The host's clock around a submit of this launch alone, the wait included.
    Wall,
}

/// One timed launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// What ran.
    pub label: LaunchLabel,
    /// What it costs, as its kernel counts it.
    pub work: Work,
    /// Workgroups.
    pub grid: [u32; 3],
    /// Number of the submit it was in, from 0.
    pub submit: u64,
    /// Start in seconds since the profile began. Launches of one submit share a clock; submits are
    /// placed by the host's clock.
    pub start: f64,
    /// Seconds it took.
    pub seconds: f64,
}

/// Everything that ran since [`Gpu::start_profile`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Launches in order.
    pub spans: Vec<Span>,
    /// How they were timed.
    pub clock: Clock,
    /// Seconds from the start of the profile to its end, on the host.
    pub wall: f64,
}

/// A profile that is being taken.
#[derive(Debug)]
pub(super) struct Taking {
    began: Instant,
    clock: Clock,
    submits: u64,
    spans: Vec<Span>,
    fault: Option<GpuError>,
}

impl Gpu {
    /// Times every launch from here on, until [`Gpu::end_profile`].
    ///
    /// # Errors
    /// [`GpuError::Lost`] when the device goes away while its clock is tried.
    pub fn start_profile(&self) -> Result<(), GpuError> {
        let clock = if self.timestamps_tick()? { Clock::Timestamps } else { Clock::Wall };
        self.wait()?;
        self.stream().profile =
            Some(Taking { began: Instant::now(), clock, submits: 0, spans: Vec::new(), fault: None });
        Ok(())
    }

    /// Waits for everything recorded and hands out the profile; `None` when none was started.
    ///
    /// # Errors
    /// Any error that the recorded work met.
    pub fn end_profile(&self) -> Result<Option<Profile>, GpuError> {
        self.wait()?;
        let Some(taking) = self.stream().profile.take() else { return Ok(None) };
        match taking.fault {
            Some(fault) => Err(fault),
            None => Ok(Some(Profile {
                spans: taking.spans,
                clock: taking.clock,
                wall: taking.began.elapsed().as_secs_f64(),
            })),
        }
    }

    /// Runs a list one pass a launch, waits, and keeps the times.
    pub(super) fn submit_profiled(&self, taking: &mut Taking, pending: &[Recorded]) {
        let timed = match taking.clock {
            Clock::Timestamps => self.time_by_stamps(taking.began, pending),
            Clock::Wall => self.time_by_wall(taking.began, pending),
        };
        match timed {
            Ok(times) => {
                for (recorded, (start, seconds)) in pending.iter().zip(times) {
                    taking.spans.push(Span {
                        label: recorded.label.clone(),
                        work: recorded.work,
                        grid: recorded.grid,
                        submit: taking.submits,
                        start,
                        seconds,
                    });
                }
                taking.submits += 1;
            }
            Err(fault) => taking.fault = taking.fault.take().or(Some(fault)),
        }
    }

    /// (start, seconds) of each launch by the device's timestamps.
    fn time_by_stamps(&self, began: Instant, pending: &[Recorded]) -> Result<Vec<(f64, f64)>, GpuError> {
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
            recorded.encode(&mut pass, slots.as_ref(), i);
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
        let submitted = began.elapsed().as_secs_f64();
        self.hand_in(Some(encoder.finish()));
        let raw = self.map(&staging)?;
        let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&raw);
        let period = f64::from(self.inner.queue.get_timestamp_period()) * 1e-9;
        let first = stamps.first().copied().unwrap_or(0);
        let since = |later: u64, earlier: u64| later.saturating_sub(earlier) as f64 * period;
        Ok(stamps.chunks_exact(2).map(|s| (submitted + since(s[0], first), since(s[1], s[0]))).collect())
    }

    /// (start, seconds) of each launch by the host's clock, one submit and one wait each.
    fn time_by_wall(&self, began: Instant, pending: &[Recorded]) -> Result<Vec<(f64, f64)>, GpuError> {
        let mut times = Vec::with_capacity(pending.len());
        for recorded in pending {
            let start = began.elapsed().as_secs_f64();
            self.encode_and_submit(std::slice::from_ref(recorded));
            self.inner
                .device
                .poll(wgpu::PollType::wait_indefinitely())
                .map_err(|e| GpuError::Lost { reason: e.to_string() })?;
            times.push((start, began.elapsed().as_secs_f64() - start));
        }
        Ok(times)
    }
}
