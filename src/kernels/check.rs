//! Does this variant compute right on this device? One case, one verdict.
//!
//! Inputs are seeded; outputs start as NaN, between canaries; each result element must lie within
//! the case's derived error bound of the float64 reference; and a second run must give the same
//! bits, because a result that moves is a race.
//!
//! Beside normal numbers, inputs are made wide (what overflows a naive softmax), denormal, and once
//! with a NaN and once with an infinity in one place of each. WGSL lets a device assume that there are
//! no NaN and no infinities, so whether they come out where IEEE 754 wants them is noted and is no
//! fault; that everything that does not depend on them is right, is asked for.

use half::f16;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Element, Fill, Operand, Problem, Variant, gradient, record, variants};
use crate::gpu::{Buffer, Gpu, GpuError};

/// Words of canary before and after each output: one offset alignment.
const GUARD: usize = 64;
/// A quiet NaN that no arithmetic produces.
const CANARY: u32 = 0x7fc0_dab0;

/// What the float inputs of a run are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inputs {
    /// What the case asks for.
    Normal,
    /// The same, 64 times as large.
    Wide,
    /// All below the smallest normal float32.
    Denormal,
    /// Normal, but one element of each input is NaN.
    Nan,
    /// Normal, but one element of each input is +∞.
    Infinity,
}

impl Inputs {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Normal, Self::Wide, Self::Denormal, Self::Nan, Self::Infinity];
    /// What is defined for kernels that divide by a norm: denormal squares are zero in float32.
    pub const NO_DENORMAL: [Self; 4] = [Self::Normal, Self::Wide, Self::Nan, Self::Infinity];

    fn factor(self) -> f32 {
        match self {
            Self::Wide => 64.0,
            // A normal deviate rarely exceeds 6, and 6e-39 is still denormal.
            Self::Denormal => 1e-39,
            _ => 1.0,
        }
    }

    fn planted(self) -> Option<f32> {
        match self {
            Self::Nan => Some(f32::NAN),
            Self::Infinity => Some(f32::INFINITY),
            _ => None,
        }
    }
}

/// What one run of one variant of one case showed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// The case's label.
    pub case: String,
    /// Which variant ran.
    pub variant: &'static str,
    /// What it was given.
    pub inputs: Inputs,
    /// Largest |error| / bound over all output elements; at most 1 is right.
    #[serde(serialize_with = "finite")]
    pub worst: f64,
    /// Whether every NaN and infinity of the reference came out as such; `None` where it has none.
    pub special_values_kept: Option<bool>,
    /// The faults found, in words; empty is right.
    pub faults: Vec<String>,
}

/// JSON has no infinity.
fn finite<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.clamp(-f64::MAX, f64::MAX))
}

