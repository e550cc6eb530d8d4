//! A variant for GPUs that have more compute units than the product has blocks: `sliced` cuts the sums over k into
//! slices (split-k). A first launch computes the product of each slice with the blocks of a `tile` variant, as a batch. A
//! second one adds them, in the order of the slices and without atomics, so that the same inputs give the same bits; it
//! also does what comes after the sums.

use super::block::Block;
use super::shape::{Matmul, MatrixLayout, Order};
use super::tile::{TILES, Tile};
use crate::gpu::Capabilities;
use crate::kernels::{Cost, Finish, Plan, Unmet, Variant, linear_grid, shader};

/// The shortest slice. Each costs a write and a read of every output, eight bytes for 2 · 512 operations or more.
const SHORTEST: usize = 512;
/// The most slices.
const MOST: usize = 16;
/// A slice is a whole number of stages.
const STAGE: usize = 16;

/// The variant, and whether it is to be preferred to those that sum over all of k.
pub(super) struct Sliced {
    pub variant: Variant,
    pub wins: bool,
}

/// The blocks of a slice: of the two that read workgroup memory the least, the one that pads the rows less.
fn tile(p: &Matmul) -> &'static Tile {
    let padded = |tile: &&Tile| p.m.next_multiple_of(tile.rows as usize);
    let [high, low] = [&TILES[0], &TILES[1]];
    if padded(&low) < padded(&high) { low } else { high }
}

/// The fewest slices that keep the device busy, or else the most there can be.
fn slices(p: &Matmul, caps: &Capabilities) -> Result<usize, Unmet> {
    let whole = |&s: &usize| p.k.is_multiple_of(s * STAGE) && p.k / s >= SHORTEST;
    let all = || (2..=MOST).filter(whole);
    let enough = all().find(|&s| tile(p).keeps_busy(p, s, caps));
    enough.or(all().next_back()).ok_or(Unmet::Other("k has no equal slices of 512 or more"))
}

/// The products of all slices, as a batch of matrices that lie one behind the other.
fn products(p: &Matmul, slices: usize) -> Matmul {
    let k = p.k / slices;
    // From one slice to the next.
    let of_b = if p.order == Order::Nk { k } else { k * p.b.row };
    Matmul {
        k,
        batch: (1, slices),
        a: MatrixLayout { inner: k, ..p.a },
        b: MatrixLayout { inner: of_b, ..p.b },
        c: MatrixLayout { inner: p.m * p.n, ..MatrixLayout::dense(p.n) },
        scale: 1.0,
        bias: false,
        activation: None,
        residual: false,
        ..p.clone()
    }
}

/// The second launch: sums and what comes after them, a vec4 an invocation. Its k is the number of slices.
fn finish(p: &Matmul, slices: usize, caps: &Capabilities) -> Finish {
    let block = Block { sums: true, vec4_output: true, ..Block::new(1, 4) };
    let outputs = p.m * p.n;
    let sums = Matmul { k: slices, ..p.clone() };
    let plan = block.plan(&sums, Vec::new(), |defines| shader!("matmul_sums.wgsl", defines));
    let residual = if p.residual { outputs } else { 0 };
    Finish {
        name: "sliced-sums",
        between: slices * outputs,
        inputs: 2,
        plan: Plan { grid: linear_grid((outputs / 4).div_ceil(64), caps), ..plan },
        work: Cost {
            flops: (slices * outputs) as f64,
            bytes: 4.0 * (slices * outputs + outputs + residual) as f64,
        },
    }
}

fn usable(p: &Matmul, caps: &Capabilities) -> Result<(Variant, usize), Unmet> {
    Unmet::Other("it is a batch of products").unless(p.batches() == 1)?;
    p.aligned()?;
    Unmet::MultipleOf { what: "n or a stride of c", of: 4 }.unless(p.aligned_output())?;
    let slices = slices(p, caps)?;
    let needed = 4 * (slices * p.m * p.n) as u64;
    let limit = caps.limits.storage_binding.min(caps.limits.buffer);
    Unmet::Between { needed, limit }.unless(needed <= limit)?;
    let first = tile(p).variant(&products(p, slices), caps);
    let plan = first.plan?;
    let finish = finish(p, slices, caps);
    let cost = first
        .cost
        .map(|cost| Cost { flops: cost.flops + finish.work.flops, bytes: cost.bytes + finish.work.bytes });
    Ok((Variant { cost, finish: Some(finish), ..Variant::always("sliced", plan) }, slices))
}

/// It wins where the blocks of the whole product leave compute units idle, and those of its slices do not.
pub(super) fn variant(p: &Matmul, caps: &Capabilities) -> Sliced {
    match usable(p, caps) {
        Err(unmet) => Sliced { variant: Variant::new("sliced", Err(unmet)), wins: false },
        Ok((variant, slices)) => {
            let busy = |times| tile(p).keeps_busy(p, times, caps);
            Sliced { variant, wins: !busy(1) && busy(slices) }
        }
    }
}
