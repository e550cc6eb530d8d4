//! Matrix product with fused scale, bias, activation and residual, optionally batched and strided.
//!
//! This file says what is computed; `matmul/decision.rs` which variant computes it, `cases.rs` on what it is
//! tried.

mod cases;
mod cooperative;
mod decision;

pub use cases::{attention_scores, attention_values, family};
pub use decision::weight_panels;

use super::activation::Activation;
use super::bounds::{DIVISION, TINY, U, gamma};
use super::trial::Trial;
use super::{Cost, Element, Fill, Launch, Operand, Problem, Variant};
use crate::gpu::Capabilities;

/// Where a batch of matrices lies in its buffer; all in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatrixLayout {
    /// First element.
    pub offset: usize,
    /// Distance of rows.
    pub row: usize,
    /// Distance of matrices along the outer batch dimension (images).
    pub outer: usize,
    /// Distance of matrices along the inner batch dimension (heads).
    pub inner: usize,
}

impl MatrixLayout {
    /// One densely stored matrix with rows of `columns` elements.
    pub fn dense(columns: usize) -> Self {
        Self { row: columns, ..Self::default() }
    }

    fn words(self) -> [u32; 4] {
        [self.offset as u32, self.row as u32, self.outer as u32, self.inner as u32]
    }

    fn aligned(self) -> bool {
        [self.offset, self.row, self.outer, self.inner].iter().all(|v| v.is_multiple_of(4))
    }

    /// Number of elements that `outer × inner` matrices of `rows × columns` span.
    fn span(self, p: &Matmul, rows: usize, columns: usize) -> usize {
        let (outer, inner) = p.batch;
        self.offset + (outer - 1) * self.outer + (inner - 1) * self.inner + (rows - 1) * self.row + columns
    }
}

/// How the second operand is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// [n, k]: a torch `Linear` weight, or the keys of attention.
    Nk,
    /// [k, n]: the values of attention.
    Kn,
}

/// C = act(scale·A·B + bias) + residual, with A [m, k], C [m, n] and B as [`Order`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct Matmul {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// Outer and inner batch counts.
    pub batch: (usize, usize),
    /// Layout of A.
    pub a: MatrixLayout,
    /// Layout of B.
    pub b: MatrixLayout,
    /// Layout of C and of the residual.
    pub c: MatrixLayout,
    /// Storage order of B.
    pub order: Order,
    /// Storage type of B: weights may be f16.
    pub b_element: Element,
    /// Multiplies the product.
    pub scale: f32,
    /// Adds a bias `[n]`.
    pub bias: bool,
    /// Applies a non-linearity after the bias.
    pub activation: Option<Activation>,
    /// Adds a residual, laid out as C, at the end.
    pub residual: bool,
}

impl Matmul {
    /// x·Wᵀ for x [m, k] and a weight [n, k].
    pub fn linear(m: usize, n: usize, k: usize) -> Self {
        Self {
            m,
            n,
            k,
            batch: (1, 1),
            a: MatrixLayout::dense(k),
            b: MatrixLayout::dense(k),
            c: MatrixLayout::dense(n),
            order: Order::Nk,
            b_element: Element::F32,
            scale: 1.0,
            bias: false,
            activation: None,
            residual: false,
        }
    }

    fn batches(&self) -> usize {
        self.batch.0 * self.batch.1
    }

    /// Whether every vec4 load is aligned and full.
    fn vec4(&self) -> bool {
        let aligned = self.k.is_multiple_of(4) && self.a.aligned() && self.b.aligned();
        aligned && (self.order == Order::Nk || self.n.is_multiple_of(4))
    }

    fn b_shape(&self) -> (usize, usize) {
        match self.order {
            Order::Nk => (self.n, self.k),
            Order::Kn => (self.k, self.n),
        }
    }

    fn params(&self) -> Vec<u8> {
        let mut words = vec![self.m as u32, self.n as u32, self.k as u32];
        for layout in [self.a, self.b, self.c] {
            words.extend(layout.words());
        }
        words.push(self.batch.1 as u32);
        words.push(self.scale.to_bits());
        super::words(&words)
    }

    /// Calls `f(c_index, a·b, Σ|a||b|)` for every output element.
    fn for_each_product(&self, inputs: &[Vec<f64>], mut f: impl FnMut(usize, usize, f64, f64)) {
        let (a, b) = (&inputs[0], &inputs[1]);
        for outer in 0..self.batch.0 {
            for inner in 0..self.batch.1 {
                let base = |l: MatrixLayout| l.offset + outer * l.outer + inner * l.inner;
                let (a0, b0, c0) = (base(self.a), base(self.b), base(self.c));
                for row in 0..self.m {
                    for col in 0..self.n {
                        let a_row = (0..self.k).map(|k| a[a0 + row * self.a.row + k]);
                        let b_col = (0..self.k).map(|k| match self.order {
                            Order::Nk => b[b0 + col * self.b.row + k],
                            Order::Kn => b[b0 + k * self.b.row + col],
                        });
                        let (sum, magnitude) = super::bounds::dot(a_row, b_col);
                        f(c0 + row * self.c.row + col, col, sum, magnitude);
                    }
                }
            }
        }
    }

