//! Choosing and trials, by a kernel with a right, a wrong and a broken variant.

use std::collections::HashMap;
use std::sync::Arc;

use super::bounds::TINY;
use super::registry::failed_trials;
use super::{
    Cost, Operand, Plan, Problem, Trial, Unmet, Variant, Verifiable, check, choose, param_bytes, run,
    run_variant, variants,
};
use crate::gpu::{Capabilities, Define, Gpu, GpuError, GpuOptions, ShaderMode, ShaderSpec};

/// y = 2·x, by variants that multiply by a factor of their own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Double {
    pub(crate) len: usize,
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
        let variant = |name, factor| {
            let shader = ShaderSpec {
                file: "double.wgsl",
                text: TEXT,
                defines: vec![("FACTOR", Define::Text(factor))],
                includes: |_| None,
            };
            let (params, grid) = (param_bytes(&[self.len as u32]), [self.len.div_ceil(64) as u32, 1, 1]);
            Variant::always(name, Plan { shader, params, grid })
        };
        let tried = |variant| Variant {
            trial: Some(Trial { problem: Arc::new(Self { len: 70 }), plain: "plain" }),
            ..variant
        };
        vec![
            tried(variant("broken", "no_such_name")),
            tried(variant("wrong", "2.00001")),
            tried(variant("right", "2.0")),
            variant("plain", "2.0"),
        ]
    }
}

impl Verifiable for Double {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().map(|x| 2.0 * x).collect()]
    }
    /// Doubling is exact, denormals apart.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![2.0 * TINY; inputs[0].len()]]
    }
}

fn open() -> Gpu {
    Gpu::open(&GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() }).expect("a Vulkan device")
}

