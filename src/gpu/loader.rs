//! The Vulkan loader and the drivers that it is told of, as files on this machine: why a GPU is not found.
//!
//! What is looked at where is from the loader's own documentation, LoaderDriverInterface.md.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// The loader, and each driver's manifest.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoaderFacts {
    /// Why the loader cannot be opened; absent where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loader_error: Option<String>,
    /// The manifests, in the order in which the loader reads them.
    pub drivers: Vec<DriverManifest>,
    /// Environment variables that decide which manifests are read.
    pub variables: Vec<(String, String)>,
}

/// A driver's manifest: a JSON file that names its library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DriverManifest {
    /// The JSON file.
    pub file: PathBuf,
    /// The library that it names; empty where it could not be read.
    pub shared_object: String,
    /// What is wrong with it; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Names of the loader's library.
const LOADERS: &[&str] = if cfg!(windows) { &["vulkan-1.dll"] } else { &["libvulkan.so.1", "libvulkan.so"] };
/// Variables that name manifests in place of, or besides, the usual folders.
const INSTEAD: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
const BESIDES: &str = "VK_ADD_DRIVER_FILES";

impl LoaderFacts {
    /// Looks at this machine. Empty on Apple's systems, where Metal needs no loader, and without manifests on Windows,
    /// where the registry names them.
    pub fn gather() -> Self {
        if cfg!(any(target_vendor = "apple", target_arch = "wasm32")) {
            return Self { loader_error: None, drivers: Vec::new(), variables: Vec::new() };
        }
        let errors: Vec<String> = LOADERS.iter().map_while(|name| library_error(name)).collect();
        let loader_error = (errors.len() == LOADERS.len()).then(|| errors.into_iter().next()).flatten();
        let names =
            INSTEAD.iter().copied().chain([BESIDES, "VK_LOADER_DRIVERS_SELECT", "VK_LOADER_DRIVERS_DISABLE"]);
        let variables = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect();
        let files = if cfg!(unix) { manifests() } else { Vec::new() };
        Self { loader_error, drivers: files.into_iter().map(DriverManifest::read).collect(), variables }
    }

    /// What is wrong, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let loader =
            self.loader_error.iter().map(|error| format!("the Vulkan loader cannot be opened: {error}"));
        let broken = |driver: &DriverManifest| {
            Some(format!("{}: {}", driver.file.display(), driver.problem.as_ref()?))
        };
        loader.chain(self.drivers.iter().filter_map(broken)).collect()
    }
}

impl DriverManifest {
    fn read(file: PathBuf) -> Self {
        let read = || -> Result<String, String> {
            let text = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
            let json: serde_json::Value =
                serde_json::from_str(&text).map_err(|e| format!("it is not JSON: {e}"))?;
            let path = json["ICD"]["library_path"].as_str().ok_or("it names no driver")?;
            Ok(path.to_owned())
        };
        match read() {
            Err(problem) => Self { file, shared_object: String::new(), problem: Some(problem) },
            Ok(library) => {
                let problem = match library.contains('/') {
                    true => {
                        let folder = file.parent().unwrap_or(Path::new(""));
                        (!folder.join(&library).is_file())
                            .then(|| format!("its library {library} is not there"))
                    }
                    false => (!is_in_library_folders(&library))
                        .then(|| format!("its library {library} is in none of the system's folders")),
                };
                Self { file, shared_object: library, problem }
            }
        }
    }
}

/// Metal needs no loader.
#[cfg(any(target_vendor = "apple", target_arch = "wasm32"))]
fn library_error(_: &str) -> Option<String> {
    None
}

/// Why a library cannot be opened; `None` where it can.
#[cfg(not(any(target_vendor = "apple", target_arch = "wasm32")))]
fn library_error(name: &str) -> Option<String> {
    // SAFETY: the loader's own start-up code runs, as it does when wgpu opens it.
    unsafe { libloading::Library::new(name) }.err().map(|error| error.to_string())
}

/// Whether a library is found by its name. The driver is not opened: its start-up code may be what fails.
fn is_in_library_folders(name: &str) -> bool {
    let paths = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let given: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    let usual =
        ["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64", "/usr/local/lib64"].map(PathBuf::from);
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let of_machine = ["/lib", "/usr/lib", "/usr/local/lib"].map(|folder| Path::new(folder).join(&multiarch));
    // What /etc/ld.so.cache knows beyond these is named there in plain text.
    let cache = std::fs::read("/etc/ld.so.cache").unwrap_or_default();
    let is_cached = cache.windows(name.len().max(1)).any(|part| part == name.as_bytes());
    is_cached || given.iter().chain(&usual).chain(&of_machine).any(|folder| folder.join(name).is_file())
}

/// The manifests that the loader reads.
fn manifests() -> Vec<PathBuf> {
    let listed = |name: &str| -> Vec<PathBuf> {
        std::env::var_os(name).map(|value| std::env::split_paths(&value).collect()).unwrap_or_default()
    };
    let instead = INSTEAD.iter().map(|name| listed(name)).find(|files| !files.is_empty());
    let places = match instead {
        Some(files) => files,
        None => listed(BESIDES).into_iter().chain(folders()).collect(),
    };
    let in_place = |place: PathBuf| -> Vec<PathBuf> {
        let is_manifest = |file: &Path| file.extension().is_some_and(|end| end == "json");
        let Ok(entries) = std::fs::read_dir(&place) else {
            // A file that was named and is not there is worth a word, a folder is not.
            return if is_manifest(&place) { vec![place] } else { Vec::new() };
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| is_manifest(file));
        files.sort();
        files
    };
    places.into_iter().flat_map(in_place).collect()
}

/// The folders of manifests by the XDG conventions, then the system's.
fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = |below: &str| variable("HOME").map(|home| Path::new(&home).join(below));
    let all = |name: &str, usual: &str| {
        let value = variable(name).unwrap_or_else(|| usual.into());
        std::env::split_paths(&value).collect::<Vec<_>>()
    };
    let config = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home(".config"));
    let data = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(|| home(".local/share"));
    let bases = config
        .into_iter()
        .chain(all("XDG_CONFIG_DIRS", "/etc/xdg"))
        .chain([PathBuf::from("/etc")])
        .chain(data)
        .chain(all("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
    bases.map(|base| base.join("vulkan/icd.d")).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = folder.path().join("x.json");
            std::fs::write(&file, text).unwrap();
            DriverManifest::read(file)
        };
        std::fs::write(folder.path().join("libx.so"), b"").unwrap();
        assert_eq!(read(r#"{"ICD": {"library_path": "./libx.so"}}"#).problem, None);
        for (text, problem) in [
            ("{", "not JSON"),
            ("{}", "names no driver"),
            (r#"{"ICD": {"library_path": "/no/lib.so"}}"#, "/no/lib.so is not there"),
            (r#"{"ICD": {"library_path": "libvulkan_no_such.so"}}"#, "none of the system's folders"),
        ] {
            let found = read(text).problem.unwrap();
            assert!(found.contains(problem), "{found}");
        }
        assert!(DriverManifest::read(folder.path().join("gone.json")).problem.is_some());
    }
}
