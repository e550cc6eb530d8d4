//! What is multiplied: sizes, layouts and options.

use crate::kernels::activation::Activation;
use crate::kernels::matrix_units::power;
use crate::kernels::{Cost, Element, Unmet, param_bytes};

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
    pub(super) fn span(self, p: &Matmul, rows: usize, columns: usize) -> usize {
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

/// What the factors of a product may be rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Factors {
    /// Nothing: float32 arithmetic.
    #[default]
    F32,
    /// Float16, 11 bits, where the device has units for it. Sums stay float32.
    F16,
}

impl Factors {
    /// `f32` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Factors::F32 => "f32",
            Factors::F16 => "f16",
        }
    }
}

/// C = act(scale·A·B + bias) + residual, with A [m, k], C [m, n] and B stored in an [`Order`].
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
    /// What the factors may be rounded to.
    pub factors: Factors,
    /// The largest magnitude in A and in B, or any larger number, where it is known: units of float16 need it, whose
    /// range is small.
    pub range: Option<(f32, f32)>,
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
            factors: Factors::F32,
            range: None,
        }
    }

    pub(super) fn batches(&self) -> usize {
        self.batch.0 * self.batch.1
    }

    /// Whether every vec4 load is aligned and full.
    pub(super) fn aligned(&self) -> Result<(), Unmet> {
        let loads = self.k.is_multiple_of(4) && self.a.aligned() && self.b.aligned();
        let rows = self.order == Order::Nk || self.n.is_multiple_of(4);
        Unmet::MultipleOf { what: "k, n or a stride", of: 4 }.unless(loads && rows)
    }

    /// Whether outputs, residual and bias can be read and written in vec4s.
    pub(super) fn aligned_output(&self) -> bool {
        self.n.is_multiple_of(4) && self.c.aligned()
    }

    pub(super) fn b_shape(&self) -> (usize, usize) {
        match self.order {
            Order::Nk => (self.n, self.k),
            Order::Kn => (self.k, self.n),
        }
    }

    /// See [`Problem::cost`](crate::kernels::Problem::cost).
    pub(super) fn minimal_cost(&self) -> Cost {
        let (m, n, k, batches) = (self.m as f64, self.n as f64, self.k as f64, self.batches() as f64);
        let b_bytes = self.b_element.bytes() as f64;
        let c_touches = 1.0 + f64::from(u8::from(self.residual));
        Cost {
            flops: 2.0 * batches * m * n * k,
            bytes: batches * (4.0 * m * k + b_bytes * n * k + 4.0 * c_touches * m * n),
        }
    }

    /// The powers of two that bring the largest factors of A and of B below 2¹⁵, half of float16's range; 1 where the
    /// range is not known.
    pub(super) fn powers(&self) -> (f32, f32) {
        self.range.map_or((1.0, 1.0), |(a, b)| (power(a), power(b)))
    }

    /// `powers`: with those of [`Matmul::powers`] and the inverse of their product.
    pub(super) fn params(&self, powers: bool) -> Vec<u8> {
        let mut words = vec![self.m as u32, self.n as u32, self.k as u32];
        for layout in [self.a, self.b, self.c] {
            words.extend(layout.words());
        }
        words.push(self.batch.1 as u32);
        words.push(self.scale.to_bits());
        if powers {
            let (a, b) = self.powers();
            words.extend([a, b, 1.0 / (a * b)].map(f32::to_bits));
        }
        param_bytes(&words)
    }
}

/// Q·Kᵀ/√d of packed projections [b, t, 3·h·d]: the first product of unfused attention, [b, h, t, t].
pub fn attention_scores(images: usize, heads: usize, tokens: usize, head_dim: usize) -> Matmul {
    let width = heads * head_dim;
    let packed = |offset| MatrixLayout { offset, row: 3 * width, outer: tokens * 3 * width, inner: head_dim };
    Matmul {
        batch: (images, heads),
        a: packed(0),
        b: packed(width),
        c: MatrixLayout { offset: 0, row: tokens, outer: heads * tokens * tokens, inner: tokens * tokens },
        scale: 1.0 / (head_dim as f32).sqrt(),
        ..Matmul::linear(tokens, tokens, head_dim)
    }
}

/// P·V with P [b, h, t, t] and packed projections [b, t, 3·h·d]: the second product, [b, t, h·d].
pub fn attention_values(images: usize, heads: usize, tokens: usize, head_dim: usize) -> Matmul {
    let width = heads * head_dim;
    Matmul {
        batch: (images, heads),
        a: MatrixLayout { offset: 0, row: tokens, outer: heads * tokens * tokens, inner: tokens * tokens },
        b: MatrixLayout { offset: 2 * width, row: 3 * width, outer: tokens * 3 * width, inner: head_dim },
        c: MatrixLayout { offset: 0, row: width, outer: tokens * width, inner: head_dim },
        order: Order::Kn,
        ..Matmul::linear(tokens, head_dim, tokens)
    }
}
