//! An evaluation spread over the tasks of a real Slurm, on this machine: run by `make slurm`.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{finish, program};

/// An array of three tasks, one of which is killed and queued again in the middle, then a job that merges.
const JOBS: &str = r#"
set -eu
eval="$ROOT/tools/scale/eval.sbatch"
array=$(sbatch --parsable --array=1-3 --output=task-%a.log "$eval" parts --data data --batch 4)
until [ "$(cat parts/part-1/images.jsonl 2>/dev/null | wc -l)" -ge 4 ]; do sleep 0.05; done
scontrol requeue "${array}_1"
sbatch --wait --dependency=afterok:"$array" --kill-on-invalid-dep=yes --output=merge.log \
  --wrap "'$DAPO_WGPU' merge parts/part-* --out merged"
"#;

#[test]
#[ignore = "starts the daemons of Slurm, minutes: run by `make slurm`"]
fn an_array_of_slurm_makes_the_bytes_of_one_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = tempfile::tempdir().expect("a temporary folder");
    let here = |command: &mut Command| finish(command.current_dir(place.path())).succeeds();
    let synth = ["synth", "--out", "data", "--objects", "washer,leather", "--defects", "scratch,hole"];
    let numbers = ["--train-good", "1", "--test-good", "60", "--per-defect", "10", "--size", "96"];
    here(program().args(synth).args(numbers));
    here(program().args(["eval", "--data", "data", "--batch", "4", "--out", "whole"]));

    let environment: Vec<_> =
        program().get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    let mut cluster = Command::new(root.join("tools/scale/slurm_one_machine.sh"));
    cluster.args(["bash", "-c", JOBS]).envs(environment);
    cluster.env("ROOT", root).env("DAPO_WGPU", env!("CARGO_BIN_EXE_dapo-wgpu"));
    let ran = finish(cluster.current_dir(place.path()));
    let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap_or_default();
    let logs: String = ["task-1", "task-2", "task-3", "merge"].map(|l| read(&format!("{l}.log"))).concat();
    assert_eq!(ran.code, Some(0), "{ran:#?}\n{logs}");
    println!("{logs}");
    assert!(read("task-1.log").contains("images were done before"), "task 1 was queued again: {logs}");
    for name in ["metrics.json", "metrics.csv", "images.jsonl"] {
        let whole = read(&format!("whole/{name}"));
        assert!(!whole.is_empty() && whole == read(&format!("merged/{name}")), "{name} differs\n{logs}");
    }
}
