//! Every variant of every shader, translated as wgpu translates it: to MSL for Metal, to HLSL for
//! DX12, to SPIR-V for Vulkan, which `spirv-val` must accept. Users of the other systems should not
//! be the first to meet a compile error. No device is needed.
//!
//! Devices are made up: every combination of class, subgroup size, limits, f16 and cooperative
//! matrix. A shader is validated with no more than *all* devices that may choose it have in common,
//! so a variant for all devices that uses a subgroup operation fails here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;

use dapo_wgpu::gpu::capabilities::MAX_PARAMS;
use dapo_wgpu::gpu::capabilities::{CooperativeMatrix, DeviceLimits};
use dapo_wgpu::gpu::pipeline::ShaderSpec;
use dapo_wgpu::gpu::{Capabilities, Define, DeviceClass, SubgroupRange};
use dapo_wgpu::kernels::attention::Attention;
use dapo_wgpu::kernels::matmul::{Factors, Matmul};
use dapo_wgpu::kernels::{Problem as _, Unmet, registry};
use rayon::prelude::*;

#[path = "translate/backends.rs"]
mod backends;
#[path = "translate/browser.rs"]
mod browser;
#[path = "translate/spirv_val.rs"]
mod spirv_val;

use backends::{Floor, translate};
use spirv_val::{SpirvVal, cooperative};

/// Limits of the weakest device that WebGPU allows, and of a large GPU.
const LIMITS: [DeviceLimits; 2] = [
    DeviceLimits {
        storage_binding: 128 << 20,
        buffer: 256 << 20,
        workgroup_memory: 16 << 10,
        invocations: 256,
        workgroups: 65_535,
        storage_buffers: 8,
    },
    DeviceLimits {
        storage_binding: (4 << 30) - 4,
        buffer: 64 << 30,
        workgroup_memory: 48 << 10,
        invocations: 1024,
        workgroups: 65_535,
        storage_buffers: 64,
    },
];

/// Every device: each optional path can be switched off by itself, so each combination can occur.
fn devices() -> Vec<Capabilities> {
    let mut ranges = vec![None, Some(SubgroupRange { min: 8, max: 32 })];
    ranges.extend([4, 8, 16, 32, 64].map(|n| Some(SubgroupRange { min: n, max: n })));
    let shapes = [None, Some((16, "f16")), Some((8, "f16")), Some((8, "f32"))];
    let mut all = Vec::new();
    for class in [DeviceClass::Gpu, DeviceClass::SimdCpu] {
        for &subgroups in &ranges {
            for limits in &LIMITS {
                for f16 in [false, true] {
                    for shape in shapes {
                        let lanes = subgroups.and_then(SubgroupRange::fixed);
                        let cooperative_matrix = shape.map(|(size, factors)| CooperativeMatrix {
                            size,
                            factors: factors.into(),
                            accumulator: "f32".into(),
                            lanes,
                        });
                        all.push(Capabilities {
                            class,
                            f16,
                            subgroups,
                            timestamps: false,
                            immediates: MAX_PARAMS as u32,
                            cooperative_matrix: cooperative_matrix.into_iter().collect(),
                            storage_texture_size: 8192,
                            cores: None,
                            limits: limits.clone(),
                            paths: Vec::new(),
                        });
                    }
                }
            }
        }
    }
    all
}

/// A family and one of its variants.
type Name = (&'static str, &'static str);

/// What makes a shader: its file and its defines.
type Key = (&'static str, Vec<(&'static str, Define)>);

/// One shader and what all devices that may run it have in common.
struct Shader {
    spec: ShaderSpec,
    floor: Floor,
    variants: BTreeSet<Name>,
    /// The first case that chose it.
    case: String,
}

/// All shaders, and all variants that any case lists.
fn collect() -> (Vec<Shader>, BTreeSet<Name>) {
    let mut shaders: Vec<Shader> = Vec::new();
    let mut index: HashMap<Key, usize> = HashMap::new();
    let mut listed = BTreeSet::new();
    let devices = devices();
    for case in registry::cases() {
        for device in &devices {
            let mut runs = false;
            for variant in case.variants(device) {
                let name = (case.kernel(), variant.name);
                listed.insert(name);
                let Ok(plan) = variant.plan else { continue };
                runs = true;
                let second = variant.finish.map(|finish| finish.plan.shader);
                for spec in std::iter::once(plan.shader).chain(second) {
                    let at = *index.entry((spec.file, spec.defines.clone())).or_insert_with(|| {
                        let (floor, variants) = (Floor::of(device), BTreeSet::new());
                        shaders.push(Shader { spec, floor, variants, case: case.label() });
                        shaders.len() - 1
                    });
                    shaders[at].floor.lower_to(device);
                    shaders[at].variants.insert(name);
                }
            }
            assert!(runs, "no variant of {} runs on {device:?}", case.label());
        }
    }
    (shaders, listed)
}

/// The result for one shader, with its parameters in one of the two places.
struct Outcome {
    at: usize,
    hlsl: bool,
    cooperative: bool,
    validated: usize,
    left_out: usize,
    faults: Vec<String>,
}

