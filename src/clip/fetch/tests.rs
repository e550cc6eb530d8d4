use super::*;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use tempfile::tempdir;

const REPO: &str = "owner/model";
const NAME: &str = "model.safetensors";

/// More than [`content`] has.
const MAX: u64 = 200_000;

/// Serves one connection per entry of `answers`, in order, then closes. An answer is made from the
/// request's path and its `Range` start; the requests are sent to the receiver as they arrive.
fn serve(answers: Vec<Vec<u8>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            sender.send(head.join("\n")).ok();
            stream.write_all(&answer).ok();
        }
    });
    (base, requests)
}

/// An HTTP answer with the given head lines; `length` may promise more than `body` holds.
fn answer(status: &str, headers: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn content() -> Vec<u8> {
    (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Fetches `NAME` from `base` with one attempt, unless more are asked for.
fn get(base: &str, out: &Path, sha256: Option<&str>, attempts: u32) -> Result<Fetched, FetchError> {
    let hub = Hub::new(Some(base)).with_attempts(attempts, Duration::ZERO);
    let files = [RemoteFile { name: NAME, sha256, blob: None, max_bytes: MAX }];
    let source = Source { repo: REPO, revision: "main", files: &files };
    hub.fetch(&[source], out, &mut |_| {}).map(|mut all| all.remove(0))
}

#[test]
fn a_file_arrives_whole_and_is_kept() {
    let (dir, data) = (tempdir().unwrap(), content());
    let out = dir.path().join("new").join("folder");
    let (base, requests) = serve(vec![answer("200 OK", "", data.len(), &data)]);
    let mut seen = Vec::new();
    let files = [RemoteFile { name: NAME, sha256: None, blob: None, max_bytes: MAX }];
    let source = Source { repo: REPO, revision: "v1", files: &files };
    let hub = Hub::new(Some(&base));
    let got = hub.fetch(&[source], &out, &mut |p| seen.push((p.done, p.total))).unwrap();
    assert_eq!(std::fs::read(out.join(NAME)).unwrap(), data);
    assert_eq!((got[0].bytes, got[0].verified, got[0].kept), (100_000, false, false));
    assert_eq!(got[0].sha256, sha(&data));
    assert!(requests.recv().unwrap().starts_with("GET /owner/model/resolve/v1/model.safetensors "));
    assert_eq!((seen[0], *seen.last().unwrap()), ((0, Some(100_000)), (100_000, Some(100_000))));
    assert!(!out.join("model.safetensors.part").exists());
    // The second time the server is gone, and not needed.
    let again = get(&base, &out, Some(&sha(&data).to_uppercase()), 1).unwrap();
    assert!(again.kept && again.verified);
}

#[test]
fn a_cut_connection_is_resumed_in_the_same_run() {
    let (dir, data) = (tempdir().unwrap(), content());
    let cut = answer("200 OK", "", data.len(), &data[..40_000]);
    let rest =
        answer("206 Partial Content", "Content-Range: bytes 40000-99999/100000\r\n", 60_000, &data[40_000..]);
    let (base, requests) = serve(vec![cut, rest]);
    let got = get(&base, dir.path(), Some(&sha(&data)), 2).unwrap();
    assert_eq!((got.bytes, got.verified), (100_000, true));
    assert_eq!(std::fs::read(got.path).unwrap(), data);
    assert!(!requests.recv().unwrap().to_lowercase().contains("range:"));
    assert!(requests.recv().unwrap().to_lowercase().contains("range: bytes=40000-"));
}

#[test]
fn a_cut_connection_is_resumed_by_the_next_run() {
    let (dir, data) = (tempdir().unwrap(), content());
    let part = dir.path().join("model.safetensors.part");
    // The first connection brings something; then the server is gone, which ends the run.
    let (base, _requests) = serve(vec![answer("200 OK", "", data.len(), &data[..10])]);
    let error = get(&base, dir.path(), Some(&sha(&data)), 1).unwrap_err().to_string();
    assert!(error.contains("after 10 bytes") && error.contains("again to continue"), "{error}");
    assert_eq!(std::fs::read(&part).unwrap(), data[..10]);
    assert!(!dir.path().join(NAME).exists());
    let rest = answer("206 Partial Content", "Content-Range: bytes 10-99999/100000\r\n", 99_990, &data[10..]);
    let (base, requests) = serve(vec![rest]);
    get(&base, dir.path(), Some(&sha(&data)), 1).unwrap();
    assert!(requests.recv().unwrap().to_lowercase().contains("range: bytes=10-"));
    assert!(!part.exists() && dir.path().join(NAME).exists());
}

#[test]
fn servers_without_ranges_and_complete_parts() {
    let (dir, data) = (tempdir().unwrap(), content());
    let part = dir.path().join("model.safetensors.part");
    // The server ignores the range: the part is thrown away.
    std::fs::write(&part, b"old bytes").unwrap();
    let (base, _r) = serve(vec![answer("200 OK", "", data.len(), &data)]);
    get(&base, dir.path(), Some(&sha(&data)), 1).unwrap();
    std::fs::remove_file(dir.path().join(NAME)).unwrap();
    // The part is complete: nothing is left to send.
    std::fs::write(&part, &data).unwrap();
    let (base, _r) = serve(vec![answer("416 Range Not Satisfiable", "", 0, &[])]);
    assert_eq!(get(&base, dir.path(), Some(&sha(&data)), 1).unwrap().bytes, 100_000);
    std::fs::remove_file(dir.path().join(NAME)).unwrap();
    // Nothing would reveal a part of another file: start again.
    std::fs::write(&part, &data[..5]).unwrap();
    let partial =
        answer("206 Partial Content", "Content-Range: bytes 5-99999/100000\r\n", 99_995, &data[5..]);
    let (base, requests) = serve(vec![partial, answer("200 OK", "", data.len(), &data)]);
    get(&base, dir.path(), None, 1).unwrap();
    assert!(!requests.iter().nth(1).unwrap().to_lowercase().contains("range:"));
}

#[test]
fn the_announced_checksum_survives_the_redirection() {
    let (dir, data) = (tempdir().unwrap(), content());
    let announce = format!("X-Linked-Etag: \"{}\"\r\nLocation: /cdn/file?sig=1\r\n", sha(&data));
    let redirect = answer("302 Found", &announce, 0, &[]);
    let (base, requests) = serve(vec![redirect.clone(), answer("200 OK", "", data.len(), &data)]);
    let got = get(&base, dir.path(), None, 1).unwrap();
    assert!(got.verified && requests.iter().nth(1).unwrap().starts_with("GET /cdn/file?sig=1 "));
    // A known checksum that differs stops the download before it begins.
    let other = tempdir().unwrap();
    let (base, _r) = serve(vec![redirect, answer("200 OK", "", data.len(), &data)]);
    let error = get(&base, other.path(), Some(&sha(b"other")), 1).unwrap_err();
    assert!(matches!(error, FetchError::Announced { .. }), "{error}");
}

#[test]
fn a_wrong_checksum_deletes_the_download() {
    let (dir, data) = (tempdir().unwrap(), content());
    let (base, _r) = serve(vec![answer("200 OK", "", data.len(), &data)]);
    let error = get(&base, dir.path(), Some(&sha(b"other")), 1).unwrap_err().to_string();
    assert!(error.contains(&sha(&data)) && error.contains(&sha(b"other")), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn refusals_say_what_to_check() {
    for (status, part) in
        [("404 Not Found", "names of the repository"), ("401 Unauthorized", "private"), ("503 Busy", "later")]
    {
        let dir = tempdir().unwrap();
        let (base, _r) = serve(vec![answer(status, "", 4, b"nope")]);
        let error = get(&base, dir.path(), None, 1).unwrap_err().to_string();
        assert!(error.contains(&status[..3]) && error.contains(part), "{error}");
        assert!(!dir.path().join(NAME).exists());
        // A busy server must not cost what an earlier run has fetched.
        let part = dir.path().join("model.safetensors.part");
        std::fs::write(&part, b"kept").unwrap();
        let (base, _r) = serve(vec![answer(status, "", 4, b"nope")]);
        get(&base, dir.path(), None, 1).unwrap_err();
        assert_eq!(std::fs::read(&part).unwrap(), b"kept");
    }
}

#[test]
fn without_a_network_the_files_are_listed() {
    let dir = tempdir().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let error = get(&base, dir.path(), None, 3).unwrap_err().to_string();
    let url = format!("{base}/owner/model/resolve/main/{NAME}");
    let target = dir.path().join(NAME);
    assert!(
        error.contains("by hand") && error.contains(&url) && error.contains(target.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let dir = tempdir().unwrap();
    let part = std::fs::File::create(dir.path().join("model.safetensors.part")).unwrap();
    part.lock().unwrap();
    assert!(matches!(get("http://127.0.0.1:9", dir.path(), None, 1), Err(FetchError::Busy { .. })));
}

/// Fetches a file without a known checksum into a folder that may not exist yet.
fn get_unpinned(base: &str, name: &str, out: &Path) -> Result<Fetched, FetchError> {
    let files = [RemoteFile { name, sha256: None, blob: None, max_bytes: 100 }];
    let source = Source { repo: REPO, revision: "main", files: &files };
    let hub = Hub::new(Some(base)).with_attempts(1, Duration::ZERO);
    hub.fetch(&[source], out, &mut |_| {}).map(|mut all| all.remove(0))
}

#[test]
fn a_file_without_a_checksum_is_bounded_and_parsed() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("model");
    let page = b"<html>log in to the network</html>";
    let long = [b"{\"a\": \"".as_slice(), &[b'x'; 200], b"\"}"].concat();
    let unbounded = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &long].concat();
    for (sent, words) in [
        (answer("200 OK", "", page.len(), page), "not JSON"),
        (answer("200 OK", "", 3, b"[1]"), "not JSON"),
        (answer("200 OK", "", 0, b""), "not JSON"),
        (answer("200 OK", "", long.len(), &long), "more than 100 bytes"),
        (unbounded, "more than 100 bytes"),
        (answer("200 OK", "", 90, b"{\"a\":"), "broke off"),
    ] {
        let (base, _r) = serve(vec![sent]);
        let error = get_unpinned(&base, "a.json", &out).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!out.exists(), "{words}: a failed fetch leaves nothing");
    }
    // What an earlier version left there is replaced; what can be right is kept.
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("a.json"), page).unwrap();
    let (base, _r) = serve(vec![answer("200 OK", "", 2, b"{}")]);
    assert!(!get_unpinned(&base, "a.json", &out).unwrap().kept);
    assert!(get_unpinned("http://127.0.0.1:9", "a.json", &out).unwrap().kept);
    // A configuration must be one of a CLIP.
    let name = "open_clip_config.json";
    for (sent, is_right) in [(&b"{}"[..], false), (b"{\"model_cfg\": {\"embed_dim\": 4}}", true)] {
        let (base, _r) = serve(vec![answer("200 OK", "", sent.len(), sent)]);
        let result = get_unpinned(&base, name, &out);
        assert_eq!(result.is_ok(), is_right, "{result:?}");
        assert_eq!(out.join(name).exists(), is_right);
    }
}

#[test]
fn a_body_without_end_is_cut_off_and_deleted() {
    let dir = tempdir().unwrap();
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let (base, _r) = serve(vec![[head.as_slice(), &content(), &content(), &content()].concat()]);
    let error = get(&base, dir.path(), Some(&sha(b"other")), 1).unwrap_err();
    assert!(matches!(error, FetchError::TooLong { max_bytes: MAX, .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn all_files_together_have_a_limit_of_time() {
    let (dir, data) = (tempdir().unwrap(), content());
    let (base, _r) = serve(vec![answer("200 OK", "", data.len(), &data)]);
    let files = [RemoteFile { name: NAME, sha256: Some(&sha(&data)), blob: None, max_bytes: MAX }];
    let source = Source { repo: REPO, revision: "main", files: &files };
    let hub = Hub::new(Some(&base)).with_attempts(3, Duration::ZERO).with_limit(Duration::ZERO);
    let error = hub.fetch(&[source], dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Slow { .. }), "{error}");
    assert!(!dir.path().join(NAME).exists());
}

#[test]
fn names_stay_inside_the_folder() {
    for bad in ["../x", "a/b", "", ".part", "a b", "a?b"] {
        let files = [RemoteFile { name: bad, sha256: None, blob: None, max_bytes: MAX }];
        let source = Source { repo: REPO, revision: "main", files: &files };
        let result = Hub::new(Some("http://127.0.0.1:9")).fetch(&[source], Path::new("unused"), &mut |_| {});
        assert!(matches!(result, Err(FetchError::Name(_))), "{bad:?}");
    }
    assert!(check_name("owner/model", true).is_ok() && check_name("owner/../model", true).is_err());
}

#[test]
fn known_models_are_well_formed() {
    for model in KNOWN_MODELS {
        let files: Vec<_> = model.sources.iter().flat_map(|s| s.files).collect();
        assert!(files.iter().any(|f| f.name == "tokenizer.json"));
        for file in files {
            check_name(file.name, false).unwrap();
            assert!(file.sha256.is_none_or(|s| s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit())));
            assert!(file.max_bytes < 2_000_000_000);
            // Weights must never be taken on trust.
            assert!(file.sha256.is_some() || !file.name.ends_with(".safetensors"));
        }
        for source in model.sources {
            check_name(source.repo, true).unwrap();
            assert_eq!(source.revision.len(), 40);
        }
    }
    assert!(KnownModel::find("vit-l-14-336").is_some() && KnownModel::find("?").is_none());
}
