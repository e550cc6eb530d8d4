//! Gradient of fused attention, linear in memory: scores are computed again from the packed projections
//! and each query's log-sum-exp (Dao 2023, *FlashAttention-2*, arXiv 2307.08691, algorithm 2).

use std::sync::Arc;

use super::attention::Attention;
use super::attention_blocks::{SubgroupBlock, block_variants, head_dim_fits};
use super::bounds::{TINY, U, dot, exp_error, flushed, gamma};
use super::derivative::{Derivative, weighted};
use super::family::{Family, boxed};
use super::inputs::Inputs;
use super::{Cost, Defines, Fill, Operand, Plan, Problem, Trial, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, Define, ShaderSpec};

/// dqkv of [`Attention`], packed as qkv [images, tokens, 3, heads, head_dim], from the forward pass'
/// qkv and lse [images, heads, tokens], the upstream gradient dout [images, tokens, heads, head_dim]
/// and delta [images, tokens, heads] = Σ dout·out over each token and head.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionBackward {
    /// Number of sequences.
    pub images: usize,
    /// Tokens of a sequence.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Elements of a head, a multiple of 4, at most 128.
    pub head_dim: usize,
    /// A query sees no later key.
    pub causal: bool,
}

/// What a lane owns here are queries or keys, and what it visits are the others. Larger blocks are slower:
/// a lane of keys keeps two rows and two sums of each, and their code grows as fast.
const SUBGROUP_BLOCKS: [SubgroupBlock; 2] = [
    SubgroupBlock { name: "subgroup4x2", queries: 4, keys: Some(2) },
    SubgroupBlock { name: "subgroup2x4", queries: 2, keys: Some(4) },
];

/// A query and a key that it sees.
struct Pair {
    query: usize,
    key: usize,
    /// exp(score − lse).
    p: Inexact,
    /// p·(dout·v − delta).
    ds: Inexact,
}

/// A number and how far float32 may be off.
#[derive(Clone, Copy)]
struct Inexact {
    value: f64,
    error: f64,
}

/// One head's rows of the inputs, and where they are.
struct Head<'a> {
    problem: &'a AttentionBackward,
    inputs: &'a [Vec<f64>],
    image: usize,
    head: usize,
}

impl Head<'_> {
    /// Where a token's row of q (part 0), k (1) or v (2) begins in qkv and in dqkv.
    fn at(&self, token: usize, part: usize) -> usize {
        let p = self.problem;
        (((self.image * p.tokens + token) * 3 + part) * p.heads + self.head) * p.head_dim
    }

    fn row(&self, token: usize, part: usize) -> &[f64] {
        &self.inputs[0][self.at(token, part)..][..self.problem.head_dim]
    }

    fn dout(&self, token: usize) -> &[f64] {
        let p = self.problem;
        &self.inputs[1][((self.image * p.tokens + token) * p.heads + self.head) * p.head_dim..][..p.head_dim]
    }

    /// First p: a score is off by γ·Σ|q||k|, the difference by one rounding more; that much is the
    /// exponent off, which is a factor of p, and exp adds its own error. Then dout·v − delta, a dot
    /// product of one term more; then the product of the two.
    fn pair(&self, query: usize, key: usize) -> Pair {
        let p = self.problem;
        let lse = self.inputs[2][(self.image * p.heads + self.head) * p.tokens + query];
        let delta = self.inputs[3][(self.image * p.tokens + query) * p.heads + self.head];
        let scale = f64::from(p.forward().scale());
        let (q, k) = (self.row(query, 0), self.row(key, 1));
        let (score, magnitude) = dot(q.iter().map(|x| x * scale), k.iter().copied());
        let exponent = score - lse;
        let error = gamma(p.head_dim + 2) * magnitude + lost(q, k) + flushed(lse);
        let error = error + U * (exponent.abs() + error);
        let value = exponent.exp();
        let factor = (1.0 + exp_error(exponent.abs() + error)) * error.exp();
        let p_ij = Inexact { value, error: value * (factor - 1.0) + TINY };

        let (dout, v) = (self.dout(query), self.row(key, 2));
        let (dp, magnitude) = dot(dout.iter().copied(), v.iter().copied());
        let slope = dp - delta;
        let error = gamma(p.head_dim + 1) * (magnitude + delta.abs()) + lost(dout, v) + flushed(delta);
        let value = p_ij.value * slope;
        let largest = (p_ij.value + p_ij.error) * (slope.abs() + error);
        let ds = Inexact { value, error: largest * (1.0 + U) - value.abs() + TINY };
        Pair { query, key, p: p_ij, ds }
    }

    /// Calls `f` for every query and every key that it sees.
    fn for_each(&self, mut f: impl FnMut(&Self, Pair)) {
        for query in 0..self.problem.tokens {
            let visible = if self.problem.causal { query + 1 } else { self.problem.tokens };
            (0..visible).for_each(|key| f(self, self.pair(query, key)));
        }
    }
}