fn run(shaders: &[Shader], at: usize, immediates: bool, validator: Option<&SpirvVal>) -> Outcome {
    let shader = &shaders[at];
    let mut outcome =
        Outcome { at, hlsl: false, cooperative: false, validated: 0, left_out: 0, faults: Vec::new() };
    match shader.spec.expand(immediates) {
        Err(error) => outcome.faults.push(error.to_string()),
        Ok(expanded) => {
            let translated = translate(&expanded.code(), &shader.floor, immediates);
            outcome.hlsl = translated.hlsl;
            outcome.cooperative = translated.cooperative;
            outcome.faults = translated.faults;
            for module in &translated.spirv {
                match validator {
                    Some(tool) if tool.knows(translated.cooperative) => match tool.check(module) {
                        Ok(()) => outcome.validated += 1,
                        Err(fault) => outcome.faults.push(fault),
                    },
                    _ => outcome.left_out += 1,
                }
            }
        }
    }
    outcome
}

/// Says on the terminal what was not checked; the test harness hides what a passing test prints.
fn print_left_out(what: &str, validator: &Option<SpirvVal>) {
    let _ = writeln!(std::io::stderr(), "tests/translate.rs: {what}: {}", SpirvVal::why(validator));
}

#[test]
fn every_variant_translates_for_metal_dx12_and_vulkan() {
    let validator = SpirvVal::find();
    let (shaders, listed) = collect();
    let work: Vec<(usize, bool)> = (0..shaders.len()).flat_map(|at| [(at, true), (at, false)]).collect();
    let outcomes: Vec<Outcome> =
        work.par_iter().map(|&(at, immediates)| run(&shaders, at, immediates, validator.as_ref())).collect();

    let mut faults = String::new();
    let (mut translated, mut in_hlsl) = (BTreeSet::new(), BTreeMap::new());
    for (outcome, (_, immediates)) in outcomes.iter().zip(&work) {
        let Shader { spec, floor, variants, case } = &shaders[outcome.at];
        for fault in &outcome.faults {
            let parameters = if *immediates { "immediates" } else { "uniform" };
            let (file, defines) = (spec.file, &spec.defines);
            let _ = writeln!(
                faults,
                "\nshaders/{file}, {variants:?} (parameters as {parameters}), first chosen by {case}\n\
                 on devices {floor}\n{defines:?}\n{fault}"
            );
        }
        for name in variants {
            translated.insert(*name);
            // Only the cooperative matrix may be missing from HLSL; anything else is a fault above.
            *in_hlsl.entry(name.0).or_insert(false) |= outcome.hlsl && !outcome.cooperative;
        }
    }
    let sum = |f: fn(&Outcome) -> usize| outcomes.iter().map(f).sum::<usize>();
    let (validated, left_out) = (sum(|o| o.validated), sum(|o| o.left_out));
    println!(
        "{} variants, {} shaders, {} modules: {} in HLSL, {validated} SPIR-V modules accepted by spirv-val",
        listed.len(),
        shaders.len(),
        work.len(),
        sum(|o| usize::from(o.hlsl)),
    );
    if left_out > 0 {
        print_left_out(&format!("{left_out} SPIR-V modules were translated but NOT validated"), &validator);
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(shaders.len() > 100, "only {} shaders were found", shaders.len());
    let missing: Vec<_> = listed.difference(&translated).collect();
    assert!(missing.is_empty(), "no made-up device can run {missing:?}: add one to devices()");
    for (kernel, any) in in_hlsl {
        assert!(any, "{kernel} has no variant that DX12 can run");
    }
}

/// A shader that uses subgroups only when it asks for them, to see what the checks detect.
fn example(body: &str) -> String {
    format!(
        "struct Params {{ n: u32 }}\nvar<immediate> params: Params;\n\
         @group(0) @binding(0) var<storage, read_write> c: array<f32>;\n\
         var<workgroup> scratch: array<f32, 4096>;\n\
         @compute @workgroup_size(64)\n\
         fn main(@builtin(local_invocation_index) i: u32) {{\n    {body}\n}}\n"
    )
}

fn device(subgroups: Option<u32>) -> Capabilities {
    let subgroups = subgroups.map(|n| SubgroupRange { min: n, max: n });
    let found = devices().into_iter().find(|d| d.subgroups == subgroups && !d.f16);
    found.expect("the list has every fixed size")
}

#[test]
fn missing_capabilities_are_detected() {
    let faults = |code: &str, floor: &Floor| translate(code, floor, true).faults.join("\n");
    let (plain, with) = (Floor::of(&device(None)), Floor::of(&device(Some(32))));

    let right = example("scratch[i] = 1.0; if i < params.n { c[i] = scratch[i]; }");
    assert_eq!(faults(&right, &plain), "");

    let broadcast = example("c[i] = subgroupBroadcast(c[i], 0u);");
    assert_eq!(faults(&broadcast, &with), "");
    assert!(faults(&broadcast, &plain).contains("ubgroup"), "{}", faults(&broadcast, &plain));
    // The floor of two devices is what both have.
    let mut both = with.clone();
    both.lower_to(&device(None));
    assert_ne!(faults(&broadcast, &both), "");

    let large = right.replace("4096", "4097");
    assert!(faults(&large, &plain).contains("16400 bytes of workgroup memory"));
    let wide = right.replace("(64)", "(512)");
    assert!(faults(&wide, &plain).contains("512 invocations"));
    let half = format!("enable f16;\n{}", example("c[i] = f32(f16(c[i]));"));
    assert!(!faults(&half, &plain).is_empty());
    assert!(faults("fn main( {", &plain).contains("expected"));
}

#[test]
fn a_cooperative_matrix_is_for_metal_and_vulkan_but_not_for_dx12() {
    let floor = |size| {
        let wanted = |d: &Capabilities| d.cooperative_matrix.iter().any(|m| m.size == size) && d.f16;
        Floor::of(&devices().into_iter().find(wanted).expect("the list has both shapes"))
    };
    for (size, element) in [(8, "f32"), (16, "f16")] {
        let code = cooperative(size, element);
        let translated = translate(&code, &floor(size), true);
        assert_eq!(translated.faults, Vec::<String>::new());
        assert!(translated.cooperative && !translated.hlsl, "{size}: naga learnt it: say so in the docs");
        assert!(!translate(&code, &Floor::of(&device(Some(32))), true).faults.is_empty());
    }
}

/// Attention by matrices, with and without mask and log-sum-exp, for every size of tiles and subgroups.
#[test]
fn cooperative_attention_has_every_option() {
    let (shaders, _) = collect();
    let all: Vec<_> = shaders.iter().filter(|s| s.spec.file == "attention_cooperative.wgsl").collect();
    let with = |name: &'static str, define: Define| {
        assert!(all.iter().any(|s| s.spec.defines.contains(&(name, define))), "{name}: {define:?}");
    };
    [8, 16].into_iter().for_each(|tile| with("TILE", Define::Number(tile)));
    [4, 8, 16, 32, 64].into_iter().for_each(|lanes| with("LANES", Define::Number(lanes)));
    for flag in ["CAUSAL", "LSE"] {
        with(flag, Define::Flag(false));
        with(flag, Define::Flag(true));
    }
}

