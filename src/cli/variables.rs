//! The environment variables whose names begin with `DAPO_`: one that nobody reads is a mistake, and is said.

use std::ffi::OsString;

/// All that the program, its tests and its tools read; `docs/environment.md` says what each does, and the test below holds
/// the two together.
const KNOWN: &[&str] = &[
    "DAPO_CASE",
    "DAPO_CHECKED",
    "DAPO_CONFIG",
    "DAPO_CRASH_IN_TRIAL",
    "DAPO_DEFAULT_LIMITS",
    "DAPO_FAIL_ALLOC_AT",
    "DAPO_FAIL_WRITE_AT",
    "DAPO_FAULTS",
    "DAPO_FUZZ_FILE",
    "DAPO_FUZZ_FROM",
    "DAPO_FUZZ_INPUTS",
    "DAPO_FUZZ_KEEP",
    "DAPO_FUZZ_TARGET",
    "DAPO_HUB_URL",
    "DAPO_ISA_CHILD",
    "DAPO_KERNELS",
    "DAPO_KILLS",
    "DAPO_KILL_AT_WRITE",
    "DAPO_LOSE_DEVICE_AT",
    "DAPO_MAPS",
    "DAPO_MESA_CACHE",
    "DAPO_METHOD",
    "DAPO_MIRROR",
    "DAPO_MODEL",
    "DAPO_NO_COOPERATIVE_MATRIX",
    "DAPO_NO_F16",
    "DAPO_NO_IMMEDIATES",
    "DAPO_NO_SPIRV_VAL",
    "DAPO_NO_SUBGROUPS",
    "DAPO_NO_TEXELS",
    "DAPO_NO_TIMESTAMPS",
    "DAPO_NO_TUNING",
    "DAPO_OBJECT",
    "DAPO_PEER_NCNN_INNER",
    "DAPO_PHOTOS",
    "DAPO_PROGRAM",
    "DAPO_PROGRESS",
    "DAPO_REQUIRE_GPU",
    "DAPO_SEEDS",
    "DAPO_SHADERS",
    "DAPO_VARIANTS",
    "DAPO_WATCH",
    "DAPO_WGPU",
    "DAPO_WRITE_BENCHMARKS",
    "DAPO_WRITE_SCHEMAS",
];

/// How alike two names must be, from 0 to 1, for one to be taken for the other; as the beginning of one is.
const ALIKE: f64 = 0.6;

/// A sentence for each variable of this process that looks like one of the program's and is none.
pub fn unknown() -> Vec<String> {
    of(std::env::vars_os().map(|(name, _)| name))
}

fn of(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    // Also in the wrong case, which only Windows takes for the same name.
    let is_ours = |name: &&String| name.to_ascii_uppercase().starts_with("DAPO_");
    names
        .iter()
        .filter(is_ours)
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .map(|name| sentence(name))
        .collect()
}

fn sentence(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let likeness = |known: &str| match known[5..].starts_with(&upper[5..]) && upper.len() > 7 {
        true => ALIKE.max(strsim::normalized_damerau_levenshtein(&upper[5..], &known[5..])),
        false => strsim::normalized_damerau_levenshtein(&upper[5..], &known[5..]),
    };
    let nearest = KNOWN.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, known)) if likeness >= ALIKE => {
            format!("the environment variable {name} has no effect: did you mean {known}?")
        }
        _ => format!(
            "the environment variable {name} has no effect; docs/environment.md lists those that have"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Names in a text that begin with `DAPO_`.
    fn names(text: &str) -> BTreeSet<String> {
        let starts = text.match_indices("DAPO_").map(|(at, _)| &text[at..]);
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = |rest: &str| rest.chars().take_while(|&c| is_part(c)).collect::<String>();
        starts.map(name).filter(|name| !name.ends_with('_')).collect()
    }

    #[test]
    fn a_misspelt_variable_is_said_with_the_nearest_name() {
        let said = |name: &str| of([OsString::from(name)].into_iter());
        for (name, nearest) in [
            ("DAPO_NO_SUBGROUP", "DAPO_NO_SUBGROUPS"),
            ("DAPO_NOSUBGROUPS", "DAPO_NO_SUBGROUPS"),
            ("dapo_no_f16", "DAPO_NO_F16"),
            ("DAPO_CHEKED", "DAPO_CHECKED"),
            ("DAPO_HUB", "DAPO_HUB_URL"),
            ("DAPO_VARIANT", "DAPO_VARIANTS"),
        ] {
            let lines = said(name);
            assert!(
                lines.len() == 1
                    && lines[0].contains(&format!("{name} has no effect: did you mean {nearest}?")),
                "{lines:?}"
            );
        }
        assert!(said("DAPO_Zzyx")[0].contains("docs/environment.md"));
        assert!(said("DAPO_")[0].contains("docs/environment.md"));
        for fine in ["DAPO_NO_F16", "PATH", "DAPOX", "MY_DAPO_X"] {
            assert!(said(fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn the_documentation_lists_the_same_variables() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let documented = names(&std::fs::read_to_string(root.join("docs/environment.md")).unwrap());
        let known: BTreeSet<String> = KNOWN.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(documented, known);
        assert!(KNOWN.is_sorted());
    }

    /// What is read anywhere is known: in quotation marks in Rust, in any way in scripts.
    #[test]
    fn every_variable_that_is_read_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders =
            vec![root.join("src"), root.join("tests"), root.join("benches"), root.join("tools")];
        let mut seen = names(&std::fs::read_to_string(root.join("Makefile")).unwrap());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if ["sh", "py"].contains(&extension.as_str()) {
                    seen.extend(names(&std::fs::read_to_string(&path).unwrap()));
                } else if extension == "rs" && !path.ends_with("cli/variables.rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let parts: Vec<&str> = text.split('"').collect();
                    // Those of the build are none of the process.
                    let read = parts.windows(2).filter(|pair| !pair[0].ends_with("env!("));
                    seen.extend(
                        read.map(|pair| pair[1]).filter(|part| part.starts_with("DAPO_")).flat_map(names),
                    );
                }
            }
        }
        assert!(seen.len() > 20, "{seen:?}");
        let unknown: Vec<&String> = seen.iter().filter(|name| !KNOWN.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
