//! Kernels that measure how fast the last-level cache and workgroup memory can be read: ceilings of the roofline beside
//! those of [`probe`](super::probe).

use super::bounds::{TINY, gamma};
use super::family::{Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// Sums over a small array that all workgroups read again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheRead {
    /// Workgroups of 64 invocations, each of which makes a vec4 of sums.
    pub groups: usize,
    /// Blocks of the array, of [`BLOCK_BYTES`] each.
    pub blocks: usize,
    /// Blocks that each workgroup reads.
    pub rounds: usize,
}

/// Sums over workgroup memory.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkgroupRead {
    /// Workgroups of 64 invocations, each of which makes a vec4 of sums.
    pub groups: usize,
    /// Rounds of [`PER`] vec4s.
    pub rounds: usize,
}

/// Invocations of a workgroup.
const LANES: usize = 64;
/// vec4s that an invocation reads in a round.
pub const PER: usize = 8;
/// Bytes of a block of [`CacheRead`].
pub const BLOCK_BYTES: usize = 16 * PER * LANES;
/// vec4s of workgroup memory: 8 KiB, so that several workgroups fit on a core.
const STAGED: usize = 512;

/// What both kernels have in common: sums of `rounds`·[`PER`] vec4s that stand at `place(group, round, i, lane)`.
struct Sums<F> {
    groups: usize,
    rounds: usize,
    place: F,
}

impl<F: Fn(usize, usize, usize, usize) -> usize> Sums<F> {
    fn of(&self, x: &[f64], term: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut y = vec![0.0; 4 * LANES * self.groups];
        for (at, sum) in y.iter_mut().enumerate() {
            let (group, lane, part) = (at / (4 * LANES), at / 4 % LANES, at % 4);
            for round in 0..self.rounds {
                *sum +=
                    (0..PER).map(|i| term(x[4 * (self.place)(group, round, i, lane) + part])).sum::<f64>();
            }
        }
        y
    }

    /// Sums of n = rounds·PER terms one after the other; terms and partial sums may be flushed.
    fn bound(&self, x: &[f64]) -> Vec<f64> {
        let n = self.rounds * PER;
        let bound = |m: f64| 1.01 * (gamma(n) * m + m.min(2.0 * n as f64 * TINY));
        self.of(x, f64::abs).into_iter().map(bound).collect()
    }
}

/// Memory sees the array and the sums once.
fn cost(groups: usize, rounds: usize, array_bytes: usize) -> Cost {
    let sums = (4 * groups * LANES) as f64;
    Cost { flops: sums * (rounds * PER) as f64, bytes: array_bytes as f64 + 4.0 * sums }
}

fn number(value: usize) -> Define {
    Define::Number(value as u32)
}

impl CacheRead {
    fn sums(&self) -> Sums<impl Fn(usize, usize, usize, usize) -> usize> {
        let blocks = self.blocks;
        let place = move |group: usize, round: usize, i: usize, lane: usize| {
            (group * 37 + round * 29) % blocks * LANES * PER + LANES * i + lane
        };
        Sums { groups: self.groups, rounds: self.rounds, place }
    }
}

impl Problem for CacheRead {
    fn kernel(&self) -> &'static str {
        "cache_read"
    }

    fn label(&self) -> String {
        format!("cache_read f32 groups={} blocks={} rounds={}", self.groups, self.blocks, self.rounds)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.blocks * BLOCK_BYTES / 4)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![4 * LANES * self.groups]
    }

    fn cost(&self) -> Cost {
        cost(self.groups, self.rounds, self.blocks * BLOCK_BYTES)
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = Plan {
            shader: shader!("probe_cache.wgsl", vec![("PER", number(PER))]),
            params: param_bytes(&[self.groups as u32, self.blocks as u32, self.rounds as u32]),
            grid: linear_grid(self.groups, caps),
        };
        vec![Variant::always("vec4", plan)]
    }
}

impl Verifiable for CacheRead {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums().of(&inputs[0], |v| v)]
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums().bound(&inputs[0])]
    }
}

impl WorkgroupRead {
    fn sums(&self) -> Sums<impl Fn(usize, usize, usize, usize) -> usize> {
        let place = |_, round: usize, i: usize, lane: usize| (round + LANES * i + lane) % STAGED;
        Sums { groups: self.groups, rounds: self.rounds, place }
    }
}

impl Problem for WorkgroupRead {
    fn kernel(&self) -> &'static str {
        "workgroup_read"
    }

    fn label(&self) -> String {
        format!("workgroup_read f32 groups={} rounds={}", self.groups, self.rounds)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", 4 * STAGED)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![4 * LANES * self.groups]
    }

    fn cost(&self) -> Cost {
        cost(self.groups, self.rounds, 16 * STAGED)
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = Plan {
            shader: shader!("probe_workgroup.wgsl", vec![("PER", number(PER)), ("STAGED", number(STAGED))]),
            params: param_bytes(&[self.groups as u32, self.rounds as u32]),
            grid: linear_grid(self.groups, caps),
        };
        vec![Variant::always("vec4", plan)]
    }
}

impl Verifiable for WorkgroupRead {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums().of(&inputs[0], |v| v)]
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums().bound(&inputs[0])]
    }
}

/// The probe of the last-level cache.
pub fn cache_read() -> Family {
    Family {
        name: "cache_read",
        conformance: || {
            let case = |groups, blocks, rounds| CacheRead { groups, blocks, rounds };
            let mut cases = boxed(vec![case(1, 1, 1), case(5, 3, 4)]);
            cases.push(Stress::Fold(3).on(case(8, 5, 2)));
            cases
        },
        bench: || boxed(vec![CacheRead { groups: 256, blocks: 256, rounds: 128 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (groups, blocks, rounds) = (text.size("groups")?, text.size("blocks")?, text.size("rounds")?);
            Ok(Box::new(CacheRead { groups, blocks, rounds }))
        },
    }
}

/// The probe of workgroup memory.
pub fn workgroup_read() -> Family {
    Family {
        name: "workgroup_read",
        conformance: || {
            let mut cases =
                boxed([(1, 1), (5, 9)].map(|(groups, rounds)| WorkgroupRead { groups, rounds }).to_vec());
            cases.push(Stress::Fold(3).on(WorkgroupRead { groups: 8, rounds: 2 }));
            cases
        },
        bench: || boxed(vec![WorkgroupRead { groups: 256, rounds: 128 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(WorkgroupRead { groups: text.size("groups")?, rounds: text.size("rounds")? }))
        },
    }
}
