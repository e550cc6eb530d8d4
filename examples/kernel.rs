//! A kernel of your own on tensors, with its gradient on the tape: `cargo run --example kernel`.
//!
//! docs/add-a-kernel.md goes on from here: proof by `check`, variants, benchmarks.

use dapo_wgpu::autograd::Tape;
use dapo_wgpu::gpu::{Capabilities, Gpu, GpuOptions, ShaderSpec};
use dapo_wgpu::kernels::{Cost, Operand, Plan, Problem, Variant, include, linear_grid, param_bytes};
use dapo_wgpu::ops::{self, OpError, Tensor};

const SHADER: &str = "
struct Params { count: u32 }
#params
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i < params.count {
        y[i] = x[i] * x[i];
    }
}
";

/// y = x², element by element.
#[derive(Debug, Clone, PartialEq)]
struct Square {
    len: usize,
}

impl Problem for Square {
    fn kernel(&self) -> &'static str {
        "square"
    }

    fn label(&self) -> String {
        format!("square f32 n={}", self.len)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        Cost { flops: self.len as f64, bytes: 8.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let shader = ShaderSpec { file: "square.wgsl", text: SHADER, defines: Vec::new(), includes: include };
        let params = param_bytes(&[self.len as u32]);
        vec![Variant::always(
            "scalar",
            Plan { shader, params, grid: linear_grid(self.len.div_ceil(64), caps) },
        )]
    }
}

/// Squares and their gradients, dy/dx = 2x.
pub fn square(values: &[f32]) -> Result<(Vec<f32>, Vec<f32>), OpError> {
    let gpu = Gpu::open(&GpuOptions::default())?;
    let tape = Tape::new(&gpu);
    let x = tape.leaf(Tensor::upload(&gpu, values, &[values.len()])?);
    let y = tape.custom(
        &[&x],
        |gpu, inputs| {
            let x = &inputs[0];
            ops::launch(gpu, &Square { len: x.len() }, &[x.buffer()], x.shape().to_vec())
        },
        |gpu, inputs, _, dy| {
            // x·dy from squares: (x + dy)² − x² − dy² = 2·x·dy.
            let len = inputs[0].len();
            let squared = |t: &Tensor| ops::launch(gpu, &Square { len }, &[t.buffer()], vec![len]);
            let sum = squared(&ops::combine(gpu, 1.0, &inputs[0], 1.0, dy)?)?;
            let parts = ops::combine(gpu, 1.0, &squared(&inputs[0])?, 1.0, &squared(dy)?)?;
            Ok(vec![Some(ops::combine(gpu, 1.0, &sum, -1.0, &parts)?)])
        },
    )?;
    let ones = Tensor::upload(&gpu, &vec![1.0; values.len()], &[values.len()])?;
    let gradient = tape.backward(vec![(&y, ones)])?.take(&x);
    let gradient = gradient.map_or(Ok(Vec::new()), |dx| dx.read(&gpu))?;
    Ok((y.tensor().read(&gpu)?, gradient))
}

#[allow(dead_code)] // a test calls `square` alone
fn main() -> Result<(), OpError> {
    let (y, dx) = square(&[1.0, -2.0, 3.0])?;
    println!("squares {y:?}, gradients {dx:?}");
    Ok(())
}
