//! `train`, `--resume`, and `detect` and `embed` with the trained learner.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::common::{assert_whole, files, finish, program, relative_error, run, tensor};

const DEFECTS: &str = "bent,scratch,faulty imprint,discoloration";

/// Small models and learners.
pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// A path as a word of a command.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The options of a run over the four golden images.
fn options(out: &Path, steps: &str) -> Vec<String> {
    let (data, model) = (goldens().join("learner"), goldens().join("open_clip"));
    let words = [
        "train",
        "--data",
        text(&data),
        "--model",
        text(&model),
        "--out",
        text(out),
        "--image-size",
        "96",
        "--steps",
        steps,
        "--batch",
        "2",
        "--checkpoint-every",
        "2",
    ];
    words.map(str::to_owned).into()
}

/// The command that begins a run of so many steps of DAPO on them.
pub fn first(out: &Path, steps: &str) -> Vec<String> {
    let config = out.with_extension("toml");
    fs::write(&config, "[learner]\nprompt_sets = 2\n").expect("writable");
    let more = ["--defects", DEFECTS, "--config", text(&config)].map(str::to_owned);
    [options(out, steps), more.into()].concat()
}

/// As `options`, for a resumed run: batch size and the like are those of the run.
fn again(out: &Path) -> Vec<String> {
    let (data, model) = (goldens().join("learner"), goldens().join("open_clip"));
    let words = ["train", "--data", text(&data), "--model", text(&model), "--out", text(out), "--resume"];
    words.map(str::to_owned).into()
}

/// The command that repeats the golden run: four steps from given values, images in the order of their paths.
fn four_steps(out: &Path) -> Vec<String> {
    let init = goldens().join("learner/learner_init.safetensors");
    let mut words = options(out, "4");
    words.retain(|w| w != "2");
    words.retain(|w| w != "--batch" && w != "--checkpoint-every");
    words.extend(
        ["--batch", "4", "--no-shuffle", "--init", text(&init), "--defects", DEFECTS].map(str::to_owned),
    );
    words
}

/// The lines of `steps.jsonl`, and those of the golden run.
fn journals(out: &Path) -> [Vec<Value>; 2] {
    let read = |path: PathBuf| fs::read_to_string(path).expect("readable");
    let steps = out.join("steps.jsonl");
    crate::common::schemas::assert_file_follows(&steps);
    crate::common::schemas::assert_file_follows(&out.join("learner.json"));
    let lines = read(steps);
    let meta: Value = serde_json::from_str(&read(goldens().join("learner/meta.json"))).expect("JSON");
    let found = lines.lines().map(|l| serde_json::from_str(l).expect("a line")).collect();
    [found, meta["log"].as_array().expect("a log").clone()]
}

#[test]
fn train_repeats_four_steps_of_pytorch() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let ran = run(four_steps(&out)).succeeds();
    assert!(ran.stderr.contains("llvmpipe") || ran.stderr.contains("on "), "the adapter is named: {ran:#?}");
    assert_whole(&out);
    let [lines, log] = journals(&out);
    assert_eq!(lines.len(), 4);
    for (found, wanted) in lines.iter().zip(&log) {
        assert_eq!(found["step"], wanted["step"]);
        for name in ["image_loss", "local_loss", "total"] {
            let (found, wanted) =
                (found[name].as_f64().expect("a number"), wanted[name].as_f64().expect("a number"));
            assert!((found - wanted).abs() < 1e-5 * wanted, "{name}: {found} instead of {wanted}");
        }
        for name in ["learning_rate", "gradient_norm", "seconds"] {
            assert!(found[name].as_f64().is_some_and(|v| v > 0.0), "{name} in {found}");
        }
    }
    let expected = goldens().join("learner/expected.safetensors");
    let name = "linear_adapter.fc.3.weight";
    let learner = out.join("learner.safetensors");
    let error = relative_error(&tensor(&learner, name).1, &tensor(&expected, &format!("after4.{name}")).1);
    assert!(error < 1e-5, "{name} is off by {error:e}");
    let beside: Value =
        serde_json::from_str(&fs::read_to_string(out.join("learner.json")).expect("learner.json"))
            .expect("JSON");
    assert_eq!(beside["test_defects"][2], "faulty imprint");
    assert_eq!(beside["learner"]["prompt_sets"], 3, "inferred from the tensors");

    // What was learned is used: the learner's own names, its image size, its class vectors.
    let found = folder.path().join("found");
    let image = goldens().join("learner/1.png");
    let model = goldens().join("open_clip");
    run([
        "detect",
        text(&image),
        "--model",
        text(&model),
        "--learner",
        text(&learner),
        "--out",
        text(&found),
        "--save-maps",
    ])
    .succeeds();
    let results: Value =
        serde_json::from_str(&fs::read_to_string(found.join("results.json")).expect("results"))
            .expect("JSON");
    assert_eq!(
        (&results["method"], &results["model"]["image_size"]),
        (&Value::from("dapo"), &Value::from(96))
    );
    assert_eq!(results["defects"].as_array().map(Vec::len), Some(4));
    let features = folder.path().join("features.safetensors");
    run([
        "embed",
        "--image",
        text(&image),
        "--model",
        text(&model),
        "--learner",
        text(&learner),
        "--out",
        text(&features),
    ])
    .succeeds();
    assert_eq!(tensor(&features, "text_features").0, [5, 64]);
    assert_eq!(tensor(&features, "text_features").1, tensor(&learner, "text_features").1);
}

