//! The tables of `docs/performance.md`.

use std::fmt::Write as _;

use dapo_wgpu::clip::Architecture;
use dapo_wgpu::kernels::{Cost, Element, Problem, Variant};

use super::block::{Tile, gpu, groups};
use super::cards::{CARDS, Card};
use super::forward::{Forward, Launched, sum};

/// Every table with its name.
pub fn all() -> Vec<(&'static str, String)> {
    let large = Architecture::find("vit-l-14").expect("an architecture");
    let forwards = [Element::F32, Element::F16].map(|weights| Forward::new(&large, 518, weights));
    let f32 = &forwards[0];
    vec![
        ("work", work(&forwards)),
        ("traffic", traffic(&forwards)),
        ("tiles", tiles()),
        ("cards", cards()),
        ("occupancy", occupancy(f32)),
        ("balance", balance(f32)),
        ("roofline", roofline(f32)),
        ("prediction", prediction(f32)),
    ]
}

fn table(head: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {head} |\n|{}\n", "---|".repeat(head.split(" | ").count()));
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("a string");
    }
    text
}

/// Three significant digits.
fn three(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { 2.0 - value.abs().log10().floor() };
    format!("{value:.*}", digits.clamp(0.0, 3.0) as usize)
}

fn mega(bytes: f64) -> String {
    three(bytes / 1e6)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn times(cost: Cost, count: usize) -> Cost {
    Cost { flops: cost.flops * count as f64, bytes: cost.bytes * count as f64 }
}

fn work([f32, f16]: &[Forward; 2]) -> String {
    let row = |name: &str, launches: usize, a: Cost, b: Cost| {
        vec![
            name.to_owned(),
            launches.to_string(),
            three(a.flops / 1e9),
            mega(a.bytes),
            mega(b.bytes),
            three(a.flops / a.bytes),
        ]
    };
    let mut rows: Vec<_> = f32
        .block
        .iter()
        .zip(&f16.block)
        .map(|(a, b)| row(a.name, 1, a.problem.cost(), b.problem.cost()))
        .collect();
    let (block, half) = (sum(&f32.block), sum(&f16.block));
    rows.push(row("**block**", f32.block.len(), block, half));
    let layers = f32.layers;
    rows.push(row("24 blocks", layers * f32.block.len(), times(block, layers), times(half, layers)));
    let around = |f: &Forward| sum(f.before.iter().chain(&f.after));
    rows.push(row("before and after", f32.before.len() + f32.after.len(), around(f32), around(f16)));
    rows.push(row("**forward**", f32.launches().count(), sum(f32.launches()), sum(f16.launches())));
    table("launch | launches | GFLOP | MB, f32 weights | MB, f16 weights | FLOP/byte", rows)
}

fn traffic([f32, f16]: &[Forward; 2]) -> String {
    let both = |a: f64, b: f64| format!("{} / {}", mega(a), mega(b));
    let tiles = ["tile32", "tile64", "tile128x64", "tile128"].map(Tile::new);
    let mut totals = [(0.0, 0.0); 5];
    let mut rows = Vec::new();
    for ((name, a), (_, b)) in f32.products.iter().zip(&f16.products) {
        let mut cells = vec![(a.cost().bytes, b.cost().bytes)];
        cells.extend(tiles.iter().map(|t| (t.traffic(a), t.traffic(b))));
        for (total, cell) in totals.iter_mut().zip(&cells) {
            *total = (total.0 + cell.0, total.1 + cell.1);
        }
        let sizes = format!("{name} | {}×{}×{}", a.m, a.n, a.k);
        rows.push([vec![sizes], cells.iter().map(|c| both(c.0, c.1)).collect()].concat());
    }
    let layers = f32.layers as f64;
    let sums = totals.iter().map(|c| both(1e-3 * layers * c.0, 1e-3 * layers * c.1)).collect();
    rows.push([vec!["24 blocks | in GB".to_owned()], sums].concat());
    table("product | m×n×k | at least | blocks of 32 | of 64 | of 128×64 | of 128", rows)
}

fn tiles() -> String {
    let rows = Tile::all().into_iter().map(|t| {
        let stage = t.stage();
        let [separate, shared] =
            [stage.separate, stage.shared].map(|loads| percent(stage.most(loads + stage.stores)));
        vec![
            format!("`{}`", t.name),
            format!("{}×{}×{}", t.rows, t.columns, t.depth),
            t.invocations().to_string(),
            format!("{} + {}", t.accumulators(), t.registers() - t.accumulators()),
            t.memory().to_string(),
            three(t.part as f64 / 4.0),
            three(t.intensity()),
            format!("{} : {} or {} : {}", stage.arithmetic, stage.shared, stage.separate, stage.stores),
            format!("{separate}, {shared}"),
        ]
    });
    table(
        "variant | block×depth | invocations | registers | bytes | FLOP per byte inside | outside | \
         cycles a stage | at most",
        rows,
    )
}

fn cards() -> String {
    let rows = CARDS.iter().map(|c| {
        vec![
            c.name.to_owned(),
            c.cores.to_string(),
            format!("{} GHz", c.gigahertz),
            three(c.peak() / 1e12),
            three(c.bandwidth),
            c.cache.to_string(),
            three(c.ridge()),
        ]
    });
    table("card | cores | clock | TFLOP/s | GB/s | cache, MB | ridge, FLOP/byte", rows)
}

fn names() -> String {
    CARDS.each_ref().map(|c| c.name).join(" | ")
}

fn occupancy(forward: &Forward) -> String {
    let rows = groups(&forward.attention).into_iter().map(|g| {
        let cell = |card: &Card| {
            let (count, share, limit) = card.occupancy(&g);
            format!("{count}: {}, {limit}", percent(share))
        };
        let name = if g.name.contains('`') { g.name.to_owned() } else { format!("`{}`", g.name) };
        let needs = format!("{} × {}, {}", g.invocations, g.registers, g.memory);
        [vec![name, needs], CARDS.iter().map(cell).collect()].concat()
    });
    table(&format!("workgroup | invocations × registers, bytes | {}", names()), rows)
}

fn balance(forward: &Forward) -> String {
    let groups = groups(&forward.attention);
    let row = |name: &str, problem: &dyn Problem| {
        let cell = |card: &Card| {
            let mut usable = problem.variants(&gpu(card.cores as u32)).into_iter().filter(Variant::usable);
            let default = usable.next().expect("a variant");
            let plan = default.plan.expect("it runs");
            let workgroups = plan.grid.iter().product::<u32>() as usize;
            // Slices have the blocks of a tile.
            let block = Tile::all().into_iter().find(|t| default.name == "sliced" && t.is_of(&plan));
            let name = block.map_or(default.name, |tile| tile.name);
            let group = groups.iter().find(|g| g.name.trim_matches('`').ends_with(name));
            let invocations = group.expect("a group").invocations;
            format!("`{}`, {workgroups}: {}", default.name, percent(card.balance(workgroups, invocations)))
        };
        [vec![name.to_owned()], CARDS.iter().map(cell).collect()].concat()
    };
    let products = forward.products.iter().map(|(name, p)| row(name, p));
    let rows = products.chain([row("attention", &forward.attention)]);
    table(&format!("launch | {}", names()), rows)
}

/// What a launch is for the roofline's rows.
fn kind(launch: &Launched) -> usize {
    match launch.problem.kernel() {
        "matmul" => 0,
        "attention" => 1,
        _ => 2,
    }
}

const KINDS: [&str; 3] = ["products", "attention", "everything else"];

/// Milliseconds by kind if arithmetic and bandwidth are used to these shares.
fn milliseconds(forward: &Forward, card: &Card, arithmetic: [f64; 2], bandwidth: f64) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for launch in forward.launches() {
        let cost = launch.problem.cost();
        let share = arithmetic[kind(launch).min(1)];
        let seconds =
            (cost.flops / (share * card.peak())).max(cost.bytes / (bandwidth * card.bandwidth * 1e9));
        sums[kind(launch)] += 1e3 * seconds;
    }
    sums
}

