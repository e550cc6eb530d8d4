//! Says what a build is made of: a fingerprint of the kernels, by which measurements of older ones are told apart
//! (`src/lab/tune/store.rs`), and what `--version` and reports tell (`src/gpu/build_info.rs`).

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for folder in ["shaders", "src/kernels"] {
        println!("cargo:rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(&std::fs::read(file)?);
    }
    println!("cargo:rustc-env=DAPO_KERNELS={:016x}", hasher.finish());
    println!("cargo:rustc-env=BUILD_COMMIT={}", commit().unwrap_or_default());
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rustc-env=BUILD_WGPU={}", locked(&lock, "wgpu"));
    println!("cargo:rustc-env=BUILD_NAGA={}", locked(&lock, "naga"));
    for (name, variable) in [("BUILD_TARGET", "TARGET"), ("BUILD_PROFILE", "PROFILE")] {
        println!("cargo:rustc-env={name}={}", std::env::var(variable).unwrap_or_default());
    }
    Ok(())
}

/// The commit of the sources: what the variable `BUILD_COMMIT` says, that of a packaged crate, or of the checkout. Only
/// optimised builds look at the checkout: each commit would have all others compile everything again.
fn commit() -> Option<String> {
    println!("cargo:rerun-if-env-changed=BUILD_COMMIT");
    if let Ok(commit) = std::env::var("BUILD_COMMIT") {
        return Some(commit);
    }
    if let Ok(text) = std::fs::read_to_string(".cargo_vcs_info.json") {
        let (_, rest) = text.split_once("\"sha1\"")?;
        return rest.split('"').nth(1).map(|sha| sha.chars().take(12).collect());
    }
    if std::env::var("PROFILE").as_deref() != Ok("release") || !Path::new(".git").exists() {
        return None;
    }
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|list| !list.is_empty());
    Some(git(&["rev-parse", "--short=12", "HEAD"])? + if changed { " with changes" } else { "" })
}

/// The version of a package that `Cargo.lock` holds; empty where it is not there.
fn locked(lock: &str, package: &str) -> String {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = lock.replace("\r\n", "\n").split_once(&entry).map(|(_, rest)| rest.to_owned());
    version.and_then(|rest| rest.split('"').next().map(str::to_owned)).unwrap_or_default()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
