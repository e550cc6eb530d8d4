//! `fetch` of any model by its name, from a server on this machine that behaves as the hub does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::Place;
use crate::common::model::Tiny;
use crate::common::{self, Run};
use crate::import::torch_file;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Right,
    /// Sends another byte in each small file.
    ChangesSmallFiles,
    /// Sends another byte in each large file.
    ChangesLargeFiles,
    /// Breaks the first connection of each large file off in the middle.
    BreaksOff,
}

/// A hub with the files of a folder as the model `maker/tiny`; safetensors lie on another server, behind a redirection.
struct TestHub {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn blob(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex(&hash.finalize())
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".bin")
}

impl TestHub {
    fn new(files: BTreeMap<String, Vec<u8>>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, own) = (Arc::clone(&requests), base.clone());
        std::thread::spawn(move || {
            let mut broken = Vec::new();
            for stream in listener.incoming().flatten() {
                answer(stream, &files, manner, &own, &seen, &mut broken);
            }
        });
        Self { base, requests }
    }

    fn seen(&self) -> String {
        self.requests.lock().expect("requests").join("\n")
    }
}

fn answer(
    mut stream: TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    manner: Manner,
    base: &str,
    seen: &Mutex<Vec<String>>,
    broken: &mut Vec<String>,
) {
    let head: Vec<String> =
        BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    seen.lock().expect("requests").push(head.join("\n"));
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let start: usize = head
        .iter()
        .find_map(|line| {
            line.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok()
        })
        .unwrap_or(0);
    let mut send = |status: &str, headers: &str, length: usize, body: &[u8]| {
        let head =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).ok();
    };
    let changed = |bytes: &[u8]| [&bytes[..bytes.len() - 1], b"#"].concat();
    if path == "/api/models/maker/tiny/revision/main?blobs=true" {
        let sibling = |(name, bytes): (&String, &Vec<u8>)| match is_large(name) {
            true => serde_json::json!({ "rfilename": name, "size": bytes.len(),
                "lfs": { "sha256": sha256(bytes), "size": bytes.len() } }),
            false => serde_json::json!({ "rfilename": name, "size": bytes.len(), "blobId": blob(bytes) }),
        };
        let siblings: Vec<_> = files.iter().map(sibling).collect();
        let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
        return send("200 OK", "", body.len(), body.as_bytes());
    }
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    match files.get(&name) {
        Some(bytes) if path.starts_with("/cdn/") => {
            let bytes = if manner == Manner::ChangesLargeFiles { changed(bytes) } else { bytes.clone() };
            if manner == Manner::BreaksOff && !broken.contains(&name) {
                broken.push(name);
                return send("200 OK", "", bytes.len(), &bytes[..bytes.len() / 2]);
            }
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
            match start {
                0 => send("200 OK", "", bytes.len(), &bytes),
                _ => send("206 Partial Content", &range, bytes.len() - start, &bytes[start..]),
            }
        }
        Some(bytes) if path == format!("/maker/tiny/resolve/{COMMIT}/{name}") && is_large(&name) => {
            let headers = format!("X-Linked-Etag: \"{}\"\r\nLocation: {base}/cdn/{name}\r\n", sha256(bytes));
            send("302 Found", &headers, 0, b"");
        }
        Some(bytes) if path == format!("/maker/tiny/resolve/{COMMIT}/{name}") => {
            let body = if manner == Manner::ChangesSmallFiles { changed(bytes) } else { bytes.clone() };
            send("200 OK", "", body.len(), &body);
        }
        _ => send("404 Not Found", "", 0, b""),
    }
}

/// The files of the tiny model.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    ["config.json", "tokenizer.json", "model.safetensors"]
        .map(|name| (name.to_owned(), fs::read(place.path("model").join(name)).expect("a model")))
        .into()
}

/// Runs `fetch` with a cache of its own.
fn fetch(place: &Place, hub: &str, words: &[&str]) -> Run {
    let mut command = place.program();
    command.env("XDG_CACHE_HOME", place.path("cache")).env("HF_ENDPOINT", hub).env_remove("DAPO_HUB_URL");
    command.env("HF_TOKEN", "hf_secret").env_remove("HF_HUB_CACHE").env("HF_HOME", place.path("hf"));
    common::finish(command.arg("fetch").args(words))
}

#[test]
fn a_model_of_the_hub_is_fetched_by_name_and_found_again() {
    let place = Place::new();
    place.picture("a.png", 1);
    let hub = TestHub::new(files(&place), Manner::Right);
    let said = fetch(&place, &hub.base, &["maker/tiny"]).succeeds();
    assert!(
        said.stderr.contains("maker/tiny at 0123456789ab: 3 files, 0.")
            && said.stderr.contains("hub:maker/tiny"),
        "{said:#?}"
    );
    assert_eq!(said.stdout.lines().count(), 3);
    assert!(!said.stdout.contains("no checksum"));
    let folder = place.path("cache/dapo-wgpu/hub/maker--tiny");
    assert!(fs::read_to_string(folder.join("hub.toml")).expect("a source").contains(COMMIT));
    // The token goes to the hub and to no other server.
    let (to_hub, to_cdn) = {
        let seen = hub.seen().to_lowercase();
        let has = |part: &str| {
            seen.split("get ")
                .filter(|r| r.starts_with(part))
                .map(|r| r.contains("bearer hf_secret"))
                .collect::<Vec<_>>()
        };
        (has("/maker"), has("/cdn"))
    };
    assert_eq!((to_hub, to_cdn.len()), (vec![true; 3], 1));

    let detect = |model: &str| {
        let mut command = place.program();
        command
            .env("XDG_CACHE_HOME", place.path("cache"))
            .args(["detect", "a.png", "--model", model, "--out", "out"]);
        common::finish(&mut command)
    };
    let by_name = detect("hub:maker/tiny").succeeds().stdout;
    assert_eq!(by_name, detect("model").succeeds().stdout);
    for (model, part) in [
        ("hub:maker/other", "dapo-wgpu fetch maker/other"),
        ("hub:../x", "hub:OWNER/NAME"),
        ("hub:tiny", "hub:OWNER/NAME"),
    ] {
        let run = detect(model).fails_with(&[part]);
        assert_eq!(run.code, Some(2));
    }
    // The second time nothing is sent but the list.
    let again = fetch(&place, &hub.base, &["maker/tiny"]).succeeds();
    assert_eq!(again.stdout.matches("was there").count(), 3, "{}", again.stdout);
}

