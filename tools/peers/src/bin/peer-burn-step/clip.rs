//! The frozen model, from tensors under open_clip's names.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use peers::Fault;
use peers::layers::{Block, linear, norm, tensor};
use peers::weights::Weights;

use crate::Case;

/// Weight of a layer's own state beside its learned tokens.
const ALPHA: f64 = 0.01;

/// Both towers; nothing of it has a gradient.
#[derive(Module, Debug)]
pub struct Clip {
    patches: Conv2d,
    class: Tensor<3>,
    position: Tensor<3>,
    pre: LayerNorm,
    pub vision: Vec<Block>,
    post: LayerNorm,
    projection: Linear,
    /// The prompts' embeddings [states, tokens, width]; learned words take places of it.
    pub prompts: Tensor<3>,
    /// [1, tokens, width]
    pub text_position: Tensor<3>,
    pub text: Vec<Block>,
    pub text_norm: LayerNorm,
    pub text_projection: Linear,
}

impl Clip {
    /// Fails if a tensor is missing, or if images of `case.size` do not fit the position embeddings.
    pub fn load(file: &Weights, case: &Case, device: &Device) -> Result<Self, Fault> {
        let (position, shape) = file.shaped("visual.positional_embedding")?;
        let (cells, width) = (shape[0], shape[1]);
        if cells != 1 + (case.size / case.patch).pow(2) {
            let told = format!("images of {} px in patches of {}", case.size, case.patch);
            return Err(format!(
                "{cells} position embeddings do not fit {told}; they are not resampled here"
            )
            .into());
        }
        let mut patches = Conv2dConfig::new([3, width], [case.patch; 2])
            .with_stride([case.patch; 2])
            .with_bias(false)
            .init(device);
        let kernel = [width, 3, case.patch, case.patch];
        patches.weight = Param::from_tensor(tensor(&file.get("visual.conv1.weight")?, kernel, device));

        let (table, shape) = file.shaped("token_embedding.weight")?;
        let (words, wide) = (shape[0], shape[1]);
        let context = file.shaped("positional_embedding")?.1[0];
        let mut prompts = Vec::new();
        for &id in case.prompts.iter().flatten() {
            let row = (id < words).then(|| &table[id * wide..(id + 1) * wide]);
            prompts.extend_from_slice(row.ok_or_else(|| format!("token {id} is none of {words}"))?);
        }
        let read = Reader { file, device };
        let clip = Self {
            patches,
            class: tensor(&file.get("visual.class_embedding")?, [1, 1, width], device),
            position: tensor(&position, [1, cells, width], device),
            pre: read.norm("visual.ln_pre")?,
            vision: read.blocks("visual.transformer", case.vision_heads, case.quick)?,
            post: read.norm("visual.ln_post")?,
            projection: read.projection("visual.proj")?,
            prompts: tensor(&prompts, [case.prompts.len(), context, wide], device),
            text_position: tensor(&file.get("positional_embedding")?, [1, context, wide], device),
            text: read.blocks("transformer", case.text_heads, case.quick)?,
            text_norm: read.norm("ln_final")?,
            text_projection: read.projection("text_projection")?,
        };
        Ok(clip.no_grad())
    }

    /// Pixels [B, 3, S, S] to what the first block of the vision tower takes: [B, 1 + patches, width].
    pub fn embed(&self, pixels: Tensor<4>) -> Tensor<3> {
        let batch = pixels.dims()[0];
        let cells = self.patches.forward(pixels).flatten::<3>(2, 3).swap_dims(1, 2);
        let class = self.class.clone().expand([batch as i64, -1, -1]);
        self.pre.forward(Tensor::cat(vec![class, cells], 1) + self.position.clone())
    }

    /// The class token after the last block, [B, 1, width], to features [B, features].
    pub fn project(&self, class: Tensor<3>) -> Tensor<2> {
        self.projection.forward(self.post.forward(class.squeeze_dim::<2>(1)))
    }
}

/// Runs blocks on `x` [B, tokens, width] with each layer's learned tokens [1, n, width] after the first position, and
/// gives the state after each block, [B, tokens + n, width].
pub fn progressive(blocks: &[Block], mut x: Tensor<3>, learned: Vec<Tensor<3>>) -> Vec<Tensor<3>> {
    let mut states = Vec::with_capacity(blocks.len());
    for (layer, (block, p)) in blocks.iter().zip(learned).enumerate() {
        let ([batch, length, _], n) = (x.dims(), p.dims()[1]);
        let first = x.clone().narrow(1, 0, 1);
        x = if layer == 0 {
            Tensor::cat(vec![first, p.expand([batch as i64, -1, -1]), x.narrow(1, 1, length - 1)], 1)
        } else {
            let mixed = x.clone().narrow(1, 1, n) * ALPHA + p * (1.0 - ALPHA);
            Tensor::cat(vec![first, mixed, x.narrow(1, 1 + n, length - 1 - n)], 1)
        };
        x = block.forward(x, attend);
        states.push(x.clone());
    }
    states
}

/// burn's own `attention` has no backward pass of its own: under autodiff it becomes these operations and more of
/// them, since it differentiates the maximum too.
fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let scale = (q.dims()[3] as f64).sqrt().recip();
    softmax((q * scale).matmul(k.swap_dims(2, 3)), 3).matmul(v)
}

/// Layers by name.
struct Reader<'a> {
    file: &'a Weights,
    device: &'a Device,
}

impl Reader<'_> {
    fn norm(&self, name: &str) -> Result<LayerNorm, Fault> {
        let part = |part| self.file.get(&format!("{name}.{part}"));
        Ok(norm(&part("weight")?, &part("bias")?, self.device))
    }

    /// A layer whose tensors are called `NAMEweight` and `NAMEbias`.
    fn linear(&self, name: &str) -> Result<Linear, Fault> {
        let (weight, shape) = self.file.shaped(&format!("{name}weight"))?;
        let bias = self.file.get(&format!("{name}bias"))?;
        Ok(linear(&weight, Some(&bias), [shape[0], shape[1]], self.device))
    }

    /// A product with a matrix [in, out].
    fn projection(&self, name: &str) -> Result<Linear, Fault> {
        let (weight, shape) = self.file.shaped(name)?;
        let weight = Param::from_tensor(tensor(&weight, [shape[0], shape[1]], self.device));
        Ok(Linear { weight, bias: None })
    }

    fn blocks(&self, tower: &str, heads: usize, quick: bool) -> Result<Vec<Block>, Fault> {
        let at = |i: usize, name: &str| format!("{tower}.resblocks.{i}.{name}");
        let count = (0..).take_while(|&i| self.file.has(&at(i, "ln_1.weight"))).count();
        let block = |i: usize| -> Result<Block, Fault> {
            Ok(Block {
                norms: [self.norm(&at(i, "ln_1"))?, self.norm(&at(i, "ln_2"))?],
                qkv: self.linear(&at(i, "attn.in_proj_"))?,
                out: self.linear(&at(i, "attn.out_proj."))?,
                mlp: [self.linear(&at(i, "mlp.c_fc."))?, self.linear(&at(i, "mlp.c_proj."))?],
                heads,
                quick,
            })
        };
        (0..count).map(block).collect()
    }
}
