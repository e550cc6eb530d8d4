//! dapo-wgpu itself, through its public interface.

use std::time::Instant;

use dapo_wgpu::clip::{Clip, ClipOptions};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::ops::{self, Element, Linear, Norm, OpError, Tensor};
use peers::{Case, Fault, WEIGHTS, Work, affine, model_folder, serve, values};

fn main() -> Result<(), Fault> {
    let gpu = Gpu::open(&GpuOptions::default())?;
    serve(&format!("dapo-wgpu {}; {}", peers::version("dapo-wgpu"), gpu.adapter().line()), |case| {
        prepare(&gpu, case)
    })
}

fn prepare(gpu: &Gpu, case: Case) -> Result<Work, Fault> {
    Ok(match case {
        Case::Gemm { m, n, k } => {
            let layer = Linear::upload(gpu, &values(WEIGHTS, n * k), None, (n, k), Element::F32)?;
            timed(gpu, vec![m, k], move |gpu, a| layer.forward(gpu, a, None, None))
        }
        Case::Attention { tokens, heads, dim } => {
            timed(gpu, vec![1, tokens, 3 * heads * dim], move |gpu, qkv| {
                ops::attention(gpu, qkv, heads, false)
            })
        }
        Case::LayerNorm { rows, width } => {
            let (gamma, beta) = affine(width);
            let norm = Norm::upload(gpu, &gamma, &beta, 1e-5)?;
            timed(gpu, vec![rows, width], move |gpu, x| norm.forward(gpu, x))
        }
        Case::Vit { batch } => {
            let clip = Clip::open(gpu, &model_folder()?, ClipOptions::default())?;
            timed(gpu, vec![batch, 3, peers::EDGE, peers::EDGE], move |gpu, pixels| {
                Ok(clip.vision().forward(gpu, pixels, false, &[])?.image_features)
            })
        }
    })
}

/// Uploads the input and waits; then times the work together with the read of its whole result.
fn timed(
    gpu: &Gpu,
    shape: Vec<usize>,
    work: impl Fn(&Gpu, &Tensor) -> Result<Tensor, OpError> + 'static,
) -> Work {
    let gpu = gpu.clone();
    Box::new(move |input| {
        let input = Tensor::upload(&gpu, input, &shape)?;
        gpu.wait()?;
        let start = Instant::now();
        let result = work(&gpu, &input)?.read(&gpu)?;
        Ok((start.elapsed().as_secs_f64(), result))
    })
}
