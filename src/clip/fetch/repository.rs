//! Any model on the hub by its name: what its repository holds, and which of it makes a model folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::models::{OPENAI_L14, OPENAI_L14_REVISION, TOKENIZER};
use super::types::FetchError;

/// A file of a repository, as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path in the repository.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of a large file (Git LFS), in hexadecimal.
    pub sha256: Option<String>,
    /// Git's SHA-1 of a small one.
    pub blob: Option<String>,
}

/// A repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Owner and name.
    pub name: String,
    /// The commit.
    pub revision: String,
    /// Its files.
    pub files: Vec<Listed>,
    /// Whether the list comes from the hub's own cache on this machine, because the hub cannot be reached.
    pub from_cache: bool,
}

/// The files of a repository that make a model folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// From the repository.
    pub files: Vec<Listed>,
    /// The file of PyTorch among them that is to be converted, with the name of its safetensors file.
    pub pickle: Option<(String, &'static str)>,
    /// Whether the tokenizer is OpenAI's, from its own repository.
    pub foreign_tokenizer: bool,
}

impl Selection {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum::<u64>()
            + if self.foreign_tokenizer { TOKENIZER_BYTES } else { 0 }
    }
}

/// Bytes of OpenAI's tokenizer.
const TOKENIZER_BYTES: u64 = 2_224_003;

/// The tokenizer of a model that has none of its own: repository, commit and file.
pub(super) const FOREIGN_TOKENIZER: (&str, &str, &super::RemoteFile<'static>) =
    (OPENAI_L14, OPENAI_L14_REVISION, &TOKENIZER);

/// What the hub answers about a repository.
#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: u64,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

/// Most bytes of a list of files.
pub(super) const MAX_ANSWER: u64 = 8 << 20;

/// Reads the hub's answer.
///
/// # Errors
/// [`FetchError::Form`].
pub(super) fn listed(url: &str, name: &str, answer: &[u8]) -> Result<Repository, FetchError> {
    let wrong = |reason: String| FetchError::Form { url: url.to_owned(), reason };
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|e| wrong(format!("no list of files: {e}")))?;
    let is_hex =
        |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex(&answer.sha, 40) {
        return Err(wrong(format!("{:?} is no commit", answer.sha)));
    }
    let file = |found: Sibling| Listed {
        name: found.rfilename,
        bytes: found.lfs.as_ref().map_or(found.size, |lfs| lfs.size),
        blob: found.blob_id.filter(|id| found.lfs.is_none() && is_hex(id, 40)),
        sha256: found
            .lfs
            .map(|lfs| lfs.sha256.trim_start_matches("sha256:").to_ascii_lowercase())
            .filter(|sha| is_hex(sha, 64)),
    };
    let files = answer.siblings.into_iter().map(file).collect();
    Ok(Repository { name: name.to_owned(), revision: answer.sha, files, from_cache: false })
}

/// The repository as the hub's own cache on this machine knows it: its links name each file's hash.
pub(super) fn cached(cache: &Path, name: &str, revision: &str) -> Option<Repository> {
    let folder = cache.join(format!("models--{}", name.replace('/', "--")));
    let commit = std::fs::read_to_string(folder.join("refs").join(revision))
        .map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let snapshot = folder.join("snapshots").join(&commit);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&snapshot).ok()?.flatten() {
        let path = entry.path();
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if !about.is_file() {
            continue;
        }
        let hash = std::fs::read_link(&path)
            .ok()
            .and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned()));
        let of = |digits: usize| hash.clone().filter(|hash| hash.len() == digits);
        files.push(Listed {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: about.len(),
            sha256: of(64),
            blob: of(40),
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    (!files.is_empty()).then(|| Repository {
        name: name.to_owned(),
        revision: commit,
        files,
        from_cache: true,
    })
}

/// Where the hub's own programs keep what they have downloaded: HF_HUB_CACHE, HF_HOME/hub, or the user's cache folder.
pub fn hub_cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("HF_HUB_CACHE").or_else(|| Some(hub_home()?.join("hub")))
}

/// The user's token for the hub: HF_TOKEN, or the file that `hf auth login` writes.
pub(super) fn token() -> Option<String> {
    let given = std::env::var("HF_TOKEN").ok();
    let file = || {
        let path = std::env::var_os("HF_TOKEN_PATH")
            .map(PathBuf::from)
            .or_else(|| Some(hub_home()?.join("token")))?;
        std::fs::read_to_string(path).ok()
    };
    let token = given.or_else(file)?.trim().to_owned();
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then_some(token)
}