fn roofline(forward: &Forward) -> String {
    let columns = CARDS.each_ref().map(|card| milliseconds(forward, card, [1.0; 2], 1.0));
    let mut rows: Vec<Vec<String>> = (0..3)
        .map(|i| [vec![KINDS[i].to_owned()], columns.iter().map(|c| three(c[i])).collect()].concat())
        .collect();
    let totals = columns.iter().map(|c| three(c.iter().sum())).collect();
    rows.push([vec!["**forward**".to_owned()], totals].concat());
    table(&format!("ms | {}", names()), rows)
}

fn prediction(forward: &Forward) -> String {
    let bounds = CARDS.each_ref().map(|card| {
        [1, 0].map(|i| milliseconds(forward, card, [card.products[i], card.attention[i]], card.streaming[i]))
    });
    let range = |low: f64, high: f64| format!("{} to {}", three(low), three(high));
    let shares = |name: &str, pick: fn(&Card) -> [f64; 2]| {
        let cell = |c: &Card| format!("{} to {}", percent(pick(c)[0]), percent(pick(c)[1]));
        [vec![name.to_owned()], CARDS.iter().map(cell).collect()].concat()
    };
    let mut rows = vec![
        shares("products, share of the peak", |c| c.products),
        shares("attention, share of the peak", |c| c.attention),
        shares("everything else, share of the bandwidth", |c| c.streaming),
    ];
    for i in 0..3 {
        let cells = bounds.iter().map(|[best, worst]| range(best[i], worst[i])).collect();
        rows.push([vec![format!("{}, ms", KINDS[i])], cells].concat());
    }
    let sum = |times: &[f64; 3]| times.iter().sum::<f64>();
    let cells = bounds.iter().map(|[best, worst]| range(sum(best), sum(worst))).collect();
    rows.push([vec!["**forward, ms, predicted**".to_owned()], cells].concat());
    let whole = forward.launches().map(|l| l.problem.cost().flops).sum::<f64>();
    let share = |card: &Card, times: &[f64; 3]| percent(whole / (1e-3 * sum(times) * card.peak()));
    let cells = CARDS
        .iter()
        .zip(&bounds)
        .map(|(card, [best, worst])| format!("{} to {}", share(card, worst), share(card, best)))
        .collect();
    rows.push([vec!["share of the peak".to_owned()], cells].concat());
    table(&format!("prediction | {}", names()), rows)
}
