//! Profiling: what every launch took, on the device's own clock where it has one.
//!
//! While a profile is on, each launch is a compute pass of its own between two timestamps, and every
//! submit is waited for. That costs time (passes are split, the host waits), so a profile says where
//! the time of a run goes, and not how long the run takes without it.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::device::Gpu;
use super::error::GpuError;
use super::memory::{ByPurpose, PoolStats};
use super::record::{RecordStats, Recorded, Work};
use super::scope::{Scope, Scopes};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Its innermost scope, by its place in [`Profile::scopes`].
    pub scope: Option<usize>,
    /// Bytes in use while it ran. Buffers are reused in the order of recording, so that is what was in use when it
    /// was recorded.
    pub memory: ByPurpose,
    /// The submit it was in, by its place in [`Profile::submits`].
    pub submit: usize,
    /// Start in seconds since the profile began. Launches of one submit share a clock; submits are
    /// placed by the host's clock.
    pub start: f64,
    /// Seconds it took.
    pub seconds: f64,
}

/// One submit with launches in it, by the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Submit {
    /// When its encoding began, in seconds since the profile began.
    pub start: f64,
    /// Seconds until the wait for it was over.
    pub seconds: f64,
}

/// Everything that ran since [`Gpu::start_profile`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Launches in order.
    pub spans: Vec<Span>,
    /// Scopes in the order in which they were opened.
    pub scopes: Vec<Scope>,
    /// Submits in order.
    pub submits: Vec<Submit>,
    /// How they were timed.
    pub clock: Clock,
    /// Seconds from the start of the profile to its end, on the host.
    pub wall: f64,
    /// Bytes written from the host.
    pub uploaded: u64,
    /// Bytes read back to the host.
    pub downloaded: u64,
    /// Pipelines that were compiled.
    pub pipelines: usize,
    /// Seconds spent on compiling them.
    pub compiling: f64,
    /// Memory at the end; its peaks are those since the device was opened.
    pub memory: PoolStats,
}

/// What is noted of a launch when it is recorded.
pub(super) struct Noted {
    pub(super) label: LaunchLabel,
    pub(super) scope: Option<usize>,
    pub(super) memory: ByPurpose,
}

/// A profile that is being taken.
#[derive(Debug)]
pub(super) struct Taking {
    began: Instant,
    clock: Clock,
    /// Counters when it began.
    stats: RecordStats,
    compiled: (usize, f64),
    pub(super) scopes: Scopes,
    submits: Vec<Submit>,
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
        let mut stream = self.stream();
        stream.profiles += 1;
        stream.profile = Some(Taking {
            began: Instant::now(),
            clock,
            stats: stream.stats,
            compiled: self.compiled(),
            scopes: Scopes::default(),
            submits: Vec::new(),
            spans: Vec::new(),
            fault: None,
        });
        Ok(())
    }

    /// Waits for everything recorded and hands out the profile; `None` when none was started.
    ///
    /// # Errors
    /// Any error that the recorded work met.
    pub fn end_profile(&self) -> Result<Option<Profile>, GpuError> {
        self.wait()?;
        let mut stream = self.stream();
        let Some(taking) = stream.profile.take() else { return Ok(None) };
        let compiled = self.compiled();
        match taking.fault {
            Some(fault) => Err(fault),
            None => Ok(Some(Profile {
                spans: taking.spans,
                scopes: taking.scopes.all,
                submits: taking.submits,
                clock: taking.clock,
                wall: taking.began.elapsed().as_secs_f64(),
                uploaded: stream.stats.uploaded - taking.stats.uploaded,
                downloaded: stream.stats.downloaded - taking.stats.downloaded,
                pipelines: compiled.0 - taking.compiled.0,
                compiling: compiled.1 - taking.compiled.1,
                memory: self.memory(),
            })),
        }
    }

    /// Runs a list one pass a launch, waits, and keeps the times.
    pub(super) fn submit_profiled(&self, taking: &mut Taking, pending: Vec<Recorded>) {
        let start = taking.began.elapsed().as_secs_f64();
        let timed = match taking.clock {
            Clock::Timestamps => self.time_by_stamps(taking.began, &pending),
            Clock::Wall => self.time_by_wall(taking.began, &pending),
        };
        let times = match timed {
            Ok(times) => times,
            Err(fault) => {
                taking.fault.get_or_insert(fault);
                return;
            }
        };
        for (Recorded { work, grid, noted, .. }, (start, seconds)) in pending.into_iter().zip(times) {
            // What was recorded before the profile began was waited for then.
            let Some(Noted { label, scope, memory }) = noted else { continue };
            let submit = taking.submits.len();
            taking.spans.push(Span { label, work, grid, scope, memory, submit, start, seconds });
        }
        let seconds = taking.began.elapsed().as_secs_f64() - start;
        taking.submits.push(Submit { start, seconds });
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
