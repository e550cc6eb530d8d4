//! Where the time of a run goes: a profile of the device, summed by kernel and by scope.

#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::Device;
use crate::gpu::{Clock, PoolStats, Profile, Purpose, Span, Work};

/// The launches of one variant of one kernel.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KernelShare {
    /// The family.
    pub kernel: String,
    /// The variant.
    pub variant: String,
    /// Number of launches.
    pub launches: usize,
    /// Total seconds.
    pub seconds: f64,
    /// Share of the seconds of all launches, 0 to 1.
    pub share: f64,
    /// Total floating-point operations and bytes, at least.
    pub work: Work,
    /// 10⁹ floating-point operations per second.
    pub gflops: f64,
    /// 10⁹ bytes per second.
    pub gbytes: f64,
}

/// Smallest and largest value of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Range {
    /// Smallest value.
    #[serde(rename = "least")]
    pub min: usize,
    /// Largest value.
    #[serde(rename = "most")]
    pub max: usize,
}

impl Range {
    fn of(counts: impl Iterator<Item = usize> + Clone) -> Self {
        Self { min: counts.clone().min().unwrap_or(0), max: counts.max().unwrap_or(0) }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self.min == self.max {
            true => self.max.to_string(),
            false => format!("{}-{}", self.min, self.max),
        };
        f.pad(&text)
    }
}

/// All scopes with one path of names, such as all blocks of all forwards of a tower.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScopeShare {
    /// Names from the outermost scope to this one.
    pub path: Vec<String>,
    /// Number of scopes.
    pub count: usize,
    /// Launches per scope.
    pub launches: Range,
    /// Submits per scope. Scopes can share a submit.
    pub submits: Range,
    /// Total seconds: of launches in these scopes and in those inside of them.
    pub seconds: f64,
    /// Share of the seconds of all launches, 0 to 1. Scopes lie in each other, so these do not add up.
    pub share: f64,
    /// Self seconds: of launches in these scopes that are in no scope inside of them.
    pub self_seconds: f64,
    /// Share of the seconds of all launches, 0 to 1. With [`Summary::outside_share`] these add up to 1.
    pub self_share: f64,
}

/// The sums of a profile.
///
/// `wall` = `running` + `idle` + `between`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// How launches were timed.
    pub clock: Clock,
    /// Seconds of the whole run, by the host's clock.
    pub wall: f64,
    /// Seconds in which a launch ran.
    pub running: f64,
    /// Seconds between two launches of one submit.
    pub idle: f64,
    /// The remaining seconds: before the first submit, between submits and after the last.
    pub between: f64,
    /// Number of launches.
    pub launches: usize,
    /// Number of submits with launches in them.
    pub submits: usize,
    /// Arithmetic and traffic of all launches.
    pub work: Work,
    /// Bytes written from the host.
    pub uploaded: u64,
    /// Bytes read back to the host.
    pub downloaded: u64,
    /// Pipelines that were compiled.
    pub pipelines: usize,
    /// Seconds spent on compiling them.
    pub compiling: f64,
    /// By kernel and variant, the longest first.
    pub kernels: Vec<KernelShare>,
    /// By the names of scopes, in the order in which they first appeared, each before its inner ones.
    pub scopes: Vec<ScopeShare>,
    /// Launches that were in no scope.
    pub outside: usize,
    /// Their seconds.
    pub outside_seconds: f64,
    /// Share of the seconds of all launches, 0 to 1.
    pub outside_share: f64,
    /// Memory by purpose.
    pub memory: PoolStats,
}

/// The profile of a command.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProfileReport {
    /// `dapo-wgpu/profile/1`
    pub schema: &'static str,
    /// Where it ran.
    pub device: Device,
    /// The command.
    pub command: String,
    /// The sums.
    #[serde(flatten)]
    pub summary: Summary,
}

/// (start, end) of each launch in seconds. A device may begin a launch before the one before it has ended; such a
/// launch is moved to its end, so that times do not overlap.
pub fn timeline(spans: &[Span]) -> Vec<(f64, f64)> {
    let mut free = 0.0;
    let placed = |span: &Span| {
        let start = span.start.max(free);
        free = start.max(span.start + span.seconds);
        (start, free)
    };
    spans.iter().map(placed).collect()
}

/// (start, end) of each scope on a [`timeline`]: from the start of its first launch to the end of its last; `None`
/// where it has no launch.
pub fn extents(profile: &Profile, timeline: &[(f64, f64)]) -> Vec<Option<(f64, f64)>> {
    let mut extents: Vec<Option<(f64, f64)>> = vec![None; profile.scopes.len()];
    for (span, &(start, end)) in profile.spans.iter().zip(timeline) {
        for scope in enclosing_scopes(profile, span) {
            let (first, last) = extents[scope].get_or_insert((start, end));
            (*first, *last) = (first.min(start), last.max(end));
        }
    }
    extents
}

/// The scopes of a launch, innermost first.
fn enclosing_scopes<'a>(profile: &'a Profile, span: &Span) -> impl Iterator<Item = usize> + use<'a> {
    std::iter::successors(span.scope, |&scope| profile.scopes[scope].parent)
}

/// `amount` per second in units of 10⁹; 0 when no time passed.
pub fn giga_rate(amount: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount / seconds * 1e-9 } else { 0.0 }
}

