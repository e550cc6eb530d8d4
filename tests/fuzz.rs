//! Bytes from anywhere: no reader panics, hangs or eats memory. Inputs are valid files that were changed in a few places;
//! where checksums would stop a changed file, they are made right again.
//!
//! `make fuzz-stable N=1000000` reads that many inputs with each reader and prints a table. `DAPO_FUZZ_TARGET` chooses
//! readers by a part of their names, `DAPO_FUZZ_FROM` the number of the first input; with `DAPO_FUZZ_KEEP` the inputs
//! that are faults are left in that folder. `DAPO_FUZZ_FILE` is read in place of all of them.

#[path = "fuzz/campaign.rs"]
mod campaign;
#[path = "fuzz/meter.rs"]
mod meter;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/targets/mod.rs"]
mod targets;

use campaign::Outcome;
use targets::Target;

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

/// Inputs of all readers together, unless more are asked for.
const INPUTS: u64 = 24_000;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// One test, so that nothing else uses memory or time meanwhile.
#[test]
fn no_reader_panics_hangs_or_eats_memory() {
    assert_that_cargo_fuzz_has_all();
    let wanted: String = setting("DAPO_FUZZ_TARGET").unwrap_or_default();
    let mut chosen = targets::all();
    let each = setting("DAPO_FUZZ_INPUTS").unwrap_or(INPUTS.div_ceil(chosen.len() as u64));
    chosen.retain(|target| target.name.contains(&wanted));
    assert!(!chosen.is_empty(), "no reader has '{wanted}' in its name");
    campaign::prepare();
    let first = setting("DAPO_FUZZ_FROM").unwrap_or(0);
    let file = setting("DAPO_FUZZ_FILE").map(|path: String| std::fs::read(path).expect("a readable file"));
    println!("{}", Outcome::HEADING);
    let mut wrong = Vec::new();
    for target in &chosen {
        let outcome = match &file {
            Some(bytes) => campaign::read_all(target, [(first, bytes.clone())].into_iter()),
            None => campaign::run(target, first..first + each),
        };
        println!("{}", outcome.row(target.name));
        wrong.extend(outcome.faults.iter().map(|(number, what)| format!("{} {number}: {what}", target.name)));
        if first == 0 && file.is_none() && outcome.valid == 0 {
            // Changed forms of what is refused would not get far.
            wrong.push(format!("{}: none of its inputs is valid", target.name));
        }
        keep(target, &outcome);
    }
    wrong.truncate(40);
    // Panics are not printed any more.
    println!("{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "see above");
}

/// `fuzz/` has a target for every reader. Part of the test, because panics are not printed once it has begun.
fn assert_that_cargo_fuzz_has_all() {
    let list = include_str!("../fuzz/Cargo.toml");
    for Target { name, .. } in targets::all() {
        assert!(list.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let path = format!("{}/fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the target");
        assert!(text.contains(&format!("target!(\"{name}\")")), "{name}");
    }
}

/// Leaves the inputs that are faults, the slowest and the largest one.
fn keep(target: &Target, outcome: &Outcome) {
    let Some(folder) = std::env::var_os("DAPO_FUZZ_KEEP").filter(|folder| !folder.is_empty()) else { return };
    let seeds = (target.seeds)();
    let numbers = outcome.faults.iter().map(|(number, _)| *number).take(20);
    for number in numbers.chain([outcome.slowest.1, outcome.largest.1]) {
        let path = std::path::Path::new(&folder).join(format!("{}-{number}", target.name));
        std::fs::write(path, mutate::input(target, &seeds, number)).expect("a writable folder");
    }
}
