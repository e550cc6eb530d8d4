//! What a driver's developers need to repeat a wrong result without this program: the shader, the launch, the elements.

use serde::Serialize;

use crate::gpu::{Capabilities, Define, GpuError};
use crate::kernels::{Outcome, Plan, Verifiable};

/// A file of a dump, by its path in the dump's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpFile {
    /// Relative, with `/` between the parts.
    pub name: String,
    /// Content.
    pub content: Vec<u8>,
}

/// One launch as JSON.
#[derive(Debug, Serialize)]
struct LaunchFacts<'a> {
    case: &'a str,
    variant: &'a str,
    inputs: crate::kernels::Inputs,
    seed: u64,
    faults: &'a [String],
    shader: &'a str,
    /// Workgroups in x, y and z.
    workgroups: [u32; 3],
    /// The shader's parameters, 32-bit words.
    params: Vec<u32>,
    /// Constants of the shader.
    defines: Vec<(&'static str, String)>,
    /// Buffers in the order of their bindings.
    buffers: Vec<BufferFacts>,
}

#[derive(Debug, Serialize)]
struct BufferFacts {
    name: String,
    access: &'static str,
    bytes: u64,
}

/// The files of a run that was wrong, below `KERNEL.VARIANT.NUMBER/`: `launch.json`, `shader.wgsl` as the driver's compiler gets
/// it, `shader.spv` where this build can translate it, and `wrong.csv` with the first wrong elements.
///
/// # Errors
/// [`GpuError::Shader`] for a shader that cannot be expanded.
pub fn files(
    case: &dyn Verifiable,
    outcome: &Outcome,
    number: usize,
    capabilities: &Capabilities,
    seed: u64,
) -> Result<Vec<DumpFile>, GpuError> {
    let folder = format!("{}.{}.{number}", case.kernel(), outcome.variant.replace(['/', ' '], "-"));
    let file = |name: &str, content: Vec<u8>| DumpFile { name: format!("{folder}/{name}"), content };
    let mut files = vec![file("wrong.csv", wrong_elements(outcome).into_bytes())];
    let variants = case.variants(capabilities);
    let Some(variant) = variants.into_iter().find(|variant| variant.name == outcome.variant) else {
        return Ok(files);
    };
    let plans = variant.plan.ok().into_iter().map(|plan| ("", plan));
    let plans = plans.chain(variant.finish.map(|finish| ("finish.", finish.plan)));
    for (prefix, plan) in plans {
        let facts = facts(case, outcome, &plan, seed);
        let json = serde_json::to_vec_pretty(&facts).unwrap_or_default();
        files.push(file(&format!("{prefix}launch.json"), json));
        let code = plan.shader.expand(capabilities.immediates > 0)?.code();
        #[cfg(feature = "isa")]
        if let Ok(words) =
            crate::gpu::translate::Translation::new(&code, capabilities).and_then(|t| t.spirv())
        {
            let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            files.push(file(&format!("{prefix}shader.spv"), bytes));
        }
        files.push(file(&format!("{prefix}shader.wgsl"), code.into_bytes()));
    }
    Ok(files)
}

fn facts<'a>(case: &dyn Verifiable, outcome: &'a Outcome, plan: &'a Plan, seed: u64) -> LaunchFacts<'a> {
    let text = |define: &Define| match define {
        Define::Flag(on) => on.to_string(),
        Define::Number(number) => number.to_string(),
        Define::Type(text) | Define::Text(text) => (*text).to_owned(),
    };
    let inputs = case.inputs().into_iter().map(|operand| BufferFacts {
        name: operand.name.to_owned(),
        access: "read",
        bytes: operand.len as u64 * operand.element.bytes(),
    });
    let outputs = case.outputs().into_iter().enumerate().map(|(at, len)| BufferFacts {
        name: format!("output {at}"),
        access: "read_write",
        bytes: 4 * len as u64,
    });
    LaunchFacts {
        case: &outcome.case,
        variant: outcome.variant,
        inputs: outcome.inputs,
        seed,
        faults: &outcome.failures,
        shader: plan.shader.file,
        workgroups: plan.grid,
        params: plan
            .params
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect(),
        defines: plan.shader.defines.iter().map(|(name, define)| (*name, text(define))).collect(),
        buffers: inputs.chain(outputs).collect(),
    }
}

fn wrong_elements(outcome: &Outcome) -> String {
    let mut text = "output,element,found,expected,bound\n".to_owned();
    for wrong in &outcome.wrong {
        text += &format!(
            "{},{},{:e},{:e},{:e}\n",
            wrong.output, wrong.element, wrong.found, wrong.expected, wrong.bound
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Gpu, GpuOptions, ShaderSpec};
    use crate::kernels::{Cost, Operand, Problem, Variant, check, param_bytes};

    /// y = x, by a shader that adds one to each third element.
    #[derive(Debug, Clone, PartialEq)]
    struct Copy;

    const TEXT: &str = "struct Params { count: u32 }
#params
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.count {
        y[id.x] = x[id.x] + select(0.0, 1.0, id.x % 3u == 2u);
    }
}";

    impl Problem for Copy {
        fn kernel(&self) -> &'static str {
            "copy"
        }
        fn label(&self) -> String {
            "copy n=8".to_owned()
        }
        fn inputs(&self) -> Vec<Operand> {
            vec![Operand::f32("x", 8)]
        }
        fn outputs(&self) -> Vec<usize> {
            vec![8]
        }
        fn cost(&self) -> Cost {
            Cost { flops: 0.0, bytes: 64.0 }
        }
        fn variants(&self, _: &Capabilities) -> Vec<Variant> {
            let shader =
                ShaderSpec { file: "copy.wgsl", text: TEXT, defines: Vec::new(), includes: |_| None };
            vec![Variant::always("plain", Plan { shader, params: param_bytes(&[8]), grid: [1, 1, 1] })]
        }
    }

    impl Verifiable for Copy {
        fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
            vec![inputs[0].clone()]
        }
        fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
            vec![vec![1e-6; inputs[0].len()]]
        }
    }

    #[test]
    fn a_wrong_run_is_told_by_shader_launch_and_elements() {
        let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
        let outcome =
            check(&gpu, &Copy, 1).expect("a run").into_iter().find(|o| !o.passed()).expect("it is wrong");
        assert_eq!(outcome.wrong.iter().map(|wrong| wrong.element).collect::<Vec<_>>(), [2, 5]);
        let files = files(&Copy, &outcome, 3, gpu.capabilities(), 1).expect("files");
        let text = |name: &str| {
            let name = format!("copy.plain.3/{name}");
            let file = files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8_lossy(&file.content).into_owned()
        };
        assert_eq!(text("wrong.csv").lines().count(), 3);
        assert!(text("wrong.csv").starts_with("output,element,found,expected,bound\n0,2,"));
        let launch: serde_json::Value = serde_json::from_str(&text("launch.json")).expect("JSON");
        assert_eq!(launch["workgroups"], serde_json::json!([1, 1, 1]));
        assert_eq!(
            (&launch["params"], &launch["buffers"][1]["access"]),
            (&serde_json::json!([8]), &"read_write".into())
        );
        assert!(text("shader.wgsl").contains("@compute"));
        if cfg!(feature = "isa") {
            let spirv = files.iter().find(|file| file.name.ends_with("shader.spv")).expect("SPIR-V");
            assert_eq!(spirv.content[..4], 0x0723_0203u32.to_le_bytes());
        }
    }
}