#[test]
fn a_wrong_and_a_broken_variant_are_dropped_and_a_right_one_is_kept() {
    let gpu = open();
    let problem = Double { len: 1000 };
    let found = variants(&gpu, &problem);
    let names: Vec<&str> = found.iter().filter(|v| v.usable()).map(|v| v.name).collect();
    assert_eq!(names, ["right", "plain"]);
    let failure = |at: usize| match &found[at].plan {
        Err(Unmet::TrialFailed(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(failure(1).contains("'wrong' computes wrong in its trial"), "{}", failure(1));
    assert!(failure(0).contains("no_such_name"), "{}", failure(0));

    assert_eq!(choose(&gpu, &problem, None).expect("a usable variant").0.variant, "right");
    assert!(matches!(choose(&gpu, &problem, Some("wrong")), Err(GpuError::Shader { .. })));

    let notes = failed_trials(&gpu);
    assert!(notes.iter().any(|n| n.starts_with("double n=70 [wrong]: not used on this device")), "{notes:?}");
    assert!(
        notes.iter().any(|n| n.starts_with("double n=70 [broken]"))
            && !notes.iter().any(|n| n.contains("[right]"))
    );
}

#[test]
fn work_goes_on_with_the_next_variant() {
    let gpu = open();
    let problem = Double { len: 3 };
    let x = gpu.upload(bytemuck::cast_slice(&[1.0f32, -2.5, 3.0]), "x").unwrap();
    let y = gpu.alloc(12, "y").unwrap();
    run(&gpu, &problem, &[(&x, 0), (&y, 0)]).unwrap();
    assert_eq!(bytemuck::pod_collect_to_vec::<u8, f32>(&gpu.read(&y).unwrap()), [2.0, -5.0, 6.0]);
    assert!(run_variant(&gpu, &problem, &[(&x, 0), (&y, 0)], Some("wrong")).is_err());
    // Conformance runs what may be used.
    let outcomes = check(&gpu, &problem, 1).unwrap();
    assert!(outcomes.iter().all(|o| o.passed() && matches!(o.variant, "right" | "plain")), "{outcomes:?}");
}

#[test]
fn a_trial_runs_once_for_all_sizes() {
    let gpu = open();
    choose(&gpu, &Double { len: 1000 }, Some("right")).unwrap();
    let launches = gpu.record_stats().dispatches;
    assert!(launches > 0);
    choose(&gpu, &Double { len: 5 }, Some("right")).unwrap();
    assert_eq!(gpu.record_stats().dispatches, launches);
    assert!(gpu.notes().is_empty());
}

/// Equal labels do not make equal problems, and preferences that come late count from then on.
#[test]
fn a_choice_is_remembered_for_the_exact_problem() {
    /// Doubles with a factor that its label omits.
    #[derive(Debug, Clone, PartialEq)]
    struct Times(&'static str);
    impl Problem for Times {
        fn kernel(&self) -> &'static str {
            "times"
        }
        fn label(&self) -> String {
            "times".into()
        }
        fn inputs(&self) -> Vec<Operand> {
            vec![Operand::f32("x", 1)]
        }
        fn outputs(&self) -> Vec<usize> {
            vec![1]
        }
        fn cost(&self) -> Cost {
            Cost::default()
        }
        fn variants(&self, _: &Capabilities) -> Vec<Variant> {
            let variant = |name, factor| {
                let defines = vec![("FACTOR", Define::Text(factor))];
                let shader = ShaderSpec { file: "times.wgsl", text: TEXT, defines, includes: |_| None };
                Variant::always(name, Plan { shader, params: param_bytes(&[1]), grid: [1, 1, 1] })
            };
            vec![variant("own", self.0), variant("ten", "10.0")]
        }
    }
    let gpu = open();
    let x = gpu.upload(bytemuck::cast_slice(&[1.0f32]), "x").unwrap();
    let y = gpu.alloc(4, "y").unwrap();
    let times = |factor: &'static str| {
        run(&gpu, &Times(factor), &[(&x, 0), (&y, 0)]).unwrap();
        bytemuck::pod_collect_to_vec::<u8, f32>(&gpu.read(&y).unwrap())[0]
    };
    assert_eq!([times("2.0"), times("3.0"), times("2.0")], [2.0, 3.0, 2.0]);
    assert!(gpu.set_preferences(HashMap::from([("times".into(), "ten".into())])));
    assert_eq!([times("2.0"), times("3.0")], [10.0, 10.0]);
}

/// A row's result may not depend on its neighbours, not even by less than the error bound.
#[test]
fn a_variant_that_looks_at_neighbours_is_found() {
    /// Doubles within a bound of 10⁻⁶, by a variant that rounds differently next to something huge.
    #[derive(Debug, Clone, PartialEq)]
    struct Leaky(Double);
    impl Problem for Leaky {
        fn kernel(&self) -> &'static str {
            "leaky"
        }
        fn label(&self) -> String {
            "leaky".into()
        }
        fn inputs(&self) -> Vec<Operand> {
            self.0.inputs()
        }
        fn outputs(&self) -> Vec<usize> {
            self.0.outputs()
        }
        fn cost(&self) -> Cost {
            self.0.cost()
        }
        fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
            let plain = self.0.variants(caps).pop().expect("the plain one");
            let mut leaky = Variant { name: "leaky", ..plain.clone() };
            let plan = leaky.plan.as_mut().expect("it runs everywhere");
            let factor = "select(2.0, 1.9999998, x[(id.x + 1u) % params.count] > 1e30)";
            plan.shader.defines = vec![("FACTOR", Define::Text(factor))];
            vec![plain, leaky]
        }
    }
    impl Verifiable for Leaky {
        fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
            self.0.reference(inputs)
        }
        fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
            vec![expected[0].iter().map(|y| 1e-6 * y.abs() + TINY).collect()]
        }
    }
    let outcomes = check(&open(), &Leaky(Double { len: 9 }), 1).unwrap();
    let failures: Vec<(&str, &str)> =
        outcomes.iter().flat_map(|o| o.failures.iter().map(|f| (o.variant, f.as_str()))).collect();
    assert!(matches!(failures[..], [("leaky", text)] if text.contains("does not depend")), "{failures:?}");
}
