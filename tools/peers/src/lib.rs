//! What every Rust peer shares: the line protocol, the cases and their inputs.
//!
//! The protocol and the formula of the inputs are described in README.md; `py/common.py` is the same
//! in Python.

#[cfg(feature = "burn")]
pub mod layers;
pub mod weights;

use std::error::Error;
use std::io::{BufRead, Write};

/// Whatever goes wrong in a peer ends as one line `error …`.
pub type Fault = Box<dyn Error>;
/// Seconds of the work alone, and the whole result in the case's canonical order.
pub type Timed = (f64, Vec<f32>);
/// A prepared case: takes the input of one run, uploads it, times the work.
pub type Work = Box<dyn FnMut(&[f32]) -> Result<Timed, Fault>>;

/// Values of a stream, evenly distributed in [−1, 1): splitmix64 of (stream·2³² + index).
pub fn values(stream: u64, count: usize) -> Vec<f32> {
    let value = |i: u64| (mix((stream << 32) + i) >> 40) as f32 / (1 << 23) as f32 - 1.0;
    (0..count as u64).map(value).collect()
}

/// Streams of the constant inputs; run r reads stream [`FIRST_RUN`] + r.
pub const WEIGHTS: u64 = 1;
const GAMMA: u64 = 2;
const BETA: u64 = 3;
const FIRST_RUN: u64 = 1000;

fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Edge of the ViT's pictures in pixels.
pub const EDGE: usize = 224;

/// A case as the driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// C [m, n] = A [m, k] · B [n, k]ᵀ; B is a constant, like a layer's weight.
    Gemm { m: usize, n: usize, k: usize },
    /// Input [tokens, 3, heads, dim] (q, k, v), output [tokens, heads, dim].
    Attention { tokens: usize, heads: usize, dim: usize },
    /// Over the last dimension of [rows, width], with γ and β, ε = 1e-5.
    LayerNorm { rows: usize, width: usize },
    /// Pixels [batch, 3, 224, 224] to features [batch, 512].
    Vit { batch: usize },
}

impl Case {
    /// Reads `gemm 197 768 768`, `attention 577 16 64`, `layernorm 577 1024` or `vit-b-16 1`.
    pub fn parse(words: &str) -> Result<Self, Fault> {
        let mut words = words.split_whitespace();
        let name = words.next().unwrap_or_default();
        let sizes = words.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        match (name, sizes.as_slice()) {
            ("gemm", &[m, n, k]) => Ok(Case::Gemm { m, n, k }),
            ("attention", &[tokens, heads, dim]) => Ok(Case::Attention { tokens, heads, dim }),
            ("layernorm", &[rows, width]) => Ok(Case::LayerNorm { rows, width }),
            ("vit-b-16", &[batch]) => Ok(Case::Vit { batch }),
            _ => Err(format!("no such case: {name} {sizes:?}").into()),
        }
    }

    /// The input of run `run`.
    pub fn input(self, run: u64) -> Vec<f32> {
        let (count, scale) = match self {
            Case::Gemm { m, k, .. } => (m * k, 1.0),
            // Scores with a deviation of 3, so that the softmax has something to choose.
            Case::Attention { tokens, heads, dim } => (tokens * 3 * heads * dim, 3.0),
            Case::LayerNorm { rows, width } => (rows * width, 1.0),
            Case::Vit { batch } => (batch * 3 * EDGE * EDGE, 1.0),
        };
        values(FIRST_RUN + run, count).into_iter().map(|v| scale * v).collect()
    }
}

/// γ and β of the layer normalisation.
pub fn affine(width: usize) -> (Vec<f32>, Vec<f32>) {
    let gamma = values(GAMMA, width).into_iter().map(|v| 1.0 + 0.1 * v).collect();
    (gamma, values(BETA, width).into_iter().map(|v| 0.1 * v).collect())
}

/// Turns [heads, tokens, dim] into [tokens, heads, dim]: untimed, only for the comparison.
pub fn tokens_first(x: &[f32], tokens: usize, heads: usize, dim: usize) -> Vec<f32> {
    let rows = (0..tokens).flat_map(|t| (0..heads).map(move |h| (h * tokens + t) * dim));
    rows.flat_map(|at| x[at..at + dim].iter().copied()).collect()
}

/// Splits [tokens, 3, heads, dim] into q, k and v; [heads, tokens, dim] each if `heads_first`, else
/// [tokens, heads, dim].
pub fn split_qkv(x: &[f32], tokens: usize, heads: usize, dim: usize, heads_first: bool) -> [Vec<f32>; 3] {
    [0, 1, 2].map(|part| {
        let row = |t: usize, h: usize| &x[((t * 3 + part) * heads + h) * dim..][..dim];
        let mut out = Vec::with_capacity(x.len() / 3);
        if heads_first {
            (0..heads).for_each(|h| (0..tokens).for_each(|t| out.extend_from_slice(row(t, h))));
        } else {
            (0..tokens).for_each(|t| (0..heads).for_each(|h| out.extend_from_slice(row(t, h))));
        }
        out
    })
}

/// The version of a crate that Cargo.lock pins, such as `burn`.
pub fn version(name: &str) -> &'static str {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let lock = include_str!("../Cargo.lock");
    lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?")
}

/// The folder of the ViT's weights, from the driver.
pub fn model_folder() -> Result<std::path::PathBuf, Fault> {
    Ok(std::env::var_os("PEERS_MODEL").ok_or("PEERS_MODEL names no model folder")?.into())
}

/// `count` elements of a result at fixed places, as text.
fn samples(result: &[f32], count: u64) -> String {
    let at = |i: u64| result[(mix(i) % result.len() as u64) as usize];
    (0..count).map(|i| format!(" {:e}", at(i))).collect()
}

/// Answers the driver until its end closes: `prepare` makes a case ready to run.
pub fn serve(hello: &str, mut prepare: impl FnMut(Case) -> Result<Work, Fault>) -> Result<(), Fault> {
    let mut out = std::io::stdout();
    let mut work: Option<(Case, Work)> = None;
    writeln!(out, "hello {hello}")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match (line.strip_prefix("run "), &mut work) {
            (Some(run), Some((case, work))) => run
                .trim()
                .parse()
                .map_err(Fault::from)
                .and_then(|run| work(&case.input(run)))
                .map(|(seconds, result)| format!("seconds {seconds:e}{}", samples(&result, 16))),
            (Some(_), None) => Err("run before a case".into()),
            (None, _) => {
                work = None; // frees the last case first
                Case::parse(&line).and_then(|case| {
                    let mut made = prepare(case)?;
                    let (_, result) = made(&case.input(0))?;
                    work = Some((case, made));
                    Ok(format!("ready{}", samples(&result, 256)))
                })
            }
        };
        match answer {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(error) => writeln!(out, "error {}", error.to_string().replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}