/// The golden model's weights are numbers of 16 bits, so storing them as such changes nothing.
#[test]
fn float16_weights_train_to_the_same_losses() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    run([four_steps(&out), ["--weights", "f16"].map(str::to_owned).into()].concat()).succeeds();
    let [lines, log] = journals(&out);
    assert_eq!(lines.len(), 4);
    for (found, wanted) in lines.iter().zip(&log) {
        let (found, wanted) = (&found["total"], wanted["total"].as_f64().expect("a number"));
        assert!(found.as_f64().is_some_and(|v| (v - wanted).abs() < 1e-5 * wanted), "{found}, not {wanted}");
    }
}

/// Kills a run repeatedly; it must always resume, and end in the same bits as an uninterrupted run. `DAPO_KILLS` sets
/// how often; `make kills` asks for fifty.
#[test]
#[cfg(unix)]
#[ignore = "half a minute: run by `make kills`; tests/faults.rs kills each command at a few writes"]
fn a_killed_run_resumes_to_the_same_bits() {
    let kills: u64 = std::env::var("DAPO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let steps = (4 * kills + 4).to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    run(first(&whole, &steps)).succeeds();

    let out = folder.path().join("killed");
    let (mut killed, mut seed) = (0, 0x9e37_79b9_u64);
    while killed < kills {
        let begun = out.join("checkpoint.safetensors").is_file();
        let words = if begun { again(&out) } else { first(&out, &steps) };
        let mut child = program()
            .args(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(Duration::from_millis(100 + (seed >> 33) % 2500));
        if child.try_wait().expect("a child").is_some() {
            break; // it had finished before
        }
        child.kill().expect("killed"); // SIGKILL: nothing is flushed, no handler runs
        child.wait().expect("gone");
        killed += 1;
        if out.is_dir() {
            assert_whole(&out);
        }
    }
    println!("killed {killed} times");
    assert!(killed > 0, "no run was caught in the middle");
    let begun = out.join("checkpoint.safetensors").is_file();
    run(if begun { again(&out) } else { first(&out, &steps) }).succeeds();
    for name in ["learner.safetensors", "checkpoint.safetensors"] {
        let same = fs::read(whole.join(name)).expect("a file") == fs::read(out.join(name)).expect("a file");
        assert!(same, "{name} differs from that of a run that was not interrupted");
    }
    let losses = |run: &Path| -> Vec<String> {
        let text = fs::read_to_string(run.join("steps.jsonl")).expect("a journal");
        let total = |line: &str| serde_json::from_str::<Value>(line).expect("a line")["total"].to_string();
        text.lines().map(total).collect()
    };
    assert_eq!(losses(&whole), losses(&out));
    assert!(!out.join(".dapo-wgpu-").exists());
    let left = fs::read_dir(&out).expect("the run").flatten();
    let left: Vec<_> =
        left.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.starts_with('.')).collect();
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}

/// When the device is lost, the run resumes from its checkpoint on a new one by itself.
#[test]
fn a_lost_device_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, out) = (folder.path().join("whole"), folder.path().join("lost"));
    run(first(&whole, "6")).succeeds();
    let ran = finish(program().args(first(&out, "6")).env("DAPO_LOSE_DEVICE_AT", "150")).succeeds();
    assert!(ran.stderr.contains("the device was lost"), "it was not lost: {ran:#?}");
    for name in ["learner.safetensors", "checkpoint.safetensors"] {
        let same = fs::read(whole.join(name)).expect("a file") == fs::read(out.join(name)).expect("a file");
        assert!(same, "{name} differs from that of a run that kept its device");
    }
}

