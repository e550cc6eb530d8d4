//! What is computed: sizes and options.

use std::sync::Arc;

use crate::gpu::{Capabilities, Define, ShaderSpec};
use crate::kernels::matmul::Factors;
use crate::kernels::{Defines, Plan, Trial, Unmet, param_bytes};

/// out = softmax(Q·Kᵀ/√d)·V for packed projections qkv [images, tokens, 3, heads, head_dim] (q, k, v
/// order), out [images, tokens, heads, head_dim] and, with [`Attention::lse`], lse [images, heads, tokens].
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
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
    /// Also writes the log-sum-exp of each query's scores, which the backward pass needs.
    pub lse: bool,
    /// What the factors of both products may be rounded to.
    pub factors: Factors,
    /// The largest magnitude in qkv, or any larger number, where it is known: units of float16 need it, whose range is
    /// small.
    pub range: Option<f32>,
}

/// No test input is larger: 64 times a normal deviate of deviation 3 (see [`Attention::fill_deviation`]) is below 2048.
pub(super) const TEST_RANGE: Option<f32> = Some(2048.0);

impl Attention {
    /// Every query sees every key, in float32, without log-sum-exp.
    pub fn new(images: usize, tokens: usize, heads: usize, head_dim: usize) -> Self {
        Self {
            images,
            tokens,
            heads,
            head_dim,
            causal: false,
            lse: false,
            factors: Factors::F32,
            range: None,
        }
    }

    /// 1/√head_dim in float32, as the shader gets it.
    pub(in crate::kernels) fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// Standard deviation of test inputs. With float16 factors scores are spread, by 9, so that the largest of a row
    /// grows from key to key by more than a variant may ignore.
    pub(super) fn fill_deviation(&self) -> f32 {
        if self.factors == Factors::F16 { 3.0 } else { 1.0 }
    }

    /// The constants of all variants, and these sizes.
    pub(super) fn defines<const N: usize>(&self, sizes: [(&'static str, usize); N]) -> Defines {
        let flags = [("CAUSAL", Define::Flag(self.causal)), ("LSE", Define::Flag(self.lse))];
        let d4 = [("D4", Define::Number(self.head_dim as u32 / 4))];
        let sizes = sizes.map(|(name, size)| (name, Define::Number(size as u32)));
        d4.into_iter().chain(flags).chain(sizes).collect()
    }

    /// Workgroups that own this many queries of a head each.
    pub(super) fn grid(&self, queries: usize) -> [u32; 3] {
        [self.tokens.div_ceil(queries) as u32, self.heads as u32, self.images as u32]
    }

    /// A plan of float32 arithmetic whose workgroups own this many queries.
    pub(super) fn plan(&self, shader: ShaderSpec, queries: usize) -> Plan {
        let params = param_bytes(&[self.tokens as u32, self.heads as u32, self.scale().to_bits()]);
        Plan { shader, params, grid: self.grid(queries) }
    }

    /// Whether quads can share rows, here and in the gradient: an invocation keeps a quarter of each in registers.
    pub(in crate::kernels) fn quads(&self, caps: &Capabilities) -> Result<(), Unmet> {
        let four = caps.subgroups.is_some_and(|range| range.min >= 4);
        Unmet::Other("no subgroups of 4 invocations or more").unless(four)?;
        let fits = self.head_dim.is_multiple_of(16) && self.head_dim <= 80;
        Unmet::Other("the head dimension is not a multiple of 16 up to 80").unless(fits)
    }

    /// The same pipeline on few tokens, which fill neither the last quad nor the last workgroup: drivers differ in which
    /// invocations make a quad.
    pub(super) fn trial(&self) -> Trial {
        let range = self.range.and(TEST_RANGE);
        let small = Self { images: 2, tokens: 75, heads: 2, range, ..self.clone() };
        Trial { problem: Arc::new(small), plain: "tile" }
    }
}
