//! `calibrate`, the verdicts that follow from it, and `watch`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use dapo_wgpu::dapo::Alarm;
use dapo_wgpu::report::results::Verdict;
use serde_json::Value;

use crate::Place;
use crate::common;
use crate::training::{goldens, text};

/// The options that all commands here share.
const OPTIONS: [&str; 4] = ["--model", "model", "--defects", "scratch,hole"];

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &OPTIONS].concat()
}

#[test]
fn a_calibrated_threshold_gives_the_verdicts() {
    let place = Place::new();
    (0..8).for_each(|n| place.picture(&format!("good/{n}.png"), n));
    let words = with(&["calibrate", "--good", "good", "--false-alarms", "0.1", "--out", "alarm.json"]);
    place.run(&words).fails_with(&["8 good images are too few", "at least 9 are needed"]);
    place.write("good/8.png", b"no picture");
    place.run(&words).fails_with(&["8.png", "same command again"]);
    place.run(&with(&["calibrate", "--good", "good"])).fails_with(&["no learner", "--out FILE.json"]);
    assert!(!place.path("alarm.json").exists(), "nothing is stored");
    place.picture("good/8.png", 8);
    let ran = place.run(&[&words[..], &["--json"]].concat()).succeeds();
    let alarm: Alarm = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(ran.stdout, fs::read_to_string(place.path("alarm.json")).expect("the file"));
    assert_eq!((alarm.images, alarm.false_alarm_rate), (9, 0.1));
    assert_eq!(alarm.conditions.defects, ["scratch", "hole"]);

    // Nine images are just enough for one in ten: the threshold lies above all of their scores.
    place.detect(&["good", "--calibration", "alarm.json"]).succeeds();
    let scores = |out: &str| -> Vec<(f32, Verdict)> {
        let results = common::results(&place.path(out));
        let scored = results.images.iter().map(|image| image.scored().expect("scored"));
        scored.map(|image| (image.score, image.verdict.expect("a verdict"))).collect()
    };
    let found = scores("out");
    assert!(found.iter().all(|(_, verdict)| *verdict == Verdict::Good), "{found:?}");
    let highest = found.iter().map(|f| f.0).fold(0.0, f32::max);
    assert_eq!((alarm.highest, alarm.threshold), (highest, highest.next_up()));
    // With one in three, the seventh of nine.
    let third = with(&["calibrate", "--good", "good", "--false-alarms", "0.34", "--out", "third.json"]);
    place.run(&third).succeeds();
    place.detect(&["good", "--calibration", "third.json"]).succeeds();
    let rung = scores("out").iter().filter(|(_, verdict)| *verdict == Verdict::Defective).count();
    assert_eq!(rung, 2, "{:?}", scores("out"));

    // It holds only for what it was made for.
    let other = ["good", "--calibration", "alarm.json", "--defects", "scratch"];
    place.detect(&other).fails_with(&[
        "alarm.json",
        "another list of defects: 'scratch, hole'",
        "calibrate again",
    ]);
    place.write("wrong.json", b"{}");
    place.detect(&["good", "--calibration", "wrong.json"]).fails_with(&["wrong.json", "dapo-wgpu calibrate"]);
}

#[test]
fn a_threshold_can_live_in_the_learner() {
    let place = Place::new();
    (0..9).for_each(|n| place.picture(&format!("good/{n}.png"), n));
    let original = goldens().join("learner/learner_init.safetensors");
    fs::copy(&original, place.path("learner.safetensors")).expect("a learner");
    let model = goldens().join("open_clip");
    let options = ["--model", text(&model), "--learner", "learner.safetensors", "--image-size", "96"];
    let defects = ["--defects", "scratch,hole"];
    let calibrate = ["calibrate", "--good", "good", "--false-alarms", "0.1"];
    let ran = place.run(&[&calibrate[..], &options, &defects].concat()).succeeds();
    assert!(ran.stderr.contains("stored in learner.safetensors"), "{}", ran.stderr);
    let name = "linear_adapter.fc.3.weight";
    assert_eq!(
        common::tensor(&place.path("learner.safetensors"), name),
        common::tensor(&original, name),
        "what was learned stays"
    );
    let detect = |defects: &[&str]| {
        place
            .run(&[&["detect", "good", "--out", "out", "--no-overlays"][..], &options, defects].concat())
            .succeeds();
        common::results(&place.path("out"))
    };
    let results = detect(&defects);
    assert!(!results.notes.iter().any(|note| note.contains("threshold for alarms")), "{:?}", results.notes);
    let scored: Vec<_> = results.images.iter().filter_map(|image| image.scored()).collect();
    assert_eq!(scored.len(), 9);
    assert!(scored.iter().all(|image| image.verdict == Some(Verdict::Good)));
    let highest = scored.iter().map(|image| image.score).fold(0.0, f32::max);
    let threshold = results.settings["alarm_threshold"].as_f64().expect("a number");
    assert_eq!(threshold as f32, highest.next_up());
    // Other defects give other scores: the threshold is not used, and a note says so.
    let results = detect(&["--defects", "scratch"]);
    let unused = |note: &String| note.contains("not used") && note.contains("list of defects");
    assert!(results.notes.iter().any(unused), "{:?}", results.notes);
    assert_eq!(results.settings["alarm_threshold"], 0.5);
}