    fn bias_and_residual<'a>(&self, inputs: &'a [Vec<f64>]) -> (Option<&'a [f64]>, Option<&'a [f64]>) {
        let bias = self.bias.then(|| inputs[2].as_slice());
        let residual = self.residual.then(|| inputs[2 + usize::from(self.bias)].as_slice());
        (bias, residual)
    }
}

impl Problem for Matmul {
    fn kernel(&self) -> &'static str {
        "matmul"
    }

    fn label(&self) -> String {
        let (images, heads) = self.batch;
        for (words, tokens, dim, of) in [
            ("attention-scores", self.m, self.k, attention_scores as fn(usize, usize, usize, usize) -> Self),
            ("attention-values", self.k, self.n, attention_values),
        ] {
            if *self == of(images, heads, tokens, dim) {
                return format!("matmul f32 {words} images={images} heads={heads} tokens={tokens} dim={dim}");
            }
        }
        let mut label = format!("matmul {} m={} n={} k={}", self.b_element.name(), self.m, self.n, self.k);
        if self.batches() > 1 {
            label += &format!(" batch={images}x{heads}");
        }
        if self.scale != 1.0 {
            label += &format!(" scale={}", self.scale);
        }
        for (set, word) in [
            (self.order == Order::Kn, " kn"),
            (self.bias, " +bias"),
            (self.activation == Some(Activation::QuickGelu), " +quickgelu"),
            (self.activation == Some(Activation::Gelu), " +gelu"),
            (self.residual, " +residual"),
        ] {
            if set {
                label += word;
            }
        }
        label
    }

    fn inputs(&self) -> Vec<Operand> {
        let (rows, columns) = self.b_shape();
        // Weights of deviation 1/√k keep the outputs near 1, where the activations bend.
        let deviation = 1.0 / (self.k as f32).sqrt();
        let mut inputs = vec![
            Operand::f32("a", self.a.span(self, self.m, self.k)),
            Operand {
                name: "b",
                element: self.b_element,
                len: self.b.span(self, rows, columns),
                fill: Fill::Normal(deviation),
            },
        ];
        if self.bias {
            inputs.push(Operand::f32("bias", self.n));
        }
        if self.residual {
            inputs.push(Operand::f32("residual", self.c.span(self, self.m, self.n)));
        }
        inputs
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.c.span(self, self.m, self.n)]
    }

    fn cost(&self) -> Cost {
        let (m, n, k, batches) = (self.m as f64, self.n as f64, self.k as f64, self.batches() as f64);
        let b_bytes = self.b_element.bytes() as f64;
        let c_touches = 1.0 + f64::from(u8::from(self.residual));
        Cost {
            flops: 2.0 * batches * m * n * k,
            bytes: batches * (4.0 * m * k + b_bytes * n * k + 4.0 * c_touches * m * n),
        }
    }

    fn variant_cost(&self, caps: &Capabilities, variant: &'static str) -> Cost {
        decision::padded_cost(self, caps, variant)
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        decision::variants(self, caps)
    }

    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch {
        decision::launch(self, caps, variant)
    }

    fn trial(&self, variant: &str) -> Option<Trial> {
        cooperative::trial(self, variant)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (bias, residual) = self.bias_and_residual(inputs);
        let mut c = vec![f64::NAN; self.outputs()[0]];
        self.for_each_product(inputs, |at, col, sum, _| {
            let linear = sum * f64::from(self.scale) + bias.map_or(0.0, |b| b[col]);
            c[at] = self.activation.map_or(linear, |f| f.apply(linear)) + residual.map_or(0.0, |r| r[at]);
        });
        vec![c]
    }

    /// The dot product by γₖ₊₁ (k products and sums, one scale), one more rounding for the bias, the
    /// activation's own error, one rounding for the residual.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (bias, _) = self.bias_and_residual(inputs);
        let mut bound = vec![0.0; expected[0].len()];
        self.for_each_product(inputs, |at, col, sum, magnitude| {
            let scale = f64::from(self.scale);
            let linear = sum * scale + bias.map_or(0.0, |b| b[col]);
            let rounding =
                gamma(self.k + 1) * magnitude * scale.abs() + U * linear.abs() + TINY * self.k as f64;
            let activated = self.activation.map_or(rounding, |f| f.error(linear, rounding));
            bound[at] = activated * (1.0 + DIVISION) + U * expected[0][at].abs();
        });
        vec![bound]
    }
}
