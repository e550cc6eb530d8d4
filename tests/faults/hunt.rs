//! Does `check` find the faults?

use std::collections::BTreeSet;

use dapo_wgpu::gpu::{DeviceClass, Gpu};
use dapo_wgpu::kernels::Problem;
use dapo_wgpu::kernels::check::{Outcome, check};
use dapo_wgpu::kernels::registry;

use super::open;
use super::plant::{Bed, Copy, Fault};

/// The seed of `tests/kernels.rs`.
const SEED: u64 = 1;

/// What became of a fault in one kernel.
enum Fate<'a> {
    /// This case found it.
    Found(&'a dyn Problem, Outcome),
    /// No case of so many did.
    Survived(usize),
    /// No case compiles the line.
    Unreached,
    /// The device cannot run the variant.
    NotRun(String),
}

/// Plants every fault in every kernel that it concerns. Demands that `check` finds each of them, and
/// finds nothing in a copy without one.
pub fn hunt(beds: &[Bed]) {
    let gpu = open();
    println!("{}", gpu.adapter().line());
    let mut cases = registry::cases();
    cases.sort_by(|a, b| a.cost().flops.total_cmp(&b.cost().flops));
    let parallel = gpu.capabilities().class == DeviceClass::Gpu;
    let mut sound = BTreeSet::new();
    let mut wrong = Vec::new();
    for bed in beds {
        for &(family, variant) in bed.kernels {
            let cases: Vec<&dyn Problem> =
                cases.iter().map(AsRef::as_ref).filter(|c| c.kernel() == family).collect();
            for fault in bed.faults {
                let name = format!("{family} [{variant}], shaders/{}: {}", bed.file, fault.what);
                match pursue(&gpu, &cases, variant, bed, fault) {
                    Fate::Found(case, by) => {
                        println!("found: {name}\n    by '{}', {:?}: {}", by.case, by.inputs, by.faults[0]);
                        if sound.insert((by.case, variant)) {
                            passes_unchanged(&gpu, case, variant, bed);
                        }
                    }
                    Fate::NotRun(reason) => println!("not run: {name} ({reason})"),
                    Fate::Survived(n) if fault.race && parallel => println!("{n} races won: {name}"),
                    Fate::Survived(n) => wrong.push(format!("{name}: survived {n} cases")),
                    // How many rows a lane owns, and so which lines there are, depends on the lanes.
                    Fate::Unreached if parallel => println!("not compiled here: {name}"),
                    Fate::Unreached => wrong.push(format!("{name}: no case compiles this line")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a case is missing for these faults:\n{}", wrong.join("\n"));
}

/// Runs the cases, cheap ones first, until one finds the fault.
fn pursue<'a>(
    gpu: &Gpu,
    cases: &[&'a dyn Problem],
    variant: &'static str,
    bed: &Bed,
    fault: &Fault,
) -> Fate<'a> {
    let caps = gpu.capabilities();
    let (mut refused, mut usable, mut reached) = (None, false, 0);
    for &case in cases {
        match case.variants(caps).into_iter().find(|v| v.name == variant).map(|v| v.usable) {
            Some(Ok(())) => usable = true,
            Some(Err(reason)) => {
                refused = Some(reason);
                continue;
            }
            None => continue,
        }
        let Some(copy) = Copy::new(case, caps, variant, bed, Some(fault)) else { continue };
        reached += 1;
        // A fault that does not compile is found by the compiler, and is none.
        let outcomes = check(gpu, &copy, SEED).unwrap_or_else(|e| panic!("'{}': {e}", fault.what));
        if let Some(outcome) = outcomes.into_iter().find(|o| !o.passed()) {
            return Fate::Found(case, outcome);
        }
    }
    match (usable, refused, reached) {
        (true, _, 0) => Fate::Unreached,
        (true, _, n) => Fate::Survived(n),
        (false, Some(reason), _) => Fate::NotRun(reason),
        (false, None, _) => panic!("no variant '{variant}' of a family called as in {bed:?}"),
    }
}

/// It is the fault that is found, and not the copying.
fn passes_unchanged(gpu: &Gpu, case: &dyn Problem, variant: &'static str, bed: &Bed) {
    let copy = Copy::new(case, gpu.capabilities(), variant, bed, None).expect("a copy equal to the original");
    for outcome in check(gpu, &copy, SEED).expect("the device works") {
        assert!(outcome.passed(), "without a fault: {outcome:?}");
    }
}
