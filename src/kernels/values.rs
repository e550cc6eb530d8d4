//! Seeded inputs of test cases, on the host and on the device.

use half::f16;
use rand::Rng;
use rand_pcg::Pcg64Mcg;

use super::element::Element;
use super::inputs::{Fill, Inputs};
use super::panels::Panels;
use super::problem::{Operand, Verifiable};
use crate::gpu::{Buffer, Gpu, GpuError};

/// Values after which the inputs that are only timed repeat: a prime, so that no two rows of a case are alike.
const PERIOD: usize = 65_521;

/// Normal inputs of a problem on the device, to be timed; long ones repeat. `panels` names the input that is stored as a texture, as
/// [`Variant::panels`](super::Variant::panels) does.
///
/// # Errors
/// [`GpuError::TooLarge`] or [`GpuError::OutOfMemory`].
pub fn make_inputs(
    gpu: &Gpu,
    problem: &dyn Verifiable,
    panels: Option<(usize, Panels)>,
    rng: &mut Pcg64Mcg,
) -> Result<Vec<Buffer>, GpuError> {
    let make = |(i, operand): (usize, &Operand)| {
        let first = Operand { len: operand.len.min(PERIOD), ..*operand };
        let mut values = make_values(&first, problem.fill(operand.name), Inputs::Normal, rng);
        (PERIOD..operand.len).for_each(|i| values.push(values[i - PERIOD]));
        match panels {
            Some((input, panels)) if input == i => panels.upload(gpu, &values, operand.name),
            _ => Ok(upload_values(gpu, operand, &values)?.0),
        }
    };
    problem.inputs().iter().enumerate().map(make).collect()
}

/// The values of an input; indices as floats.
pub(super) fn make_values(operand: &Operand, fill: Fill, inputs: Inputs, rng: &mut Pcg64Mcg) -> Vec<f32> {
    let value = |rng: &mut Pcg64Mcg| match fill {
        Fill::Normal(deviation) => normal(rng) * deviation * inputs.factor(),
        Fill::Around { mean, deviation } => (mean + normal(rng) * deviation) * inputs.factor(),
        Fill::Below(n) => rng.random_range(0..n) as f32,
        Fill::Between { low, high } => rng.random_range(low..high),
    };
    (0..operand.len).map(|_| value(rng)).collect()
}

/// Uploads values as the operand's element type, and returns what they are after rounding to it.
pub(super) fn upload_values(
    gpu: &Gpu,
    operand: &Operand,
    values: &[f32],
) -> Result<(Buffer, Vec<f64>), GpuError> {
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
