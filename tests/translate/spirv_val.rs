//! `spirv-val`, the validator of Khronos' SPIRV-Tools.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::backends::{Floor, SpirvModule, translate};

/// A small product by cooperative matrix, to see what the tools can do with one.
pub fn cooperative(size: u32, element: &str) -> String {
    let f16 = if element == "f16" { "enable f16;\n" } else { "" };
    let load = |role, from| format!("coopLoad<coop_mat{size}x{size}<{element}, {role}>>(&{from}[0], n)");
    format!(
        "enable wgpu_cooperative_matrix;\n{f16}\
         @group(0) @binding(0) var<storage, read> a: array<{element}>;\n\
         @group(0) @binding(1) var<storage, read_write> c: array<f32>;\n\
         @compute @workgroup_size(32)\n\
         fn main() {{\n    let n = {size}u;\n    let x = {};\n    let y = {};\n    \
         let z = coopLoad<coop_mat{size}x{size}<f32, C>>(&c[0], n);\n    \
         coopStore(coopMultiplyAdd(x, y, z), &c[0], n);\n}}\n",
        load("A", "a"),
        load("B", "a"),
    )
}

/// The validator of Khronos' SPIRV-Tools.
pub struct SpirvVal {
    version: String,
    cooperative: bool,
}

const LEAVE_OUT: &str = "DAPO_NO_SPIRV_VAL";

impl SpirvVal {
    /// Finds the program on the path; `None` only where it is not wanted.
    pub fn find() -> Option<Self> {
        if std::env::var_os(LEAVE_OUT).is_some_and(|value| value == "1") {
            return None;
        }
        let output = Command::new("spirv-val").arg("--version").output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "cannot run spirv-val ({error}). Install it (Debian, Ubuntu: apt-get install spirv-tools; \
                 Fedora, Arch: spirv-tools; Homebrew: spirv-tools), or leave this check out with {LEAVE_OUT}=1"
            )
        });
        let text = String::from_utf8_lossy(&output.stdout);
        let mut tool = Self { version: text.lines().next().unwrap_or("?").to_owned(), cooperative: true };
        // Version 2023.1 and older do not know the extension. Any other complaint is a finding.
        tool.cooperative =
            translate(&cooperative(8, "f32"), &Floor::everything(), false).spirv.iter().all(|module| {
                !tool
                    .check(module)
                    .is_err_and(|e| e.contains("Invalid capability") || e.contains("Invalid opcode"))
            });
        Some(tool)
    }

    /// Whether it can validate such a module.
    pub fn knows(&self, cooperative: bool) -> bool {
        self.cooperative || !cooperative
    }

    /// Why modules were left out.
    pub fn why(tool: &Option<Self>) -> String {
        match tool {
            None => format!("{LEAVE_OUT}=1"),
            Some(tool) => format!("{} does not know SPV_KHR_cooperative_matrix", tool.version),
        }
    }

    /// The validator's error, if there is one.
    pub fn check(&self, module: &SpirvModule) -> Result<(), String> {
        let run = || -> std::io::Result<std::process::Output> {
            let mut child = Command::new("spirv-val")
                .args(["--target-env", module.environment, "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut input) = child.stdin.take() {
                input.write_all(bytemuck::cast_slice(&without_local_layout(&module.words)))?;
            }
            child.wait_with_output()
        };
        let environment = module.environment;
        let output = run().map_err(|error| format!("cannot run spirv-val: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let text = [output.stdout, output.stderr].concat();
                Err(format!("spirv-val for {environment}: {}", String::from_utf8_lossy(&text).trim()))
            }
        }
    }
}

/// The module without the layout of arrays and structures that lie in no buffer. naga 30 decorates them
/// all; drivers take no notice, but validators since 2025 refuse it (VUID-StandaloneSpirv-None-10684)
/// and would say nothing of the rest.
fn without_local_layout(words: &[u32]) -> Vec<u32> {
    const DECORATE: u32 = 71;
    const MEMBER_DECORATE: u32 = 72;
    const ARRAY_STRIDE: u32 = 6;
    const OFFSET: u32 = 35;
    const TYPE_POINTER: u32 = 32;
    const WORKGROUP: u32 = 4;
    const FUNCTION: u32 = 7;
    let (header, mut rest) = words.split_at(5.min(words.len()));
    let mut instructions = Vec::new();
    while let Some(first) = rest.first() {
        let (instruction, tail) = rest.split_at(((first >> 16).max(1) as usize).min(rest.len()));
        instructions.push(instruction);
        rest = tail;
    }
    let pointee = |i: &&[u32]| match **i {
        [op, _, WORKGROUP | FUNCTION, pointee] if op & 0xffff == TYPE_POINTER => Some(pointee),
        _ => None,
    };
    let local: HashSet<u32> = instructions.iter().filter_map(pointee).collect();
    let layout = |i: &&[u32]| match **i {
        [op, of, ARRAY_STRIDE, _] => op & 0xffff == DECORATE && local.contains(&of),
        [op, of, _, OFFSET, _] => op & 0xffff == MEMBER_DECORATE && local.contains(&of),
        _ => false,
    };
    let kept = instructions.into_iter().filter(|i| !layout(i));
    header.iter().copied().chain(kept.flatten().copied()).collect()
}
