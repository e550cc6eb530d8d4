//! The modules of the library are layered: a module imports from lower layers only, there are no import cycles among
//! files, only `gpu` names wgpu, what lies below it and a browser's APIs, and one file of it waits for devices.

#[path = "house/graph.rs"]
mod graph;
#[path = "house/places.rs"]
mod places;
#[path = "house/plurals.rs"]
mod plurals;
#[path = "house/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use graph::{Graph, cycles, describe};
use places::misplaced;
use plurals::hard_plurals;
use source::Source;

/// The layers, lowest first. Modules of one layer do not import each other.
const LAYERS: &[&[&str]] = &[
    &["gpu", "files", "words"],
    &["kernels"],
    &["ops"],
    &["autograd"],
    &["clip"],
    &["dapo", "data", "metrics", "report", "lab"],
    &["inspect"],
    &["eval", "synth", "documents"],
    &["cli"],
];

/// What only `gpu` may name: devices, and the browser that a device may lie behind.
const DEVICES: &[&str] = &[
    "wgpu",
    "naga",
    "ash",
    "pollster",
    "js_sys",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "web_sys",
    "web_time",
    "getrandom",
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// What one file of `module` may not name, tests included.
fn violations(module: &str, text: &str) -> Vec<String> {
    let source = Source::parse(text);
    let paths = source.uses.iter().map(|used| &used.path).chain(source.paths.iter().map(|(_, path)| path));
    let mut found = BTreeMap::new();
    for path in paths {
        let target = match path[0].as_str() {
            "crate" | "dapo_wgpu" => path.get(1).map_or("", String::as_str),
            outside if module != "gpu" && DEVICES.contains(&outside) => outside,
            _ => continue,
        };
        let up = layer(module).zip(layer(target)).is_some_and(|(here, there)| there >= here);
        let outside = DEVICES.contains(&target);
        if outside || (up && target != module) {
            found.entry(target).or_insert_with(|| format!("{module} imports {target}: {}", path.join("::")));
        }
    }
    found.into_values().collect()
}

fn visit(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Every file below `src/` by its path there, with its text.
fn files() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    visit(&source, &mut paths);
    let read = |path: std::path::PathBuf| {
        let parts = path.strip_prefix(&source).expect("below src").iter();
        let name: Vec<&str> = parts.map(|part| part.to_str().expect("a readable name")).collect();
        (name.join("/"), fs::read_to_string(&path).expect("a readable file"))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn modules_import_from_lower_layers_only() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (file, text) in files() {
        // lib.rs and main.rs are above all layers.
        let Some((module, _)) = file.split_once('/') else { continue };
        assert!(layer(module).is_some(), "src/{module} has no layer: add it to LAYERS");
        seen += 1;
        wrong.extend(violations(module, &text).into_iter().map(|violation| format!("{file}: {violation}")));
    }
    assert!(seen > 40, "only {seen} files were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_violation_is_found() {
    assert_eq!(violations("ops", "use crate::clip::Clip;").len(), 1);
    assert_eq!(violations("dapo", "use crate::report::results;").len(), 1, "beside is not below");
    assert_eq!(violations("kernels", "fn f(b: &wgpu::Buffer) {}").len(), 1);
    assert_eq!(
        violations("ops", "use crate::{\n    kernels,\n    clip::{Clip, text},\n    cli,\n};").len(),
        2
    );
    assert_eq!(violations("ops", "#[cfg(test)]\nmod tests { fn f() { crate::cli::main() } }").len(), 1);
    assert!(violations("ops", "use crate::kernels::matmul::Matmul; // crate::gpu").is_empty());
    assert!(violations("ops", "use super::tensor; use crate::ops::Tensor;").is_empty());
    assert!(violations("gpu", "fn f(b: &wgpu::Buffer) {}").is_empty());
}

#[test]
fn devices_are_waited_for_and_clocks_are_read_in_one_place() {
    let wrong: Vec<String> = files().iter().flat_map(|(file, text)| misplaced(file, text)).collect();
    assert!(wrong.is_empty(), "docs/browser.md says why:\n{}", wrong.join("\n"));
    assert_eq!(misplaced("gpu/alloc.rs", "fn f() { pollster::block_on(x) }").len(), 1);
    assert_eq!(misplaced("gpu/alloc.rs", "fn f(d: &wgpu::Device) { d.poll(wgpu::PollType::Poll) }").len(), 1);
    assert_eq!(misplaced("lab/check.rs", "use std::time::{Duration, Instant};").len(), 1);
    assert_eq!(misplaced("lab/check.rs", "#[cfg(target_arch = \"wasm32\")] fn f() {}").len(), 1);
    assert!(misplaced("lab/check.rs", "use std::time::Duration; // pollster::block_on").is_empty());
    assert!(misplaced("cli/mod.rs", "use std::time::Instant;").is_empty());
}

#[test]
fn the_web_crate_names_no_device() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src");
    let mut paths = Vec::new();
    visit(&root, &mut paths);
    assert!(!paths.is_empty(), "web/src is there");
    for path in paths {
        let source = Source::parse(&fs::read_to_string(&path).expect("readable"));
        let uses = source.uses.iter().map(|used| &used.path);
        let named = uses.chain(source.paths.iter().map(|(_, path)| path)).any(|path| path[0] == "wgpu");
        assert!(!named, "{} names wgpu: devices are opened by gpu", path.display());
    }
}

#[test]
fn there_are_no_import_cycles() {
    let files = files();
    let graph = Graph::new(files.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    let imports = graph.imports();
    assert!(imports.len() > 200, "only {} imports were found", imports.len());
    let found: Vec<String> = cycles(&imports).iter().map(|cycle| describe(cycle, &imports)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Imports as `from -> to: names`.
fn imports(files: &[(&str, &str)]) -> Vec<String> {
    let line = |((from, to), names): (&(String, String), &std::collections::BTreeSet<String>)| {
        format!("{from} -> {to}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    Graph::new(files.iter().copied()).imports().iter().map(line).collect()
}

#[test]
fn a_cycle_is_found_and_described() {
    let files = [
        ("lib.rs", "pub mod a; pub mod b; pub mod c; pub mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c; pub struct B; fn f() { c::g::<u32>() }"),
        ("c.rs", "pub fn g<T>() { let _ = super::a::A; }"),
        ("d.rs", "mod part; use crate::a::A; fn f() { part::g(A) }"),
        ("d/part.rs", "use super::super::d; pub fn g<T>(_: T) { d::f() }"),
    ];
    let imports = Graph::new(files).imports();
    let found = cycles(&imports);
    assert_eq!(found.len(), 2);
    assert_eq!(
        describe(&found[1], &imports),
        "cycle of 2 files:\n  d.rs imports from d/part.rs: part::g\n  d/part.rs imports from d.rs: d::f"
    );
    assert_eq!(
        describe(&found[0], &imports),
        "cycle of 3 files:\n  a.rs imports from b.rs: crate::b::B\n  b.rs imports from c.rs: c::g\n  \
         c.rs imports from a.rs: super::a::A"
    );
}

#[test]
fn a_name_resolves_to_the_file_that_defines_it() {
    let files = [
        ("lib.rs", "pub mod shapes; pub mod user;"),
        (
            "shapes/mod.rs",
            "mod round; mod flat; mod all;\npub use round::{Circle, inner::Arc as Bow};\npub(crate) use flat::*;\n\
             pub(super) use all::Both; pub const SIDES: u32 = 0;",
        ),
        ("shapes/round.rs", "pub struct Circle; pub mod inner;"),
        ("shapes/round/inner.rs", "pub struct Arc;"),
        ("shapes/flat.rs", "pub enum Square { Small }"),
        ("shapes/all.rs", "pub use super::Circle as Both;"),
        (
            "user.rs",
            "use crate::shapes::{self, Bow, Both, SIDES};\nfn f() -> crate::shapes::Circle { shapes::Square::Small; \
             std::mem::take(x) }",
        ),
    ];
    assert_eq!(
        imports(&files),
        [
            "user.rs -> shapes/flat.rs: shapes::Square::Small",
            "user.rs -> shapes/mod.rs: crate::shapes::SIDES",
            "user.rs -> shapes/round.rs: crate::shapes::Both, crate::shapes::Circle",
            "user.rs -> shapes/round/inner.rs: crate::shapes::Bow",
        ]
    );
}

#[test]
fn a_type_with_impl_blocks_in_several_files_is_no_cycle() {
    let files = [
        ("lib.rs", "mod core; mod above; mod top;"),
        ("core.rs", "pub struct Gpu; impl Gpu { fn low(&self) { self.high() } }"),
        ("above.rs", "use super::core::Gpu; impl Gpu { fn high(&self) { self.low() } }"),
        ("top.rs", "use super::core::Gpu; impl Gpu { fn top(&self) { Gpu::high(self) } }"),
    ];
    let imports = Graph::new(files).imports();
    assert_eq!((imports.len(), cycles(&imports).len()), (2, 0));
}

#[test]
fn tests_comments_and_literals_import_nothing() {
    let files = [
        ("lib.rs", "pub mod a; pub mod b;"),
        ("a.rs", "pub struct A;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse crate::b::B;"),
        ("a/tests.rs", "use super::*; use crate::b::B;"),
        (
            "b.rs",
            "// crate::a::A\n/* /* crate::a::A */ crate::a::A */\npub struct B<'a>(&'a str);\n\
             const T: (&str, char, char, &str) = (\"\\\"crate::a::A\", '\"', '\\'', r#\"\"crate::a::A\"#);\n\
             #[cfg(test)]\npub(crate) mod tests { use crate::a::A; }",
        ),
    ];
    assert_eq!(imports(&files), [""; 0]);
}

/// Modules whose text is for programmers: names of cases, shapes that do not fit.
const TERSE: &[&str] = &["gpu", "kernels", "ops", "autograd"];

#[test]
fn counts_in_messages_have_their_noun_in_the_right_number() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let module = file.split('/').next().unwrap_or_default();
        let is_test = file.split('/').any(|part| part.starts_with("tests"));
        if !TERSE.contains(&module) && !is_test {
            wrong.extend(hard_plurals(&text).into_iter().map(|line| format!("src/{file}:{line}")));
        }
    }
    assert!(wrong.is_empty(), "use words::plural for these counts:\n{}", wrong.join("\n"));
}

#[test]
fn a_count_without_its_number_is_found() {
    let found = |line: &str| hard_plurals(line).len();
    for line in [
        r#"say!("{} images", n);"#,
        r#"format!("{n} of {total} images")"#,
        r#"format!("{written} defective images, {bad} left")"#,
        r#"#[error("undefined: {scores} more files")]"#,
    ] {
        assert_eq!(found(line), 1, "{line}");
    }
    for line in [
        r#"say!("{}", plural(n, "image"));"#,
        r#"format!("{MAX} images")"#,
        r#"format!("{:.2} images per second", rate)"#,
        r#"format!("vision {name} images={n}")"#,
        "// {n} images",
        r#"format!("{name} images={n}")"#,
    ] {
        assert_eq!(found(line), 0, "{line}");
    }
}

/// Names of functions in backticks in the tables of a page.
fn tests_named(page: &str) -> Vec<&str> {
    let cells =
        page.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | ").map(|(_, last)| last));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names
        .filter(|name| name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

/// Each promise of docs/robustness.md names tests; they are there.
#[test]
fn the_tests_that_robustness_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/robustness.md")).expect("the page");
    let promises =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")).count();
    let named = tests_named(&page);
    assert!(promises > 20 && named.len() >= promises, "{} names for {promises} promises", named.len());
    let mut paths = Vec::new();
    visit(&root.join("src"), &mut paths);
    visit(&root.join("tests"), &mut paths);
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).expect("readable")).collect();
    let is_there = |name: &&str| texts.iter().any(|text| text.contains(&format!("fn {name}() {{")));
    let missing: Vec<&str> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    assert_eq!(
        tests_named("| It holds. | `a_test`, `another_one` |\n| not a `name_here` | none |"),
        ["a_test", "another_one"]
    );
}
