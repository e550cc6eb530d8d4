//! Does a variant compute right on this device? One problem, one variant, one outcome.
//!
//! Inputs are seeded; outputs start as NaN, between canaries; each result element must lie within
//! the derived error bound of the float64 reference; and a second run must give the same
//! bits, because a result that changes is a race. Elements that do not depend on a NaN or infinity
//! among the inputs must have the bits that they have without it.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::bounds::U;
use super::inputs::{Fill, Inputs};
use super::launch::Launch;
use super::problem::{Operand, Problem, Variant, Verifiable};
use super::values::{make_values, upload_values};
use crate::gpu::{Buffer, Gpu, GpuError};
use crate::words::{agree, plural};

/// Words of canary before and after each output: one offset alignment.
const GUARD: usize = 64;
/// A quiet NaN that no arithmetic produces.
const CANARY: u32 = 0x7fc0_dab0;

/// What one run of one variant of one case showed.
#[derive(Debug, Clone, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The case's label.
    pub case: String,
    /// Which variant ran.
    pub variant: &'static str,
    /// The kind of its inputs.
    pub inputs: Inputs,
    /// Largest |error| / bound over all output elements; at most 1 is right.
    #[serde(serialize_with = "finite")]
    pub worst: f64,
    /// Largest |error| in units of u·Σ|a||b|, u = 2⁻²⁴, where the kernel sums products
    /// ([`Verifiable::magnitudes`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<f64>,
    /// Whether every NaN and infinity of the reference came out as such; `None` where it has none.
    pub special_values_kept: Option<bool>,
    /// The first elements that lie outside their bounds.
    #[serde(skip)]
    pub wrong: Vec<WrongElement>,
    /// What is wrong, in words; empty if the variant computed right.
    #[serde(rename = "faults")]
    pub failures: Vec<String>,
}

/// An element of an output that lies outside its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WrongElement {
    /// Which output.
    pub output: usize,
    /// Which element of it.
    pub element: usize,
    /// What the device computed.
    pub found: f64,
    /// What the reference says.
    pub expected: f64,
    /// How far apart they may be.
    pub bound: f64,
}

/// Wrong elements that an outcome keeps.
const KEPT: usize = 1000;

/// JSON has no infinity.
fn finite<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.clamp(-f64::MAX, f64::MAX))
}

impl Outcome {
    /// Whether the variant computed right.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs one variant of a problem on normal inputs and compares it with the reference, whether or not it
/// has passed its trial.
///
/// # Errors
/// Those of the launch; a wrong result is an [`Outcome`], not an error.
pub fn verify(
    gpu: &Gpu,
    problem: &dyn Verifiable,
    variant: &Variant,
    seed: u64,
) -> Result<Outcome, GpuError> {
    let case = Case::new(gpu, problem, Inputs::Normal, seed)?;
    Ok(case.verify(gpu, variant, &case.gaps(), None)?.0)
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

/// A problem with its inputs, on the host and on the device, and the expected results.
pub(super) struct Case<'a> {
    problem: &'a dyn Verifiable,
    kind: Inputs,
    operands: Vec<Operand>,
    given: Vec<Vec<f32>>,
    buffers: Vec<Buffer>,
    /// The inputs as they are stored.
    values: Vec<Vec<f64>>,
    expected: Vec<Vec<f64>>,
    bounds: Vec<Vec<f64>>,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        gpu: &Gpu,
        problem: &'a dyn Verifiable,
        kind: Inputs,
        seed: u64,
    ) -> Result<Self, GpuError> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let operands = problem.inputs();
        let mut given = Vec::new();
        for operand in &operands {
            let fill = problem.fill(operand.name);
            let mut values = make_values(operand, fill, kind, &mut rng);
            let place = rng.random_range(0..operand.len.max(1));
            if let Some(special) = kind.special()
                && !matches!(fill, Fill::Below(_))
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
        Ok(Self { problem, kind, operands, given, buffers, values, expected, bounds })
    }

    /// Elements of each output that must not be written, on normal inputs: between strided rows.
    pub(super) fn gaps(&self) -> Vec<Vec<bool>> {
        self.expected.iter().map(|e| e.iter().map(|v| v.is_nan()).collect()).collect()
    }