/// What a dot product loses when its operands, products and sums are flushed to zero.
fn lost(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| flushed(*a) * b.abs() + flushed(*b) * a.abs() + 3.0 * TINY).sum()
}

impl AttentionBackward {
    /// The forward pass whose gradient this is.
    fn forward(&self) -> Attention {
        let Self { images, tokens, heads, head_dim, causal } = *self;
        Attention { causal, lse: true, ..Attention::new(images, tokens, heads, head_dim) }
    }

    /// The constants of all variants, and these sizes.
    fn defines<const N: usize>(&self, sizes: [(&'static str, usize); N]) -> Defines {
        let own = [("D4", Define::Number(self.head_dim as u32 / 4)), ("CAUSAL", Define::Flag(self.causal))];
        own.into_iter().chain(sizes.map(|(name, size)| (name, Define::Number(size as u32)))).collect()
    }

    /// A plan whose workgroups own this many tokens, each in one of several roles.
    fn plan(&self, shader: ShaderSpec, tokens: usize, roles: usize) -> Plan {
        Plan {
            shader,
            params: param_bytes(&[self.tokens as u32, self.heads as u32, self.forward().scale().to_bits()]),
            grid: [self.tokens.div_ceil(tokens) as u32, self.heads as u32, (roles * self.images) as u32],
        }
    }

    /// The same pipeline on few tokens, which do not fill the last quad: drivers differ in which invocations make one.
    fn trial(&self) -> Trial {
        let small = Self { images: 2, tokens: 75, heads: 2, ..self.clone() };
        Trial { problem: Arc::new(small), plain: "tile" }
    }

    /// Calls `f` for every head of every image.
    fn for_each_head(&self, inputs: &[Vec<f64>], mut f: impl FnMut(Head)) {
        for image in 0..self.images {
            (0..self.heads).for_each(|head| f(Head { problem: self, inputs, image, head }));
        }
    }

    /// Pairs of a query and a key that it sees, of all heads.
    fn pairs(&self) -> f64 {
        let t = self.tokens as f64;
        (self.images * self.heads) as f64 * if self.causal { t * (t + 1.0) / 2.0 } else { t * t }
    }
}

impl Problem for AttentionBackward {
    fn kernel(&self) -> &'static str {
        "attention_backward"
    }

    fn label(&self) -> String {
        let Self { images, tokens, heads, head_dim, causal } = self;
        let causal = if *causal { " causal" } else { "" };
        format!("attention_backward f32 images={images} tokens={tokens} heads={heads} dim={head_dim}{causal}")
    }

    fn inputs(&self) -> Vec<Operand> {
        let rows = self.images * self.tokens * self.heads;
        vec![
            Operand::f32("qkv", rows * 3 * self.head_dim),
            Operand::f32("dout", rows * self.head_dim),
            Operand::f32("lse", rows),
            Operand::f32("delta", rows),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.images * self.tokens * 3 * self.heads * self.head_dim]
    }

    fn cost(&self) -> Cost {
        let (rows, d) = ((self.images * self.tokens * self.heads) as f64, self.head_dim as f64);
        // q·k and dout·v twice, once for the sums over keys and once for those over queries.
        Cost { flops: self.pairs() * (14.0 * d + 8.0), bytes: 4.0 * rows * (7.0 * d + 2.0) }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        // Few tokens fill no large block.
        let preferred = |lanes: usize| if self.tokens > 16 * lanes { "subgroup4x2" } else { "subgroup2x4" };
        let d4 = self.head_dim / 4;
        let tile = Variant::when("tile", head_dim_fits(self.head_dim), || {
            // The rows of a tile take 8 KiB: half of what every device has, so two fit.
            let visits = (256 / d4).clamp(4, 16);
            let defines =
                self.defines([("OWN", 64), ("VISITS", visits), ("LOADS", (visits * d4).div_ceil(64))]);
            // Workgroups of dq, of dk and of dv.
            self.plan(shader!("attention_backward_tile.wgsl", defines), 64, 3)
        });
        let Cost { flops, bytes } = self.cost();
        // `tile` computes q·k once more, for dv: its invocations have no registers for the sums of both dk and dv.
        let again = self.pairs() * (2.0 * self.head_dim as f64 + 2.0);
        let tile = Variant { cost: Some(Cost { flops: flops + again, bytes }), ..tile };
        let quad = Variant::when("quad", self.forward().quads(caps), || {
            // Workgroups of queries and of keys.
            self.plan(shader!("attention_backward_quad.wgsl", self.defines([("VISITS", 16)])), 32, 2)
        });
        let quad = Variant { trial: Some(self.trial()), ..quad };
        block_variants(vec![quad, tile], &SUBGROUP_BLOCKS, preferred, self.head_dim, caps, |lanes, block| {
            let visits = block.keys.unwrap_or(lanes);
            let defines = self.defines([("LANES", lanes), ("PER_LANE", block.queries), ("VISITS", visits)]);
            // Workgroups of queries and of keys.
            self.plan(shader!("attention_backward_subgroup.wgsl", defines), lanes * block.queries, 2)
        })
    }
}

impl Verifiable for AttentionBackward {
    fn fill(&self, input: &str) -> Fill {
        match input {
            // About as large as the log-sum-exp of scores that are normally distributed: p stays moderate.
            "lse" => Fill::Around { mean: (self.tokens as f32).ln() + 0.5, deviation: 0.5 },
            _ => Fill::default(),
        }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut dqkv = vec![0.0; self.outputs()[0]];
        let scale = f64::from(self.forward().scale());
        self.for_each_head(inputs, |head| {
            head.for_each(|head, Pair { query, key, p, ds }| {
                let mut add = |at: usize, weight: f64, row: &[f64]| {
                    for (sum, x) in dqkv[at..].iter_mut().zip(row) {
                        *sum += weight * x;
                    }
                };
                add(head.at(query, 0), scale * ds.value, head.row(key, 1));
                add(head.at(key, 1), scale * ds.value, head.row(query, 0));
                add(head.at(key, 2), p.value, head.dout(query));
            });
        });
        vec![dqkv]
    }

