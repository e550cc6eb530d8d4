//! What is learned, and the losses.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};
use peers::Fault;
use peers::layers::{linear, tensor};
use peers::weights::Weights;

use crate::Case;
use crate::clip::{Clip, progressive};

/// Temperature of all softmaxes.
const TAU: f64 = 0.07;

/// What a step sees.
pub struct Batch {
    /// [B, 3, S, S]
    pub pixels: Tensor<4>,
    /// [B], 0 is normal.
    pub classes: Tensor<1>,
    /// [B, S, S], 0 or 1.
    pub masks: Tensor<3>,
}

/// The parameters.
#[derive(Module, Debug)]
pub struct Learner {
    /// Words of the normal prompts and of every defect's, [sets, words, width].
    normal: Param<Tensor<3>>,
    defect: Param<Tensor<3>>,
    /// Tokens of the text tower's layers, each [tokens, width].
    text: Vec<Param<Tensor<2>>>,
    /// Those of the vision tower, [layers, tokens, width].
    vision: Param<Tensor<3>>,
    adapters: Vec<Linear>,
    /// The blocks, counted from 1, that the adapters follow.
    layers: Vec<usize>,
    /// Rows of the text tower's result, as one matrix, that hold the prompts' features.
    pooled: Tensor<1, Int>,
    /// Bilinear interpolation with aligned corners along one edge, [1, 1, S, grid].
    up: Tensor<4>,
}

impl Learner {
    /// The first values of `file`. Fails if a tensor is missing.
    pub fn load(file: &Weights, case: &Case, clip: &Clip, device: &Device) -> Result<Self, Fault> {
        let words = |kind: &str| -> Result<Param<Tensor<3>>, Fault> {
            let (values, shape) = file.shaped(&format!("prompt_learner.learnable_{kind}_tokens"))?;
            Ok(Param::from_tensor(tensor(&values, [case.sets, case.words, shape[2]], device)))
        };
        let text = |i: usize| -> Result<Param<Tensor<2>>, Fault> {
            let (values, shape) = file.shaped(&format!("prompt_learner.learnable_layer_tokens.{i}"))?;
            Ok(Param::from_tensor(tensor(&values, [case.tokens, shape[1]], device)))
        };
        let adapter = |m: usize| -> Result<Linear, Fault> {
            let (weight, shape) = file.shaped(&format!("linear_adapter.fc.{m}.weight"))?;
            let bias = file.get(&format!("linear_adapter.fc.{m}.bias"))?;
            Ok(linear(&weight, Some(&bias), [shape[0], shape[1]], device))
        };
        let (vision, shape) = file.shaped("visual_prompt.learnable_visual_tokens")?;
        let length = case.tokens + clip.prompts.dims()[1];
        // The largest id is the end of a prompt; of equal ones the first counts.
        let end = |ids: &[usize]| (0..ids.len()).rev().max_by_key(|&i| ids[i]).unwrap_or(0);
        let row = |(i, ids): (usize, &Vec<usize>)| {
            (i * case.sets..(i + 1) * case.sets).map(move |j| j * length + end(ids)).collect::<Vec<_>>()
        };
        let pooled: Vec<i32> = case.prompts.iter().enumerate().flat_map(row).map(|i| i as i32).collect();
        let grid = case.size / case.patch;
        Ok(Self {
            normal: words("normal")?,
            defect: words("abnormal")?,
            text: (0..clip.text.len()).map(text).collect::<Result<_, _>>()?,
            vision: Param::from_tensor(tensor(&vision, [shape[0], case.tokens, shape[2]], device)),
            adapters: (0..case.feature_layers.len()).map(adapter).collect::<Result<_, _>>()?,
            layers: case.feature_layers.clone(),
            pooled: Tensor::from_data(pooled.as_slice(), device),
            up: tensor(&bilinear(grid, case.size), [1, 1, case.size, grid], device),
        })
    }

    /// The loss of the images and that of their pixels, [1] each.
    pub fn losses(&self, clip: &Clip, batch: &Batch) -> [Tensor<1>; 2] {
        let text = self.states(clip);
        let (class, patches) = self.patches(clip, batch.pixels.clone());

        let [states, width] = text.dims();
        let abnormal = normalize(text.clone().narrow(0, 1, states - 1).mean_dim(0));
        let sides = Tensor::cat(vec![text.clone().narrow(0, 0, 1), abnormal], 0);
        let logits = normalize(clip.project(class)).matmul(sides.transpose()) / TAU;
        let faulty = batch.classes.clone().greater_elem(0.0).int();
        let image = CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, faulty);

