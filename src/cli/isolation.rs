//! Trials of kernel variants in a process of their own: some drivers crash on what they cannot compile. Such a driver
//! loses the variant and nothing else. Results are kept in the user's cache folder, by driver.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::process::wait;
use crate::clip::embedded;
use crate::files::read_unmarked;
use crate::gpu::{Gpu, ShaderMode};
use crate::report::write_atomic;

/// A trial takes seconds on a slow software device; a compiler that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(180);
/// Exit code of a trial that the variant has passed.
pub const PASSED: u8 = 0;
/// Exit code of a trial that it has not passed.
pub const FAILED: u8 = 10;

/// Has this device's trials held in processes of their own. Where that is not possible they are held in this one.
pub fn isolate(gpu: &Gpu) {
    let Ok(program) = std::env::current_exe() else { return };
    let known = embedded::cache_folder().map(|cache| Known::load(&path(gpu, &cache)));
    let known = Mutex::new(known.unwrap_or_default());
    let (adapter, checked) = (gpu.adapter().index, gpu.mode() == ShaderMode::Checked);
    gpu.isolate_trials(Box::new(move |case, variant| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{case} [{variant}]");
        if let Some(reason) = known.results.get(&name) {
            return Some(reason.clone().map_or(Ok(()), Err));
        }
        let mut command = Command::new(&program);
        command.args(["trial", "--adapter", &adapter.to_string()]);
        command.args(checked.then_some("--checked")).args([case, variant]);
        let result = hold(command)?;
        known.add(name, result.clone().err());
        Some(result)
    }));
}

/// Where the results of this driver are kept.
fn path(gpu: &Gpu, cache: &Path) -> PathBuf {
    let adapter = gpu.adapter();
    let mut hasher = DefaultHasher::new();
    // Another driver, other kernels or other capabilities may give other results.
    (&adapter.name, &adapter.driver, &adapter.driver_info, gpu.capabilities(), env!("DAPO_KERNELS"))
        .hash(&mut hasher);
    (gpu.mode() == ShaderMode::Checked).hash(&mut hasher);
    cache.join("dapo-wgpu/trials").join(format!("{:016x}.json", hasher.finish()))
}

/// Runs a trial; `None` where it could not be held.
fn hold(mut command: Command) -> Option<Result<(), String>> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    match outcome(child) {
        Some((Some(code), _)) if code == i32::from(PASSED) => Some(Ok(())),
        Some((Some(code), reason)) if code == i32::from(FAILED) => Some(Err(reason)),
        Some((None, _)) => Some(Err("the driver ended the process of its trial".to_owned())),
        // Not a trial's result: a device that could not be opened twice, or a kernel of another crate.
        Some(_) => None,
        None => Some(Err(format!("its trial took longer than {} s", LONGEST.as_secs()))),
    }
}

/// The exit code, none after a crash, and what was printed; `None` when it took too long.
fn outcome(mut child: Child) -> Option<(Option<i32>, String)> {
    let status = wait(&mut child, LONGEST, || false).ok()??;
    let mut text = String::new();
    if let Some(mut output) = child.stdout.take() {
        let _ = output.read_to_string(&mut text);
    }
    Some((status.code(), text))
}

/// Results by the name of the trial: what is wrong, or nothing.
#[derive(Default)]
pub(super) struct Known {
    path: Option<PathBuf>,
    pub(super) results: BTreeMap<String, Option<String>>,
}

impl Known {
    /// A file that is missing or damaged is one without results.
    pub(super) fn load(path: &Path) -> Self {
        let read = read_unmarked(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path: Some(path.to_owned()), results: read.unwrap_or_default() }
    }

    /// Adds a result. One that cannot be kept is found again the next time.
    fn add(&mut self, name: String, reason: Option<String>) {
        self.results.insert(name, reason);
        if let (Some(path), Ok(text)) = (&self.path, serde_json::to_vec_pretty(&self.results)) {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = write_atomic(path, &text);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Option<Result<(), String>> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        hold(command)
    }

    #[test]
    fn exit_codes_are_results_and_a_crash_is_one_too() {
        assert_eq!(shell("exit 0"), Some(Ok(())));
        assert_eq!(shell("printf '2 is not 3'; exit 10"), Some(Err("2 is not 3".into())));
        assert_eq!(shell("kill -SEGV $$"), Some(Err("the driver ended the process of its trial".into())));
        assert_eq!(shell("exit 1"), None, "not held, so not known");
    }

    #[test]
    fn results_are_kept_and_a_damaged_file_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials/a.json");
        Known::load(&path).add("a".into(), Some("wrong".into()));
        assert_eq!(Known::load(&path).results, BTreeMap::from([("a".into(), Some("wrong".into()))]));
        std::fs::write(&path, "{").unwrap();
        assert!(Known::load(&path).results.is_empty());
    }
}
