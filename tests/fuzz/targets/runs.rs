//! Folders of evaluations, and settings of training.

use dapo_wgpu::dapo::run::RunConfig;
use dapo_wgpu::eval::counts::Counts;
use dapo_wgpu::eval::finish::finish;
use dapo_wgpu::eval::merge::merge;
use dapo_wgpu::eval::settings::SCHEMA;
use dapo_wgpu::eval::{EvalRun, Settings};
use dapo_wgpu::metrics::{PixelCounts, TypeCounts};
use dapo_wgpu::report::metrics::{DataAbout, ImageRecord};
use dapo_wgpu::report::results::{Adapter, Model, Program};
use sha2::{Digest as _, Sha256};

use super::bytes::{joined, split};
use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        Target { repair: Some(repair), ..plain("evaluation", Form::Binary, evaluations, evaluation) },
        Target { repair: Some(|bytes| repair_state(bytes)), ..plain("counts", Form::Binary, states, state) },
        plain("run_toml", Form::Text, run_files, run_toml),
    ]
}

/// A part of an evaluation, merged, opened again, and its figures.
fn evaluation(input: &[u8], desk: &Desk) -> bool {
    let files = split(input);
    let [settings, lines, ..] = files[..] else { return false };
    desk.file("part/run.json", settings);
    desk.file("part/images.jsonl", lines);
    match files.get(2) {
        Some(_) => drop(desk.file("part/counts/0.bin", &joined(&files[2..]))),
        None => drop(std::fs::remove_file(desk.path().join("part/counts/0.bin"))),
    }
    let (part, out) = (desk.path().join("part"), desk.path().join("merged"));
    let _ = std::fs::remove_dir_all(&out);
    let Ok(whole) = merge(std::slice::from_ref(&part), &out) else { return false };
    let _ = finish(&out, &whole);
    let run = EvalRun::open(&out, whole).expect("what was merged just now");
    let _ = run.records().expect("lines");
    if let Ok(Some(counts)) = run.counts(0) {
        figures(&counts);
    }
    true
}

fn figures(counts: &Counts) {
    let _ = (counts.pixels.pixels(), counts.pixels.figures());
    let _ = counts.types.as_ref().map(TypeCounts::figures);
}

fn settings() -> Settings {
    Settings {
        weights: Some("f32".into()),
        schema: SCHEMA.into(),
        program: Program { name: "dapo-wgpu".into(), version: "0.1.0".into() },
        data: DataAbout { name: "set".into(), layout: "mvtec".into(), images: 2, ..DataAbout::default() },
        method: "clip".into(),
        model: Model {
            name: "nano".into(),
            path: String::new(),
            image_size: 2,
            patch_size: 1,
            embed_dim: 4,
            precision: "f32".into(),
            demonstration: true,
            weights_sha256: None,
        },
        learner_sha256: None,
        object: "object".into(),
        defects: vec!["bent".into()],
        products: vec![("nut".into(), vec!["normal".into(), "bent".into()])],
        batch: 8,
        tile: Some((64, 0.25)),
        reading: None,
        shots: None,
        threshold: 0.5,
        adapter: Adapter {
            name: "llvmpipe".into(),
            backend: "vulkan".into(),
            kind: "cpu (software)".into(),
            driver: String::new(),
            software: true,
        },
        shard: (1, 1),
    }
}

fn counted() -> (PixelCounts, TypeCounts) {
    let mut pixels = PixelCounts::new([0.0, 1.0]).expect("an interval");
    let mut types = TypeCounts::new(["normal", "bent"], [0.0, 1.0]).expect("an interval");
    for mask in [[false; 4], [true, true, false, false]] {
        pixels.add(&[0.9, 0.5, 0.25, 0.0], &mask, 2).expect("a map");
        let maps = [0.1, 0.5, 0.75, 1.0, 0.9, 0.5, 0.25, 0.0];
        types.add(&maps, &mask.map(u8::from)).expect("maps");
    }
    (pixels, types)
}