/// A version of a file: bytes, and nanoseconds since 1970.
type Version = (u64, u64);

fn version(path: &Path) -> Version {
    let metadata = fs::metadata(path).expect("a file");
    let since = metadata.modified().expect("a time").duration_since(UNIX_EPOCH).expect("after 1970");
    (metadata.len(), since.as_nanos() as u64)
}

fn watch(place: &Place, more: &[&str]) -> Child {
    let words =
        with(&["watch", "in", "--out", "lines.jsonl", "--every", "50", "--patience", "1", "--batch", "4"]);
    let mut command = place.program();
    command.args(words).args(more).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

/// The complete lines so far, after the first one, which says what they were made with.
fn lines(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.path("lines.jsonl")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    if !whole.is_empty() {
        common::schemas::assert_file_follows(&place.path("lines.jsonl"));
    }
    let mut lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    if let Some(first) = lines.next() {
        assert_eq!(first["schema"], "dapo-wgpu/watch/1");
        assert_eq!(first["defects"], serde_json::json!(["scratch", "hole"]));
    }
    lines.collect()
}

#[track_caller]
fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < Duration::from_secs(300), "{what}: not after five minutes");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Files arrive in bursts while the program watches, is killed, is away, and watches again. `DAPO_WATCH` sets how
/// many; `make watch` asks for a thousand.
#[cfg(unix)]
#[test]
fn every_file_that_arrives_gets_one_line_per_version() {
    let count: usize = std::env::var("DAPO_WATCH").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let place = Place::new();
    fs::create_dir(place.path("in")).expect("a folder");
    let is_cut = |n: usize| n % 10 == 3;
    let is_corrupt = |n: usize| n % 15 == 7;
    let name = |n: usize| match n % 5 {
        0 => format!("line {}/deep/{n:04}.png", n % 3),
        _ => format!("{n:04}.png"),
    };
    let picture = |seed: usize| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        common::picture(48, 40, seed as u32)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .expect("a picture");
        bytes.into_inner()
    };
    // A burst: some files are there at once, some only half, some are not pictures.
    let drop_in = |numbers: std::ops::Range<usize>| {
        for n in numbers {
            let bytes = picture(n);
            let shown = if is_cut(n) { &bytes[..bytes.len() / 2] } else { &bytes };
            place.write(&format!("in/{}", name(n)), if is_corrupt(n) { b"no picture" } else { shown });
            if n % 12 == 11 {
                std::thread::sleep(Duration::from_millis(60));
            }
        }
    };
    let complete = |numbers: std::ops::Range<usize>| {
        numbers.filter(|&n| is_cut(n)).for_each(|n| place.write(&format!("in/{}", name(n)), &picture(n)));
    };
    let (third, half) = (count / 3, count / 2);

    let mut first = watch(&place, &[]);
    drop_in(0..third);
    wait_for("the first lines", || lines(&place).len() >= third / 2);
    complete(0..third / 2);
    // A file that has a line is replaced.
    let replaced = name(1);
    wait_for("file 1", || lines(&place).iter().any(|line| line["path"] == replaced.as_str()));
    let before = version(&place.path("in").join(&replaced));
    place.write(&format!("in/{replaced}"), &picture(count + 1));
    let after = version(&place.path("in").join(&replaced));
    drop_in(third..half);
    wait_for("more lines", || lines(&place).len() > third * 2 / 3);
    first.kill().expect("it was running"); // SIGKILL
    first.wait().expect("gone");
    // While the program is not running.
    drop_in(half..count - 6);
    complete(third / 2..half);
    let mut second = watch(&place, &["--idle", "2"]);
    drop_in(count - 6..count);
    complete(half..count);
    wait_for("the end", || second.try_wait().expect("a child").is_some());
    assert!(second.wait().expect("gone").success());

    let text = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
    assert!(text.ends_with('\n'));
    let mut found: BTreeMap<String, BTreeMap<Version, Value>> = BTreeMap::new();
    for line in lines(&place) {
        let path = line["path"].as_str().expect("a path").to_owned();
        let number = |field: &str| line[field].as_u64().expect("a number");
        let of = (number("bytes"), number("modified_ns"));
        let twice = found.entry(path.clone()).or_default().insert(of, line);
        assert!(twice.is_none(), "{path} has two lines for one version");
    }
    assert_eq!(found.len(), count, "files with a line");
    for n in 0..count {
        let name = name(n);
        let versions = &found[&name];
        let now = &versions.get(&version(&place.path("in").join(&name)));
        let now = now.unwrap_or_else(|| panic!("{name}: not as it is now: {versions:?}"));
        if is_corrupt(n) {
            assert!(now["error"].as_str().is_some_and(|e| e.contains("not a readable image")), "{now}");
        } else {
            let score = now["score"].as_f64().expect("a score");
            assert_eq!(now["verdict"], if score >= 0.5 { "defective" } else { "good" }, "{now}");
        }
        let mut earlier: Vec<Version> = versions.keys().copied().collect();
        earlier.retain(|of| *of != version(&place.path("in").join(&name)));
        match n {
            1 => assert_eq!(earlier, [before], "the version that was replaced"),
            // A half-written file may have got an error line.
            n if is_cut(n) => {
                assert!(earlier.iter().all(|of| versions[of]["error"].is_string()), "{versions:?}")
            }
            _ => assert!(earlier.is_empty(), "{versions:?}"),
        }
    }
    let score = |of: Version| found[&replaced][&of]["score"].as_f64();
    assert_ne!(score(before), score(after), "the new picture was scored");
    // Nothing is left to do, and the lines stay.
    let again = watch(&place, &["--idle", "0.2"]).wait_with_output().expect("it ends");
    assert!(again.status.success());
    assert_eq!(fs::read_to_string(place.path("lines.jsonl")).expect("lines"), text);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_ends_no_watch() {
    let place = Place::new();
    (0..5).for_each(|n| place.picture(&format!("in/{n}.png"), n));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let mut command = common::program();
    command.current_dir(place.path("")).stdout(full);
    let output =
        command.args(with(&["watch", "in", "--out", "l.jsonl", "--every", "10", "--idle", "0.3"])).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("results go to l.jsonl all the same"), "{said}");
    let lines = fs::read_to_string(place.path("l.jsonl")).expect("the ledger");
    assert_eq!(lines.lines().count(), 1 + 5, "{lines}");
}

