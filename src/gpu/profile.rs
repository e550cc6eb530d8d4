//! Profiles: what every launch took, on the device's own clock where it has one.
//!
//! While a profile is active, each launch is a compute pass of its own between two timestamps, and every
//! submit is waited for. That costs time (passes are split, the host waits), so a profile says where
//! the time of a run goes, and not how long the run takes without it.

use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::error::GpuError;
use super::launch::{LaunchLabel, RecordStats, Work};
use super::memory::{ByPurpose, PoolStats};

/// Which clock timed a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Its arithmetic and memory traffic, as its kernel counts them.
    pub work: Work,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// Its innermost scope, as an index into [`Profile::scopes`].
    pub scope: Option<usize>,
    /// Bytes in use while it ran. Buffers are reused in the order of recording, so that is what was in use when it
    /// was recorded.
    pub memory: ByPurpose,
    /// Its submit, as an index into [`Profile::submits`].
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

/// Everything that ran since [`Gpu::start_profile`](super::Gpu::start_profile).
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

/// A named part of a recording that was open while a profile was active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// What kind of work: `block`. Summaries of profiles group scopes by name.
    pub name: String,
    /// Which one: `3`.
    pub detail: String,
    /// The scope that it was opened in, as an index into [`Profile::scopes`].
    pub parent: Option<usize>,
}

impl Scope {
    /// Name and detail: `block 3`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.detail).trim_end().to_owned()
    }
}

/// What a profile needs to know of a launch when it is recorded.
pub(super) struct LaunchInfo {
    pub(super) label: LaunchLabel,
    pub(super) scope: Option<usize>,
    pub(super) memory: ByPurpose,
}

/// A profile that has not ended yet.
#[derive(Debug)]
pub(super) struct ActiveProfile {
    pub(super) start: Instant,
    pub(super) clock: Clock,
    /// Counters when it started.
    stats: RecordStats,
    compiled: (usize, f64),
    scopes: Vec<Scope>,
    open_scopes: Vec<usize>,
    pub(super) submits: Vec<Submit>,
    pub(super) spans: Vec<Span>,
    /// The first error of a submit.
    pub(super) error: Option<GpuError>,
}

impl ActiveProfile {
    /// Starts now; `stats` and `compiled` are the device's counters.
    pub(super) fn new(clock: Clock, stats: RecordStats, compiled: (usize, f64)) -> Self {
        Self {
            start: Instant::now(),
            clock,
            stats,
            compiled,
            scopes: Vec::new(),
            open_scopes: Vec::new(),
            submits: Vec::new(),
            spans: Vec::new(),
            error: None,
        }
    }

    /// The innermost open scope.
    pub(super) fn scope(&self) -> Option<usize> {
        self.open_scopes.last().copied()
    }

    /// Opens a scope in the innermost one; its index.
    pub(super) fn open_scope(&mut self, name: String, detail: String) -> usize {
        self.scopes.push(Scope { name, detail, parent: self.scope() });
        let index = self.scopes.len() - 1;
        self.open_scopes.push(index);
        index
    }

    pub(super) fn close_scope(&mut self, index: usize) {
        self.open_scopes.retain(|&open| open != index);
    }

    /// Ends now.
    ///
    /// # Errors
    /// The first error of a submit.
    pub(super) fn finish(
        self,
        stats: RecordStats,
        compiled: (usize, f64),
        memory: PoolStats,
    ) -> Result<Profile, GpuError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        Ok(Profile {
            spans: self.spans,
            scopes: self.scopes,
            submits: self.submits,
            clock: self.clock,
            wall: self.start.elapsed().as_secs_f64(),
            uploaded: stats.uploaded - self.stats.uploaded,
            downloaded: stats.downloaded - self.stats.downloaded,
            pipelines: compiled.0 - self.compiled.0,
            compiling: compiled.1 - self.compiled.1,
            memory,
        })
    }
}
