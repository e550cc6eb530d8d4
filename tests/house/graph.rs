//! The import graph of the files, and its cycles.
//!
//! A name that a module only re-exports resolves to the file that defines it, so a folder's `mod.rs` is no hub.
//! Declarations (`mod x;`), re-exports (`pub use x::Y;`) and test code do not count as imports.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, Use};

type Path = Vec<String>;

/// A module: the file that it is in and what it declares.
#[derive(Debug, Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    children: BTreeSet<String>,
    uses: Vec<Use>,
    paths: Vec<Path>,
}

/// What a path resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// An item that this file defines.
    Item(String),
    Module(Path),
}

/// All modules of a crate.
#[derive(Debug, Default)]
pub struct Graph {
    modules: BTreeMap<Path, Module>,
}

/// By importing and imported file: the names.
pub type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// The module path of a file below `src/`.
fn module_of(file: &str) -> Path {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Path::new() } else { stem.split('/').map(str::to_owned).collect() }
}

fn join(module: &[String], name: &str) -> Path {
    [module, &[name.to_owned()]].concat()
}

impl Graph {
    /// From the files below `src/`, each with its text.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut graph = Self::default();
        let mut tests: Vec<Path> = Vec::new();
        for (file, text) in files {
            let (root, source) = (module_of(file), Source::parse(text));
            let at = |inline: &[String]| [&root, inline].concat();
            graph.module(&root, file);
            for (place, name) in source.modules {
                let parent = at(&place.module);
                match place.test {
                    true => tests.push(join(&parent, &name)),
                    false => drop(graph.module(&parent, file).children.insert(name)),
                }
            }
            for (place, name) in source.items.into_iter().filter(|(place, _)| !place.test) {
                graph.module(&at(&place.module), file).items.insert(name);
            }
            for used in source.uses.into_iter().filter(|used| !used.place.test) {
                graph.module(&at(&used.place.module), file).uses.push(used);
            }
            for (place, path) in source.paths.into_iter().filter(|(place, _)| !place.test) {
                graph.module(&at(&place.module), file).paths.push(path);
            }
        }
        graph.modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        graph
    }

    fn module(&mut self, path: &[String], file: &str) -> &mut Module {
        let module = self.modules.entry(path.to_vec()).or_default();
        module.file = file.to_owned();
        module
    }

    /// What a name means in a module.
    fn lookup(&self, module: &[String], name: &str, visited: &mut BTreeSet<(Path, Path)>) -> Vec<Target> {
        let Some(found) = self.modules.get(module) else { return Vec::new() };
        let mut targets = Vec::new();
        if found.items.contains(name) {
            targets.push(Target::Item(found.file.clone()));
        }
        if found.children.contains(name) {
            targets.push(Target::Module(join(module, name)));
        }
        for used in found.uses.iter().filter(|used| used.name.as_deref() == Some(name)) {
            targets.extend(self.resolve(module, &used.path, visited));
        }
        if targets.is_empty() {
            for glob in found.uses.iter().filter(|used| used.name.is_none()) {
                for target in self.resolve(module, &glob.path, visited) {
                    if let Target::Module(inner) = target {
                        targets.extend(self.lookup(&inner, name, visited));
                    }
                }
            }
        }
        targets
    }

    /// What a path in a module resolves to; nothing for one into another crate.
    fn resolve(
        &self,
        module: &[String],
        path: &[String],
        visited: &mut BTreeSet<(Path, Path)>,
    ) -> Vec<Target> {
        if !visited.insert((module.to_vec(), path.to_vec())) {
            return Vec::new();
        }
        let mut targets = vec![Target::Module(module.to_vec())];
        for (i, segment) in path.iter().enumerate() {
            // A module and a function may share a name; only the module has something in it.
            if targets.iter().any(|target| matches!(target, Target::Module(_))) {
                targets.retain(|target| matches!(target, Target::Module(_)));
            }
            let mut next = Vec::new();
            for target in targets {
                match (target, segment.as_str()) {
                    (Target::Module(_), "crate" | "dapo_wgpu") if i == 0 => {
                        next.push(Target::Module(Path::new()));
                    }
                    (Target::Module(inner), "self") => next.push(Target::Module(inner)),
                    (Target::Module(mut inner), "super") => {
                        inner.pop();
                        next.push(Target::Module(inner));
                    }
                    (Target::Module(inner), name) => next.extend(self.lookup(&inner, name, visited)),
                    (item, _) => next.push(item), // a variant, a method, a constant of a type
                }
            }
            targets = next;
        }
        targets
    }

    /// Every import of one file from another.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.modules {
            let mut add = |file: String, name: String| {
                if file != module.file {
                    imports.entry((module.file.clone(), file)).or_default().insert(name);
                }
            };
            for used in module.uses.iter().filter(|used| !used.exported) {
                for target in self.resolve(path, &used.path, &mut BTreeSet::new()) {
                    match (target, &used.name) {
                        (Target::Item(file), _) => add(file, used.path.join("::")),
                        (Target::Module(inner), None) => {
                            add(self.modules[&inner].file.clone(), used.path.join("::") + "::*");
                        }
                        // Importing a module's name imports nothing yet: the paths that use it count.
                        (Target::Module(_), Some(_)) => {}
                    }
                }
            }
            for named in &module.paths {
                for target in self.resolve(path, named, &mut BTreeSet::new()) {
                    if let Target::Item(file) = target {
                        add(file, named.join("::"));
                    }
                }
            }
        }
        imports
    }
}

/// The strongly connected components of at least two files, sorted.
pub fn cycles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        next.entry(from).or_default().push(to);
    }
    let reached = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(file) = open.pop() {
            for &to in next.get(file).into_iter().flatten() {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|&file| (file, reached(file))).collect();
    let cycle = |file: &&str| {
        let back = |other: &&&str| all.get(**other).is_some_and(|there| there.contains(*file));
        all[*file].iter().filter(back).map(|&other| other.to_owned()).collect::<BTreeSet<String>>()
    };
    let found: BTreeSet<_> = all.keys().map(cycle).filter(|cycle| cycle.len() > 1).collect();
    found.into_iter().collect()
}

/// A cycle as text: each pair of its files, and the names that one imports from the other.
pub fn describe(cycle: &BTreeSet<String>, imports: &Imports) -> String {
    let mut lines = vec![format!("cycle of {} files:", cycle.len())];
    for ((from, to), names) in imports {
        if cycle.contains(from) && cycle.contains(to) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!("  {from} imports from {to}: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}
