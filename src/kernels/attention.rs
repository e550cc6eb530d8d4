//! Fused multi-head attention over packed projections, linear in memory.
//!
//! The unfused path, `matmul` → `softmax` → `matmul` ([`super::matmul::attention_scores`] and
//! [`super::matmul::attention_values`]), is its oracle.

use std::sync::Arc;

use super::attention_blocks::{SubgroupBlock, block_variants, head_dim_fits};
use super::bounds::{DIVISION, TINY, U, exp_error, gamma};
use super::family::{Family, boxed};
use super::{Cost, Defines, Operand, Plan, Problem, Trial, Unmet, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, Define, ShaderSpec};

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
}

const SUBGROUP_BLOCKS: [SubgroupBlock; 4] = [
    SubgroupBlock { name: "subgroup1", queries: 1, keys: None },
    SubgroupBlock { name: "subgroup4x4", queries: 4, keys: Some(4) },
    SubgroupBlock { name: "subgroup8x2", queries: 8, keys: Some(2) },
    SubgroupBlock { name: "subgroup8x8", queries: 8, keys: Some(8) },
];

/// The reference's results for one query: its output row, log-sum-exp, and error terms.
struct Query {
    out: Vec<f64>,
    lse: f64,
    bound: Vec<f64>,
    lse_bound: f64,
}

