//! Requests that cannot be met, and the commands without a device.

use std::fs;

use crate::Place;
use crate::common;

#[test]
fn lists_of_defects_are_checked() {
    let place = Place::new();
    place.picture("a.png", 1);
    for empty in ["", ",", " , ,"] {
        place.detect(&["a.png", "--defects", empty]).fails_with(&["--defects", "scratch,hole"]);
    }
    place.detect(&["a.png", "--defects", "hole,dent, Hole"]).fails_with(&["--defects", "'Hole' twice"]);
    place.detect(&["a.png", "--defects", "hole,normal"]).fails_with(&[
        "--defects",
        "'normal'",
        "good images",
    ]);
    place.detect(&["a.png", "--defects", "NORMAL"]).fails_with(&["--defects", "'NORMAL'"]);
    place.left_nothing();
}

#[test]
fn numbers_out_of_range_are_refused() {
    let place = Place::new();
    place.picture("a.png", 1);
    for threshold in ["1.5", "nan", "inf"] {
        place.detect(&["a.png", "--threshold", threshold]).fails_with(&["--threshold", "0 to 1"]);
    }
    // The command line parser's own: exit code 2.
    for words in [["--threshold", "high"], ["--batch", "2.5"], ["--batch", "many"], ["--weights", "f8"]] {
        let run = place.detect(&["a.png", words[0], words[1]]).fails_with(&[words[0], words[1]]);
        assert_eq!(run.code, Some(2));
    }
    place.left_nothing();
    // A batch size of 0, or beyond the number of images, is accepted.
    for batch in ["0", "1000000"] {
        place.detect(&["a.png", "--batch", batch]).succeeds();
    }
}

/// Every option that is a number, out of its range: a wrong command line, with the option's name and what it may be.
#[test]
fn a_number_out_of_its_range_is_a_wrong_command_line() {
    let place = Place::new();
    place.picture("in/a.png", 1);
    let detect = ["detect", "in", "--model", "model", "--out", "out"];
    let watch = ["watch", "in", "--model", "model", "--out", "out.jsonl"];
    let eval = ["eval", "--data", "in", "--model", "model", "--out", "out"];
    let calibrate = ["calibrate", "--good", "in", "--model", "model", "--out", "alarm.json"];
    let train = ["train", "--data", "in", "--model", "model", "--out", "out"];
    let synth = ["synth", "--out", "out"];
    let score = ["score", "--predictions", "in", "--data", "in", "--out", "out"];
    let cases: &[(&[&str], &str, &[&str])] = &[
        (&detect, "--threshold", &["1.5", "-0.1", "nan", "inf", "x", ""]),
        (&detect, "--min-area", &["-1", "1.5", "nan"]),
        (&detect, "--image-size", &["0", "-8", "1e3"]),
        (&detect, "--bits", &["7", "17", "nan"]),
        (&[&detect[..], &["--tile", "100"]].concat(), "--overlap", &["0.95", "-1", "nan", "inf"]),
        (&detect, "--tile", &["0", "15", "-1"]),
        (&watch, "--patience", &["nan", "-1", "inf", "1e300"]),
        (&watch, "--idle", &["nan", "-1", "inf"]),
        (&watch, "--every", &["0", "-1", "nan"]),
        (&watch, "--threshold", &["1.5", "nan"]),
        (&eval, "--threshold", &["1.5", "nan"]),
        (&eval, "--batch", &["0", "-1"]),
        (&eval, "--shard", &["0/0", "2/1", "1/nan", "0/3"]),
        (&calibrate, "--false-alarms", &["0", "1", "9", "nan", "-1"]),
        (&train, "--steps", &["0", "-1", "1e3"]),
        (&train, "--max-memory", &["0", "nanGB", "-1GB"]),
        (&synth, "--size", &["5", "0", "100000", "-1"]),
        (&synth, "--per-defect", &["1000000000", "-1"]),
        (&[&synth[..], &["--shards", "1"]].concat(), "--good-fraction", &["2", "nan", "-1"]),
        (&synth, "--shards", &["-1", "1e9", "99999999999"]),
        (&score, "--size", &["0", "5000"]),
        (&["bench"], "--repeat", &["0", "-1", "nan"]),
        (&["bench", "--compare", "old.json"], "--threshold", &["-3", "nan", "inf"]),
        (&["bench"], "--sweep", &["m=5", "m=9..2", "m=0..nan"]),
        (&["bench", "--arch", "dapo-nano"], "--batch", &["0", "nan"]),
        (&["bench", "--arch", "dapo-nano"], "--image-size", &["0", "nan"]),
        (&["tune", "--model", "model"], "--batch", &["0", "nan"]),
        (&["check"], "--seed", &["-1", "nan"]),
    ];
    for (words, option, values) in cases {
        for value in *values {
            let given = format!("{option}={value}");
            let run = place.run(&[words, &[given.as_str()][..]].concat());
            assert_eq!(run.code, Some(2), "{words:?} {given}: {run:#?}");
            let name = option.trim_start_matches("--").replace('-', " ");
            let names_it =
                run.stderr.contains(option) || run.stderr.contains(&name) || run.stderr.contains(value);
            assert!(names_it && run.stderr.contains("error:"), "{words:?} {given}: {run:#?}");
        }
    }
    assert_eq!(common::files(&place.path(".")).iter().filter(|file| !file.starts_with("model")).count(), 1);
    assert!(!place.path("out").exists(), "a wrong command line leaves nothing");
}