#[test]
fn train_refuses_invalid_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let with = |more: &[&str]| {
        let more: Vec<String> = more.iter().map(|w| (*w).to_owned()).collect();
        run([options(&out, "1"), more].concat())
    };
    with(&["--defects", "bent,scratch"]).fails_with(&["faulty imprint", "bent, scratch", "--defects"]);
    with(&["--defects", "bent,bent,scratch,faulty imprint"]).fails_with(&["'bent' twice"]);
    with(&["--resume"]).fails_with(&["no run to go on with", "--resume"]);
    with(&["--method", "clip"]).fails_with(&["no training"]);
    with(&["--max-memory", "1MB"]).fails_with(&["--max-memory", "one image at a time"]);
    with(&["--init", "no/such/file"]).fails_with(&["no/such/file"]);
    let config = folder.path().join("run.toml");
    fs::write(&config, "[learner]\nprompt_set = 3\n").expect("writable");
    with(&["--config", text(&config)]).fails_with(&["run.toml", "prompt_set", "line 2"]);
    fs::write(&config, "[learner]\nfeature_layers = [9]\n").expect("writable");
    with(&["--config", text(&config)]).fails_with(&["feature_layers", "from 1 to 4"]);
    let cut = folder.path().join("cut.safetensors");
    let whole = fs::read(goldens().join("learner/learner_init.safetensors")).expect("a learner");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("writable");
    with(&["--init", text(&cut)]).fails_with(&["cut.safetensors", "safetensors file"]);
    let other = goldens().join("open_clip/open_clip_model.safetensors");
    with(&["--init", text(&other)]).fails_with(&["open_clip_model.safetensors"]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    run(["train", "--data", text(&empty), "--out", text(&out)]).fails_with(&["empty"]);
    assert!(!out.join("learner.safetensors").exists());

    let image = goldens().join("learner/1.png");
    let learner = goldens().join("learner/learner_init.safetensors");
    let found = folder.path().join("found");
    run(["detect", text(&image), "--learner", text(&learner), "--out", text(&found)])
        .fails_with(&["learner_init.safetensors"]);
    run(["detect", text(&image), "--method", "dapo", "--out", text(&found)])
        .fails_with(&["no learner is given"]);
}

#[test]
fn a_run_is_not_overwritten_and_keeps_its_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    run(first(&out, "1")).succeeds();
    run(first(&out, "1")).fails_with(&["there is a run in this folder", "--resume"]);
    let mut words = again(&out);
    words.extend(["--batch", "3"].map(str::to_owned));
    finish(program().args(&words)).fails_with(&["--batch and --resume"]);
    words.truncate(words.len() - 2);
    let mut less = again(&out);
    less.extend(["--steps", "1"].map(str::to_owned));
    run(&less).succeeds();
    // Three steps, then a request for two.
    let mut more = again(&out);
    more.extend(["--steps", "3"].map(str::to_owned));
    run(&more).succeeds();
    less.pop();
    less.push("2".to_owned());
    run(&less).fails_with(&["--steps 2", "taken 3 steps"]);
    let mut nano = again(&out);
    nano.drain(3..5);
    run(&nano).fails_with(&["the run began with the model"]);
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    for name in ["0.png", "0_mask.png"] {
        fs::copy(goldens().join("learner").join(name), other.join(name)).expect("copied");
    }
    fs::write(other.join("images.csv"), "image,mask,defect\n0.png,0_mask.png,scratch\n").expect("writable");
    words[2] = text(&other).to_owned();
    run(&words).fails_with(&["not the images that the run began with"]);
}

#[test]
fn a_run_is_one_process_and_its_images_stay_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (out, data) = (folder.path().join("run"), folder.path().join("data"));
    fs::create_dir(&data).expect("a folder");
    for name in files(&goldens().join("learner")) {
        if name.ends_with(".png") || name.ends_with(".csv") {
            fs::copy(goldens().join("learner").join(&name), data.join(&name)).expect("copied");
        }
    }
    let mut begin = first(&out, "1");
    begin[2] = text(&data).to_owned();
    fs::create_dir(&out).expect("a folder");
    let lock = fs::File::create(out.join("run.lock")).expect("a lock file");
    lock.lock().expect("free");
    run(&begin).fails_with(&["another program is writing here"]);
    drop(lock);
    run(&begin).succeeds();
    let mut more = again(&out);
    more[2] = text(&data).to_owned();
    more.extend(["--steps", "2"].map(str::to_owned));
    // A mask that is mended, an image that is replaced: names and sizes stay.
    for name in ["1_mask.png", "1.png"] {
        let path = data.join(name);
        let before = fs::read(&path).expect("a picture");
        let mut picture = image::open(&path).expect("a picture").to_luma8();
        picture.pixels_mut().for_each(|pixel| pixel.0[0] = 255 - pixel.0[0]);
        picture.save(&path).expect("writable");
        run(&more).fails_with(&["have changed since the run began", "1.png", "begin a new run"]);
        fs::write(&path, before).expect("writable");
    }
    run(&more).succeeds();
}