impl Summary {
    /// Sums up a profile.
    pub fn of(profile: &Profile) -> Self {
        let spans = &profile.spans;
        let timeline = timeline(spans);
        let running: f64 = timeline.iter().map(|(start, end)| end - start).sum();
        let idle = spans
            .windows(2)
            .zip(timeline.windows(2))
            .filter(|(spans, _)| spans[0].submit == spans[1].submit)
            .map(|(_, times)| times[1].0 - times[0].1)
            .sum();
        let outside_seconds: f64 =
            spans.iter().filter(|span| span.scope.is_none()).map(|span| span.seconds).sum();
        Self {
            clock: profile.clock,
            wall: profile.wall,
            running,
            idle,
            between: (profile.wall - running - idle).max(0.0),
            launches: spans.len(),
            submits: profile.submits.len(),
            work: spans.iter().fold(Work::default(), |sum, span| add(sum, span.work)),
            uploaded: profile.uploaded,
            downloaded: profile.downloaded,
            pipelines: profile.pipelines,
            compiling: profile.compiling,
            kernels: kernels(spans),
            scopes: scopes(profile),
            outside: spans.iter().filter(|span| span.scope.is_none()).count(),
            outside_seconds,
            outside_share: outside_seconds / total(spans),
            memory: profile.memory,
        }
    }
}

fn add(a: Work, b: Work) -> Work {
    Work { flops: a.flops + b.flops, bytes: a.bytes + b.bytes }
}

fn total(spans: &[Span]) -> f64 {
    // Never zero, so that shares are finite even if all times are zero.
    spans.iter().map(|span| span.seconds).sum::<f64>().max(f64::MIN_POSITIVE)
}

fn kernels(spans: &[Span]) -> Vec<KernelShare> {
    let mut sums: BTreeMap<(&str, &str), (usize, f64, Work)> = BTreeMap::new();
    for span in spans {
        let sum = sums.entry((&span.label.kernel, &span.label.variant)).or_default();
        *sum = (sum.0 + 1, sum.1 + span.seconds, add(sum.2, span.work));
    }
    let total = total(spans);
    let share =
        |((kernel, variant), (launches, seconds, work)): ((&str, &str), (usize, f64, Work))| KernelShare {
            kernel: kernel.to_owned(),
            variant: variant.to_owned(),
            launches,
            seconds,
            share: seconds / total,
            work,
            gflops: giga_rate(work.flops, seconds),
            gbytes: giga_rate(work.bytes, seconds),
        };
    let mut kernels: Vec<KernelShare> = sums.into_iter().map(share).collect();
    kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    kernels
}

/// Counts of one scope.
#[derive(Clone, Default)]
struct Count {
    launches: usize,
    submits: usize,
    last_submit: Option<usize>,
    seconds: f64,
    self_seconds: f64,
}

fn scopes(profile: &Profile) -> Vec<ScopeShare> {
    let mut counts = vec![Count::default(); profile.scopes.len()];
    for span in &profile.spans {
        if let Some(innermost) = span.scope {
            counts[innermost].self_seconds += span.seconds;
        }
        for scope in enclosing_scopes(profile, span) {
            let count = &mut counts[scope];
            count.launches += 1;
            count.submits += usize::from(count.last_submit != Some(span.submit));
            count.last_submit = Some(span.submit);
            count.seconds += span.seconds;
        }
    }
    // A parent precedes its children in the list, so its path is known when theirs are built.
    let mut paths: Vec<Vec<&str>> = Vec::new();
    let mut groups: Vec<(&[&str], Vec<&Count>)> = Vec::new();
    for scope in &profile.scopes {
        let outer = scope.parent.map_or_else(Vec::new, |parent| paths[parent].clone());
        paths.push([&outer[..], &[&scope.name]].concat());
    }
    for (path, count) in paths.iter().zip(&counts) {
        match groups.iter_mut().find(|(of, _)| of == path) {
            Some((_, counts)) => counts.push(count),
            None => groups.push((path, vec![count])),
        }
    }
    let total = total(&profile.spans);
    let share = |(path, counts): (&[&str], Vec<&Count>)| {
        let seconds: f64 = counts.iter().map(|c| c.seconds).sum();
        let self_seconds: f64 = counts.iter().map(|c| c.self_seconds).sum();
        ScopeShare {
            path: path.iter().map(|&name| name.to_owned()).collect(),
            count: counts.len(),
            launches: Range::of(counts.iter().map(|c| c.launches)),
            submits: Range::of(counts.iter().map(|c| c.submits)),
            seconds,
            share: seconds / total,
            self_seconds,
            self_share: self_seconds / total,
        }
    };
    groups.into_iter().map(share).collect()
}

impl ProfileReport {
    /// The report of a profile of this command.
    pub fn new(device: Device, command: String, profile: &Profile) -> Self {
        Self { schema: "dapo-wgpu/profile/1", device, command, summary: Summary::of(profile) }
    }

    /// The tables as text.
    pub fn text(&self) -> String {
        format!(
            "profile of: {}\n{}, {:?} shaders\n{}",
            self.command,
            self.device.adapter.line(),
            self.device.mode,
            self.summary.text()
        )
    }
}