#[test]
fn a_failed_command_leaves_no_empty_folders() {
    let place = Place::new();
    place.write("in/a.png", b"no picture");
    place.write("broken.pt", b"no archive");
    place.picture("photos/a.png", 1);
    let cases: [&[&str]; 7] = [
        &["fetch", "vit-l-14", "--hub", "http://127.0.0.1:9"],
        &["import", "broken.pt", "--out", "new/deep/imported"],
        &["detect", "photos", "--model", "missing", "--out", "new/deep/out"],
        &["score", "--predictions", "in", "--data", "missing", "--out", "new/deep/scores"],
        &["merge", "missing", "--out", "new/deep/merged"],
        &["eval", "--data", "missing", "--model", "model", "--out", "new/deep/run"],
        &["train", "--data", "missing", "--model", "model", "--out", "new/deep/run"],
    ];
    for words in cases {
        let run = place.run(words);
        assert_eq!(run.code, Some(1), "{words:?}: {run:#?}");
        for folder in ["new", "models"] {
            assert!(!place.path(folder).exists(), "{words:?} left {folder}");
        }
    }
    // What was there stays.
    fs::create_dir(place.path("mine")).expect("a folder");
    place.run(&["import", "broken.pt", "--out", "mine"]).fails_with(&["broken.pt"]);
    assert!(place.path("mine").is_dir());
}

#[test]
fn a_misspelt_variable_is_said() {
    let place = Place::new();
    let run =
        |name: &str| common::finish(place.program().env(name, "1").args(["synth", "--list"])).succeeds();
    // In two parts: every name in quotation marks is one that is read.
    let misspelt = ["DAPO", "NO_SUBGROUP"].join("_");
    let said = run(&misspelt);
    let words = format!("{misspelt} has no effect: did you mean DAPO_NO_SUBGROUPS?");
    assert!(said.stderr.contains(&words), "{said:#?}");
    assert!(!run("DAPO_NO_SUBGROUPS").stderr.contains("no effect"));
}

/// The log of a job has a line now and then, and none where that is switched off.
#[test]
fn progress_is_plain_lines_where_nobody_sees_a_bar() {
    let place = Place::new();
    (0..60).for_each(|number| place.picture(&format!("in/{number}.png"), number));
    let run = |every: &str| {
        common::finish(place.detection(&["in", "--batch", "1"]).env("DAPO_PROGRESS", every)).succeeds()
    };
    let lines = run("0.05").stderr;
    let found: Vec<&str> = lines.lines().filter(|line| line.starts_with("progress: ")).collect();
    assert!(!found.is_empty() && found.iter().all(|line| line.contains(" of 60 images")), "{lines}");
    assert!(!lines.contains('\u{1b}') && !lines.contains('\r'), "{lines}");
    assert!(!run("0").stderr.contains("progress: "));
    assert!(!run("30").stderr.contains("progress: "), "a short run has none");
}

#[test]
fn unwritable_outputs_are_noticed_before_any_work() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.write("file", b"mine");
    // A path at or below a regular file: tests may run as root, who may write everywhere else.
    for out in ["file", "file/out", "file/a/b"] {
        let run = place.run(&["detect", "a.png", "--model", "model", "--out", out]);
        run.fails_with(&[out, "cannot write", "--out"]);
    }
    let embed = |out: &str| place.run(&["embed", "--model", "model", "--text", "x", "--out", out]);
    embed("file/e.safetensors").fails_with(&["file/e.safetensors", "not a folder", "another output path"]);
    embed("missing/e.safetensors").fails_with(&["'missing' does not exist", "create it"]);
    embed("model").fails_with(&["'model'", "folder"]);
    place.run(&["synth", "--size", "64", "--out", "file/set"]).fails_with(&["file/set"]);
    place.run(&["fetch", "vit-l-14", "--out", "file/model"]).fails_with(&["file/model"]);
    assert_eq!(fs::read(place.path("file")).expect("the file"), b"mine", "untouched");
    assert!(!place.path("missing").exists());
}

