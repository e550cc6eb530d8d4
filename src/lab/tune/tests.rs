//! Races among variants of which one is fast and wrong.

use std::ops::ControlFlow;

use super::*;
use crate::gpu::{Capabilities, GpuOptions, ShaderSpec};
use crate::kernels::softmax::Softmax;
use crate::kernels::{Cost, Operand, Plan, Problem, Unmet};

/// A softmax with a variant that returns at once, having computed nothing.
#[derive(Debug, Clone, PartialEq)]
struct Rigged(Softmax);

impl Problem for Rigged {
    fn kernel(&self) -> &'static str {
        "rigged"
    }

    fn label(&self) -> String {
        "rigged".to_owned()
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
        let softmax = self.0.variants(caps);
        let row = softmax.iter().find(|v| v.name == "row").expect("a variant").plan.clone().expect("it runs");
        let shader = ShaderSpec {
            file: "hasty.wgsl",
            text: "struct Params { rows: u32, width: u32, scale: f32, period: u32 }\n#params\n\
                   @group(0) @binding(0) var<storage, read> x: array<f32>;\n\
                   @group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
                   @compute @workgroup_size(1) fn main() { y[0] = x[0] * params.scale; }",
            defines: Vec::new(),
            includes: |_| None,
        };
        let hasty = Plan { shader, grid: [1, 1, 1], ..row.clone() };
        // It claims work without end, so the roofline rules it out.
        let endless = Cost { flops: 1e9 * self.cost().flops, ..self.cost() };
        vec![
            Variant::always("row", row.clone()),
            Variant::always("hasty", hasty),
            Variant { cost: Some(endless), ..Variant::always("padded", row) },
            Variant::new("never", Err(Unmet::Other("for a test"))),
        ]
    }
}

impl Verifiable for Rigged {
    fn fill(&self, input: &str) -> crate::kernels::Fill {
        self.0.fill(input)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.0.reference(inputs)
    }

    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.0.error_bound(inputs, expected)
    }
}

#[test]
fn a_fast_and_wrong_variant_does_not_win() {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    // Large enough that no device computes it in the time of an empty launch.
    let case = Rigged(Softmax { rows: 4096, width: 197, scale: 1.0, causal: None });
    // As fast as no device is: nothing but absurd work is ruled out.
    let ceilings = Ceilings { multiply_add: 1e15, copy: 1e14, read: 1e14, ..Ceilings::default() };
    let choices = run(&gpu, &[Box::new(case)], &ceilings, &mut |_, _, _| ControlFlow::Continue(()))
        .expect("the device works");
    let [choice] = choices.as_slice() else { panic!("one case, one choice: {choices:?}") };
    assert_eq!((choice.variant.as_str(), choice.default.as_str()), ("row", "row"));
    let status =
        |name: &str| &choice.candidates.iter().find(|c| c.variant == name).expect("it is listed").status;
    assert_eq!(*status("row"), Status::Won);
    assert!(matches!(status("hasty"), Status::Wrong { fault } if fault.contains("wrong")), "{choice:?}");
    assert!(
        matches!(status("padded"), Status::Pruned { reason } if reason.contains("roofline")),
        "{choice:?}"
    );
    assert!(
        matches!(status("never"), Status::Pruned { reason } if reason.contains("for a test")),
        "{choice:?}"
    );
}
