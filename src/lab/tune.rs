//! Which variant is fastest here? Races among the variants of each case, verified and remembered.
//!
//! Small cases come first. A candidate is not even compiled when the device cannot run it, when by the
//! roofline it needs longer than the built-in choice took (its blocks pad the case), or when it was left
//! far behind in a smaller case of its kernel. A winner must be right: its result is compared with the float64
//! reference before it may replace the built-in choice.

pub mod race;
pub mod store;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Progress;
use super::bench::Ceilings;
use super::bench::busy::Busy;
use super::bench::measure::Prepared;
use crate::clip::{Clip, ClipError, ClipOptions};
use crate::gpu::{Gpu, GpuError};
use crate::kernels::registry::{Cases, Registry};
use crate::kernels::{self, Variant, Verifiable, verify};
use crate::ops::OpError;
use race::{Lane, race, winner};
use store::{Candidate, Choice, Fate};

/// Times the winner's by which a candidate that ran in a smaller case is out of the question.
const HOPELESS: f64 = 3.0;

/// Candidates of one case: those that race, and what became of the others.
struct Field {
    racers: Vec<Variant>,
    out: Vec<(&'static str, String)>,
}

/// The distinct cases that a model's towers run for a batch of images and of texts.
///
/// # Errors
/// Those of opening and running the model; a launch whose case the registry cannot read.
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

/// How many times the winner's time each variant of each kernel took in the cases before.
type History = HashMap<(&'static str, &'static str), f64>;

impl Field {
    fn new(gpu: &Gpu, problem: &dyn Verifiable, history: &History) -> Self {
        let mut field = Self { racers: Vec::new(), out: Vec::new() };
        for variant in kernels::variants(gpu, problem) {
            let name = variant.name;
            let behind = history.get(&(problem.kernel(), name)).copied().unwrap_or(1.0);
            if let Err(unmet) = variant.plan {
                field.out.push((name, format!("cannot run: {unmet}")));
            } else if behind > HOPELESS && !field.racers.is_empty() {
                field.out.push((name, format!("took {behind:.1} times the winner's in a smaller case")));
            } else {
                field.racers.push(variant);
            }
        }
        field
    }
}

/// Races the variants of these cases. Those with a single candidate are left out.
///
/// # Errors
/// Those of the device; a variant that does not compile or computes wrong is noted, not an error.
pub fn run(
    gpu: &Gpu,
    cases: &[Box<dyn Verifiable>],
    ceilings: &Ceilings,
    progress: &mut Progress<'_>,
) -> Result<Vec<Choice>, GpuError> {
    let mut cases: Vec<&dyn Verifiable> = cases.iter().map(AsRef::as_ref).collect();
    cases.sort_by(|a, b| a.cost().flops.total_cmp(&b.cost().flops));
    let mut history = History::new();
    let busy = Busy::new(gpu)?;
    let mut choices = Vec::new();
    for (done, problem) in cases.iter().enumerate() {
        progress(done, cases.len(), &problem.label());
        let field = Field::new(gpu, *problem, &history);
        if let Some(choice) = tune(gpu, &busy, *problem, field, ceilings, &mut history)? {
            choices.push(choice);
        }
    }
    Ok(choices)
}

fn tune(
    gpu: &Gpu,
    busy: &Busy,
    problem: &dyn Verifiable,
    field: Field,
    ceilings: &Ceilings,
    history: &mut History,
) -> Result<Option<Choice>, GpuError> {
    let Field { racers, mut out } = field;
    let Some((default, others)) = racers.split_first() else { return Ok(None) };
    let default = default.name;
    if others.is_empty() && out.is_empty() {
        return Ok(None);
    }
    let mut prepared = vec![(default, Prepared::new(gpu, problem, Some(default))?)];
    let mark = prepared[0].1.time_once(gpu, busy)?;
    for variant in others {
        let name = variant.name;
        let floor = ceilings.floor(variant.cost.unwrap_or_else(|| problem.cost())).seconds;
        if floor > mark {
            out.push((
                name,
                format!("needs {:.3} ms by the roofline, more than {default} took", floor * 1e3),
            ));
            continue;
        }
        match Prepared::new(gpu, problem, Some(name)) {
            Ok(racer) => prepared.push((name, racer)),
            // One that the driver rejects is out.
            Err(error @ GpuError::Shader { .. }) => out.push((name, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    let lanes = race(prepared.len(), |at| prepared[at].1.time_once(gpu, busy))?;
    let mut wrong: Vec<(usize, String)> = Vec::new();
    let first = loop {
        // Those found wrong are out of the ranking.
        let ranked: Vec<Lane> = (0..lanes.len())
            .map(|at| if wrong.iter().any(|w| w.0 == at) { Lane::default() } else { lanes[at].clone() })
            .collect();
        let first = winner(&ranked, 0);
        // The built-in choice is what conformance proves; only a newcomer is put to the test.
        let racer = racers.iter().find(|v| first > 0 && v.name == prepared[first].0);
        let failures = racer.map(|racer| verify(gpu, problem, racer, 1)).transpose()?;
        match failures.and_then(|outcome| outcome.failures.into_iter().next()) {
            None => break first,
            Some(fault) => wrong.push((first, fault)),
        }
    };
    let least = lanes[first].median();
    let mut candidates = Vec::new();
    for (at, (lane, (name, _))) in lanes.iter().zip(&prepared).enumerate() {
        let ratio = lane.best() / least;
        history.insert((problem.kernel(), name), ratio);
        let fault = wrong.iter().find(|w| w.0 == at).map(|w| w.1.clone());
        let fate = match fault {
            Some(fault) => Fate::Wrong { fault },
            None if at == first => Fate::Won,
            None => Fate::Lost { ratio },
        };
        let (variant, runs) = ((*name).to_owned(), lane.times.len());
        candidates.push(Candidate { variant, fate, seconds: Some(lane.median()), runs });
    }
    candidates.extend(out.into_iter().map(|(name, reason)| Candidate {
        variant: name.to_owned(),
        fate: Fate::Pruned { reason },
        seconds: None,
        runs: 0,
    }));
    Ok(Some(Choice {
        case: problem.label(),
        variant: prepared[first].0.to_owned(),
        default: default.to_owned(),
        gain: lanes[0].median() / least,
        candidates,
    }))
}

#[cfg(test)]
mod tests;
