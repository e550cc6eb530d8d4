//! The memory of streamed figures does not grow with the number of maps: slow, so run by `make metrics-memory`.

use std::time::Instant;

use dapo_wgpu::metrics::PixelCounts;

const SIDE: usize = 518;

/// Peak resident memory of this process in bytes, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// As many maps as `DAPO_MAPS` says, 100,000 otherwise; one in fifty shows a square of defect.
#[test]
#[ignore = "minutes: run by `make metrics-memory`"]
fn a_hundred_thousand_maps_take_300_megabytes() {
    let count: usize = std::env::var("DAPO_MAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    // Noise enough for one map and its shifts: the map of an image is a window of it.
    let long: Vec<f32> = (0..2 * SIDE * SIDE).map(|_| noise() * 0.8).collect();
    let good = vec![false; SIDE * SIDE];
    let square = |at: usize| (200..260).contains(&(at / SIDE)) && (100..170).contains(&(at % SIDE));
    let defective: Vec<bool> = (0..SIDE * SIDE).map(square).collect();
    let mut counts = PixelCounts::new([0.0, 1.0]).expect("an interval");
    let began = Instant::now();
    for index in 0..count {
        let map = &long[index * 7919 % (SIDE * SIDE)..][..SIDE * SIDE];
        if index % 50 == 0 {
            let raised: Vec<f32> =
                map.iter().zip(&defective).map(|(v, d)| if *d { v + 0.2 } else { *v }).collect();
            counts.add(&raised, &defective, SIDE).expect("a map");
        } else {
            counts.add(map, &good, SIDE).expect("a map");
        }
    }
    let added = began.elapsed().as_secs_f64();
    let figures = counts.figures();
    let state = counts.to_bytes().len();
    println!("{count} maps of {SIDE}×{SIDE} in {added:.1} s; {figures:?}; saved in {state} bytes");
    assert_eq!(counts.pixels(), (count * SIDE * SIDE) as u64);
    // Uniform on 0..0.8 against uniform on 0.2..1: P(a + 0.2 > b) = 1 − ½·0.75² on the scale of 0.8.
    let auroc = figures.auroc.expect("both kinds");
    assert!((auroc.value - (1.0 - 0.75 * 0.75 / 2.0)).abs() < 0.01, "{auroc:?}");
    if let Some(peak) = peak() {
        println!("peak memory {:.0} MB", peak as f64 / 1e6);
        assert!(peak < 300_000_000, "{peak} bytes");
    }
}