#[test]
fn a_model_in_pytorchs_own_format_is_converted() {
    let place = Place::new();
    place.picture("a.png", 1);
    let mut given = files(&place);
    given.remove("model.safetensors");
    given.insert("pytorch_model.bin".to_owned(), torch_file(&Tiny::new().tensors));
    let hub = TestHub::new(given, Manner::Right);
    let said = fetch(&place, &hub.base, &["maker/tiny", "--out", "fetched"]).succeeds().stderr;
    assert!(said.contains("pytorch_model.bin is converted to model.safetensors"), "{said}");
    assert!(
        place.path("fetched/model.safetensors").is_file()
            && !place.path("fetched/pytorch_model.bin").exists()
    );
    let config = |folder: &str| fs::read(place.path(folder).join("config.json")).expect("a configuration");
    assert_eq!(config("fetched"), config("model"), "that of the repository is kept");
    let detect =
        |model: &str| place.run(&["detect", "a.png", "--model", model, "--out", "out"]).succeeds().stdout;
    assert_eq!(detect("fetched"), detect("model"));
    // What was converted is not sent again.
    fetch(&place, &hub.base, &["maker/tiny", "--out", "fetched"]).succeeds();
    assert_eq!(hub.seen().matches("GET /cdn/").count(), 1, "{}", hub.seen());
}

#[test]
fn wrong_and_slow_answers_of_the_hub_are_noticed() {
    let place = Place::new();
    let words = ["maker/tiny", "--out", "fetched"];
    for (manner, name) in
        [(Manner::ChangesSmallFiles, "config.json"), (Manner::ChangesLargeFiles, "model.safetensors")]
    {
        let hub = TestHub::new(files(&place), manner);
        fetch(&place, &hub.base, &words).fails_with(&[name, "expected"]);
        assert!(!place.path("fetched").join(name).exists());
    }
    let hub = TestHub::new(files(&place), Manner::BreaksOff);
    fetch(&place, &hub.base, &words).succeeds();
    let (fetched, given) = (place.path("fetched/model.safetensors"), place.path("model/model.safetensors"));
    assert_eq!(fs::read(fetched).expect("a model"), fs::read(given).expect("a model"));
    assert!(hub.seen().to_lowercase().contains("range: bytes="), "{}", hub.seen());

    fetch(&place, &hub.base, &["maker/none", "--out", "x"]).fails_with(&["maker/none", "404"]);
    fetch(&place, &hub.base, &["maker/tiny", "--revision", "v9", "--out", "x"])
        .fails_with(&["404", "revision"]);
    fetch(&place, &hub.base, &["maker/../tiny", "--out", "x"]).fails_with(&["not a valid name"]);
    assert!(!place.path("x").exists());
    let only = BTreeMap::from([("README.md".to_owned(), b"hello".to_vec())]);
    let hub = TestHub::new(only, Manner::Right);
    fetch(&place, &hub.base, &["maker/tiny", "--out", "x"]).fails_with(&["maker/tiny", "config.json"]);
}

#[cfg(unix)]
#[test]
fn what_the_hubs_own_programs_have_fetched_is_taken_from_there() {
    let place = Place::new();
    let model = place.path("hf/hub/models--maker--tiny");
    let snapshot = model.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &model.join("blobs"), &model.join("refs")] {
        fs::create_dir_all(folder).expect("a writable folder");
    }
    fs::write(model.join("refs/main"), COMMIT).expect("a writable folder");
    for (name, bytes) in files(&place) {
        let hash = if is_large(&name) { sha256(&bytes) } else { blob(&bytes) };
        fs::write(model.join("blobs").join(&hash), &bytes).expect("a writable folder");
        std::os::unix::fs::symlink(format!("../../blobs/{hash}"), snapshot.join(name)).expect("a link");
    }
    // The hub is there: only the list is asked for.
    let hub = TestHub::new(files(&place), Manner::Right);
    fetch(&place, &hub.base, &["maker/tiny", "--out", "first"]).succeeds();
    assert_eq!(hub.seen().matches("GET ").count(), 1, "{}", hub.seen());
    // It cannot be reached.
    let run = fetch(&place, "http://127.0.0.1:9", &["maker/tiny", "--out", "second"]).succeeds();
    assert!(run.stderr.contains("from the hub's cache"), "{}", run.stderr);
    for name in files(&place).keys() {
        assert_eq!(
            fs::read(place.path("second").join(name)).ok(),
            fs::read(place.path("model").join(name)).ok()
        );
    }
    // A damaged cache is none.
    let (name, hash) = ("config.json", blob(&files(&place)["config.json"]));
    fs::write(model.join("blobs").join(hash), b"{}").expect("a writable folder");
    fetch(&place, &hub.base, &["maker/tiny", "--out", "third"]).succeeds();
    assert_eq!(fs::read(place.path("third").join(name)).ok(), fs::read(place.path("model").join(name)).ok());
}
