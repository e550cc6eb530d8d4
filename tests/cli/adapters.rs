//! Choosing a device, having none, and the switches that turn optional paths off.

use std::fs;
use std::process::Command;

use safetensors::Dtype;
use serde_json::Value;

use crate::Place;
use crate::common::{self, model::Tiny};

/// Hides every adapter: an API that this system does not have.
fn without_adapters(command: &mut Command) -> &mut Command {
    command.env("WGPU_BACKEND", if cfg!(windows) { "metal" } else { "dx12" })
}

fn devices(variables: &[&str]) -> Value {
    let mut command = common::program();
    command.envs(variables.iter().map(|name| (name, "1"))).args(["devices", "--json"]);
    serde_json::from_str(&common::finish(&mut command).succeeds().stdout).expect("JSON")
}

#[test]
fn an_adapter_that_is_not_there() {
    let place = Place::new();
    place.picture("a.png", 1);
    for wanted in ["99", "nosuchcard"] {
        // The message lists those that are there.
        let words = [wanted, "no adapter matches", "0: ", "dapo-wgpu devices"];
        place.detect(&["a.png", "--adapter", wanted]).fails_with(&words);
        place.run(&["devices", "--adapter", wanted]).fails_with(&words);
    }
    place.left_nothing();
    place.run(&["devices", "--adapter", "0"]).succeeds();
}

/// A variant whose driver crashes on it is lost, the command is not, and the driver is not asked again.
#[test]
fn a_crash_in_a_trial_costs_the_variant() {
    let place = Place::new();
    let run = |crash: bool| {
        let mut command = place.program();
        command.env("XDG_CACHE_HOME", place.path("cache")).env("LOCALAPPDATA", place.path("cache"));
        command.env("HOME", place.path("cache")).args([
            "check",
            "--case",
            "attention f32 images=1 tokens=50",
        ]);
        if crash {
            command.env("DAPO_CRASH_IN_TRIAL", "quad");
        }
        common::finish(&mut command).succeeds().stdout
    };
    let lost = "[quad]: not used on this device: the driver ended the process of its trial";
    assert!(run(true).contains(lost));
    assert!(run(false).contains(lost), "it is remembered");
    fs::remove_dir_all(place.path("cache")).expect("results of trials");
    assert!(!run(false).contains("[quad]"), "without a crash it is used");
}

#[test]
fn no_adapter_at_all() {
    let place = Place::new();
    place.picture("a.png", 1);
    let words = ["no Vulkan, Metal or DX12 adapter", "mesa-vulkan-drivers"];
    common::finish(without_adapters(&mut place.detection(&["a.png"]))).fails_with(&words);
    common::finish(without_adapters(place.program().arg("devices"))).fails_with(&words);
    place.left_nothing();
    if cfg!(target_os = "linux") {
        // As on a machine whose Vulkan loader finds no driver, and without OpenGL.
        place.write("none.json", b"");
        let mut command = place.detection(&["a.png"]);
        command.env("VK_DRIVER_FILES", "none.json").env("VK_ICD_FILENAMES", "none.json");
        common::finish(command.env("WGPU_BACKEND", "vulkan")).fails_with(&words);
    }
    // Generating images needs no device.
    let words = ["synth", "--size", "64", "--objects", "wood", "--defects", "hole", "--per-defect", "1"];
    let more = ["--train-good", "0", "--test-good", "0", "--out", "set"];
    common::finish(without_adapters(place.program().args(words).args(more))).succeeds();
}

#[test]
fn devices_prints_what_is_used_and_why() {
    let json = devices(&[]);
    assert_eq!(json["schema"], "dapo-wgpu/devices/1");
    let chosen = &json["chosen"];
    let adapter = &chosen["adapter"];
    assert_eq!(adapter, &json["adapters"][0]["adapter"], "the best is first");
    for field in ["name", "backend", "kind", "driver"] {
        assert!(adapter[field].is_string(), "{field}");
    }
    let software = adapter["software"].as_bool().expect("a flag");
    assert_eq!(software, adapter["kind"] == "cpu (software)");
    assert!(!chosen["why"].as_str().expect("a reason").is_empty());
    assert!(chosen["timestamps_tick"].is_boolean());
    let text = common::run(["devices"]).succeeds().stdout;
    assert!(text.contains(adapter["name"].as_str().expect("a name")));
    for path in chosen["capabilities"]["paths"].as_array().expect("paths") {
        assert!(text.contains(path["switch"].as_str().expect("a switch")), "{path}");
    }
    if software {
        assert!(text.contains("software device"));
        assert!(!text.replace("not a GPU's", "").contains("GPU"), "a software device is not a GPU: {text}");
    }
}

