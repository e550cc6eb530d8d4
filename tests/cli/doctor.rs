//! `doctor`: planted faults of loader and drivers, and the bundle.

use std::io::Read as _;

use crate::{Place, common};

#[test]
fn a_machine_in_order_gets_a_bundle_without_paths_of_the_user() {
    let place = Place::new();
    let mut command = place.program();
    command.args(["doctor", "--out", "bundle.zip"]).env("DAPO_CONFIG", place.path("secret-name"));
    let run = common::finish(&mut command).succeeds();
    assert!(run.stdout.contains("Nothing is wrong."), "{}", run.stdout);
    for part in ["adapter", "check    0 cases wrong of", "GFLOP/s", "program  dapo-wgpu", "memory"] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let mut bundle =
        zip::ZipArchive::new(std::fs::File::open(place.path("bundle.zip")).expect("a file")).expect("a ZIP");
    let here = place.path("").display().to_string();
    let mut names = Vec::new();
    for at in 0..bundle.len() {
        let mut file = bundle.by_index(at).expect("an entry");
        let (name, mut text) = (file.name().expect("a name").into_owned(), String::new());
        file.read_to_string(&mut text).expect("text");
        assert!(!text.contains(here.trim_end_matches('/')), "{name}: {text}");
        names.push(name);
    }
    for name in ["doctor.txt", "doctor.json", "devices.json", "check.json", "bench.json", "said.txt"] {
        assert!(names.contains(&format!("doctor/{name}")), "{names:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn broken_drivers_are_named_first() {
    let place = Place::new();
    place
        .write("gone.json", br#"{"ICD": {"library_path": "/no/such/libvulkan.so", "api_version": "1.3.0"}}"#);
    let mut command = place.program();
    command.args(["doctor", "--json"]).env("VK_DRIVER_FILES", place.path("gone.json"));
    // Also where OpenGL steps in.
    let run = common::finish(&mut command);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let first = report["advice"][0].as_str().expect("advice");
    assert!(
        first.contains("VK_DRIVER_FILES") && first.contains("/no/such/libvulkan.so is not there"),
        "{first}"
    );
}
