//! Matrix product with fused scale, bias, activation and residual, optionally batched and strided.
//!
//! Variants: `tile` for GPUs (workgroup memory), `subgroup` for devices that run a subgroup as one
//! SIMD vector, `register` for CPUs without subgroups, `naive` for every shape and device.

use super::activation::Activation;
use super::bounds::{DIVISION, TINY, U, gamma};
use super::case::CaseText;
use super::registry::{Family, boxed};
use super::{Cost, Element, Fill, Launch, Operand, Problem, Variant, shader};
use crate::gpu::{Capabilities, Define, DeviceClass};

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

    /// Rows (in units of `lanes`) and columns of a subgroup's block: 4 × 4, with fewer rows where
    /// the matrix has fewer, and fewer columns where the grid would leave cores idle.
    fn subgroup_block(&self, lanes: usize) -> (u32, u32) {
        // Sixteen lanes double the accumulators of a row; half the rows keep the block's registers.
        let most = if lanes > 8 { 2 } else { 4 };
        let rows = self.m.div_ceil(lanes).clamp(1, most);
        let columns = if self.n >= 16 * lanes { 4 } else { 2 };
        (rows as u32, columns)
    }

    fn defines(&self, vec4: bool) -> Vec<(&'static str, Define)> {
        let bias = 2;
        let residual = bias + u32::from(self.bias);
        vec![
            ("BIAS", Define::Flag(self.bias)),
            ("RESIDUAL", Define::Flag(self.residual)),
            ("ACTIVATE", Define::Flag(self.activation.is_some())),
            ("ACTIVATION", Define::Text(self.activation.map_or("", Activation::function))),
            ("B_F16", Define::Flag(self.b_element == Element::F16)),
            ("VEC4", Define::Flag(vec4)),
            ("B_KN", Define::Flag(self.order == Order::Kn)),
            ("BIAS_AT", Define::Number(bias)),
            ("RESIDUAL_AT", Define::Number(residual)),
            ("C_AT", Define::Number(residual + u32::from(self.residual))),
        ]
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

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let nk = self.order == Order::Nk;
        let fixed = caps.subgroups.and_then(|s| s.fixed());
        let unaligned = || "k, n or a stride is not a multiple of 4".to_owned();
        let tile = Variant::when(
            "tile",
            self.vec4() && caps.limits.invocations >= 256 && caps.limits.workgroup_memory >= 8704,
            || {
                if self.vec4() {
                    "needs 256 invocations and 8704 bytes of workgroup memory".into()
                } else {
                    unaligned()
                }
            },
        );
        let subgroup = Variant::when(
            "subgroup",
            nk && self.vec4() && fixed.is_some_and(|l| (4..=32).contains(&l)),
            || match fixed {
                None => "needs subgroups of one fixed size".into(),
                Some(l) if !(4..=32).contains(&l) => {
                    format!("subgroups of {l} would need too many registers")
                }
                _ if !nk => "b is stored as [k, n]".into(),
                _ => unaligned(),
            },
        );
        let register = Variant::when("register", nk && self.vec4(), || {
            if nk { unaligned() } else { "b is stored as [k, n]".into() }
        });
        let naive = Variant::always("naive");
        match caps.class {
            DeviceClass::Gpu => vec![tile, naive, register, subgroup],
            DeviceClass::SimdCpu => vec![subgroup, register, naive, tile],
        }
    }

    fn launch(&self, caps: &Capabilities, variant: &'static str) -> Launch {
        let z = self.batches() as u32;
        let groups =
            |rows: usize, columns: usize| [self.n.div_ceil(columns) as u32, self.m.div_ceil(rows) as u32, z];
        let mut defines = self.defines(variant != "naive");
        let mut number = |name, value| defines.push((name, Define::Number(value)));
        let (shader, grid) = match variant {
            "tile" => {
                number("TILE", 64);
                number("TILE_K", 16);
                (shader!("matmul_tile.wgsl", defines), groups(64, 64))
            }
            "subgroup" => {
                let lanes = caps.subgroups.and_then(|s| s.fixed()).unwrap_or(8) as usize;
                let (rows, columns) = self.subgroup_block(lanes);
                number("LANES", lanes as u32);
                number("ROWS", rows);
                number("COLS", columns);
                (
                    shader!("matmul_subgroup.wgsl", defines),
                    groups(rows as usize * lanes, columns as usize * lanes),
                )
            }
            "register" => {
                let rows = self.m.min(8);
                number("ROWS", rows as u32);
                number("COLS", 8);
                (shader!("matmul_register.wgsl", defines), groups(rows, 64))
            }
            _ => (shader!("matmul_naive.wgsl", defines), groups(8, 8)),
        };
        Launch { variant, shader, params: self.params(), grid }
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

/// Cases of the registry: odd and degenerate shapes, every epilogue, both orders, batches, f16.
fn cases() -> Vec<Matmul> {
    let mut cases = Vec::new();
    for (m, n, k) in [
        (1, 1, 1),
        (1, 7, 4),
        (7, 50, 77),
        (50, 64, 48),
        (77, 96, 64),
        (33, 130, 12),
        (197, 36, 128),
        (9, 577, 20),
        (65, 260, 588),
    ] {
        cases.push(Matmul::linear(m, n, k));
        cases.push(Matmul { b_element: Element::F16, bias: true, ..Matmul::linear(m, n, k) });
    }
    for activation in [None, Some(Activation::QuickGelu), Some(Activation::Gelu)] {
        for residual in [false, true] {
            cases.push(Matmul { bias: true, activation, residual, ..Matmul::linear(50, 77, 64) });
        }
    }
    cases.push(Matmul { scale: 0.125, residual: true, ..Matmul::linear(7, 50, 1370) });
    cases.push(Matmul { scale: 0.125, bias: true, residual: true, ..Matmul::linear(9, 50, 20) });
    cases.push(Matmul { order: Order::Kn, b: MatrixLayout::dense(68), ..Matmul::linear(50, 68, 52) });
    cases.push(Matmul {
        order: Order::Kn,
        b: MatrixLayout::dense(7),
        b_element: Element::F16,
        ..Matmul::linear(5, 7, 77)
    });
    cases.push(attention_scores(2, 3, 13, 8));
    cases.push(attention_values(2, 3, 12, 8));
    cases
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

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "matmul",
        about: "matrix product with scale, bias, activation and residual",
        conformance: || boxed(cases()),
        bench: || boxed(bench_cases()),
        parse: |text| parse(text).map(|case| Box::new(case) as Box<dyn Problem>),
    }
}

