//! Three GPUs by their data sheets.

use super::block::{Group, MULTIPLY_ADDS};

/// How a core keeps the registers of what runs on it.
pub enum Registers {
    /// One file of so many, shared out among the workgroups.
    Shared(usize),
    /// So many bytes for each hardware thread; a thread has 16 lanes if that suffices, else 8.
    Thread(usize),
}

/// A GPU.
pub struct Card {
    pub name: &'static str,
    /// Streaming multiprocessors, or dual subslices.
    pub cores: usize,
    pub gigahertz: f64,
    /// GB/s.
    pub bandwidth: f64,
    /// MB of the last cache before memory.
    pub cache: f64,
    pub registers: Registers,
    /// Bytes of workgroup memory of a core.
    pub memory: usize,
    /// Invocations, or hardware threads, and workgroups that a core can hold.
    pub slots: usize,
    pub groups: usize,
    /// Lanes of an instruction that a core's schedulers issue each.
    pub lanes: usize,
    /// Share of the peak that is expected of products, and of attention, and of the bandwidth of what only moves data.
    pub products: [f64; 2],
    pub attention: [f64; 2],
    pub streaming: [f64; 2],
}

pub const CARDS: [Card; 3] = [
    Card {
        name: "Iris Xe, 96 EU",
        cores: 6,
        gigahertz: 1.35,
        bandwidth: 68.3,
        cache: 3.8,
        registers: Registers::Thread(4096),
        memory: 128 << 10,
        slots: 112,
        groups: 32,
        lanes: 8,
        products: [0.15, 0.45],
        attention: [0.05, 0.25],
        streaming: [0.6, 0.85],
    },
    Card {
        name: "GeForce RTX 4060",
        cores: 24,
        gigahertz: 2.46,
        bandwidth: 272.0,
        cache: 24.0,
        registers: Registers::Shared(65_536),
        memory: 100 << 10,
        slots: 1536,
        groups: 24,
        lanes: 32,
        products: [0.35, 0.7],
        attention: [0.3, 0.55],
        streaming: [0.6, 0.85],
    },
    Card {
        name: "H100 SXM",
        cores: 132,
        gigahertz: 1.98,
        bandwidth: 3350.0,
        cache: 50.0,
        registers: Registers::Shared(65_536),
        memory: 228 << 10,
        slots: 2048,
        groups: 32,
        lanes: 32,
        products: [0.3, 0.65],
        attention: [0.2, 0.4],
        streaming: [0.2, 0.5],
    },
];

impl Card {
    /// FLOP/s: every lane one multiply-add a cycle.
    pub fn peak(&self) -> f64 {
        (2 * self.cores * MULTIPLY_ADDS) as f64 * self.gigahertz * 1e9
    }

    /// FLOP per byte above which arithmetic is the limit.
    pub fn ridge(&self) -> f64 {
        self.peak() / (self.bandwidth * 1e9)
    }

    /// Workgroups on a core at once, the share of its slots that they fill, and what limits them.
    pub fn occupancy(&self, g: &Group) -> (usize, f64, &'static str) {
        let (slots, by_registers, memory, spills) = match self.registers {
            Registers::Shared(file) => {
                // NVIDIA's driver keeps 1 KiB a workgroup to itself.
                (g.invocations, file / (g.registers * g.invocations), g.memory + 1024, false)
            }
            Registers::Thread(bytes) => {
                let lanes = if 16 * 4 * g.registers <= bytes { 16 } else { 8 };
                let spills = lanes * 4 * g.registers > bytes;
                // Allocated in powers of two from 1 KiB.
                (g.invocations.div_ceil(lanes), usize::MAX, g.memory.next_power_of_two().max(1024), spills)
            }
        };
        let limits = [
            (self.slots / slots, "slots"),
            (by_registers, "registers"),
            (self.memory / memory, "memory"),
            (self.groups, "groups"),
        ];
        let (groups, limit) = limits.into_iter().min_by_key(|(n, _)| *n).expect("four limits");
        (groups, (groups * slots) as f64 / self.slots as f64, if spills { "spills" } else { limit })
    }

    /// How evenly so many equal workgroups fall on the schedulers of all cores: mean load over largest load.
    pub fn balance(&self, workgroups: usize, invocations: usize) -> f64 {
        let (schedulers, subgroups) = (MULTIPLY_ADDS / self.lanes, invocations.div_ceil(self.lanes));
        let largest = (workgroups.div_ceil(self.cores) * subgroups).div_ceil(schedulers);
        (workgroups * subgroups) as f64 / (self.cores * schedulers * largest) as f64
    }
}
