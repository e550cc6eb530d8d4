//! What a workgroup of a GPU variant needs, read off its plan; and the paper model of its inner loop.

use dapo_wgpu::gpu::capabilities::DeviceLimits;
use dapo_wgpu::gpu::{Capabilities, Define, DeviceClass, SubgroupRange};
use dapo_wgpu::kernels::matmul::Matmul;
use dapo_wgpu::kernels::{Plan, Problem};

/// The variants of `matmul` for GPUs.
pub const TILES: [&str; 4] = ["tile32", "tile64", "tile64x8", "tile128"];
/// Lanes whose accesses to workgroup memory are served together, and its banks of four bytes.
pub const LANES: usize = 32;
/// Multiply-adds and bytes of workgroup memory that a core handles in a cycle, on each of the cards.
pub const MULTIPLY_ADDS: usize = 128;

/// A GPU with the limits that every WebGPU device has.
pub fn gpu() -> Capabilities {
    Capabilities {
        class: DeviceClass::Gpu,
        f16: false,
        subgroups: Some(SubgroupRange { min: 32, max: 32 }),
        timestamps: true,
        immediates: 128,
        cooperative_matrix: Vec::new(),
        storage_texture_size: 0,
        cores: Some(132),
        limits: DeviceLimits {
            storage_binding: 128 << 20,
            buffer: 256 << 20,
            workgroup_memory: 16 << 10,
            invocations: 256,
            workgroups: 65_535,
            storage_buffers: 8,
        },
        paths: Vec::new(),
    }
}

/// The plan of a variant of this name.
pub fn plan(problem: &dyn Problem, name: &str) -> Plan {
    let variant = problem.variants(&gpu()).into_iter().find(|v| v.name == name).expect("a variant");
    variant.plan.expect("it runs on this device")
}

/// A constant of a plan's shader.
pub fn number(plan: &Plan, name: &str) -> usize {
    let found = plan.shader.defines.iter().find(|(n, _)| *n == name);
    match found {
        Some((_, Define::Number(value))) => *value as usize,
        _ => panic!("{} defines no number {name}", plan.shader.file),
    }
}

/// The block of outputs of a `tile` variant.
pub struct Tile {
    pub name: &'static str,
    /// Rows and columns of the workgroup's block: both.
    pub edge: usize,
    /// Rows and columns of an invocation's part: both.
    pub part: usize,
    /// Depth of a stage.
    pub depth: usize,
}

/// Cycles of one step along k for 32 invocations, on a core of [`MULTIPLY_ADDS`].
pub struct Step {
    pub arithmetic: f64,
    /// Loads from workgroup memory, one float each.
    pub single: f64,
    /// The same where the driver's compiler merges four neighbours into one load of 16 bytes.
    pub merged: f64,
    /// Instructions: multiply-adds and loads, with single and with merged loads, as multiples of the former.
    pub issued: [f64; 2],
}

impl Tile {
    pub fn new(name: &'static str) -> Self {
        let plan = plan(&Matmul::linear(64, 64, 64), name);
        let [edge, part, depth] = ["TILE", "PART", "TILE_K"].map(|n| number(&plan, n));
        Self { name, edge, part, depth }
    }

    pub fn all() -> [Self; 4] {
        TILES.map(Self::new)
    }

    fn across(&self) -> usize {
        self.edge / self.part
    }

    pub fn invocations(&self) -> usize {
        self.across().pow(2)
    }

    fn stride(&self) -> usize {
        self.edge + 4
    }

    /// Bytes of workgroup memory.
    pub fn memory(&self) -> usize {
        2 * 4 * self.depth * self.stride()
    }

    pub fn accumulators(&self) -> usize {
        self.part.pow(2)
    }