#[test]
fn watch_refuses_invalid_requests() {
    let place = Place::new();
    let watch = |words: &[&str]| place.run(&with(&[&["watch"], words].concat()));
    watch(&["nowhere", "--out", "lines.jsonl"]).fails_with(&["nowhere", "cannot be watched"]);
    fs::create_dir(place.path("in")).expect("a folder");
    watch(&["in", "--out", "no/lines.jsonl"]).fails_with(&["no/lines.jsonl"]);
    watch(&["in", "--out", "lines.jsonl", "--idle=-1"]).fails_with(&["--idle", "0 or more"]);
    watch(&["in", "--out", "lines.jsonl", "--patience=-1"]).fails_with(&["--patience", "0 or more"]);
    assert!(!place.path("lines.jsonl").exists());
    place.write("lines.jsonl", b"{\"no\": \"such line\"}\n");
    watch(&["in", "--out", "lines.jsonl", "--idle", "0"]).fails_with(&["lines.jsonl, line 1", "--out"]);
    assert_eq!(fs::read(place.path("lines.jsonl")).expect("left alone"), b"{\"no\": \"such line\"}\n");
}

/// Watches until nothing is left to do.
fn watch_once(place: &Place, more: &[&str]) -> common::Run {
    let words =
        ["watch", "in", "--out", "lines.jsonl", "--every", "20", "--idle", "0.1", "--patience", "0.1"];
    place.run(&[&with(&words)[..], more].concat())
}

