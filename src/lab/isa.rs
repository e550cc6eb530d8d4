//! What a driver's compiler makes of kernels: registers, spills, workgroup memory and instructions of each variant.
//! Nothing runs, and the GPU need not be there; see [`Compiler`].

mod amd;
mod table;

use serde::Serialize;

use crate::gpu::compiler::Compiler;
use crate::gpu::executable::Executable;
use crate::gpu::translate::Translation;
use crate::gpu::{AdapterSummary, Capabilities, GpuError, ShaderSpec};
use crate::kernels::registry::Cases;
use crate::kernels::{Plan, Problem};

pub use amd::Instructions;

/// One variant of one case as the driver compiled it. Numbers that the driver does not tell are absent.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CompiledVariant {
    /// The kernel.
    pub kernel: &'static str,
    /// The variant.
    pub variant: &'static str,
    /// The case.
    pub case: String,
    /// The shader file.
    pub shader: &'static str,
    /// Whether the device would choose this variant for this case without being tuned.
    pub preferred: bool,
    /// Invocations of a subgroup.
    pub subgroup_size: u32,
    /// Vector registers of an invocation.
    pub registers: Option<u64>,
    /// Scalar registers of a subgroup.
    pub scalar_registers: Option<u64>,
    /// Registers that did not fit and went to memory.
    pub spills: Option<u64>,
    /// Bytes of workgroup memory.
    pub workgroup_memory: Option<u64>,
    /// Subgroups that a SIMD unit holds at the same time.
    pub occupancy: Option<u64>,
    /// Bytes of machine code.
    pub code_bytes: Option<u64>,
    /// Instructions by kind, where the machine code is AMD's.
    pub instructions: Option<Instructions>,
    /// Everything that the driver told.
    pub executable: Executable,
    #[serde(skip)]
    plan: Plan,
}

/// A shader that the driver's compiler refused.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Refused {
    /// The kernel.
    pub kernel: &'static str,
    /// The variant.
    pub variant: &'static str,
    /// The case.
    pub case: String,
    /// The compiler's message.
    pub reason: String,
}

/// What a driver made of a set of cases.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IsaReport {
    /// `dapo-wgpu/isa/1`
    pub schema: &'static str,
    /// The adapter and driver.
    pub adapter: AdapterSummary,
    /// What the adapter can do.
    pub capabilities: Capabilities,
    /// Version of this crate.
    pub version: &'static str,
    /// Each variant.
    pub variants: Vec<CompiledVariant>,
    /// Variants that did not compile.
    pub refused: Vec<Refused>,
}

/// Files of a variant: the shader in each language, and what the driver made of it.
#[derive(Debug, Clone)]
pub struct Dump {
    /// File name.
    pub name: String,
    /// Content.
    pub content: Vec<u8>,
}

/// Compiles each variant of these cases that can run on the compiler's adapter, or only that of one name. With
/// `every_case`, each case; else the costliest case of each variant.
///
/// # Errors
/// None for a single variant: see [`IsaReport::refused`].
pub fn run(
    compiler: &Compiler,
    cases: &Cases,
    variant: Option<&str>,
    every_case: bool,
    progress: &mut super::Progress<'_>,
) -> IsaReport {
    let mut jobs = jobs(cases, compiler.capabilities(), variant);
    if !every_case {
        keep_costliest(&mut jobs);
    }
    let mut report = IsaReport {
        schema: "dapo-wgpu/isa/1",
        adapter: compiler.adapter().clone(),
        capabilities: compiler.capabilities().clone(),
        version: env!("CARGO_PKG_VERSION"),
        variants: Vec::new(),
        refused: Vec::new(),
    };
    let total = jobs.len();
    for (done, job) in jobs.into_iter().enumerate() {
        if progress(done, total, &format!("{} [{}]", job.case, job.variant)).is_break() {
            break;
        }
        match compiler.compile(&job.plan.shader) {
            Ok(executables) => report.variants.extend(executables.into_iter().map(|e| describe(&job, e))),
            Err(error) => report.refused.push(job.refused(&error)),
        }
    }
    report
}

/// A shader to compile.
struct Job {
    kernel: &'static str,
    variant: &'static str,
    case: String,
    flops: f64,
    preferred: bool,
    plan: Plan,
}

impl Job {
    fn refused(self, error: &GpuError) -> Refused {
        Refused { kernel: self.kernel, variant: self.variant, case: self.case, reason: error.to_string() }
    }
}