    /// Each element is a sum of at most `tokens` products of a weight (p or ds, whose errors
    /// `Head::pair` derives) and an exact element, then perhaps scaled: γ of that many roundings of the
    /// terms as they are, with their weights' errors, and these errors themselves.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bound = vec![2.0 * TINY; self.outputs()[0]];
        let (scale, roundings) = (f64::from(self.forward().scale()), gamma(self.tokens + 2));
        self.for_each_head(inputs, |head| {
            head.for_each(|head, Pair { query, key, p, ds }| {
                let mut add = |at: usize, factor: f64, weight: Inexact, row: &[f64]| {
                    let largest = weight.value.abs() + weight.error;
                    for (sum, x) in bound[at..].iter_mut().zip(row) {
                        let term = weight.error * x.abs() + largest * (roundings * x.abs() + flushed(*x));
                        *sum += factor * term + 2.0 * TINY;
                    }
                };
                add(head.at(query, 0), scale, ds, head.row(key, 1));
                add(head.at(key, 1), scale, ds, head.row(query, 0));
                add(head.at(key, 2), 1.0, p, head.dout(query));
            });
        });
        vec![bound]
    }

    /// Not of wide inputs: lse is one of them, and not that of scores 64² times as large, so that p
    /// overflows.
    fn defined_for(&self) -> &'static [Inputs] {
        &[Inputs::Normal, Inputs::Denormal, Inputs::Nan, Inputs::Infinity]
    }

    fn derivative(&self) -> Option<Derivative> {
        let (saved, forward, d) = (self.forward(), self.forward(), self.head_dim);
        Some(Derivative {
            wrt: vec![0],
            prepare: Box::new(move |inputs| {
                let mut results = saved.reference(&inputs[..1]);
                inputs[2] = results.swap_remove(1);
                let rows = results[0].chunks(d).zip(inputs[1].chunks(d));
                inputs[3] = rows.map(|(out, dout)| weighted(out, dout)).collect();
            }),
            value: Box::new(move |inputs| weighted(&forward.reference(&inputs[..1])[0], &inputs[1])),
        })
    }
}

/// Cases of the registry.
fn cases() -> Vec<AttentionBackward> {
    let case = |images, tokens, heads, head_dim| AttentionBackward {
        images,
        tokens,
        heads,
        head_dim,
        causal: false,
    };
    vec![
        case(1, 1, 1, 4),
        case(2, 7, 3, 8),
        // What is read past the end of one token is another image's, and its NaN.
        case(9, 1, 1, 16),
        case(2, 13, 3, 16),
        AttentionBackward { causal: true, ..case(2, 13, 3, 16) },
        AttentionBackward { causal: true, ..case(1, 33, 2, 36) },
        // Rows of a visit that are no power of two.
        case(1, 20, 1, 76),
        // Heads of models, once: on a CPU their code takes seconds to compile.
        case(2, 50, 2, 64),
        // Several workgroups of a head.
        case(2, 77, 2, 16),
        AttentionBackward { causal: true, ..case(2, 77, 2, 16) },
        case(1, 197, 1, 4),
        AttentionBackward { causal: true, ..case(1, 150, 2, 8) },
    ]
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "attention_backward",
        conformance: || boxed(cases()),
        bench: || {
            let shape =
                |(tokens, heads)| AttentionBackward { images: 1, tokens, heads, head_dim: 64, causal: false };
            boxed([(197, 12), (577, 16), (1374, 16)].map(shape).to_vec())
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(AttentionBackward {
                images: text.size("images")?,
                tokens: text.size("tokens")?,
                heads: text.size("heads")?,
                head_dim: text.size("dim")?,
                causal: text.flag("causal"),
            }))
        },
    }
}