/// The products of CLIP's transformers, with the epilogues they have there.
fn bench_cases() -> Vec<Matmul> {
    let gelu = Some(Activation::QuickGelu);
    vec![
        Matmul::linear(197, 768, 768),
        Matmul { bias: true, activation: gelu, ..Matmul::linear(197, 3072, 768) },
        Matmul::linear(577, 1024, 1024),
        Matmul { bias: true, ..Matmul::linear(577, 3072, 1024) },
        Matmul { bias: true, activation: gelu, ..Matmul::linear(577, 4096, 1024) },
        Matmul { bias: true, residual: true, ..Matmul::linear(577, 1024, 4096) },
        Matmul::linear(1370, 4096, 1024),
        Matmul { bias: true, ..Matmul::linear(77, 512, 512) },
    ]
}

fn parse(text: &mut CaseText) -> Result<Matmul, String> {
    let b_element = text.one_of(&[("f32", Element::F32), ("f16", Element::F16)])?;
    for (flag, make) in [
        ("attention-scores", attention_scores as fn(usize, usize, usize, usize) -> Matmul),
        ("attention-values", attention_values),
    ] {
        if text.flag(flag) {
            let (images, heads) = (text.size("images")?, text.size("heads")?);
            return Ok(make(images, heads, text.size("tokens")?, text.size("dim")?));
        }
    }
    let (m, n, k) = (text.size("m")?, text.size("n")?, text.size("k")?);
    let (order, b) = match text.flag("kn") {
        true => (Order::Kn, MatrixLayout::dense(n)),
        false => (Order::Nk, MatrixLayout::dense(k)),
    };
    let activation = match (text.flag("+quickgelu"), text.flag("+gelu")) {
        (true, _) => Some(Activation::QuickGelu),
        (_, true) => Some(Activation::Gelu),
        _ => None,
    };
    Ok(Matmul {
        order,
        b,
        b_element,
        activation,
        scale: if text.has("scale") { text.float("scale")? } else { 1.0 },
        bias: text.flag("+bias"),
        residual: text.flag("+residual"),
        ..Matmul::linear(m, n, k)
    })
}
