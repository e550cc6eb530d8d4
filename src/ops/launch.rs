//! Kernels on tensors: what every op ends with, and how a kernel of your own becomes an op.

use super::error::{OpError, Result};
use super::tensor::Tensor;
use crate::gpu::{Buffer, Gpu};
use crate::kernels::{self, Problem};

/// Records a problem with one output, which gets this shape, and returns at once. `inputs` are bound in the
/// order of [`Problem::inputs`].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// use dapo_wgpu::kernels::concat::Concat;
/// let a = Tensor::upload(&gpu, &[1.0, 2.0], &[2])?;
/// let b = Tensor::upload(&gpu, &[3.0], &[1])?;
/// let problem = Concat { first: 2, second: 1, width: 1 };
/// let y = ops::launch(&gpu, &problem, &[a.buffer(), b.buffer()], vec![3])?;
/// assert_eq!(y.read(&gpu)?, [1.0, 2.0, 3.0]);
/// assert!(ops::launch(&gpu, &problem, &[a.buffer()], vec![3]).is_err(), "an input is missing");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`] when the number or size of the buffers, or the shape, is not what the problem states.
pub fn launch(gpu: &Gpu, problem: &dyn Problem, inputs: &[&Buffer], shape: Vec<usize>) -> Result<Tensor> {
    let [out] = launch_all(gpu, problem, inputs, [shape])?;
    Ok(out)
}

/// As [`launch`], for a problem with `N` outputs.
///
/// # Errors
/// As [`launch`].
pub fn launch_all<const N: usize>(
    gpu: &Gpu,
    problem: &dyn Problem,
    inputs: &[&Buffer],
    shapes: [Vec<usize>; N],
) -> Result<[Tensor; N]> {
    expect_sizes(problem, inputs, &shapes)?;
    let mut outputs = Vec::with_capacity(N);
    for shape in shapes {
        outputs.push(Tensor::uninit(gpu, shape, problem.kernel())?);
    }
    let all = inputs.iter().copied().chain(outputs.iter().map(Tensor::buffer));
    let buffers: Vec<(&Buffer, u64)> = all.map(|b| (b, 0)).collect();
    kernels::run(gpu, problem, &buffers)?;
    let count = outputs.len();
    outputs.try_into().map_err(|_| mismatch(problem, format!("{N} outputs"), vec![count]))
}

/// Shaders run without bounds checks, so every buffer must be as long as its kernel assumes.
fn expect_sizes(problem: &dyn Problem, inputs: &[&Buffer], shapes: &[Vec<usize>]) -> Result<()> {
    let operands = problem.inputs();
    if operands.len() != inputs.len() {
        return Err(mismatch(problem, format!("{} inputs", operands.len()), vec![inputs.len()]));
    }
    for (operand, buffer) in operands.iter().zip(inputs) {
        let element = operand.element.bytes();
        if buffer.size() < operand.len as u64 * element {
            let expected = format!("{} elements of '{}'", operand.len, operand.name);
            return Err(mismatch(problem, expected, vec![(buffer.size() / element) as usize]));
        }
    }
    let lengths = problem.outputs();
    let found: Vec<usize> = shapes.iter().map(|shape| shape.iter().product()).collect();
    if lengths != found {
        return Err(mismatch(problem, format!("outputs of {lengths:?} elements"), found));
    }
    Ok(())
}

fn mismatch(problem: &dyn Problem, expected: String, found: Vec<usize>) -> OpError {
    OpError::Shape { op: problem.kernel(), expected, found }
}
