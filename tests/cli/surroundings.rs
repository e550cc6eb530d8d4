//! What a command reads and writes besides its files: standard input, options of a folder, formats for other programs, how
//! much it says.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::Place;
use crate::common::{self, Run};

/// Runs `detect` with these bytes on standard input.
fn detect_with(place: &Place, words: &[&str], input: &[u8]) -> Run {
    let mut command = place.detection(words);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("the program reads");
    child.wait_with_output().expect("the program ends").into()
}

fn paths(place: &Place) -> Vec<String> {
    common::results(&place.path("out")).images.iter().map(|image| image.path().to_owned()).collect()
}

#[test]
fn standard_input_has_paths_or_an_image() {
    let place = Place::new();
    for (seed, name) in ["a.png", "b c.png", "BM.png", "in/d.png"].into_iter().enumerate() {
        place.picture(name, seed as u32);
    }
    detect_with(&place, &["-"], b"a.png\nb c.png\r\n\nin\n").succeeds();
    assert_eq!(paths(&place), ["a.png", "b c.png", "in/d.png"]);
    // A list that begins as a bitmap does.
    detect_with(&place, &["in", "-"], b"BM.png\0a.png\0").succeeds();
    assert_eq!(paths(&place), ["in/d.png", "BM.png", "a.png"]);

    let image = fs::read(place.path("a.png")).expect("a picture");
    let one = detect_with(&place, &["-", "--json"], &image).succeeds();
    assert_eq!(paths(&place), ["-"]);
    assert!(place.path("out/overlays/stdin.png").is_file(), "{:?}", common::files(&place.path("out")));
    let from_file = place.detect(&["a.png"]).succeeds();
    let one: serde_json::Value = serde_json::from_str(&one.stdout).expect("JSON");
    let score = one["images"][0]["score"].as_f64().expect("a score");
    assert_eq!(format!("{score:.3}"), from_file.stdout[..5], "{}", from_file.stdout);

    detect_with(&place, &["-"], &image[..60]).fails_with(&["standard input"]);
    detect_with(&place, &["-"], b"").fails_with(&["standard input", "no path and no image"]);
    detect_with(&place, &["-"], b"no such.png\n").fails_with(&["no such.png"]);
    assert_eq!(detect_with(&place, &["-", "-"], b"a.png\n").code, Some(2));
}

#[test]
fn a_folder_has_options_and_the_command_line_comes_first() {
    let place = Place::new();
    place.picture("photos/a.png", 1);
    let results = || common::results(&place.path("photos/out"));
    let run = |words: &[&str]| {
        common::finish(
            place
                .program()
                .current_dir(place.path("photos"))
                .args(["detect", "a.png", "--out", "out"])
                .args(words),
        )
    };
    place.write(
        "dapo.toml",
        b"object = 'metal nut'\nmodel = 'model'\n[detect]\ndefects = ['scratch', 'hole']\nbox_threshold = 0.25\nno-overlays = true\n\
          [eval]\nobject = 'other'\n",
    );
    let said = run(&[]).succeeds().stderr;
    assert!(
        said.contains("dapo.toml sets --box-threshold, --defects, --model, --no-overlays, --object"),
        "{said}"
    );
    let first = results();
    assert_eq!((first.object.as_str(), first.defects.join(",").as_str()), ("metal nut", "scratch,hole"));
    assert_eq!(first.settings["threshold"], 0.25);
    assert_eq!(first.settings["alarm_threshold"], 0.5);
    assert!(!place.path("photos/out/overlays").exists());
    // The command line first; a file in the folder itself before one above.
    run(&["--object", "screw", "--alarm-threshold", "0.75"]).succeeds();
    assert_eq!(results().object, "screw");
    assert_eq!(results().settings["alarm_threshold"], 0.75);
    place.write("photos/dapo.toml", b"model = '../model'\n");
    run(&["--defects", "x"]).succeeds();
    assert_eq!(results().object, "object");
    // Settings of a training run are none of these.
    place.write("photos/dapo.toml", b"[learner]\nmethod = 'dapo'\n");
    assert!(!run(&["--model", "../model"]).succeeds().stderr.contains("dapo.toml"));
    // Other commands are not concerned.
    place.run(&["devices"]).succeeds();

    for (text, parts) in [
        ("objekt = 'x'", &["dapo.toml", "objekt", "did you mean object"][..]),
        ("[detect]\nbatch = 'many'", &["dapo.toml", "[detect] batch", "many"]),
        ("[detect]\nno-overlays = 1", &["no-overlays", "true or false"]),
        ("[detct]\nbatch = 1", &["[detct]", "[detect]"]),
        ("[detect]\nout = 'x'", &["out", "command line only"]),
        ("object = ", &["dapo.toml"]),
    ] {
        place.write("photos/dapo.toml", text.as_bytes());
        let run = run(&[]).fails_with(parts);
        assert_eq!(run.code, Some(2), "{text}");
    }
}