impl Attention {
    /// 1/√head_dim in float32, as the shader gets it.
    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// The constants of all variants, and these sizes.
    fn defines<const N: usize>(&self, sizes: [(&'static str, usize); N]) -> Defines {
        let flags = [("CAUSAL", Define::Flag(self.causal)), ("LSE", Define::Flag(self.lse))];
        let d4 = [("D4", Define::Number(self.head_dim as u32 / 4))];
        let sizes = sizes.map(|(name, size)| (name, Define::Number(size as u32)));
        d4.into_iter().chain(flags).chain(sizes).collect()
    }

    /// A plan whose workgroups own this many queries.
    fn plan(&self, shader: ShaderSpec, queries: usize) -> Plan {
        Plan {
            shader,
            params: param_bytes(&[self.tokens as u32, self.heads as u32, self.scale().to_bits()]),
            grid: [self.tokens.div_ceil(queries) as u32, self.heads as u32, self.images as u32],
        }
    }

    /// Whether quads can share rows, here and in the gradient: an invocation keeps a quarter of each in registers.
    pub(super) fn quads(&self, caps: &Capabilities) -> Result<(), Unmet> {
        let four = caps.subgroups.is_some_and(|range| range.min >= 4);
        Unmet::Other("no subgroups of 4 invocations or more").unless(four)?;
        let fits = self.head_dim.is_multiple_of(16) && self.head_dim <= 80;
        Unmet::Other("the head dimension is not a multiple of 16 up to 80").unless(fits)
    }

    /// The same pipeline on few tokens, which do not fill the last quad: drivers differ in which invocations make one.
    fn trial(&self) -> Trial {
        let small = Self { images: 2, tokens: 75, heads: 2, ..self.clone() };
        Trial { problem: Arc::new(small), plain: "tile" }
    }

    fn query(&self, qkv: &[f64], image: usize, head: usize, query: usize) -> Query {
        let (d, width) = (self.head_dim, self.heads * self.head_dim);
        let row = |t: usize, part: usize| {
            &qkv[(image * self.tokens + t) * 3 * width + part * width + head * d..][..d]
        };
        let visible = if self.causal { query + 1 } else { self.tokens };
        let scale = f64::from(self.scale());
        let q = row(query, 0);
        let scored: Vec<(f64, f64)> = (0..visible)
            .map(|t| super::bounds::dot(q.iter().map(|x| x * scale), row(t, 1).iter().copied()))
            .collect();
        let largest = scored.iter().map(|s| s.0).fold(f64::NEG_INFINITY, f64::max);
        let smallest = scored.iter().map(|s| s.0).fold(f64::INFINITY, f64::min);
        let sum: f64 = scored.iter().map(|s| (s.0 - largest).exp()).sum();
        // A score is off by γ·Σ|q||k|; that and the rounding of the difference are relative errors of
        // exp. The running maximum rescales at most once a tile of four keys or more; the exponents of
        // these factors add up to at most the range of the scores.
        let score_error = scored.iter().map(|s| gamma(d + 2) * s.1).fold(0.0, f64::max);
        let range = largest - smallest;
        let rescales = visible.div_ceil(4) as f64;
        let term = 2.0 * score_error
            + 2.0 * U * (largest.abs() + range)
            + exp_error(range)
            + rescales * 10.0 * U
            + exp_error(range);
        let relative = 2.0 * term + 2.0 * gamma(visible + 2) + DIVISION + U;
        let (mut out, mut magnitude) = (vec![0.0; d], vec![0.0; d]);
        for (t, s) in scored.iter().enumerate() {
            let p = (s.0 - largest).exp() / sum;
            for ((o, m), v) in out.iter_mut().zip(&mut magnitude).zip(row(t, 2)) {
                *o += p * v;
                *m += p * v.abs();
            }
        }
        let lse = largest + sum.ln();
        Query {
            bound: magnitude.iter().map(|m| 1.01 * relative * m + TINY).collect(),
            out,
            lse,
            // log passes the relative error of its argument on as an absolute one, and adds 3 ulp.
            lse_bound: 1.01
                * (score_error + term + gamma(visible) + 6.0 * U * sum.ln().abs() + 4.0 * U * lse.abs())
                + 8.0 * U,
        }
    }

    /// Calls `f(output start, lse index, query)` for every query.
    fn for_each(&self, qkv: &[f64], mut f: impl FnMut(usize, usize, Query)) {
        for image in 0..self.images {
            for head in 0..self.heads {
                for query in 0..self.tokens {
                    let at = ((image * self.tokens + query) * self.heads + head) * self.head_dim;
                    let lse_at = (image * self.heads + head) * self.tokens + query;
                    f(at, lse_at, self.query(qkv, image, head, query));
                }
            }
        }
    }
}

impl Problem for Attention {
    fn kernel(&self) -> &'static str {
        "attention"
    }

    fn label(&self) -> String {
        format!(
            "attention f32 images={} tokens={} heads={} dim={}{}{}",
            self.images,
            self.tokens,
            self.heads,
            self.head_dim,
            if self.causal { " causal" } else { "" },
            if self.lse { " +lse" } else { "" }
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("qkv", self.images * self.tokens * 3 * self.heads * self.head_dim)]
    }

    fn outputs(&self) -> Vec<usize> {
        let mut outputs = vec![self.images * self.tokens * self.heads * self.head_dim];
        if self.lse {
            outputs.push(self.images * self.heads * self.tokens);
        }
        outputs
    }

    fn cost(&self) -> Cost {
        let (b, t, h, d) = (self.images as f64, self.tokens as f64, self.heads as f64, self.head_dim as f64);
        let pairs = if self.causal { t * (t + 1.0) / 2.0 } else { t * t };
        Cost {
            flops: b * h * pairs * (4.0 * d + 4.0),
            bytes: 4.0 * b * t * h * (4.0 * d + f64::from(u8::from(self.lse))),
        }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        // Few queries fill no large block.
        let preferred = |lanes: usize| match self.tokens {
            tokens if lanes > 8 && tokens >= 16 * lanes => "subgroup8x8",
            tokens if lanes <= 8 && tokens >= 64 * lanes => "subgroup8x2",
            tokens if tokens > lanes => "subgroup4x4",
            _ => "subgroup1",
        };
        let d4 = self.head_dim / 4;
        let tile = Variant::when("tile", head_dim_fits(self.head_dim), || {
            // Keys and values of a tile take 8 KiB: half of what every device has, so two fit.
            let keys = (256 / d4).clamp(4, 16) / 4 * 4;
            let defines = self.defines([("QUERIES", 64), ("KEYS", keys)]);
            self.plan(shader!("attention_tile.wgsl", defines), 64)
        });
        let quad = Variant::when("quad", self.quads(caps), || {
            let defines = self.defines([("KEYS", 16)]);
            self.plan(shader!("attention_quad.wgsl", defines), 64)
        });
        let quad = Variant { trial: Some(self.trial()), ..quad };
        block_variants(vec![quad, tile], &SUBGROUP_BLOCKS, preferred, self.head_dim, caps, |lanes, block| {
            let keys = block.keys.unwrap_or(lanes);
            let defines = self.defines([("LANES", lanes), ("PER_LANE", block.queries), ("KEYS", keys)]);
            self.plan(shader!("attention_subgroup.wgsl", defines), lanes * block.queries)
        })
    }
}

impl Verifiable for Attention {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut outputs: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(&inputs[0], |at, lse_at, query| {
            outputs[0][at..at + self.head_dim].copy_from_slice(&query.out);
            if self.lse {
                outputs[1][lse_at] = query.lse;
            }
        });
        outputs
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bounds: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(&inputs[0], |at, lse_at, query| {
            bounds[0][at..at + self.head_dim].copy_from_slice(&query.bound);
            if self.lse {
                bounds[1][lse_at] = query.lse_bound;
            }
        });
        bounds
    }
}