#[test]
fn watch_appends_to_no_other_file_and_with_no_other_settings() {
    let place = Place::new();
    place.picture("in/a.png", 1);
    for foreign in ["my notes", "my notes\n", "{\"a\": 1}", "{\"path\":\"a.png\",\"bytes\":1}\n", "\0\0\0"] {
        place.write("lines.jsonl", foreign.as_bytes());
        watch_once(&place, &[]).fails_with(&["lines.jsonl", "another file", "--out"]);
        assert_eq!(fs::read_to_string(place.path("lines.jsonl")).expect("left alone"), foreign);
    }
    // An empty file, as mktemp makes it, is none of anybody.
    place.write("lines.jsonl", b"");
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 1);
    let before = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
    place.picture("in/b.png", 2);
    place.picture("elsewhere/a.png", 2);
    for (field, more) in [
        ("object", &["--object", "cup"][..]),
        ("threshold", &["--threshold", "0.25"]),
        ("reading", &["--bits", "12"]),
        ("weights", &["--weights", "f16"]),
    ] {
        watch_once(&place, more).fails_with(&["lines.jsonl", "made with another", field, "--out"]);
    }
    let words =
        ["watch", "in", "--out", "lines.jsonl", "--model", "model", "--defects", "scratch", "--idle", "0"];
    place.run(&words).fails_with(&["another defects"]);
    let words = ["watch", "elsewhere", "--out", "lines.jsonl", "--idle", "0"];
    place.run(&with(&words)).fails_with(&["another folder"]);
    common::model::write_weights(
        &place.path("model/other.safetensors"),
        &common::model::Tensors::new(),
        safetensors::Dtype::F32,
    );
    watch_once(&place, &[]).fails_with(&["another model_files"]);
    fs::remove_file(place.path("model/other.safetensors")).expect("there");
    assert_eq!(fs::read_to_string(place.path("lines.jsonl")).expect("lines"), before);
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 2);
    // Somebody's remark at the end is not cut off.
    let more = fs::read_to_string(place.path("lines.jsonl")).expect("lines") + "checked by Ann";
    place.write("lines.jsonl", more.as_bytes());
    watch_once(&place, &[]).fails_with(&["lines.jsonl, line 4"]);
    assert_eq!(fs::read_to_string(place.path("lines.jsonl")).expect("lines"), more);
}

/// A file whose new contents have the old size and time is another version; one of which only the mode or the number of
/// links changes is not.
#[cfg(unix)]
#[test]
fn watch_notices_a_file_that_is_overwritten_with_its_size_and_time() {
    let place = Place::new();
    let picture = |seed: u32| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = common::picture(48, 40, seed);
        picture.write_to(&mut bytes, image::ImageFormat::Bmp).expect("a picture");
        bytes.into_inner()
    };
    place.write("in/a.bmp", &picture(1));
    let path = place.path("in/a.bmp");
    let time = fs::metadata(&path).expect("a file").modified().expect("a time");
    let set_time = |path: &Path| {
        let file = fs::OpenOptions::new().write(true).open(path).expect("a file");
        file.set_modified(time).expect("a time is set");
    };
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 1);
    let before = version(&path);
    // In place, while the program is away.
    place.write("in/a.bmp", &picture(2));
    set_time(&path);
    assert_eq!(version(&path), before);
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 2, "overwritten");
    // By another file under its name, while it watches.
    let mut watching = watch(&place, &["--idle", "600"]);
    std::thread::sleep(Duration::from_millis(300));
    place.write("next.bmp", &picture(3));
    set_time(&place.path("next.bmp"));
    fs::rename(place.path("next.bmp"), &path).expect("renamed");
    assert_eq!(version(&path), before);
    wait_for("the third version", || lines(&place).len() == 3);
    watching.kill().expect("it was running");
    watching.wait().expect("gone");
    // The same file.
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("its mode");
    fs::hard_link(&path, place.path("link.bmp")).expect("a link");
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 3, "the same");
    let scores: Vec<_> = lines(&place).iter().map(|line| line["score"].to_string()).collect();
    assert!(scores[0] != scores[1] && scores[1] != scores[2], "{scores:?}");
}

