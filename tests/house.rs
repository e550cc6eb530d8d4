//! The house has one direction: a module may import from those below it and never from those above
//! or beside it; and only `gpu` names wgpu.

use std::fs;
use std::path::Path;

/// Floors from the ground up. Modules on one floor do not import each other.
const FLOORS: &[&[&str]] = &[
    &["gpu"],
    &["kernels"],
    &["ops"],
    &["autograd"],
    &["clip"],
    &["dapo", "data", "metrics", "report", "lab"],
    &["eval", "synth"],
    &["cli"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// Every module that a line of code names after `crate::`, also in a group: `crate::{a, b::c}`.
/// (A group that rustfmt broke over lines is joined by the caller.)
fn imports(line: &str) -> Vec<&str> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    let word =
        |text: &'_ str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut found = Vec::new();
    for rest in ["crate::", "dapo_wgpu::"].iter().flat_map(|prefix| code.split(prefix).skip(1)) {
        let Some(group) = rest.strip_prefix('{') else {
            found.push(&rest[..word(rest)]);
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && c.is_ascii_alphanumeric() => {
                    found.push(&group[at..at + word(&group[at..])]);
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// Joins the lines of a `use crate::{` group, so that it is seen whole.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(open) if open.contains("crate::{") && !open.contains(';') => open.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The breaches in one file of `module`.
fn breaches(module: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in &joined(text) {
        for target in imports(line).into_iter().filter(|t| *t != module) {
            if let (Some(here), Some(there)) = (floor(module), floor(target))
                && there >= here
            {
                found.push(format!("{module} imports {target}: {}", line.trim()));
            }
        }
        if module != "gpu" && !line.trim_start().starts_with("//") && line.contains("wgpu::") {
            let foreign = line.replace("dapo_wgpu::", "");
            if foreign.contains("wgpu::") {
                found.push(format!("{module} names wgpu: {}", line.trim()));
            }
        }
    }
    found
}

fn visit(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn imports_point_down_the_house() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    visit(&source, &mut files);
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in files {
        let relative = path.strip_prefix(&source).expect("below src");
        let Some(module) = relative.components().next().and_then(|c| c.as_os_str().to_str()) else {
            continue;
        };
        if module.ends_with(".rs") {
            continue; // lib.rs and main.rs stand above the house
        }
        assert!(floor(module).is_some(), "src/{module} has no floor: add it to FLOORS");
        seen += 1;
        let text = fs::read_to_string(&path).expect("a readable file");
        wrong.extend(breaches(module, &text).into_iter().map(|b| format!("{}: {b}", relative.display())));
    }
    assert!(seen > 40, "only {seen} files were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_breach_is_noticed() {
    assert_eq!(breaches("ops", "use crate::clip::Clip;").len(), 1);
    assert_eq!(breaches("dapo", "use crate::report::results;").len(), 1, "beside is not below");
    assert_eq!(breaches("kernels", "fn f(b: &wgpu::Buffer) {}").len(), 1);
    assert_eq!(breaches("ops", "use crate::{\n    kernels,\n    clip::{Clip, text},\n    cli,\n};").len(), 2);
    assert!(breaches("ops", "use crate::kernels::matmul::Matmul; // crate::gpu").is_empty());
    assert!(breaches("ops", "use super::tensor; use crate::ops::Tensor;").is_empty());
}
