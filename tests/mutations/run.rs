//! Does `check` find the mutations?

use std::collections::BTreeSet;
use std::sync::Arc;

use dapo_wgpu::gpu::{DeviceClass, Gpu};
use dapo_wgpu::kernels::registry;
use dapo_wgpu::kernels::{Outcome, Verifiable, check};

use super::mutation::{Copy, Mutation, Target};
use super::open;

/// The seed of `tests/kernels.rs`.
const SEED: u64 = 1;

/// The result of a mutation in one kernel.
enum Status {
    /// This case found it.
    Found(Arc<dyn Verifiable>, Outcome),
    /// None of this many cases did.
    Survived(usize),
    /// No case compiles the line.
    Unreached,
    /// The device cannot run the variant.
    NotRun(String),
}

/// Applies every mutation to every kernel that it concerns. `check` must find each of them, and
/// nothing in a copy without one.
pub fn run(targets: &[Target]) {
    let gpu = open();
    println!("{}", gpu.adapter().line());
    let mut cases: Vec<Arc<dyn Verifiable>> = registry::cases().into_iter().map(Arc::from).collect();
    cases.sort_by(|a, b| a.cost().flops.total_cmp(&b.cost().flops));
    let parallel = gpu.capabilities().class == DeviceClass::Gpu;
    let mut sound = BTreeSet::new();
    let mut wrong = Vec::new();
    for target in targets {
        for &(family, variant) in target.kernels {
            let cases: Vec<&Arc<dyn Verifiable>> = cases.iter().filter(|c| c.kernel() == family).collect();
            for mutation in target.mutations {
                let name = format!("{family} [{variant}], shaders/{}: {}", target.file, mutation.what);
                match test_mutation(&gpu, &cases, variant, target, mutation) {
                    Status::Found(case, by) => {
                        let (inputs, failure) = (by.inputs, &by.failures[0]);
                        println!("found: {name}\n    by '{}', {inputs:?}: {failure}", by.case);
                        if sound.insert((by.case, variant)) {
                            passes_unchanged(&gpu, &case, variant, target);
                        }
                    }
                    Status::NotRun(reason) => println!("not run: {name} ({reason})"),
                    Status::Survived(n) if mutation.race && parallel => println!("{n} races won: {name}"),
                    Status::Survived(n) => wrong.push(format!("{name}: survived {n} cases")),
                    // How many rows a lane owns, and so which lines there are, depends on the lanes.
                    Status::Unreached if parallel => println!("not compiled here: {name}"),
                    Status::Unreached => wrong.push(format!("{name}: no case compiles this line")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a case is missing for these mutations:\n{}", wrong.join("\n"));
}

/// Runs the cases, cheap ones first, until one finds the mutation.
fn test_mutation(
    gpu: &Gpu,
    cases: &[&Arc<dyn Verifiable>],
    variant: &'static str,
    target: &Target,
    mutation: &Mutation,
) -> Status {
    let (mut refused, mut usable, mut reached) = (None, false, 0);
    for &case in cases {
        let variants = case.variants(gpu.capabilities());
        let Some(variant) = variants.into_iter().find(|v| v.name == variant) else { continue };
        if let Err(unmet) = &variant.plan {
            refused = Some(unmet.to_string());
            continue;
        }
        usable = true;
        let Some(copy) = Copy::new(case, &variant, target, Some(mutation)) else { continue };
        reached += 1;
        // A mutation that does not compile tests nothing.
        let outcomes = check(gpu, &copy, SEED).unwrap_or_else(|e| panic!("'{}': {e}", mutation.what));
        if let Some(outcome) = outcomes.into_iter().find(|o| !o.passed()) {
            return Status::Found(Arc::clone(case), outcome);
        }
    }
    match (usable, refused, reached) {
        (true, _, 0) => Status::Unreached,
        (true, _, n) => Status::Survived(n),
        (false, Some(reason), _) => Status::NotRun(reason),
        (false, None, _) => panic!("no variant '{variant}' of a kernel named in {target:?}"),
    }
}

/// The copy without a mutation passes: what is found is the mutation, not the copying.
fn passes_unchanged(gpu: &Gpu, case: &Arc<dyn Verifiable>, variant: &'static str, target: &Target) {
    let variants = case.variants(gpu.capabilities());
    let variant = variants.iter().find(|v| v.name == variant).expect("the variant that ran");
    let copy = Copy::new(case, variant, target, None).expect("a copy equal to the original");
    for outcome in check(gpu, &copy, SEED).expect("the device works") {
        assert!(outcome.passed(), "without a mutation: {outcome:?}");
    }
}
