//! burn with its wgpu backend (Vulkan on Linux), written with its own modules; autotune and fusion on.

use std::time::Instant;

use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::module::attention;
use burn::tensor::{Device, DeviceKind, Tensor};
use peers::layers::{Block, linear, norm, tensor};
use peers::weights::Weights;
use peers::{Case, EDGE, Fault, WEIGHTS, Work, affine, serve, split_qkv, tokens_first, values};

fn main() -> Result<(), Fault> {
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let name = device.identity().map_or_else(|| "unknown device".into(), |identity| identity.name);
    let compiler = if cfg!(feature = "burn-spirv") { "SPIR-V" } else { "WGSL" };
    let hello = format!("burn {} ({compiler}, autotune, fusion); wgpu, {name}", peers::version("burn"));
    serve(&hello, |case| prepare(&device, case))
}

fn prepare(device: &Device, case: Case) -> Result<Work, Fault> {
    let device = device.clone();
    Ok(match case {
        Case::Gemm { m, n, k } => {
            let layer = linear(&values(WEIGHTS, n * k), None, [n, k], &device);
            Box::new(move |a| timed(&device, [tensor(a, [m, k], &device)], |[a]| layer.forward(a)))
        }
        Case::Attention { tokens, heads, dim } => Box::new(move |qkv| {
            let parts = split_qkv(qkv, tokens, heads, dim, true);
            let parts = parts.map(|x| tensor(&x, [1, heads, tokens, dim], &device));
            let (seconds, result) =
                timed(&device, parts, |[q, k, v]| attention(q, k, v, None, None, Default::default()))?;
            Ok((seconds, tokens_first(&result, tokens, heads, dim)))
        }),
        Case::LayerNorm { rows, width } => {
            let (gamma, beta) = affine(width);
            let layer = norm(&gamma, &beta, &device);
            Box::new(move |x| timed(&device, [tensor(x, [rows, width], &device)], |[x]| layer.forward(x)))
        }
        Case::Vit { batch } => {
            let vit = Vit::load(&device)?;
            Box::new(move |x| {
                timed(&device, [tensor(x, [batch, 3, EDGE, EDGE], &device)], |[x]| vit.forward(x))
            })
        }
    })
}

/// Waits for the uploads; then times the work together with the read of its whole result.
fn timed<const N: usize, const I: usize, const O: usize>(
    device: &Device,
    input: [Tensor<I>; N],
    work: impl Fn([Tensor<I>; N]) -> Tensor<O>,
) -> Result<peers::Timed, Fault> {
    device.sync().map_err(|e| format!("{e:?}"))?;
    let start = Instant::now();
    let data = work(input).try_into_data().map_err(|e| format!("{e:?}"))?;
    let result = data.try_to_vec().map_err(|e| format!("{e:?}"))?;
    Ok((start.elapsed().as_secs_f64(), result))
}

struct Vit {
    patches: Conv2d,
    class: Tensor<3>,
    position: Tensor<3>,
    pre: LayerNorm,
    blocks: Vec<Block>,
    post: LayerNorm,
    projection: Linear,
}

impl Vit {
    fn load(device: &Device) -> Result<Self, Fault> {
        let w = Weights::open()?;
        let affine = |name: &str| -> Result<(Vec<f32>, Vec<f32>), Fault> {
            Ok((w.vision(&format!("{name}.weight"))?, w.vision(&format!("{name}.bias"))?))
        };
        let norm_at = |name: &str| affine(name).map(|(gamma, beta)| norm(&gamma, &beta, device));
        let linear_at = |name: &str| -> Result<Linear, Fault> {
            let (weight, bias) = affine(name)?;
            Ok(linear(&weight, Some(&bias), [bias.len(), weight.len() / bias.len()], device))
        };
        let block = |i: usize| -> Result<Block, Fault> {
            let at = |name: &str| format!("encoder.layers.{i}.{name}");
            let (mut weight, mut bias) = (Vec::new(), Vec::new());
            for part in ["q", "k", "v"] {
                let (w, b) = affine(&at(&format!("self_attn.{part}_proj")))?;
                weight.extend(w);
                bias.extend(b);
            }
            Ok(Block {
                norms: [norm_at(&at("layer_norm1"))?, norm_at(&at("layer_norm2"))?],
                qkv: linear(&weight, Some(&bias), [3 * 768, 768], device),
                out: linear_at(&at("self_attn.out_proj"))?,
                mlp: [linear_at(&at("mlp.fc1"))?, linear_at(&at("mlp.fc2"))?],
                heads: 12,
                quick: true,
            })
        };
        let mut patches =
            Conv2dConfig::new([3, 768], [16, 16]).with_stride([16, 16]).with_bias(false).init(device);
        let weight = w.vision("embeddings.patch_embedding.weight")?;
        patches.weight = Param::from_tensor(tensor(&weight, [768, 3, 16, 16], device));
        Ok(Self {
            patches,
            class: tensor(&w.vision("embeddings.class_embedding")?, [1, 1, 768], device),
            position: tensor(&w.vision("embeddings.position_embedding.weight")?, [1, 197, 768], device),
            pre: norm_at("pre_layrnorm")?,
            blocks: (0..12).map(block).collect::<Result<_, _>>()?,
            post: norm_at("post_layernorm")?,
            projection: linear(&w.get("visual_projection.weight")?, None, [512, 768], device),
        })
    }

    fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let batch = pixels.dims()[0];
        let cells = self.patches.forward(pixels).flatten::<3>(2, 3).swap_dims(1, 2);
        let class = self.class.clone().expand([batch, 1, 768]);
        let mut x = self.pre.forward(Tensor::cat(vec![class, cells], 1) + self.position.clone());
        for block in &self.blocks {
            x = block.forward(x, |q, k, v| attention(q, k, v, None, None, Default::default()));
        }
        let class = x.narrow(1, 0, 1).reshape([batch, 768]);
        self.projection.forward(self.post.forward(class))
    }
}
