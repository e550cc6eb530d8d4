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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LaunchFacts<'a> {
    /// `dapo-wgpu/launch/1`
    schema: &'static str,
    /// The case in words.
    case: &'a str,
    /// The variant that ran.
    variant: &'a str,
    /// The kind of its inputs.
    inputs: crate::kernels::Inputs,
    /// What the inputs were drawn from.
    seed: u64,
    /// What is wrong, in words.
    faults: &'a [String],
    /// Name of the shader.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
        schema: "dapo-wgpu/launch/1",
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
    use crate::gpu::{Gpu, GpuOptions};
    use crate::kernels::tests::Double;
    use crate::kernels::{Problem as _, verify};

    #[test]
    fn a_wrong_run_is_told_by_shader_launch_and_elements() {
        let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
        let problem = Double { len: 70 };
        let variants = problem.variants(gpu.capabilities());
        let wrong = variants.iter().find(|variant| variant.name == "wrong").expect("a wrong variant");
        let outcome = verify(&gpu, &problem, wrong, 1).expect("a run");
        assert!(!outcome.passed() && outcome.wrong.len() > 60, "{outcome:?}");
        let files = files(&problem, &outcome, 3, gpu.capabilities(), 1).expect("files");
        let text = |name: &str| {
            let name = format!("double.wrong.3/{name}");
            let file = files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8_lossy(&file.content).into_owned()
        };
        assert_eq!(text("wrong.csv").lines().count(), 1 + outcome.wrong.len());
        assert!(text("wrong.csv").starts_with("output,element,found,expected,bound\n0,0,"));
        let launch: serde_json::Value = serde_json::from_str(&text("launch.json")).expect("JSON");
        let schema = std::fs::read_to_string("docs/schemas/launch-1.json").expect("the schema");
        let schema = serde_json::from_str(&schema).expect("JSON");
        let schema = jsonschema::validator_for(&schema).expect("a schema");
        let problems: Vec<_> = schema.iter_errors(&launch).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        assert_eq!(launch["workgroups"], serde_json::json!([2, 1, 1]));
        assert_eq!(launch["params"], serde_json::json!([70]));
        assert_eq!(launch["buffers"][1]["access"], "read_write");
        assert!(text("shader.wgsl").contains("2.00001"));
        if cfg!(feature = "isa") {
            let spirv = files.iter().find(|file| file.name.ends_with("shader.spv")).expect("SPIR-V");
            assert_eq!(spirv.content[..4], 0x0723_0203u32.to_le_bytes());
        }
    }
}