        let text = text.transpose().reshape([1, width, states]);
        let targets = targets(batch, states);
        let mut local = Tensor::zeros([1], &image.device());
        for (adapter, x) in self.adapters.iter().zip(patches) {
            let scores = normalize(adapter.forward(x)).matmul(text.clone()) / TAU;
            let q = self.upsample(softmax(scores, 2));
            local = local + focal(&q, &targets) + dice(&q, batch);
        }
        [image, local * 4.0]
    }

    /// Unit features [states, features] of the prompts, the normal state first.
    fn states(&self, clip: &Clip) -> Tensor<2> {
        let [states, context, width] = clip.prompts.dims();
        let [sets, words, _] = self.normal.dims();
        let defect = self.defect.val().unsqueeze::<4>().expand([states as i64 - 1, -1, -1, -1]);
        let defect = defect.reshape([(states - 1) * sets, words, width]);
        let learned = Tensor::cat(vec![self.normal.val(), defect], 0);
        let fixed = |from: usize, count: usize| {
            let some = clip.prompts.clone().narrow(1, from, count).unsqueeze_dim::<4>(1);
            some.expand([-1, sets as i64, -1, -1]).reshape([states * sets, count, width])
        };
        let x = Tensor::cat(vec![fixed(0, 1), learned, fixed(1 + words, context - 1 - words)], 1);
        let tokens = self.text.iter().map(|p| p.val().unsqueeze()).collect();
        let x = progressive(&clip.text, x + clip.text_position.clone(), tokens)
            .pop()
            .expect("a tower has blocks");
        let rows = x.flatten::<2>(0, 1).select(0, self.pooled.clone());
        let features = clip.text_projection.forward(clip.text_norm.forward(rows));
        let features = features.reshape([states as i64, sets as i64, -1]).mean_dim(1);
        normalize(features.squeeze_dim::<2>(1))
    }

    /// The last class token [B, 1, width], and for each adapter the patches [B, patches, width].
    fn patches(&self, clip: &Clip, pixels: Tensor<4>) -> (Tensor<3>, Vec<Tensor<3>>) {
        let tokens = self.vision.val().chunk(self.vision.dims()[0], 0);
        let states = progressive(&clip.vision, clip.embed(pixels), tokens);
        let start = 1 + self.vision.dims()[1];
        let patches = |&layer: &usize| {
            let x = states[layer - 1].clone();
            let count = x.dims()[1] - start;
            x.narrow(1, start, count)
        };
        (states[states.len() - 1].clone().narrow(1, 0, 1), self.layers.iter().map(patches).collect())
    }

    /// [B, patches, states] to maps [B, states, S, S]. burn's `interpolate` has no gradient on this backend other
    /// than that of the nearest neighbour.
    fn upsample(&self, x: Tensor<3>) -> Tensor<4> {
        let ([batch, _, states], grid) = (x.dims(), self.up.dims()[3]);
        let x = x.swap_dims(1, 2).reshape([batch, states, grid, grid]);
        self.up.clone().matmul(x).matmul(self.up.clone().swap_dims(2, 3))
    }
}

/// What each pixel should be, [B, states, S, S]: one-hot, kept off 0 and 1.
fn targets(batch: &Batch, states: usize) -> Tensor<4> {
    let [count, size, _] = batch.masks.dims();
    let state = batch.masks.clone() * batch.classes.clone().reshape([count, 1, 1]);
    let numbers = Tensor::<1, Int>::arange(0..states as i64, &state.device()).float();
    let shape = [count, states, size, size];
    let same = state
        .reshape([count, 1, size, size])
        .expand(shape)
        .equal(numbers.reshape([1, states, 1, 1]).expand(shape));
    same.float().clamp(1e-5 / (states as f64 - 1.0), 1.0 - 1e-5)
}

/// The focal loss with γ = 2.
fn focal(q: &Tensor<4>, targets: &Tensor<4>) -> Tensor<1> {
    let right = (targets.clone() * q.clone()).sum_dim(1) + 1e-5;
    -((right.clone() - 1.0).square() * right.log()).mean()
}

/// The dice losses of the normal and of the defective pixels.
fn dice(q: &Tensor<4>, batch: &Batch) -> Tensor<1> {
    let [count, states, size, _] = q.dims();
    let rows = |x: Tensor<4>| x.reshape([count, size * size]);
    let defect = batch.masks.clone().reshape([count, size * size]);
    let one = |found: Tensor<2>, wanted: Tensor<2>| {
        let both = (found.clone() * wanted.clone()).sum_dim(1) * 2.0 + 1.0;
        -(both / (found.sum_dim(1) + wanted.sum_dim(1) + 1.0)).mean() + 1.0
    };
    one(rows(q.clone().narrow(1, 0, 1)), 1.0 - defect.clone())
        + one(rows(q.clone().narrow(1, 1, states - 1).sum_dim(1)), defect)
}

/// x / ‖x‖ over the last dimension.
fn normalize<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() / x.square().sum_dim(D - 1).sqrt()
}

/// Weights [to, from] of linear interpolation whose first and last points stay where they are.
fn bilinear(from: usize, to: usize) -> Vec<f32> {
    let mut weights = vec![0.0; to * from];
    for (i, row) in weights.chunks_exact_mut(from).enumerate() {
        let at = i as f64 * (from - 1) as f64 / (to - 1).max(1) as f64;
        let low = (at as usize).min(from.saturating_sub(2));
        let part = at - low as f64;
        row[low] += (1.0 - part) as f32;
        if low + 1 < from {
            row[low + 1] += part as f32;
        }
    }
    weights
}
