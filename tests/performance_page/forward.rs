//! The launches of the vision tower, with the patch features that detection asks for.

use dapo_wgpu::clip::Architecture;
use dapo_wgpu::kernels::activation::Activation;
use dapo_wgpu::kernels::attention::Attention;
use dapo_wgpu::kernels::gather::Gather;
use dapo_wgpu::kernels::layernorm::LayerNorm;
use dapo_wgpu::kernels::matmul::Matmul;
use dapo_wgpu::kernels::patches::Patches;
use dapo_wgpu::kernels::tokens::Tokens;
use dapo_wgpu::kernels::{Cost, Element, Problem};

/// One launch.
pub struct Launched {
    /// What it does, as the page calls it.
    pub name: &'static str,
    pub problem: Box<dyn Problem>,
}

/// A forward of one image.
pub struct Forward {
    pub layers: usize,
    pub before: Vec<Launched>,
    pub block: Vec<Launched>,
    pub after: Vec<Launched>,
    /// The products of a block, once more, with their sizes.
    pub products: [(&'static str, Matmul); 4],
    pub attention: Attention,
}

impl Forward {
    /// One image of `size` pixels through this architecture with weights of this type.
    pub fn new(a: &Architecture, size: usize, weights: Element) -> Self {
        let (width, mlp) = (a.vision.width, 4 * a.vision.width);
        let patches = Patches { images: 1, size, patch: a.patch_size };
        let (cells, row) = (patches.cells(), patches.row());
        let tokens = cells + 1;
        let weight = |m, n, k| Matmul { b_element: weights, ..Matmul::linear(m, n, k) };
        let linear = |m, n, k| Matmul { bias: true, ..weight(m, n, k) };
        let norm = |rows| LayerNorm { rows, width, epsilon: 1e-5 };
        let gelu = Some(Activation::QuickGelu);
        let attention = Attention::new(1, tokens, a.vision.heads, width / a.vision.heads);
        let products = [
            ("q, k, v", linear(tokens, 3 * width, width)),
            ("attention out", Matmul { residual: true, ..linear(tokens, width, width) }),
            ("MLP in", Matmul { activation: gelu, ..linear(tokens, mlp, width) }),
            ("MLP out", Matmul { residual: true, ..linear(tokens, width, mlp) }),
        ];
        let product = |i: usize| launched(products[i].0, products[i].1.clone());
        let projected = |rows| {
            let gather = Gather { rows: tokens, width, count: rows };
            [
                launched("gather", gather),
                launched("norm", norm(rows)),
                launched("projection", weight(rows, a.embed_dim, width)),
            ]
        };
        Self {
            layers: a.vision.layers,
            before: vec![
                launched("patches", patches),
                launched("embedding", weight(cells, width, row)),
                launched("tokens", Tokens { batch: 1, tokens: cells, width, class: true }),
                launched("norm", norm(tokens)),
            ],
            block: vec![
                launched("norm", norm(tokens)),
                product(0),
                launched("attention", attention.clone()),
                product(1),
                launched("norm", norm(tokens)),
                product(2),
                product(3),
            ],
            after: projected(1).into_iter().chain(projected(cells)).collect(),
            products,
            attention,
        }
    }

    /// Every launch in order.
    pub fn launches(&self) -> impl Iterator<Item = &Launched> {
        let blocks = (0..self.layers).flat_map(|_| &self.block);
        self.before.iter().chain(blocks).chain(&self.after)
    }
}

fn launched(name: &'static str, problem: impl Problem + 'static) -> Launched {
    Launched { name, problem: Box::new(problem) }
}

/// What these launches cost together.
pub fn sum<'a>(launches: impl IntoIterator<Item = &'a Launched>) -> Cost {
    launches
        .into_iter()
        .map(|l| l.problem.cost())
        .fold(Cost::default(), |a, b| Cost { flops: a.flops + b.flops, bytes: a.bytes + b.bytes })
}
