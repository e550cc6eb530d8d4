//! candle on the CPU.

use std::collections::HashMap;
use std::time::Instant;

use candle_core::{D, DType, Device, Module, Result, Tensor, safetensors};
use candle_nn::attention::{AttnMask, flash_attn};
use candle_nn::{LayerNorm, Linear};
use peers::{Case, EDGE, Fault, WEIGHTS, Work, affine, model_folder, serve, split_qkv, values};

fn main() -> std::result::Result<(), Fault> {
    let threads = candle_core::utils::get_num_threads();
    serve(&format!("candle {}; CPU, {threads} threads", peers::version("candle-core")), prepare)
}

fn prepare(case: Case) -> std::result::Result<Work, Fault> {
    let tensor = |x: &[f32], shape: &[usize]| Tensor::from_slice(x, shape, &Device::Cpu);
    Ok(match case {
        Case::Gemm { m, n, k } => {
            let layer = Linear::new(tensor(&values(WEIGHTS, n * k), &[n, k])?, None);
            Box::new(move |a| Ok(timed(&[tensor(a, &[m, k])?], |x| layer.forward(&x[0]))?))
        }
        Case::Attention { tokens, heads, dim } => Box::new(move |qkv| {
            let parts = split_qkv(qkv, tokens, heads, dim, false);
            let [q, k, v] = parts.map(|x| tensor(&x, &[1, tokens, heads, dim]));
            let (seconds, result) = timed(&[q?, k?, v?], |x| attention(&x[0], &x[1], &x[2]))?;
            Ok((seconds, result))
        }),
        Case::LayerNorm { rows, width } => {
            let (gamma, beta) = affine(width);
            let norm = LayerNorm::new(tensor(&gamma, &[width])?, tensor(&beta, &[width])?, 1e-5);
            Box::new(move |x| Ok(timed(&[tensor(x, &[rows, width])?], |x| norm.forward(&x[0]))?))
        }
        Case::Vit { batch } => {
            let vit = Vit::load()?;
            Box::new(move |x| Ok(timed(&[tensor(x, &[batch, 3, EDGE, EDGE])?], |x| vit.forward(&x[0]))?))
        }
    })
}

fn timed(input: &[Tensor], work: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<peers::Timed> {
    let start = Instant::now();
    let result = work(input)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((seconds, result.flatten_all()?.to_vec1()?))
}

/// q, k and v [batch, tokens, heads, dim] to [batch, tokens, heads, dim].
fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(D::Minus1)? as f32).sqrt();
    flash_attn::<f32>(q, k, v, scale, AttnMask::None, None, None)?.transpose(1, 2)?.contiguous()
}

struct Block {
    norms: [LayerNorm; 2],
    qkvo: [Linear; 4],
    mlp: [Linear; 2],
}

struct Vit {
    patches: Tensor,
    class: Tensor,
    position: Tensor,
    pre: LayerNorm,
    blocks: Vec<Block>,
    post: LayerNorm,
    projection: Linear,
}

impl Vit {
    fn load() -> std::result::Result<Self, Fault> {
        let all = safetensors::load(model_folder()?.join("model.safetensors"), &Device::Cpu)?;
        let get = |name: String| tensor_named(&all, &name);
        let vision = |name: &str| get(format!("vision_model.{name}"));
        let linear = |name: String| -> Result<Linear> {
            Ok(Linear::new(vision(&format!("{name}.weight"))?, Some(vision(&format!("{name}.bias"))?)))
        };
        let norm = |name: String| -> Result<LayerNorm> {
            Ok(LayerNorm::new(vision(&format!("{name}.weight"))?, vision(&format!("{name}.bias"))?, 1e-5))
        };
        let block = |i: usize| -> Result<Block> {
            let at = |name: &str| format!("encoder.layers.{i}.{name}");
            let attn = |name: &str| linear(at(&format!("self_attn.{name}_proj")));
            Ok(Block {
                norms: [norm(at("layer_norm1"))?, norm(at("layer_norm2"))?],
                qkvo: [attn("q")?, attn("k")?, attn("v")?, attn("out")?],
                mlp: [linear(at("mlp.fc1"))?, linear(at("mlp.fc2"))?],
            })
        };
        Ok(Self {
            patches: vision("embeddings.patch_embedding.weight")?,
            class: vision("embeddings.class_embedding")?,
            position: vision("embeddings.position_embedding.weight")?,
            pre: norm("pre_layrnorm".into())?,
            blocks: (0..12).map(block).collect::<Result<_>>()?,
            post: norm("post_layernorm".into())?,
            projection: Linear::new(get("visual_projection.weight".into())?, None),
        })
    }

    fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let cells = pixels.conv2d(&self.patches, 0, 16, 1, 1)?.flatten_from(2)?.transpose(1, 2)?;
        let (batch, _, width) = cells.dims3()?;
        let class = self.class.broadcast_as((batch, 1, width))?;
        let mut x = Tensor::cat(&[&class, &cells.contiguous()?], 1)?.broadcast_add(&self.position)?;
        x = self.pre.forward(&x)?;
        for block in &self.blocks {
            let y = block.norms[0].forward(&x)?;
            let (_, tokens, _) = y.dims3()?;
            let heads = |i: usize| block.qkvo[i].forward(&y)?.reshape((batch, tokens, 12, 64));
            let seen = attention(&heads(0)?, &heads(1)?, &heads(2)?)?.reshape((batch, tokens, width))?;
            x = (x + block.qkvo[3].forward(&seen)?)?;
            let y = block.mlp[0].forward(&block.norms[1].forward(&x)?)?;
            let y = (&y * candle_nn::ops::sigmoid(&(&y * 1.702)?)?)?; // QuickGELU
            x = (x + block.mlp[1].forward(&y)?)?;
        }
        let class = x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        self.projection.forward(&self.post.forward(&class)?)
    }
}

fn tensor_named(all: &HashMap<String, Tensor>, name: &str) -> Result<Tensor> {
    let missing = || candle_core::Error::Msg(format!("model.safetensors: no tensor {name}"));
    all.get(name).ok_or_else(missing)?.to_dtype(DType::F32)
}
