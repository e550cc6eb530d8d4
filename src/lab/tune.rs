//! Autotuning: the fastest variant of each case on this device, verified and stored.
//!
//! Small cases come first. A candidate is not compiled when the device cannot run it, when by the
//! roofline it needs longer than the built-in choice took (its blocks pad the case), or when it was much
//! slower in a smaller case of its kernel. The result of a winner is compared with the float64
//! reference before it replaces the built-in choice.
//!
//! Functions that take a [`Gpu`] return the device's errors.

pub mod race;
pub mod store;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Progress;
use super::bench::Ceilings;
use super::bench::prepared::Prepared;
use super::bench::warmup::Warmup;
use crate::clip::{Clip, ClipError, ClipOptions};
use crate::gpu::{Gpu, GpuError};
use crate::kernels::registry::{Cases, Registry};
use crate::kernels::{self, Variant, Verifiable, verify};
use crate::ops::OpError;
use race::{Entrant, race, winner};
use store::{Candidate, Choice, Status};

/// A candidate that took more than this many times the winner's time in a smaller case is excluded.
const MAX_SLOWDOWN: f64 = 3.0;

/// Candidates of one case.
struct Candidates {
    racing: Vec<Variant>,
    /// Those that do not race, and why.
    excluded: Vec<(&'static str, String)>,
}

/// The distinct cases that a model's towers run for a batch of images and of texts.
///
/// # Errors
/// Those of opening and running the model; [`ClipError::Request`] for a launch whose case the registry cannot parse.
pub fn model_cases(
    gpu: &Gpu,
    registry: &Registry,
    folder: &Path,
    image_size: Option<usize>,
    batch: usize,
) -> Result<Cases, ClipError> {
    let clip = Clip::open(gpu, folder, ClipOptions { image_size, ..ClipOptions::default() })?;
    let size = clip.vision().image_size();
    gpu.start_profile().map_err(OpError::from)?;
    clip.encode_images(&vec![0.5; batch * 3 * size * size])?;
    clip.encode_texts(&vec!["a photo of a metal nut"; batch])?;
    let profile = gpu.end_profile().map_err(OpError::from)?;
    let spans = profile.map(|p| p.spans).unwrap_or_default();
    let labels: BTreeSet<String> = spans.into_iter().map(|span| span.label.case).collect();
    let parse = |label: &String| registry.parse(label, &[]).map_err(|e| ClipError::Request(e.to_string()));
    labels.iter().map(parse).collect()
}

/// By kernel and variant: best time / winner's median, in the last case.
type History = HashMap<(&'static str, &'static str), f64>;

impl Candidates {
    fn new(gpu: &Gpu, problem: &dyn Verifiable, history: &History) -> Self {
        let mut candidates = Self { racing: Vec::new(), excluded: Vec::new() };
        for variant in kernels::variants(gpu, problem) {
            let name = variant.name;
            let ratio = history.get(&(problem.kernel(), name)).copied().unwrap_or(1.0);
            if let Err(unmet) = variant.plan {
                candidates.excluded.push((name, format!("cannot run: {unmet}")));
            } else if ratio > MAX_SLOWDOWN && !candidates.racing.is_empty() {
                candidates
                    .excluded
                    .push((name, format!("took {ratio:.1} times the winner's in a smaller case")));
            } else {
                candidates.racing.push(variant);
            }
        }
        candidates
    }
}

/// Races the variants of these cases, the small ones first; cases with a single candidate are left out. A variant that does not compile or
/// whose result is wrong is recorded in the choice, not returned as an error.
pub fn run(
    gpu: &Gpu,
    cases: &[Box<dyn Verifiable>],
    ceilings: &Ceilings,
    progress: &mut Progress<'_>,
) -> Result<Vec<Choice>, GpuError> {
    let mut cases: Vec<&dyn Verifiable> = cases.iter().map(AsRef::as_ref).collect();
    cases.sort_by(|a, b| a.cost().flops.total_cmp(&b.cost().flops));
    let mut history = History::new();
    let warmup = Warmup::new(gpu)?;
    let mut choices = Vec::new();
    for (done, problem) in cases.iter().enumerate() {
        if progress(done, cases.len(), &problem.label()).is_break() {
            break;
        }
        let candidates = Candidates::new(gpu, *problem, &history);
        if let Some(choice) = tune(gpu, &warmup, *problem, candidates, ceilings, &mut history)? {
            choices.push(choice);
        }
    }
    Ok(choices)
}

fn tune(
    gpu: &Gpu,
    warmup: &Warmup,
    problem: &dyn Verifiable,
    candidates: Candidates,
    ceilings: &Ceilings,
    history: &mut History,
) -> Result<Option<Choice>, GpuError> {
    let Candidates { racing, mut excluded } = candidates;
    let Some((default, others)) = racing.split_first() else { return Ok(None) };
    let default = default.name;
    if others.is_empty() && excluded.is_empty() {
        return Ok(None);
    }
    let mut prepared = vec![(default, Prepared::new(gpu, problem, Some(default))?)];
    let baseline = prepared[0].1.time_once(gpu, warmup)?;
    for variant in others {
        let name = variant.name;
        let floor = ceilings.floor(variant.cost.unwrap_or_else(|| problem.cost())).seconds;
        if floor > baseline {
            excluded.push((
                name,
                format!("needs {:.3} ms by the roofline, more than {default} took", floor * 1e3),
            ));
            continue;
        }
        match Prepared::new(gpu, problem, Some(name)) {
            Ok(racer) => prepared.push((name, racer)),
            // The driver rejects it.
            Err(error @ GpuError::Shader { .. }) => excluded.push((name, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    let entrants = race(prepared.len(), |at| prepared[at].1.time_once(gpu, warmup))?;
    let mut wrong: Vec<(usize, String)> = Vec::new();
    let first = loop {
        // Wrong candidates are left out of the ranking.
        let ranked: Vec<Entrant> = (0..entrants.len())
            .map(|at| if wrong.iter().any(|w| w.0 == at) { Entrant::default() } else { entrants[at].clone() })
            .collect();
        let first = winner(&ranked, 0);
        // The built-in choice is covered by the conformance tests.
        let racer = racing.iter().find(|v| first > 0 && v.name == prepared[first].0);
        let outcome = racer.map(|racer| verify(gpu, problem, racer, 1)).transpose()?;
        match outcome.and_then(|outcome| outcome.failures.into_iter().next()) {
            None => break first,
            Some(fault) => wrong.push((first, fault)),
        }
    };
    let fastest = entrants[first].median();
    let mut candidates = Vec::new();
    for (at, (entrant, (name, _))) in entrants.iter().zip(&prepared).enumerate() {
        let ratio = entrant.best() / fastest;
        history.insert((problem.kernel(), name), ratio);
        let fault = wrong.iter().find(|w| w.0 == at).map(|w| w.1.clone());
        let status = match fault {
            Some(fault) => Status::Wrong { fault },
            None if at == first => Status::Won,
            None => Status::Lost { ratio },
        };
        let (variant, runs) = ((*name).to_owned(), entrant.times.len());
        candidates.push(Candidate { variant, status, seconds: Some(entrant.median()), runs });
    }
    candidates.extend(excluded.into_iter().map(|(name, reason)| Candidate {
        variant: name.to_owned(),
        status: Status::Pruned { reason },
        seconds: None,
        runs: 0,
    }));
    Ok(Some(Choice {
        case: problem.label(),
        variant: prepared[first].0.to_owned(),
        default: default.to_owned(),
        gain: entrants[0].median() / fastest,
        candidates,
    }))
}

#[cfg(test)]
mod tests;