/// All cooperative variants of the product and of attention exist for DX12 only as a reason.
#[test]
fn cooperative_products_have_every_option_and_are_refused_where_dx12_runs() {
    let (shaders, _) = collect();
    let all: Vec<_> = shaders.iter().filter(|s| s.spec.file == "matmul_cooperative.wgsl").collect();
    let with = |name: &'static str, define: Define| {
        assert!(all.iter().any(|s| s.spec.defines.contains(&(name, define))), "{name}: {define:?}");
    };
    for tile in [8, 16] {
        with("TILE", Define::Number(tile));
    }
    for lanes in [4, 8, 16, 32, 64] {
        with("LANES", Define::Number(lanes));
    }
    for flag in ["B_F16", "B_KN", "BIAS", "RESIDUAL"] {
        with(flag, Define::Flag(false));
        with(flag, Define::Flag(true));
    }
    for function in ["", "quick_gelu", "gelu"] {
        with("ACTIVATION", Define::Text(function));
    }

    let dx12 = device(Some(32));
    for variant in Matmul::linear(64, 64, 64).variants(&dx12) {
        if ["coop", "split", "half"].iter().any(|name| variant.name.starts_with(name)) {
            let reason = variant.plan.expect_err("no matrices here");
            assert!(matches!(reason, Unmet::CooperativeMatrix(..)), "{reason}");
        }
    }
    let half = Attention { factors: Factors::F16, range: Some(8.0), ..Attention::new(1, 64, 1, 64) };
    for variant in half.variants(&dx12).into_iter().filter(|v| v.name.starts_with("half")) {
        let reason = variant.plan.expect_err("no matrices here");
        assert!(matches!(reason, Unmet::CooperativeMatrix(..)), "{reason}");
    }
    // And if it were chosen all the same, wgpu would say why before the driver sees anything.
    let code = all[0].spec.expand(true).expect("a template").code();
    let fault = translate(&code, &Floor::of(&dx12), true).faults.join("\n");
    assert!(fault.to_lowercase().contains("cooperative"), "{fault}");
}

#[test]
fn a_broken_module_is_detected_by_the_validator() {
    let Some(tool) = SpirvVal::find() else {
        print_left_out("the test of the validator was left out", &None);
        return;
    };
    let translated = translate(&example("c[i] = 1.0;"), &Floor::of(&device(None)), true);
    let mut module = translated.spirv[0].clone();
    assert_eq!(tool.check(&module), Ok(()));
    module.words.pop();
    assert!(tool.check(&module).is_err());
}

#[test]
fn there_is_one_naga() {
    let lock = include_str!("../Cargo.lock");
    assert_eq!(lock.matches("name = \"naga\"\n").count(), 1, "the tests must use wgpu's own translator");
}
