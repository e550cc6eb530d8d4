//! What a workgroup of a GPU variant needs, read off its plan; and the paper model of its inner loop.

use dapo_wgpu::gpu::capabilities::DeviceLimits;
use dapo_wgpu::gpu::{Capabilities, Define, DeviceClass, SubgroupRange};
use dapo_wgpu::kernels::layernorm::LayerNorm;
use dapo_wgpu::kernels::matmul::Matmul;
use dapo_wgpu::kernels::{Plan, Problem};

/// The variants of `matmul` for GPUs.
pub const TILES: [&str; 5] = ["tile128x64", "tile64x8", "tile32", "tile64", "tile128"];
/// Lanes whose accesses to workgroup memory are served together, and its banks of four bytes.
pub const LANES: usize = 32;
/// Multiply-adds and bytes of workgroup memory that a core handles in a cycle, on each of the cards.
pub const MULTIPLY_ADDS: usize = 128;

/// A GPU with the limits that every WebGPU device has, and this many compute units.
pub fn gpu(cores: u32) -> Capabilities {
    Capabilities {
        class: DeviceClass::Gpu,
        f16: false,
        subgroups: Some(SubgroupRange { min: 32, max: 32 }),
        timestamps: true,
        immediates: 128,
        cooperative_matrix: Vec::new(),
        storage_texture_size: 0,
        cores: Some(cores),
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
    let variant = problem.variants(&gpu(132)).into_iter().find(|v| v.name == name).expect("a variant");
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
    /// Rows and columns of the workgroup's block.
    pub rows: usize,
    pub columns: usize,
    /// Rows and columns of an invocation's part: both.
    pub part: usize,
    /// Depth of a stage.
    pub depth: usize,
    /// vec4s of a stage that an invocation loads, of a and of b.
    loads: [usize; 2],
}

/// Cycles of one stage for 32 invocations, on a core of [`MULTIPLY_ADDS`].
pub struct Stage {
    pub arithmetic: usize,
    /// Loads of vec4s from workgroup memory, where lanes that want the same one share it.
    pub shared: usize,
    /// The same where each load takes four passes, eight lanes at a time.
    pub separate: usize,
    /// Stores into workgroup memory.
    pub stores: usize,
    /// All instructions of the loop.
    pub issued: usize,
}

impl Stage {
    /// The share of the peak that this many cycles of workgroup memory, and the instructions, leave.
    pub fn most(&self, memory: usize) -> f64 {
        self.arithmetic as f64 / self.issued.max(memory) as f64
    }
}

impl Tile {
    pub fn new(name: &'static str) -> Self {
        let plan = plan(&Matmul::linear(64, 64, 64), name);
        let [rows, columns, part, depth] = ["ROWS", "COLUMNS", "PART", "DEPTH"].map(|n| number(&plan, n));
        Self { name, rows, columns, part, depth, loads: ["A_LOADS", "B_LOADS"].map(|n| number(&plan, n)) }
    }

    /// Whether a plan has these blocks.
    pub fn is_of(&self, plan: &Plan) -> bool {
        let sizes = [("ROWS", self.rows), ("COLUMNS", self.columns), ("PART", self.part)];
        sizes.iter().all(|(name, size)| number(plan, name) == *size)
    }

    pub fn all() -> [Self; 5] {
        TILES.map(Self::new)
    }

    fn across(&self) -> usize {
        self.columns / self.part
    }

    pub fn invocations(&self) -> usize {
        self.rows * self.columns / self.accumulators()
    }

    /// vec4s from one staged row to the next.
    fn stride(&self) -> usize {
        self.depth / 4 + 1
    }

    /// Bytes of workgroup memory.
    pub fn memory(&self) -> usize {
        16 * (self.rows + self.columns) * self.stride()
    }

    pub fn accumulators(&self) -> usize {
        self.part.pow(2)
    }

    /// Accumulators; four steps of a part of b and of one row of a; the next stage's vec4s with two addresses each;
    /// 16 for the rest. Rounded up to eight, as drivers allocate.
    pub fn registers(&self) -> usize {
        let staged: usize = self.loads.iter().sum();
        (self.accumulators() + 4 * self.part + 4 + 6 * staged + 16).next_multiple_of(8)
    }

    /// FLOP for each byte that a workgroup reads from outside.
    pub fn intensity(&self) -> f64 {
        (self.rows * self.columns) as f64 / (2 * (self.rows + self.columns)) as f64
    }

    /// Bytes that the workgroups of a product read and write outside of workgroup memory.
    pub fn traffic(&self, p: &Matmul) -> f64 {
        let (columns, rows) = (p.n.div_ceil(self.columns), p.m.div_ceil(self.rows));
        let a = 4 * p.m * p.k * columns;
        let b = p.b_element.bytes() as usize * p.n * p.k * rows;
        let c = 4 * p.m * p.n * (1 + usize::from(p.residual));
        (a + b + c) as f64
    }

    /// The shader's loop over stages: `PART` loads of a and of b for four steps along k.
    pub fn stage(&self) -> Stage {
        let (across, stride, quads) = (self.across(), self.stride(), self.depth / 4);
        let down = passes((0..LANES).map(|lane| lane / across * stride));
        let right = passes((0..LANES).map(|lane| lane % across * stride));
        let store_a = passes((0..LANES).map(|lane| lane / quads * stride + lane % quads));
        let slot = |column: usize| column / 4 % across + across * (column / 4 / across * 4 + column % 4);
        let store_b = passes((0..LANES).map(|lane| slot(lane / quads) * stride + lane % quads));
        let (products, loads) = (self.accumulators() * self.depth, 2 * self.part * quads);
        let staged: usize = self.loads.iter().sum();
        Stage {
            arithmetic: products * LANES / MULTIPLY_ADDS,
            shared: self.part * quads * (down + right),
            separate: 4 * loads,
            stores: self.loads[0] * store_a + self.loads[1] * store_b,
            issued: (products + loads + 2 * staged) * LANES / MULTIPLY_ADDS,
        }
    }
}

/// How often workgroup memory must be asked so that every lane gets its vec4: lanes that want the same one share it,
/// different ones in the same banks take turns.
fn passes(at: impl Iterator<Item = usize>) -> usize {
    let mut banks = vec![std::collections::BTreeSet::new(); LANES / 4];
    for address in at {
        banks[address % (LANES / 4)].insert(address);
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
    let [quad, tile] = ["quad", "tile"].map(|name| {
        let plan = plan(attention, name);
        ["KEYS", "D4"].map(|n| number(&plan, n))
    });
    let mut groups: Vec<Group> = Tile::all()
        .iter()
        .map(|t| Group {
            name: t.name,
            invocations: t.invocations(),
            registers: t.registers(),
            memory: t.memory(),
        })
        .collect();
    // A query and its output (or a quarter of four of each), four scores and four probabilities, 16 for the rest; and
    // in `quad` an invocation's quarters of four values.
    let attention = |name, [keys, d4]: [usize; 2], values: usize| Group {
        name,
        invocations: 64,
        registers: (2 * 4 * d4 + values + 8 + 16).next_multiple_of(8),
        memory: 2 * keys * d4 * 16,
    };
    groups.push(attention("attention `quad`", quad, 4 * quad[1]));
    groups.push(attention("attention `tile`", tile, 0));
    let norm = plan(&LayerNorm { rows: 1370, width: 1024, epsilon: 1e-5 }, "registers");
    let [invocations, held, reductions] = ["WG", "HELD", "SLOTS"].map(|n| number(&norm, n));
    groups.push(Group {
        name: "norm `registers`",
        invocations,
        // The row's vec4s of x, γ and β, 16 for the rest.
        registers: (3 * 4 * held + 16).next_multiple_of(8),
        // A sum of each subgroup, with room for subgroups of one lane.
        memory: 4 * invocations * reductions,
    });
    groups
}