/// Cases of the registry.
fn cases() -> Vec<Attention> {
    let case = |images, tokens, heads, head_dim| Attention {
        images,
        tokens,
        heads,
        head_dim,
        causal: false,
        lse: false,
    };
    vec![
        case(1, 1, 1, 4),
        case(2, 7, 3, 8),
        // What is read past the end of one token is another image's, and its NaN.
        case(9, 1, 1, 16),
        // Rows that lanes share in parts, of several heads.
        Attention { lse: true, ..case(2, 13, 3, 16) },
        Attention { causal: true, lse: true, ..case(2, 13, 3, 16) },
        // With the seed of the tests, the NaN of an input is in the value of a key that some queries do not see.
        Attention { causal: true, ..case(1, 9, 1, 16) },
        case(1, 50, 2, 64),
        Attention { lse: true, ..case(2, 77, 1, 48) },
        Attention { causal: true, ..case(2, 77, 1, 64) },
        Attention { causal: true, lse: true, ..case(1, 33, 2, 36) },
        Attention { lse: true, ..case(1, 197, 1, 64) },
        case(1, 577, 1, 16),
    ]
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "attention",
        conformance: || boxed(cases()),
        bench: || {
            boxed(
                [(197, 12), (577, 16), (1370, 16)]
                    .map(|(tokens, heads)| Attention {
                        images: 1,
                        tokens,
                        heads,
                        head_dim: 64,
                        causal: false,
                        lse: false,
                    })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Attention {
                images: text.size("images")?,
                tokens: text.size("tokens")?,
                heads: text.size("heads")?,
                head_dim: text.size("dim")?,
                causal: text.flag("causal"),
                lse: text.flag("+lse"),
            }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::capabilities::tests::minimal;
    use crate::gpu::{DeviceClass, SubgroupRange};

    /// Blocks of queries that a GPU has no registers for are no candidates there; on a CPU they are.
    #[test]
    fn blocks_beyond_a_gpus_registers_are_not_usable_there() {
        let usable = |class: DeviceClass, lanes: u32, head_dim: usize| -> Vec<&'static str> {
            let subgroups = Some(SubgroupRange { min: lanes, max: lanes });
            let caps = Capabilities { subgroups, ..minimal(class) };
            let case = Attention { images: 1, tokens: 577, heads: 1, head_dim, causal: false, lse: false };
            let mut names: Vec<_> =
                case.variants(&caps).into_iter().filter(Variant::usable).map(|v| v.name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(usable(DeviceClass::Gpu, 32, 64), ["quad", "subgroup1", "tile"]);
        assert_eq!(usable(DeviceClass::Gpu, 32, 16), ["quad", "subgroup1", "subgroup8x8", "tile"]);
        assert_eq!(usable(DeviceClass::SimdCpu, 16, 64).len(), 6);
    }
}
