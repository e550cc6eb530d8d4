//! The gate itself: a stand-in kernel with a right, a wrong and a broken variant.

use super::{Trial, notes, passed};
use crate::gpu::{Capabilities, Define, Gpu, GpuError, GpuOptions, ShaderMode, ShaderSpec};
use crate::kernels::check::check;
use crate::kernels::{Cost, Launch, Operand, Problem, Variant, choose, run_variant, variants, words};

/// y = 2·x, by variants that multiply by a factor of their own.
#[derive(Debug, Clone)]
struct Double {
    len: usize,
}

const TEXT: &str = "struct Params { count: u32 }
#params
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.count {
        y[id.x] = x[id.x] * $FACTOR;
    }
}";

impl Problem for Double {
    fn kernel(&self) -> &'static str {
        "double"
    }
    fn label(&self) -> String {
        format!("double n={}", self.len)
    }
    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len)]
    }
    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }
    fn cost(&self) -> Cost {
        Cost { flops: self.len as f64, bytes: 8.0 * self.len as f64 }
    }
    fn variants(&self, _: &Capabilities) -> Vec<Variant> {
        ["broken", "wrong", "right", "plain"].map(Variant::always).to_vec()
    }
    fn launch(&self, _: &Capabilities, variant: &'static str) -> Launch {
        let factor = match variant {
            "broken" => "no_such_name",
            "wrong" => "2.00001",
            _ => "2.0",
        };
        Launch {
            variant,
            shader: ShaderSpec {
                file: "double.wgsl",
                text: TEXT,
                defines: vec![("FACTOR", Define::Text(factor))],
                includes: |_| None,
            },
            params: words(&[self.len as u32]),
            grid: [self.len.div_ceil(64) as u32, 1, 1],
        }
    }
    fn trial(&self, variant: &str) -> Option<Trial> {
        let problem = Box::new(Self { len: 70 });
        (variant != "plain").then_some(Trial { problem, plain: "plain" })
    }
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().map(|x| 2.0 * x).collect()]
    }
    /// Doubling is exact, denormals apart.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![2.0 * crate::kernels::bounds::TINY; inputs[0].len()]]
    }
}

fn open() -> Gpu {
    Gpu::open(&GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() }).expect("a Vulkan device")
}

#[test]
fn a_wrong_and_a_broken_variant_are_dropped_and_a_right_one_is_kept() {
    let gpu = open();
    let problem = Double { len: 1000 };
    assert_eq!(passed(&gpu, &problem, "plain"), Ok(()), "needs no trial");
    assert_eq!(passed(&gpu, &problem, "right"), Ok(()));
    let fault = |variant| passed(&gpu, &problem, variant).unwrap_err();
    assert!(fault("wrong").contains("'wrong' computes wrong in its trial"), "{}", fault("wrong"));
    assert!(fault("broken").contains("no_such_name"), "{}", fault("broken"));

    let usable: Vec<bool> = variants(&gpu, &problem).iter().map(|v| v.usable.is_ok()).collect();
    assert_eq!(usable, [false, false, true, true]);
    assert_eq!(choose(&gpu, &problem, None).expect("a usable variant"), "right");
    assert!(matches!(choose(&gpu, &problem, Some("wrong")), Err(GpuError::Shader { .. })));

    let said = notes(&gpu);
    assert!(said.iter().any(|n| n.starts_with("double n=70 [wrong]: not used on this device")), "{said:?}");
    assert!(
        said.iter().any(|n| n.starts_with("double n=70 [broken]"))
            && !said.iter().any(|n| n.contains("[right]"))
    );
}

#[test]
fn work_goes_on_with_the_next_variant() {
    let gpu = open();
    let problem = Double { len: 3 };
    let x = gpu.upload(bytemuck::cast_slice(&[1.0f32, -2.5, 3.0]), "x").unwrap();
    let y = gpu.alloc(12, "y").unwrap();
    run_variant(&gpu, &problem, &[(&x, 0), (&y, 0)], None).unwrap();
    assert_eq!(bytemuck::pod_collect_to_vec::<u8, f32>(&gpu.read(&y).unwrap()), [2.0, -5.0, 6.0]);
    assert!(run_variant(&gpu, &problem, &[(&x, 0), (&y, 0)], Some("wrong")).is_err());
    // Conformance runs what may be used.
    let outcomes = check(&gpu, &problem, 1).unwrap();
    assert!(outcomes.iter().all(|o| o.passed() && matches!(o.variant, "right" | "plain")), "{outcomes:?}");
}

#[test]
fn a_trial_is_held_once_for_all_sizes() {
    let gpu = open();
    passed(&gpu, &Double { len: 1000 }, "right").unwrap();
    let launches = gpu.record_stats().dispatches;
    assert!(launches > 0);
    passed(&gpu, &Double { len: 5 }, "right").unwrap();
    assert_eq!(gpu.record_stats().dispatches, launches);
    assert!(gpu.notes().is_empty());
}