fn evaluations() -> Vec<Vec<u8>> {
    let with = |with_types: bool| {
        let desk = Desk::new();
        let mut run = EvalRun::open(desk.path(), settings()).expect("a new run");
        for (index, truth) in [None, Some("bent".to_owned())].into_iter().enumerate() {
            let record = ImageRecord {
                index,
                path: format!("{index}.png"),
                product: "nut".into(),
                truth,
                score: Some(0.5),
                predicted: None,
                error: None,
                remarks: Vec::new(),
                content: None,
                notes: Vec::new(),
            };
            run.record(&record).expect("a line");
        }
        let (pixels, types) = counted();
        let types = with_types.then_some(types);
        run.keep(0, &Counts { pixels, types, images: 2, without_mask: 0 }).expect("counts");
        let read = |name: &str| std::fs::read(desk.path().join(name)).expect("a file");
        joined(&[&read("run.json"), &read("images.jsonl"), &read("counts/0.bin")])
    };
    vec![with(true), with(false)]
}

/// Where the parts of a file of counts begin: the numbers, the hash of the lines, the counts.
const NUMBERS: usize = 8;
const LINES: usize = 56;
const BODY: usize = 88;

/// Makes the hashes of a part right.
fn repair(bytes: &mut Vec<u8>) {
    let files: Vec<Vec<u8>> = split(bytes).into_iter().map(<[u8]>::to_vec).collect();
    let [settings, lines, ..] = &files[..] else { return };
    let mut counts = joined(&files[2..].iter().map(Vec::as_slice).collect::<Vec<_>>());
    let Some(end) = counts.len().checked_sub(32).filter(|end| *end >= BODY) else { return };
    let number =
        |at: usize| u64::from_le_bytes(counts[NUMBERS + 8 * at..][..8].try_into().expect("eight bytes"));
    let (through, pixels) = (number(1), number(4));
    let kept = lines.split_inclusive(|byte| *byte == b'\n').take(through.min(1 << 20) as usize);
    let journal = Sha256::digest(kept.collect::<Vec<_>>().concat());
    counts[LINES..BODY].copy_from_slice(&journal);
    let middle = BODY.saturating_add(pixels as usize).min(end);
    for part in [BODY..middle, middle..end] {
        seal(&mut counts[part], 8);
    }
    seal(&mut counts, 32);
    *bytes = joined(&[settings, lines, &counts]);
}

/// Ends bytes with the hash of what stands before it.
fn seal(bytes: &mut [u8], length: usize) {
    if let Some(at) = bytes.len().checked_sub(length) {
        let hash = Sha256::digest(&bytes[..at]);
        bytes[at..].copy_from_slice(&hash[..length]);
    }
}

fn repair_state(bytes: &mut [u8]) {
    seal(bytes, 8);
}

/// Counts by themselves, which a library's user may read from anywhere, and their sum with themselves.
fn state(input: &[u8], _: &Desk) -> bool {
    let mut valid = false;
    if let Ok(mut counts) = PixelCounts::from_bytes(input) {
        valid = true;
        let again = counts.clone();
        assert_eq!(PixelCounts::from_bytes(&again.to_bytes()).as_ref(), Ok(&again));
        let _ = (counts.merge(&again), counts.pixels(), counts.figures());
    }
    if let Ok(mut counts) = TypeCounts::from_bytes(input) {
        valid = true;
        let again = counts.clone();
        let _ = (counts.merge(&again), counts.figures());
    }
    valid
}

fn states() -> Vec<Vec<u8>> {
    let (pixels, types) = counted();
    vec![pixels.to_bytes(), types.to_bytes()]
}

fn run_toml(input: &[u8], _: &Desk) -> bool {
    let text = String::from_utf8_lossy(input);
    let Ok(mut run) = RunConfig::from_toml(&text, None) else { return false };
    let checked = run.check();
    let _ = run.classes(["bent", "bent_lead", "cut"].into_iter());
    if checked.is_ok() {
        let _ = (run.steps(0), run.steps(1725), run.train_names(), run.test_names());
    }
    checked.is_ok()
}

fn run_files() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../../configs/paper.toml").to_vec(),
        include_bytes!("../../../configs/nano-dapo.toml").to_vec(),
        include_bytes!("../../../configs/anomalyclip.toml").to_vec(),
    ]
}