#[test]
fn incomplete_command_lines() {
    let place = Place::new();
    place.run(&["embed", "--out", "e.safetensors"]).fails_with(&["nothing to embed", "--image", "--text"]);
    assert_eq!(place.run(&["detect", "a.png"]).fails_with(&["--out"]).code, Some(2));
    assert_eq!(place.run(&["detekt"]).fails_with(&["detekt"]).code, Some(2));
    assert_eq!(place.run(&[]).code, Some(2));
    let help = place.run(&["--help"]).succeeds().stdout;
    for verb in ["detect", "embed", "devices", "check", "bench", "profile", "synth", "fetch"] {
        assert!(help.contains(verb), "{verb}");
        assert!(place.run(&[verb, "--help"]).succeeds().stdout.contains("Usage"), "{verb}");
    }
}

#[test]
fn embed_writes_one_row_for_each_input_in_order() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.picture("b.png", 2);
    let file = |name: &str, words: &[&str]| {
        let out = place.path(name);
        let words = [&["embed", "--model", "model", "--out", name], words].concat();
        place.run(&words).succeeds();
        out
    };
    let both =
        file("both.safetensors", &["--image", "a.png", "b.png", "--text", "a nut", "b", "--batch", "1"]);
    let (shape, images) = common::tensor(&both, "image_features");
    assert_eq!(shape, [2, 12]);
    let (shape, texts) = common::tensor(&both, "text_features");
    assert_eq!(shape, [2, 12]);
    let turned = file("turned.safetensors", &["--image", "b.png", "a.png"]);
    let (_, other) = common::tensor(&turned, "image_features");
    // One at a time against two at once: sums in another order at most.
    assert!(common::worst_row(&images, &[&other[12..], &other[..12]].concat(), 12) < 1e-5);
    assert!(common::relative_error(&images[..12], &images[12..]) > 1e-3, "different images, different rows");
    assert!(common::relative_error(&texts[..12], &texts[12..]) > 1e-3, "different texts, different rows");
    // The file has what was asked for and nothing else.
    assert!(!fs::read(&turned).expect("a file").windows(13).any(|w| w == b"text_features"));
}

#[test]
fn synth_refuses_what_it_cannot_draw() {
    let place = Place::new();
    let synth = |words: &[&str]| place.run(&[&["synth", "--out", "set", "--size", "64"], words].concat());
    synth(&["--objects", "unicorn"]).fails_with(&["unicorn", "known objects", "metal nut"]);
    synth(&["--defects", "curse"]).fails_with(&["curse", "known defects", "scratch"]);
    synth(&["--shards", "4", "--good-fraction", "2"]).fails_with(&["2"]);
    place.run(&["synth", "--out", "set", "--size", "5"]).fails_with(&["size 5", "64"]);
    assert!(!place.path("set").exists(), "nothing is left behind");
    assert_eq!(place.run(&["synth"]).fails_with(&["--out"]).code, Some(2));

    let small = ["--objects", "metal nut", "--defects", "scratch", "--train-good", "1", "--test-good", "1"];
    let small = [&small[..], &["--per-defect", "1"]].concat();
    place.write("set/mine.txt", b"mine");
    synth(&small).fails_with(&["set", "not empty"]);
    synth(&[&small[..], &["--overwrite"]].concat()).fails_with(&["set", "not made by"]);
    assert_eq!(common::files(&place.path("set")), ["mine.txt"], "untouched");
    fs::remove_dir_all(place.path("set")).expect("the folder");

    synth(&small).succeeds();
    let expected = [
        ".dapo-wgpu-synth",
        "metal_nut/ground_truth/scratch/000_mask.png",
        "metal_nut/test/good/000.png",
        "metal_nut/test/scratch/000.png",
        "metal_nut/train/good/000.png",
    ];
    assert_eq!(common::files(&place.path("set")), expected);
    common::assert_whole(&place.path("set"));
    // The same seed gives the same files, into a folder that may be replaced.
    let before = fs::read(place.path("set").join(expected[3])).expect("a picture");
    synth(&[&small[..], &["--overwrite"]].concat()).succeeds();
    assert_eq!(fs::read(place.path("set").join(expected[3])).expect("a picture"), before);
    // `detect` finds the three photos and leaves the mask alone.
    place.detect(&["set"]).succeeds();
    assert_eq!(common::results(&place.path("out")).images.len(), 3);
    assert!(place.run(&["synth", "--list"]).succeeds().stdout.contains("scratch"));
}