    /// Accumulators; the larger of the operands of a step and the vec4s on their way into workgroup
    /// memory; 16 for addresses, counters and the epilogue. Rounded up to eight, as drivers allocate.
    pub fn registers(&self) -> usize {
        let staged = 2 * self.edge * self.depth / self.invocations();
        (self.accumulators() + staged.max(2 * self.part) + 16).next_multiple_of(8)
    }

    /// Bytes that the workgroups of a product read and write outside of workgroup memory.
    pub fn traffic(&self, p: &Matmul) -> f64 {
        let (columns, rows) = (p.n.div_ceil(self.edge), p.m.div_ceil(self.edge));
        let a = 4 * p.m * p.k * columns;
        let b = p.b_element.bytes() as usize * p.n * p.k * rows;
        let c = 4 * p.m * p.n * (1 + usize::from(p.residual));
        (a + b + c) as f64
    }

    /// Lane → (x, y) in the workgroup.
    fn lanes(&self) -> impl Iterator<Item = (usize, usize)> {
        let across = self.across();
        (0..LANES).map(move |lane| (lane % across, lane / across))
    }

    /// The shader's inner loop: part loads of a, part of b.
    pub fn step(&self) -> Step {
        let a: Vec<usize> = self.lanes().map(|(_, y)| 4 * y).collect();
        let b: Vec<usize> = self.lanes().map(|(x, _)| 4 * x).collect();
        let (part, quarters) = (self.part as f64, self.part as f64 / 4.0);
        let products = self.accumulators() as f64;
        Step {
            arithmetic: products * LANES as f64 / MULTIPLY_ADDS as f64,
            single: part * (passes(&a, 1) + passes(&b, 1)) as f64,
            merged: quarters * (passes(&a, 4) + passes(&b, 4)) as f64,
            issued: [2.0 * part, 2.0 * quarters].map(|loads| (products + loads) / products),
        }
    }

    /// Passes of one of the transposing stores, with rows of `stride` floats.
    pub fn store_passes(&self, stride: usize) -> usize {
        let vec4s = self.depth / 4;
        let at: Vec<usize> = (0..LANES).map(|lane| lane % vec4s * 4 * stride + lane / vec4s).collect();
        passes(&at, 1)
    }

    pub fn padded_store_passes(&self) -> usize {
        self.store_passes(self.stride())
    }
}

/// How often workgroup memory must be asked so that every lane gets its `width` floats from `at`: lanes
/// that want the same address share it, different addresses in one bank take turns.
fn passes(at: &[usize], width: usize) -> usize {
    let mut banks = vec![std::collections::BTreeSet::new(); LANES];
    for &first in at {
        for address in first..first + width {
            banks[address % LANES].insert(address);
        }
    }
    banks.iter().map(|bank| bank.len()).max().unwrap_or(0)
}

/// What a workgroup takes of a core.
pub struct Group {
    pub name: &'static str,
    pub invocations: usize,
    pub registers: usize,
    /// Bytes of workgroup memory.
    pub memory: usize,
}

/// The workgroups of the GPU variants of a ViT-L/14's kernels.
pub fn groups(attention: &dyn Problem) -> Vec<Group> {
    let plan = plan(attention, "tile");
    let [queries, keys, d4] = ["QUERIES", "KEYS", "D4"].map(|n| number(&plan, n));
    let mut groups: Vec<Group> = Tile::all()
        .iter()
        .map(|t| Group {
            name: t.name,
            invocations: t.invocations(),
            registers: t.registers(),
            memory: t.memory(),
        })
        .collect();
    groups.push(Group {
        name: "attention `tile`",
        invocations: queries,
        // A query, its output, four scores and four probabilities, 16 for the rest.
        registers: (2 * 4 * d4 + 8 + 16usize).next_multiple_of(8),
        memory: 2 * keys * d4 * 16,
    });
    groups.push(Group {
        name: "norm `workgroup`",
        invocations: 128,
        // A vec4 of x, γ, β and the sum each, 16 for the rest.
        registers: 32,
        memory: 128 * 4,
    });
    groups
}