fn hub_home() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
    variable("HF_HOME")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
        .or_else(|| home().map(|home| home.join(".cache/huggingface")))
}

/// Configuration and the names that weights have beside it, the best first; the last one is PyTorch's own format.
const LAYOUTS: [(&str, &[&str], &str, &str); 2] = [
    (
        "open_clip_config.json",
        &["open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"],
        "open_clip_pytorch_model.bin",
        "open_clip_model.safetensors",
    ),
    (
        "config.json",
        &[
            "model.safetensors",
            "pytorch_model.safetensors",
            "model.fp16.safetensors",
            "pytorch_model.fp16.safetensors",
        ],
        "pytorch_model.bin",
        "model.safetensors",
    ),
];
/// Files that a model folder has besides.
const OTHERS: [&str; 2] = ["preprocessor_config.json", "tokenizer.json"];
/// What the names of the parts of divided weights end in.
const INDEX: &str = "model.safetensors.index.json";

impl Repository {
    /// The files that make a model folder: a configuration with weights as safetensors, whole or in parts, or else in
    /// PyTorch's own format, to be converted; the tokenizer, or OpenAI's where there is none.
    ///
    /// # Errors
    /// [`FetchError::NoModel`] with what is missing.
    pub fn select(&self) -> Result<Selection, FetchError> {
        let by_name: BTreeMap<&str, &Listed> =
            self.files.iter().map(|file| (file.name.as_str(), file)).collect();
        let get = |name: &str| by_name.get(name).map(|file| (*file).clone());
        let refuse =
            |missing: &str| FetchError::NoModel { repo: self.name.clone(), missing: missing.to_owned() };
        let configs: Vec<&str> =
            LAYOUTS.iter().map(|layout| layout.0).filter(|name| by_name.contains_key(name)).collect();
        if configs.is_empty() {
            return Err(refuse("no config.json or open_clip_config.json"));
        }
        let parts = || -> Option<Vec<Listed>> {
            let index = get(INDEX)?;
            let is_part =
                |file: &&Listed| file.name.starts_with("model-") && file.name.ends_with(".safetensors");
            let parts: Vec<Listed> = self.files.iter().filter(is_part).cloned().collect();
            (!parts.is_empty()).then(|| std::iter::once(index).chain(parts).collect())
        };
        let safetensors = || {
            LAYOUTS.iter().find_map(|(config, names, ..)| {
                let config = get(config)?;
                let whole = names.iter().find_map(|name| get(name)).map(|file| vec![file]);
                let weights = whole.or_else(|| (config.name == "config.json").then(parts).flatten())?;
                Some((config, weights, None))
            })
        };
        let pickled = || {
            LAYOUTS.iter().find_map(|&(config, _, pickle, converted)| {
                Some((get(config)?, vec![get(pickle)?], Some((pickle.to_owned(), converted))))
            })
        };
        let (config, weights, pickle) = safetensors().or_else(pickled).ok_or_else(|| {
            refuse("no weights that are read: model.safetensors, whole or in parts, open_clip_model.safetensors, or a .bin of PyTorch")
        })?;
        let others: Vec<Listed> = OTHERS.iter().filter_map(|name| get(name)).collect();
        let foreign_tokenizer = !others.iter().any(|file| file.name == TOKENIZER.name);
        let files = std::iter::once(config).chain(weights).chain(others).collect();
        Ok(Selection { files, pickle, foreign_tokenizer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(names: &[&str]) -> Repository {
        let file = |name: &&str| Listed { name: (*name).to_owned(), bytes: 10, sha256: None, blob: None };
        Repository {
            name: "o/m".into(),
            revision: "0".repeat(40),
            files: names.iter().map(file).collect(),
            from_cache: false,
        }
    }

    fn chosen(names: &[&str]) -> (Vec<String>, Option<String>, bool) {
        let selection = repository(names).select().unwrap();
        let names = selection.files.into_iter().map(|file| file.name).collect();
        (names, selection.pickle.map(|(name, _)| name), selection.foreign_tokenizer)
    }

    #[test]
    fn the_right_files_of_what_people_publish() {
        // LAION's repositories have both layouts, each twice.
        let (names, pickle, foreign) = chosen(&[
            "README.md",
            "config.json",
            "merges.txt",
            "model.safetensors",
            "open_clip_config.json",
            "open_clip_model.safetensors",
            "open_clip_pytorch_model.bin",
            "preprocessor_config.json",
            "pytorch_model.bin",
            "tokenizer.json",
        ]);
        let all = [
            "open_clip_config.json",
            "open_clip_model.safetensors",
            "preprocessor_config.json",
            "tokenizer.json",
        ];
        assert_eq!((names, pickle, foreign), (all.map(String::from).to_vec(), None, false));
        // timm's have another config.json, and no tokenizer.
        let timm = [
            "config.json",
            "model.safetensors",
            "open_clip_config.json",
            "open_clip_pytorch_model.safetensors",
        ];
        let (names, _, foreign) = chosen(&timm);
        assert_eq!((names[0].as_str(), names[1].as_str(), foreign), (timm[2], timm[3], true));
        // OpenAI's; half precision; parts; PyTorch's own format only.
        assert_eq!(chosen(&["config.json", "model.safetensors", "tokenizer.json"]).0.len(), 3);
        assert_eq!(chosen(&["config.json", "model.fp16.safetensors"]).0[1], "model.fp16.safetensors");
        let parts =
            ["config.json", INDEX, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        assert_eq!(chosen(&parts).0, parts);
        let (names, pickle, _) =
            chosen(&["config.json", "open_clip_config.json", "open_clip_pytorch_model.bin"]);
        assert_eq!(
            (names[1].as_str(), pickle.as_deref()),
            ("open_clip_pytorch_model.bin", Some("open_clip_pytorch_model.bin"))
        );
        for (names, missing) in
            [(&["README.md"][..], "config.json"), (&["config.json", "model.onnx"], "weights")]
        {
            let error = repository(names).select().unwrap_err().to_string();
            assert!(error.contains(missing) && error.contains("o/m"), "{error}");
        }
    }

    #[test]
    fn the_list_of_the_hub_has_hashes_of_both_kinds() {
        let commit = "a".repeat(40);
        let answer = serde_json::json!({
            "sha": commit,
            "siblings": [
                { "rfilename": "config.json", "size": 5, "blobId": "b".repeat(40) },
                { "rfilename": "model.safetensors", "size": 1, "blobId": "c".repeat(40),
                  "lfs": { "sha256": "D".repeat(64), "size": 99, "pointerSize": 130 } },
            ],
        });
        let found = listed("u", "o/m", answer.to_string().as_bytes()).unwrap();
        assert_eq!(found.revision, commit);
        assert_eq!((found.files[0].blob.clone(), found.files[0].bytes), (Some("b".repeat(40)), 5));
        let large = &found.files[1];
        assert_eq!((large.sha256.clone(), large.blob.clone(), large.bytes), (Some("d".repeat(64)), None, 99));
        for wrong in ["<html>", "{}", r#"{"sha": "main"}"#] {
            assert!(matches!(listed("u", "o/m", wrong.as_bytes()), Err(FetchError::Form { .. })), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_of_the_hub_names_hashes_by_links() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("models--o--m");
        let commit = "e".repeat(40);
        let snapshot = model.join("snapshots").join(&commit);
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(model.join("blobs")).unwrap();
        std::fs::create_dir_all(model.join("refs")).unwrap();
        std::fs::write(model.join("refs/main"), &commit).unwrap();
        for (name, hash) in [("config.json", "1".repeat(40)), ("model.safetensors", "2".repeat(64))] {
            std::fs::write(model.join("blobs").join(&hash), b"xyz").unwrap();
            std::os::unix::fs::symlink(Path::new("../../blobs").join(&hash), snapshot.join(name)).unwrap();
        }
        let found = cached(folder.path(), "o/m", "main").unwrap();
        assert_eq!(
            (found.revision.as_str(), found.from_cache, found.files.len()),
            (commit.as_str(), true, 2)
        );
        assert_eq!(found.files[0].blob, Some("1".repeat(40)));
        assert_eq!((found.files[1].sha256.clone(), found.files[1].bytes), (Some("2".repeat(64)), 3));
        assert_eq!(cached(folder.path(), "o/m", "v2"), None);
        assert_eq!(cached(folder.path(), "o/other", "main"), None);
    }
}
