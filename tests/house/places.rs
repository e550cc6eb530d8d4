//! What stands in one place, so that the engine runs where a thread cannot block and `std` has no clock: in browsers.

use super::source::Source;

/// Modules and files that are not there in a browser, or never reached: they may use the clocks of `std`.
const NATIVE: &[&str] = &[
    "cli/",
    "eval/",
    "synth/",
    "clip/fetch/",
    "clip/torch/attacks.rs", // tests alone
    "data/arrivals.rs",
    "data/read_ahead.rs",
];

/// What one file of `src/` names that has a place elsewhere.
pub fn misplaced(file: &str, text: &str) -> Vec<String> {
    let source = Source::parse(text);
    let is_test = |place: &super::source::Place| place.test || file.contains("tests");
    let uses = source.uses.iter().filter(|used| !is_test(&used.place)).map(|used| &used.path);
    let paths = source.paths.iter().filter(|(place, _)| !is_test(place)).map(|(_, path)| path);
    let mut found = Vec::new();
    for path in uses.chain(paths) {
        let ends_with = |wanted: &[&str]| path.iter().any(|part| wanted.contains(&part.as_str()));
        let waits = path[0] == "pollster" || ends_with(&["PollType", "jspi_block_on_promise"]);
        if waits && file != "gpu/wait.rs" {
            found.push(format!("{file} waits by {}: that belongs into gpu/wait.rs", path.join("::")));
        }
        let clock = path.starts_with(&["std".to_owned(), "time".to_owned()])
            && ends_with(&["Instant", "SystemTime", "UNIX_EPOCH"]);
        if clock && file != "gpu/clock.rs" && !NATIVE.iter().any(|native| file.starts_with(native)) {
            found.push(format!("{file} names {}: take that of gpu::clock", path.join("::")));
        }
    }
    // An attribute: the names in it are no paths.
    if text.contains("target_arch = \"wasm32\"") && !file.starts_with("gpu/") {
        found.push(format!("{file} depends on the platform: only gpu does"));
    }
    found
}