#[test]
fn results_come_in_the_formats_of_other_programs() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.write("b.png", b"no picture");
    let print =
        |format: &str| place.detect(&["a.png", "b.png", "--format", format, "--alarm-threshold", "0"]);
    let csv = print("csv").stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with(
        "path,width,height,score,verdict,type,p:normal,p:scratch,p:hole,boxes,error\na.png,48,40,"
    ));
    let sarif: serde_json::Value = serde_json::from_str(&print("sarif").stdout).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(1));
    let junit = print("junit").stdout;
    assert!(junit.contains("tests=\"2\" failures=\"1\" errors=\"1\""), "{junit}");
    let json: serde_json::Value = serde_json::from_str(&print("json").stdout).expect("JSON");
    assert_eq!(json["schema"], "dapo-wgpu/results/1");
    assert_eq!(place.detect(&["a.png", "--format", "xml"]).code, Some(2));
}

#[test]
fn exit_codes_tell_defects_and_software_devices() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.write("b.png", b"no picture");
    let code = |words: &[&str]| place.detect(words).code;
    assert_eq!(code(&["a.png", "--alarm-threshold", "0"]), Some(0));
    assert_eq!(code(&["a.png", "--alarm-threshold", "0", "--fail-on-defect"]), Some(4));
    assert_eq!(code(&["a.png", "--alarm-threshold", "1", "--fail-on-defect"]), Some(0));
    assert_eq!(code(&["a.png", "b.png", "--alarm-threshold", "0", "--fail-on-defect"]), Some(4));
    assert_eq!(code(&["a.png", "b.png", "--alarm-threshold", "1", "--fail-on-defect"]), Some(3));

    let software = place.run(&["devices", "--json"]).succeeds().stdout.contains("\"software\": true");
    let required = place.detect(&["a.png", "--require-gpu"]);
    let by_variable = common::finish(place.detection(&["a.png"]).env("DAPO_REQUIRE_GPU", "1"));
    let expected = if software { Some(5) } else { Some(0) };
    assert_eq!((required.code, by_variable.code), (expected, expected));
    assert!(!software || required.stderr.contains("is a software device"), "{}", required.stderr);
}

#[test]
fn commands_are_as_loud_as_asked_for() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.write("b.png", b"no picture");
    let quiet = place.detect(&["a.png", "-q"]).succeeds();
    assert_eq!((quiet.stderr.as_str(), quiet.stdout.lines().count()), ("", 1));
    let failing = place.detect(&["a.png", "b.png", "--quiet"]);
    assert!(
        failing.stderr.starts_with("error: ") && failing.stderr.lines().count() == 1,
        "{}",
        failing.stderr
    );
    let verbose = place.detect(&["a.png", "-v"]).succeeds().stderr;
    for part in ["device: ", "model: model"] {
        assert!(verbose.contains(part), "{verbose}");
    }
    assert!(!place.detect(&["a.png"]).succeeds().stderr.contains("device: "));
    let colored = |words: &[&str]| place.detect(&[&["b.png"], words].concat()).stderr.contains("\u{1b}[");
    assert!(colored(&["--color", "always"]) && !colored(&[]) && !colored(&["--color", "never"]));
    assert_eq!(place.detect(&["a.png", "-q", "-v"]).code, Some(2));

    let short = place.run(&["-V"]).succeeds().stdout;
    assert_eq!(short.lines().count(), 1, "{short}");
    let long = place.run(&["--version"]).succeeds().stdout;
    for part in ["commit", "features  cli fetch isa synth", "wgpu      30.", "target"] {
        assert!(long.contains(part), "{long}");
    }
}

#[test]
fn thresholds_of_images_and_boxes_are_two_options() {
    let place = Place::new();
    place.picture("a.png", 1);
    let settings = |words: &[&str]| {
        place.detect(&[&["a.png"], words].concat()).succeeds();
        let settings = common::results(&place.path("out")).settings;
        (settings["threshold"].as_f64(), settings["alarm_threshold"].as_f64())
    };
    assert_eq!(settings(&[]), (Some(0.5), Some(0.5)));
    assert_eq!(settings(&["--threshold", "0.25"]), (Some(0.25), Some(0.25)));
    assert_eq!(settings(&["--box-threshold", "0.25"]), (Some(0.25), Some(0.5)));
    assert_eq!(settings(&["--alarm-threshold", "0.25", "--threshold", "0.75"]), (Some(0.75), Some(0.25)));
    let both = place.detect(&["a.png", "--alarm-threshold", "0.5", "--calibration", "alarm.json"]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn shells_and_readers_get_what_the_options_say() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = place.run(&["completions", shell]).succeeds().stdout;
        assert!(text.contains("alarm-threshold") && text.contains("doctor"), "{shell}");
    }
    // A shell that is there must take its own.
    place.write("bash", place.run(&["completions", "bash"]).stdout.as_bytes());
    if let Ok(status) = std::process::Command::new("bash").arg("-n").arg(place.path("bash")).status() {
        assert!(status.success());
    }
    assert_eq!(place.run(&["completions", "cmd"]).code, Some(2));
    place.run(&["man", "--out", "man"]).succeeds();
    let page = fs::read_to_string(place.path("man/dapo-wgpu-detect.1")).expect("a page");
    assert!(page.contains(".TH") && page.contains("alarm") && page.contains("threshold"), "{page:.300}");
    assert!(place.path("man/dapo-wgpu.1").is_file() && !place.path("man/dapo-wgpu-trial.1").exists());
}