#[test]
fn every_switch_shows_in_devices() {
    let plain = devices(&[]);
    let paths = |json: &Value| json["chosen"]["capabilities"]["paths"].as_array().expect("paths").clone();
    let switches: Vec<String> =
        paths(&plain).iter().map(|p| p["switch"].as_str().expect("a switch").to_owned()).collect();
    for known in ["DAPO_NO_F16", "DAPO_NO_SUBGROUPS", "DAPO_NO_IMMEDIATES", "DAPO_NO_TIMESTAMPS"] {
        assert!(switches.iter().any(|s| s == known), "{known}");
    }
    let off = devices(&switches.iter().map(String::as_str).collect::<Vec<_>>());
    for (before, after) in paths(&plain).iter().zip(paths(&off)) {
        let expected = if before["state"] == "unavailable" { "unavailable" } else { "switched-off" };
        assert_eq!(after["state"], expected, "{after}");
    }
    let capabilities = &off["chosen"]["capabilities"];
    assert_eq!(capabilities["f16"], false);
    assert_eq!(capabilities["immediates"], 0);
    assert_eq!(capabilities["timestamps"], false);
    assert!(capabilities["subgroups"].is_null());
    assert_eq!(off["chosen"]["timestamps_tick"], false);

    // WebGPU's default limits.
    let limits = &devices(&["DAPO_DEFAULT_LIMITS"])["chosen"]["capabilities"]["limits"];
    assert_eq!(limits["storage_binding"], 128 << 20);
    assert_eq!(limits["invocations"], 256);
    assert_eq!(limits["workgroup_memory"], 16 << 10);
    assert_eq!(limits["storage_buffers"], 8);
}

#[test]
fn features_do_not_depend_on_the_optional_paths() {
    let place = Place::new();
    common::save_picture(&place.path(""), "a.png", (150, 110), 5);
    let embed = |variables: &[&str]| {
        let mut command = place.program();
        command.envs(variables.iter().map(|name| (name, "1")));
        command.args(["embed", "--image", "a.png", "--text", "a photo of a cracked metal nut"]);
        common::finish(command.args(["--out", "e.safetensors"])).succeeds();
        let features = |name: &str| common::tensor(&place.path("e.safetensors"), name).1;
        (features("image_features"), features("text_features"))
    };
    let plain = embed(&[]);
    let switches = ["DAPO_NO_SUBGROUPS", "DAPO_NO_IMMEDIATES", "DAPO_NO_F16", "DAPO_DEFAULT_LIMITS"];
    let alone = switches.map(|switch| vec![switch]);
    for variables in alone.into_iter().chain([switches.to_vec()]) {
        let switched = embed(&variables);
        let image = common::relative_error(&switched.0, &plain.0);
        let text = common::relative_error(&switched.1, &plain.1);
        println!("{variables:?}: image {image:.1e}, text {text:.1e}");
        // Other variants add in another order: a few 1e-7 (2⁻²⁴ per rounding) through a dozen layers.
        assert!(image < 1e-5 && text < 1e-5, "{variables:?}: image {image:e}, text {text:e}");
    }
}

/// Machines without Vulkan fall back to OpenGL. Checked where that is Mesa's software device, whose
/// results are the same everywhere.
#[test]
fn opengl_gives_the_same_features() {
    let place = Place::new();
    place.picture("a.png", 5);
    let embed = |backend: Option<&str>| {
        let mut command = place.program();
        backend.map(|name| command.env("WGPU_BACKEND", name));
        command.args(["embed", "--image", "a.png", "--text", "a photo of a nut", "--out", "e.safetensors"]);
        common::finish(&mut command)
    };
    let features =
        || ["image_features", "text_features"].map(|n| common::tensor(&place.path("e.safetensors"), n).1);
    let run = embed(Some("gl"));
    if run.code != Some(0) || !run.stderr.contains("llvmpipe") {
        println!("not checked: {}", run.stderr);
        return;
    }
    let on_opengl = features();
    embed(None).succeeds();
    for (opengl, plain) in on_opengl.iter().zip(features()) {
        let error = common::relative_error(opengl, &plain);
        // Other kernel variants, other order of sums: as for the switches above.
        assert!(error < 1e-5, "{error:e}");
    }
}

#[test]
fn float16_storage_costs_no_more_than_its_rounding() {
    let place = Place::new();
    place.picture("a.png", 5);
    let embed = |weights: &str| {
        let words = ["--image", "a.png", "--text", "a photo of a nut", "--out", "e.safetensors"];
        place.run(&[&["embed", "--model", "model", "--weights", weights], &words[..]].concat()).succeeds();
        let features = |name: &str| common::tensor(&place.path("e.safetensors"), name).1;
        [features("image_features"), features("text_features")]
    };
    // Float32 weights lose up to 2⁻¹¹ = 5e-4 each; the sums average that out to about as much.
    for (f32, f16) in embed("f32").iter().zip(embed("f16")) {
        let error = common::relative_error(&f16, f32);
        assert!(error < 2e-3, "{error:e}");
        assert!(error > 1e-6, "the switch has no effect: {error:e}");
    }
    // Float16 weights lose nothing.
    fs::remove_dir_all(place.path("model")).expect("the model");
    Tiny::new().write(&place.path("model"), Dtype::F16);
    for (f32, f16) in embed("f32").iter().zip(embed("f16")) {
        let error = common::relative_error(&f16, f32);
        assert!(error < 1e-6, "{error:e}");
    }
}

/// A bare environment: no PATH, no home, no cache but the temporary folder.
#[cfg(unix)]
#[test]
fn no_path_and_no_home() {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).expect("a folder");
    let mut command = place.program();
    for name in ["PATH", "HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "LANG", "USER", "TERM"] {
        command.env_remove(name);
    }
    command.env("TMPDIR", place.path("tmp"));
    common::finish(command.args(["embed", "--text", "a nut", "--out", "e.safetensors"])).succeeds();
    common::assert_whole(&place.path("tmp"));
}