impl Outcome {
    /// Whether the variant computed right.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// The inputs of a problem on the device, in the form that a variant reads.
///
/// # Errors
/// Those of the device.
pub fn make_inputs(
    gpu: &Gpu,
    problem: &dyn Problem,
    variant: &str,
    rng: &mut Pcg64Mcg,
) -> Result<Vec<Buffer>, GpuError> {
    let variants = problem.variants(gpu.capabilities());
    let panels = variants.iter().find(|v| v.name == variant).and_then(|v| v.panels);
    let make = |(i, operand): (usize, &Operand)| {
        let values = make_values(operand, Inputs::Normal, rng);
        match panels {
            Some((input, panels)) if input == i => panels.upload(gpu, &values, operand.name),
            _ => Ok(upload_values(gpu, operand, &values)?.0),
        }
    };
    problem.inputs().iter().enumerate().map(make).collect()
}

pub(super) fn make_values(operand: &Operand, inputs: Inputs, rng: &mut Pcg64Mcg) -> Vec<f32> {
    let value = |rng: &mut Pcg64Mcg| match operand.fill {
        Fill::Normal(deviation) => normal(rng) * deviation * inputs.factor(),
        Fill::Around { mean, deviation } => (mean + normal(rng) * deviation) * inputs.factor(),
        Fill::Below(n) => rng.random_range(0..n) as f32,
        Fill::Between { low, high } => rng.random_range(low..high),
    };
    (0..operand.len).map(|_| value(rng)).collect()
}

fn upload_values(gpu: &Gpu, operand: &Operand, values: &[f32]) -> Result<(Buffer, Vec<f64>), GpuError> {
    match operand.element {
        Element::F32 => Ok((
            gpu.upload(bytemuck::cast_slice(values), operand.name)?,
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

/// Runs every usable variant of a case on every kind of inputs that is defined for it; proves the
/// reference of a backward kernel by finite differences.
///
/// # Errors
/// Those of the device; a wrong result is an [`Outcome`], not an error.
pub fn check(gpu: &Gpu, problem: &dyn Problem, seed: u64) -> Result<Vec<Outcome>, GpuError> {
    fits(gpu, problem)?;
    let usable: Vec<Variant> = variants(gpu, problem).into_iter().filter(|v| v.usable.is_ok()).collect();
    let mut outcomes = Vec::new();
    let mut gaps = None;
    for &kind in problem.defined_for() {
        let case = Case::new(gpu, problem, kind, seed)?;
        // Where the reference of normal numbers has NaN, a gap lies between strided rows.
        let gaps = gaps.get_or_insert_with(|| case.not_numbers());
        for variant in &usable {
            outcomes.push(case.judge(gpu, variant, gaps)?);
        }
    }
    outcomes.extend(gradient::check(problem, seed));
    Ok(outcomes)
}

/// Runs one variant of a case on normal inputs, whatever a trial may have said of it.
///
/// # Errors
/// As [`check`].
pub fn check_variant(
    gpu: &Gpu,
    problem: &dyn Problem,
    variant: &Variant,
    seed: u64,
) -> Result<Outcome, GpuError> {
    let case = Case::new(gpu, problem, Inputs::Normal, seed)?;
    case.judge(gpu, variant, &case.not_numbers())
}

/// A problem with its inputs, on the host and on the device, and the answer.
struct Case<'a> {
    problem: &'a dyn Problem,
    kind: Inputs,
    operands: Vec<Operand>,
    given: Vec<Vec<f32>>,
    buffers: Vec<Buffer>,
    expected: Vec<Vec<f64>>,
    bounds: Vec<Vec<f64>>,
}

impl<'a> Case<'a> {
    fn new(gpu: &Gpu, problem: &'a dyn Problem, kind: Inputs, seed: u64) -> Result<Self, GpuError> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let operands = problem.inputs();
        let mut given = Vec::new();
        for operand in &operands {
            let mut values = make_values(operand, kind, &mut rng);
            let place = rng.random_range(0..operand.len.max(1));
            if let Some(special) = kind.planted()
                && !matches!(operand.fill, Fill::Below(_))
            {
                values[place] = special;
            }
            given.push(values);
        }
        let uploads =
            operands.iter().zip(&given).map(|(operand, values)| upload_values(gpu, operand, values));
        let (buffers, values): (Vec<Buffer>, Vec<Vec<f64>>) =
            uploads.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let expected = problem.reference(&values);
        let bounds = problem.error_bound(&values, &expected);
        Ok(Self { problem, kind, operands, given, buffers, expected, bounds })
    }

    fn not_numbers(&self) -> Vec<Vec<bool>> {
        self.expected.iter().map(|e| e.iter().map(|v| v.is_nan()).collect()).collect()
    }

    /// Runs a variant twice and compares.
    fn judge(&self, gpu: &Gpu, variant: &Variant, gaps: &[Vec<bool>]) -> Result<Outcome, GpuError> {
        let mut read = self.buffers.clone();
        if let Some((input, panels)) = variant.panels {
            read[input] = panels.upload(gpu, &self.given[input], self.operands[input].name)?;
        }
        let first = run_guarded(gpu, self.problem, variant.name, &read)?;
        let second = run_guarded(gpu, self.problem, variant.name, &read)?;
        let mut verdict = Verdict::default();
        for (at, words) in first.iter().enumerate() {
            verdict.judge(at, words, &self.expected[at], &self.bounds[at], &gaps[at]);
        }
        if first != second {
            verdict.faults.push("two runs gave different bits".into());
        }
        Ok(Outcome {
            case: self.problem.label(),
            variant: variant.name,
            inputs: self.kind,
            worst: verdict.worst,
            special_values_kept: verdict.special_values_kept,
            faults: verdict.faults,
        })
    }
}

/// Refuses a case before its inputs are made on the host, where no buffer of the device could hold one.
///
/// # Errors
/// [`GpuError::TooLarge`].
pub fn fits(gpu: &Gpu, problem: &dyn Problem) -> Result<(), GpuError> {
    let limit = gpu.capabilities().limits.buffer;
    let inputs = problem.inputs().into_iter().map(|o| (o.len as u64).saturating_mul(o.element.bytes()));
    let outputs = problem.outputs().into_iter().map(|len| (len as u64).saturating_mul(4));
    match inputs.chain(outputs).max() {
        Some(bytes) if bytes > limit => {
            Err(GpuError::TooLarge { what: problem.label(), bytes, limit, limit_name: "maxBufferSize" })
        }
        _ => Ok(()),
    }
}

/// Runs a variant with NaN-filled outputs between canaries; returns the words, guards included.
fn run_guarded(
    gpu: &Gpu,
    problem: &dyn Problem,
    variant: &'static str,
    inputs: &[Buffer],
) -> Result<Vec<Vec<u32>>, GpuError> {
    let outputs = problem
        .outputs()
        .iter()
        .map(|&n| gpu.upload(bytemuck::cast_slice(&vec![CANARY; n + 2 * GUARD]), "output"))
        .collect::<Result<Vec<_>, _>>()?;
    let bound: Vec<(&Buffer, u64)> =
        inputs.iter().map(|b| (b, 0)).chain(outputs.iter().map(|b| (b, 4 * GUARD as u64))).collect();
    record(gpu, problem, &bound, variant)?;
    outputs.iter().map(|b| Ok(bytemuck::pod_collect_to_vec(&gpu.read(b)?))).collect()
}

/// What comparing one run's outputs with the reference showed.
#[derive(Default)]
struct Verdict {
    worst: f64,
    special_values_kept: Option<bool>,
    faults: Vec<String>,
}

impl Verdict {
    /// Compares one guarded output.
    fn judge(&mut self, output: usize, words: &[u32], expected: &[f64], bounds: &[f64], gaps: &[bool]) {
        let (head, rest) = words.split_at(GUARD);
        let (body, tail) = rest.split_at(expected.len());
        for (name, guard) in [("before its start", head), ("past its end", tail)] {
            if guard.iter().any(|&w| w != CANARY) {
                self.faults.push(format!("output {output}: wrote {name}"));
            }
        }
        let mut bad = 0;
        let mut example = String::new();
        for (i, ((&word, &want), &bound)) in body.iter().zip(expected).zip(bounds).enumerate() {
            if gaps[i] {
                if word != CANARY {
                    self.faults.push(format!("output {output}: wrote into the gap at {i}"));
                }
                continue;
            }
            let got = f64::from(f32::from_bits(word));
            if !want.is_finite() {
                let kept = if want.is_nan() { got.is_nan() } else { got == want };
                // A canary is NaN too: an element that nobody wrote is not one that kept a NaN.
                let kept = kept && word != CANARY;
                self.special_values_kept = Some(self.special_values_kept.unwrap_or(true) && kept);
                continue;
            }
            let overflows = want.abs() > f64::from(f32::MAX);
            let error = (got - want).abs();
            let right = error == 0.0 || overflows && got.is_infinite();
            // Next to a special value the bound may be unbounded: then nothing can be asked.
            let ratio = if right || !bound.is_finite() && word != CANARY { 0.0 } else { error / bound };
            if ratio.is_nan() || ratio > 1.0 {
                bad += 1;
                if example.is_empty() {
                    example = format!("at {i} found {got:e}, expected {want:e} ± {bound:e}");
                }
            }
            self.worst = if ratio.is_nan() { f64::INFINITY } else { self.worst.max(ratio) };
        }
        if bad > 0 {
            self.faults
                .push(format!("output {output}: {bad} of {} elements are wrong, {example}", expected.len()));
        }
    }
}