#[test]
fn a_killed_generator_leaves_nothing_for_long() {
    let place = Place::new();
    let words = ["synth", "--out", "sets/a", "--size", "64", "--objects", "washer", "--defects", "scratch"];
    let small = [&words[..], &["--train-good", "1", "--test-good", "1", "--per-defect", "1"]].concat();
    fs::create_dir_all(place.path("sets/a.part-mine")).expect("a folder");
    let mut command = place.program();
    let killed = command.args(&small).env("DAPO_KILL_AT_WRITE", "3").output().expect("it starts");
    assert_eq!(killed.status.code(), None);
    let folders = || fs::read_dir(place.path("sets")).expect("a folder").count();
    assert_eq!(folders(), 2, "what it was working on, and the user's");
    place.run(&small).succeeds();
    assert_eq!(folders(), 2, "the set, and the user's");
    assert!(place.path("sets/a.part-mine").is_dir());
}

/// Far beyond any disk: refused, not tried until memory runs out.
#[test]
fn synth_refuses_an_absurd_number_of_images() {
    let place = Place::new();
    let words = ["synth", "--out", "set", "--size", "64", "--objects", "wood"];
    for option in ["--per-defect", "--train-good", "--test-good"] {
        place.run(&[&words[..], &[option, "1000000000000000"]].concat()).fails_with(&["1000000000000000"]);
    }
    assert!(!place.path("set").exists());
}

#[test]
fn fetch_says_so_when_there_is_no_network() {
    let place = Place::new();
    place.run(&["fetch", "clip-xxl", "--out", "m"]).fails_with(&["clip-xxl", "vit-l-14-336"]);
    assert!(!place.path("m").exists());
    // Nothing listens on the discard port.
    let mut command = place.program();
    command.env("DAPO_HUB_URL", "http://127.0.0.1:9").args(["fetch", "vit-l-14-336", "--out", "m"]);
    let run = common::finish(&mut command);
    run.fails_with(&["127.0.0.1:9", "open_clip_config.json", "by hand"]);
    // Unfinished downloads carry a name of their own.
    assert!(common::files(&place.path("m")).iter().all(|name| name.ends_with(".part")));
    assert!(place.run(&["fetch", "--list"]).succeeds().stdout.contains("vit-l-14-336"));
}

/// `dapo-wgpu devices | head -1`: the reader may close the pipe.
#[cfg(unix)]
/// A log whose disk is full, or that nobody reads any more, ends no work; nor does a name reach a terminal raw.
#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_that_cannot_be_written_ends_nothing() {
    use std::process::Stdio;
    let place = Place::new();
    place.picture("a.png", 1);
    place.write("broken.png", b"no picture");
    let detection = || place.detection(&["a.png", "broken.png"]);
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let status = detection().stdout(Stdio::null()).stderr(full()).status().expect("the program starts");
    assert_eq!(status.code(), Some(3), "as where the error of broken.png can be read");
    let results = || fs::read_to_string(place.path("out/results.json")).expect("results");
    assert!(results().contains("a.png") && results().contains("broken.png"));
    fs::remove_dir_all(place.path("out")).expect("the results");

    let mut child =
        detection().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    assert!(results().contains("broken.png"));
    fs::remove_dir_all(place.path("out")).expect("the results");

    place.write("\u{1b}[2Jx.png", b"no picture");
    let run = place.detect(&["\u{1b}[2Jx.png"]);
    assert!(run.stderr.contains("\\u{1b}[2Jx.png") && !run.stderr.contains('\u{1b}'), "{run:#?}");
}

#[test]
fn a_closed_pipe_causes_no_panic() {
    use std::process::Stdio;
    let place = Place::new();
    place.picture("a.png", 1);
    let devices = {
        let mut command = place.program();
        command.arg("devices");
        command
    };
    for mut command in [devices, place.detection(&["a.png", "--json"])] {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        // `Run` asserts that there was no panic.
        let run: common::Run = child.wait_with_output().expect("it ends").into();
        assert_ne!(run.code, Some(101));
    }
}
