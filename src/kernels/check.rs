//! Does this variant compute right on this device? One case, one verdict.
//!
//! Inputs are seeded; outputs start as NaN, between canaries; each result element must lie within
//! the case's derived error bound of the float64 reference; and a second run must give the same
//! bits, because a result that moves is a race.

use half::f16;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Element, Fill, Operand, Problem, run_variant};
use crate::gpu::{Buffer, Gpu, GpuError};

/// Words of canary before and after each output: one offset alignment.
const GUARD: usize = 64;
/// A quiet NaN that no arithmetic produces.
const CANARY: u32 = 0x7fc0_dab0;

/// What one run of one variant of one case showed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// The case's label.
    pub case: String,
    /// Which variant ran.
    pub variant: &'static str,
    /// Largest |error| / bound over all output elements; at most 1 is right.
    pub worst: f64,
    /// The faults found, in words; empty is right.
    pub faults: Vec<String>,
}

impl Outcome {
    /// Whether the variant computed right.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// An input on the device together with the values that the reference sees.
pub fn make_input(gpu: &Gpu, operand: &Operand, rng: &mut Pcg64Mcg) -> Result<(Buffer, Vec<f64>), GpuError> {
    let value = |rng: &mut Pcg64Mcg| match operand.fill {
        Fill::Normal(deviation) => normal(rng) * deviation,
        Fill::Below(n) => rng.random_range(0..n) as f32,
    };
    let values: Vec<f32> = (0..operand.len).map(|_| value(rng)).collect();
    match operand.element {
        Element::F32 => Ok((
            gpu.upload(bytemuck::cast_slice(&values), operand.name)?,
            values.iter().map(|&v| f64::from(v)).collect(),
        )),
        Element::F16 => {
            let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
            let exact = halves.iter().map(|v| v.to_f64()).collect();
            Ok((gpu.upload(bytemuck::cast_slice(&halves), operand.name)?, exact))
        }
        Element::U32 => {
            let words: Vec<u32> = values.iter().map(|&v| v as u32).collect();
            let exact = words.iter().map(|&v| f64::from(v)).collect();
            Ok((gpu.upload(bytemuck::cast_slice(&words), operand.name)?, exact))
        }
    }
}

/// A standard normal number (Box & Muller 1958).
fn normal(rng: &mut Pcg64Mcg) -> f32 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
}

/// Runs every usable variant of a case on the same inputs.
///
/// # Errors
/// Those of the device; a wrong result is an [`Outcome`], not an error.
pub fn check(gpu: &Gpu, problem: &dyn Problem, seed: u64) -> Result<Vec<Outcome>, GpuError> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let inputs =
        problem.inputs().iter().map(|o| make_input(gpu, o, &mut rng)).collect::<Result<Vec<_>, _>>()?;
    let (buffers, values): (Vec<Buffer>, Vec<Vec<f64>>) = inputs.into_iter().unzip();
    let expected = problem.reference(&values);
    let bounds = problem.error_bound(&values, &expected);
    let mut outcomes = Vec::new();
    for variant in problem.variants(gpu.capabilities()) {
        if variant.usable.is_err() {
            continue;
        }
        let first = run_guarded(gpu, problem, variant.name, &buffers)?;
        let second = run_guarded(gpu, problem, variant.name, &buffers)?;
        let mut outcome = judge(&first, &expected, &bounds);
        if first != second {
            outcome.1.push("two runs gave different bits".into());
        }
        outcomes.push(Outcome {
            case: problem.label(),
            variant: variant.name,
            worst: outcome.0,
            faults: outcome.1,
        });
    }
    Ok(outcomes)
}

/// Runs a variant with NaN-filled outputs between canaries; returns the words, guards included.
fn run_guarded(
    gpu: &Gpu,
    problem: &dyn Problem,
    variant: &str,
    inputs: &[Buffer],
) -> Result<Vec<Vec<u32>>, GpuError> {
    let outputs = problem
        .outputs()
        .iter()
        .map(|&n| gpu.upload(bytemuck::cast_slice(&vec![CANARY; n + 2 * GUARD]), "output"))
        .collect::<Result<Vec<_>, _>>()?;
    let bound: Vec<(&Buffer, u64)> =
        inputs.iter().map(|b| (b, 0)).chain(outputs.iter().map(|b| (b, 4 * GUARD as u64))).collect();
    run_variant(gpu, problem, &bound, Some(variant))?;
    outputs.iter().map(|b| Ok(bytemuck::pod_collect_to_vec(&gpu.read(b)?))).collect()
}

/// Compares guarded outputs with the reference.
fn judge(found: &[Vec<u32>], expected: &[Vec<f64>], bounds: &[Vec<f64>]) -> (f64, Vec<String>) {
    let (mut worst, mut faults) = (0.0f64, Vec::new());
    for (output, ((words, expected), bounds)) in found.iter().zip(expected).zip(bounds).enumerate() {
        let (head, rest) = words.split_at(GUARD);
        let (body, tail) = rest.split_at(expected.len());
        for (name, guard) in [("before", head), ("after", tail)] {
            if guard.iter().any(|&w| w != CANARY) {
                faults.push(format!("output {output}: wrote {name} its end"));
            }
        }
        let mut bad = 0;
        let mut example = String::new();
        for (i, ((&word, &want), &bound)) in body.iter().zip(expected).zip(bounds).enumerate() {
            if want.is_nan() {
                // A gap between strided rows: nobody may write there.
                if word != CANARY {
                    faults.push(format!("output {output}: wrote into the gap at {i}"));
                }
                continue;
            }
            let got = f64::from(f32::from_bits(word));
            let error = (got - want).abs();
            let ratio = if error == 0.0 { 0.0 } else { error / bound };
            if ratio.is_nan() || ratio > 1.0 {
                bad += 1;
                if example.is_empty() {
                    example = format!("at {i} found {got:e}, expected {want:e} ± {bound:e}");
                }
            }
            worst = if ratio.is_nan() { f64::INFINITY } else { worst.max(ratio) };
        }
        if bad > 0 {
            faults
                .push(format!("output {output}: {bad} of {} elements are wrong, {example}", expected.len()));
        }
    }
    (worst, faults)
}