fn jobs(cases: &Cases, capabilities: &Capabilities, variant: Option<&str>) -> Vec<Job> {
    let of = |case: &dyn Problem| -> Vec<Job> {
        let usable = case.variants(capabilities).into_iter().filter(|v| v.usable());
        let cost = case.cost();
        let job = |place: usize, variant, plan| Job {
            kernel: case.kernel(),
            variant,
            case: case.label(),
            flops: cost.flops + cost.bytes,
            preferred: place == 0,
            plan,
        };
        usable
            .enumerate()
            .filter(|(_, v)| variant.is_none_or(|name| name == v.name))
            .flat_map(|(place, v)| {
                let first = v.plan.ok().map(|plan| job(place, v.name, plan));
                let second = v.finish.map(|finish| job(place, finish.name, finish.plan));
                first.into_iter().chain(second)
            })
            .collect()
    };
    cases.iter().flat_map(|case| of(case.as_ref())).collect()
}

/// One job for each variant: the costliest case among those for which it is preferred, else among all.
fn keep_costliest(jobs: &mut Vec<Job>) {
    jobs.sort_by(|a, b| {
        (b.preferred, b.flops).partial_cmp(&(a.preferred, a.flops)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut kept: Vec<Job> = Vec::new();
    for job in jobs.drain(..) {
        if !kept.iter().any(|k| (k.kernel, k.variant) == (job.kernel, job.variant)) {
            kept.push(job);
        }
    }
    kept.sort_by_key(|job| (job.kernel, job.variant));
    *jobs = kept;
}

/// Names of one count in the drivers: RADV, then ANV, then NVIDIA.
const REGISTERS: &[&str] = &["VGPRs", "Max live registers", "Register Count"];
const SCALAR_REGISTERS: &[&str] = &["SGPRs"];
const SPILLS: &[&str] = &["Spilled SGPRs", "Spilled VGPRs", "Spill count", "Local Memory Size"];
const WORKGROUP_MEMORY: &[&str] = &["LDS size", "LDS Size", "Workgroup Memory Size", "Shared Memory Size"];
const OCCUPANCY: &[&str] = &["Subgroups per SIMD"];
const CODE: &[&str] = &["Code size", "Code Size", "Binary Size"];

fn describe(job: &Job, executable: Executable) -> CompiledVariant {
    CompiledVariant {
        kernel: job.kernel,
        variant: job.variant,
        case: job.case.clone(),
        shader: job.plan.shader.file,
        preferred: job.preferred,
        subgroup_size: executable.subgroup_size,
        registers: executable.statistic(REGISTERS),
        scalar_registers: executable.statistic(SCALAR_REGISTERS),
        spills: executable.statistic(SPILLS),
        workgroup_memory: executable.statistic(WORKGROUP_MEMORY),
        occupancy: executable.statistic(OCCUPANCY),
        code_bytes: executable.statistic(CODE),
        instructions: executable.assembly().and_then(Instructions::count),
        plan: job.plan.clone(),
        executable,
    }
}

impl CompiledVariant {
    /// The shader as WGSL, SPIR-V, MSL and HLSL, and the driver's texts, machine code last. A language that cannot
    /// express the shader is left out.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when the shader is malformed.
    pub fn dump(&self, capabilities: &Capabilities) -> Result<Vec<Dump>, GpuError> {
        let spec: &ShaderSpec = &self.plan.shader;
        let code = spec.expand(true)?.code();
        let rejected = |message: String| GpuError::Shader { name: spec.file.to_owned(), message };
        let translation = Translation::new(&code, capabilities).map_err(rejected)?;
        let mut files = vec![self.file("wgsl", code.into_bytes())];
        if let Ok(words) = translation.spirv() {
            files.push(self.file("spv", words.iter().flat_map(|word| word.to_le_bytes()).collect()));
        }
        files.extend(translation.msl().ok().map(|text| self.file("metal", text.into_bytes())));
        files.extend(translation.hlsl().ok().map(|text| self.file("hlsl", text.into_bytes())));
        for text in &self.executable.representations {
            let name: String = text.name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            files.push(self.file(&format!("{}.txt", name.to_lowercase()), text.text.clone().into_bytes()));
        }
        Ok(files)
    }

    fn file(&self, extension: &str, content: Vec<u8>) -> Dump {
        Dump { name: format!("{}.{}.{extension}", self.kernel, self.variant), content }
    }
}

impl IsaReport {
    /// Variants with registers in memory.
    pub fn spilled(&self) -> impl Iterator<Item = &CompiledVariant> {
        self.variants.iter().filter(|v| v.spills.is_some_and(|spills| spills > 0))
    }
}