/// Names that are no text, and links in circles.
#[cfg(target_os = "linux")]
#[test]
fn watch_reports_each_file_once_whatever_its_name() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.picture("in/a.png", 1);
    let bytes = place.picture_bytes("b.png");
    for name in
        [&b"\xff.png"[..], b"\xfe.png", "\u{fffd}.png".as_bytes(), b"new\nline.png", b"back\\slash.png"]
    {
        fs::write(place.path("in").join(std::ffi::OsStr::from_bytes(name)), &bytes).expect("written");
    }
    for link in ["self", "again"] {
        std::os::unix::fs::symlink(".", place.path("in").join(link)).expect("linked");
    }
    std::os::unix::fs::symlink("a.png", place.path("in/also a.png")).expect("linked");
    watch_once(&place, &[]).succeeds();
    assert_eq!(lines(&place).len(), 6);
    let text = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
    watch_once(&place, &[]).succeeds();
    assert_eq!(fs::read_to_string(place.path("lines.jsonl")).expect("lines"), text);
    let raw = lines(&place).iter().filter(|line| line["path_bytes"].is_string()).count();
    assert_eq!(raw, 2);
}

#[cfg(unix)]
#[test]
fn a_defective_image_is_told_to_a_command_and_a_server() {
    use std::io::{Read as _, Write as _};
    let place = Place::new();
    place.picture("in/a b.png", 1);
    place.picture("in/c.png", 2);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/alarm", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        // The first attempt breaks off: the second one is answered.
        for (at, stream) in listener.incoming().flatten().enumerate().take(3) {
            let mut stream = stream;
            if at == 0 {
                continue;
            }
            let mut bytes = vec![0; 1 << 16];
            let mut seen = String::new();
            while !seen.contains("}\n") {
                let count = stream.read(&mut bytes).expect("a request");
                seen += &String::from_utf8_lossy(&bytes[..count]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("an answer");
            bodies.push(seen);
        }
        bodies
    });
    let hook = "cat > \"$DEFECT_TYPE-$DEFECT_SCORE.json\"; echo \"$DEFECT_IMAGE\" >> told.txt";
    let words =
        ["watch", "in", "--out", "lines.jsonl", "--idle", "0.5", "--every", "50", "--alarm-threshold", "0"];
    let told = ["--on-defect", hook, "--webhook", &url, "--overlays", "heat"];
    place.run(&with(&[&words[..], &told].concat())).succeeds();
    let names = fs::read_to_string(place.path("told.txt")).expect("the command ran");
    assert_eq!(names.lines().collect::<std::collections::BTreeSet<_>>(), ["a b.png", "c.png"].into());
    let bodies = server.join().expect("the server");
    assert_eq!(bodies.len(), 2);
    assert!(bodies.iter().any(|body| body.contains("\"path\":\"a b.png\"")), "{bodies:?}");
    let line = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
    let overlay =
        line.lines().nth(1).and_then(|line| serde_json::from_str::<Value>(line).ok()).expect("a line");
    let overlay = overlay["overlay"].as_str().expect("an overlay").to_owned();
    assert!(place.path("heat").join(&overlay).is_file(), "{overlay}");

    // Failures are said and end nothing; good images are told to nobody.
    place.picture("more/a.png", 1);
    let words = ["watch", "more", "--out", "more.jsonl", "--idle", "0.5", "--every", "50"];
    let failing = ["--alarm-threshold", "0", "--on-defect", "exit 3"];
    let run = place.run(&with(&[&words[..], &failing].concat())).succeeds();
    assert!(run.stderr.contains("error: --on-defect: a.png: the command ended with"), "{}", run.stderr);
    place.picture("more/b.png", 1);
    let silent = ["--alarm-threshold", "1", "--on-defect", "echo > never"];
    let other = ["watch", "more", "--out", "other.jsonl", "--idle", "0.5", "--every", "50"];
    place.run(&with(&[&other[..], &silent].concat())).succeeds();
    assert!(!place.path("never").exists());
    assert_eq!(place.run(&with(&[&other[..], &["--webhook", "ftp://x"]].concat())).code, Some(2));
    // What is written must not arrive.
    let run = place.run(&with(&[&other[..], &["--overlays", "more/heat"]].concat()));
    assert_eq!(run.code, Some(2), "{run:#?}");
    assert!(!place.path("more/heat").exists(), "nothing is left");
}
