//! `isa`: what a driver's compiler makes of the kernels, also for GPUs that are not here.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use super::Failure;
use super::options::{CaseArgs, DeviceArgs};
use super::output::{print, watch, writable_folder};
use crate::gpu::GpuError;
use crate::gpu::compiler::{Compiler, Target};
use crate::kernels::registry::{Registry, Tier};
use crate::lab::isa;
use crate::report::write_atomic;

/// Options of `isa`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Compile for an AMD GPU that need not be here: navi31, gfx1201, … (Mesa's RADV before version 26)
    #[arg(long, value_name = "GPU")]
    target: Option<String>,
    // Without any, the costliest case of each variant.
    #[command(flatten)]
    cases: CaseArgs,
    /// Only the variant of this name
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Write each shader in WGSL, SPIR-V, MSL and HLSL, and the driver's machine code, into this folder
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Fail (1) when a variant that is chosen by default spills registers to memory
    #[arg(long)]
    fail_on_spill: bool,
    /// Print a table in Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Set in the process that does the work for a `--target`.
const CHILD: &str = "DAPO_ISA_CHILD";

/// Compiles and describes.
///
/// # Errors
/// No such driver, target, case or variant; a file that cannot be written.
pub fn run(args: &Args, registry: &Registry) -> Result<ExitCode, Failure> {
    if let Some(target) = &args.target
        && std::env::var_os(CHILD).is_none()
    {
        return in_child(&Target::from(target.as_str()));
    }
    let cases = args.cases.select(registry, registry.conformance(Tier::Full), "check --full --list")?;
    if let Some(folder) = &args.dump {
        writable_folder(folder)?;
    }
    let compiler = Compiler::open(&args.device.choice()).map_err(|error| match error {
        GpuError::DeviceRefused { .. } => Failure::new(error.to_string())
            .hint("dapo-wgpu isa --target navi31 compiles for an AMD GPU that need not be here"),
        other => other.into(),
    })?;
    let report = watch(cases.len(), "shaders", &AtomicBool::new(false), |progress| {
        Ok(isa::run(&compiler, &cases, args.variant.as_deref(), !args.cases.cases.is_empty(), progress))
    })?;
    if report.variants.is_empty() && report.refused.is_empty() {
        let name = args.variant.as_deref().unwrap_or_default();
        return Err(Failure::new(format!("no variant '{name}' of these cases can run on this GPU"))
            .hint("dapo-wgpu isa without --variant lists those that can"));
    }
    if let Some(folder) = &args.dump {
        for variant in &report.variants {
            for file in variant.dump(&report.capabilities)? {
                write_atomic(folder.join(&file.name), &file.content)?;
            }
        }
    }
    let text = match (args.json, args.markdown) {
        (true, _) => serde_json::to_string_pretty(&report).map_err(|e| Failure::new(e.to_string()))? + "\n",
        (_, true) => report.markdown(),
        _ => report.text(),
    };
    print(&text)?;
    let spilled = args.fail_on_spill && report.spilled().any(|variant| variant.preferred);
    Ok(if spilled { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs this command again with the target's driver: Vulkan reads its environment when it is loaded, and a driver that
/// does not know the target ends the process.
fn in_child(target: &Target) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program cannot be started again: {error}")))?;
    let environment = target.environment().map_err(|error| {
        Failure::from(error).hint(
            "install Mesa's RADV before version 26 (Debian: mesa-vulkan-drivers), or name its \
             radeon_icd file in VK_DRIVER_FILES",
        )
    })?;
    let status = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(environment)
        .env(CHILD, "1")
        .status()
        .map_err(|error| Failure::new(format!("this program cannot be started again: {error}")))?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::new(format!("the driver ended the process while compiling for '{}'", target.name()))
            .hint("its own message is above; RADV takes names such as navi21, navi31, gfx1151 and gfx1201, each since some version of Mesa")),
    }
}