    /// Runs a usable variant twice and compares; also with its results on normal inputs, where they are given. Returns
    /// the results, too.
    pub(super) fn verify(
        &self,
        gpu: &Gpu,
        variant: &Variant,
        gaps: &[Vec<bool>],
        normal: Option<(&Case<'_>, &Words)>,
    ) -> Result<(Outcome, Words), GpuError> {
        let launch = Launch::new(self.problem, variant).map_err(|unmet| GpuError::Shader {
            name: self.problem.kernel().to_owned(),
            message: format!("variant '{}' cannot run here: {unmet}", variant.name),
        })?;
        let mut read = self.buffers.clone();
        if let Some((input, panels)) = variant.panels {
            read[input] = panels.upload(gpu, &self.given[input], self.operands[input].name)?;
        }
        let own = self.problem.error_bound_of(variant.name, &self.values, &self.expected);
        let bounds = own.as_ref().unwrap_or(&self.bounds);
        let first = run_guarded(gpu, self.problem, &launch, &read)?;
        let second = run_guarded(gpu, self.problem, &launch, &read)?;
        let mut comparison = Comparison::default();
        for (at, words) in first.iter().enumerate() {
            comparison.add(at, words, &self.expected[at], &bounds[at], &gaps[at]);
        }
        if first != second {
            comparison.failures.push("two runs gave different bits".into());
        }
        if let Some((case, words)) = normal {
            comparison.failures.extend(self.disturbed(&first, case, words));
        }
        let outcome = Outcome {
            case: self.problem.label(),
            variant: variant.name,
            inputs: self.kind,
            worst: comparison.worst,
            units: self.units(&first),
            special_values_kept: comparison.special_values_kept,
            wrong: comparison.wrong,
            failures: comparison.failures,
        };
        Ok((outcome, first))
    }

    /// The largest error in units of u·Σ|a||b|, of normal inputs.
    fn units(&self, words: &Words) -> Option<f64> {
        let magnitudes = self.problem.magnitudes(&self.values).filter(|_| self.kind == Inputs::Normal)?;
        let outputs = words.iter().zip(&self.expected).zip(&magnitudes);
        let errors = outputs.flat_map(|((words, expected), magnitudes)| {
            let elements = words[GUARD..].iter().zip(expected).zip(magnitudes);
            elements.map(|((&word, want), magnitude)| {
                (f64::from(f32::from_bits(word)) - want).abs() / (U * magnitude)
            })
        });
        errors.filter(|units| units.is_finite()).reduce(f64::max)
    }

    /// What is wrong with elements that do not depend on the NaN or infinity in the inputs: they must have the bits that they have
    /// without it. So the result of one image of a batch, or of one row, is the same whatever its neighbours are.
    fn disturbed(&self, words: &Words, normal: &Case<'_>, normal_words: &Words) -> Option<String> {
        let mut others = 0;
        let mut example = String::new();
        for (output, (body, normal_body)) in words.iter().zip(normal_words).enumerate() {
            let (expected, alone) = (&self.expected[output], &normal.expected[output]);
            for (i, (want, normal_want)) in expected.iter().zip(alone).enumerate() {
                // A reference with the same bits does not see it. In a gap it is NaN itself.
                let independent = want.to_bits() == normal_want.to_bits() && want.is_finite();
                let (found, before) = (body[GUARD + i], normal_body[GUARD + i]);
                if independent && found != before {
                    others += 1;
                    if example.is_empty() {
                        let [found, before] = [found, before].map(f32::from_bits);
                        example = format!("output {output} at {i} is {found:e} and was {before:e}");
                    }
                }
            }
        }
        (others > 0).then(|| {
            format!(
                "{} that {} not depend on the special value changed, {example}",
                plural(others, "element"),
                agree(others, "does", "do")
            )
        })
    }
}

/// The words of every output, guards included.
pub(super) type Words = Vec<Vec<u32>>;

/// Runs a launch with NaN-filled outputs between canaries.
fn run_guarded(
    gpu: &Gpu,
    problem: &dyn Problem,
    launch: &Launch,
    inputs: &[Buffer],
) -> Result<Words, GpuError> {
    let outputs = problem
        .outputs()
        .iter()
        .map(|&n| gpu.upload(bytemuck::cast_slice(&vec![CANARY; n + 2 * GUARD]), "output"))
        .collect::<Result<Vec<_>, _>>()?;
    let bound: Vec<(&Buffer, u64)> =
        inputs.iter().map(|b| (b, 0)).chain(outputs.iter().map(|b| (b, 4 * GUARD as u64))).collect();
    launch.record(gpu, problem, &bound)?;
    outputs.iter().map(|b| Ok(bytemuck::pod_collect_to_vec(&gpu.read(b)?))).collect()
}

/// What comparing one run's outputs with the reference showed.
#[derive(Default)]
struct Comparison {
    worst: f64,
    special_values_kept: Option<bool>,
    wrong: Vec<WrongElement>,
    failures: Vec<String>,
}

impl Comparison {
    /// Compares one guarded output.
    fn add(&mut self, output: usize, words: &[u32], expected: &[f64], bounds: &[f64], gaps: &[bool]) {
        let (head, rest) = words.split_at(GUARD);
        let (body, tail) = rest.split_at(expected.len());
        for (name, guard) in [("before its start", head), ("past its end", tail)] {
            if guard.iter().any(|&w| w != CANARY) {
                self.failures.push(format!("output {output}: wrote {name}"));
            }
        }
        let mut bad = 0;
        let mut example = String::new();
        for (i, ((&word, &want), &bound)) in body.iter().zip(expected).zip(bounds).enumerate() {
            if gaps[i] {
                if word != CANARY {
                    self.failures.push(format!("output {output}: wrote into the gap at {i}"));
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
            // Next to a special value the bound may be infinite: then any value is within it.
            let ratio = if right || !bound.is_finite() && word != CANARY { 0.0 } else { error / bound };
            if ratio.is_nan() || ratio > 1.0 {
                bad += 1;
                if self.wrong.len() < KEPT {
                    self.wrong.push(WrongElement { output, element: i, found: got, expected: want, bound });
                }
                if example.is_empty() {
                    example = format!("at {i} found {got:e}, expected {want:e} ± {bound:e}");
                }
            }
            self.worst = if ratio.is_nan() { f64::INFINITY } else { self.worst.max(ratio) };
        }
        if bad > 0 {
            self.failures.push(format!(
                "output {output}: {bad} of {} wrong, {example}",
                plural(expected.len(), "element")
            ));
        }
    }
}
