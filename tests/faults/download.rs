//! `fetch` from a server on this machine, in a process of its own: this test program again.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use dapo_wgpu::clip::fetch::{Hub, RemoteFile, Source};
use sha2::{Digest, Sha256};

/// Longer than two blocks of a transfer.
const BYTES: usize = (2 << 20) + 12_345;

fn content() -> Vec<u8> {
    (0..BYTES as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Serves the file, from the byte that a request asks for on, until the test ends.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let data = content();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let range = head
                .iter()
                .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
            let start = range.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
            let rest = &data[start.unwrap_or(0).min(BYTES)..];
            let status = match start {
                None => "200 OK\r\n".to_owned(),
                Some(start) if start >= BYTES => "416 Range Not Satisfiable\r\n".to_owned(),
                Some(start) => {
                    format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{BYTES}\r\n", BYTES - 1)
                }
            };
            let head =
                format!("HTTP/1.1 {status}Connection: close\r\nContent-Length: {}\r\n\r\n", rest.len());
            // A client that is killed reads no further.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(rest));
        }
    });
    address
}

/// The other process: fetches what `FAULTS_HUB` and `FAULTS_OUT` say.
#[test]
#[ignore = "a part of fetch_survives_faults"]
fn fetches() {
    let (Ok(hub), Ok(out)) = (std::env::var("FAULTS_HUB"), std::env::var("FAULTS_OUT")) else { return };
    let sha = Sha256::digest(content()).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let files =
        [RemoteFile { name: "model.safetensors", sha256: Some(&sha), blob: None, max_bytes: 1 << 30 }];
    let source = Source { repo: "a/b", revision: "main", files: &files };
    let fetched =
        Hub::new(Some(&hub)).with_attempts(1, Duration::ZERO).fetch(&[source], Path::new(&out), &mut |_| {});
    if let Err(error) = fetched {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn fetch(hub: &str, out: &Path, fault: Option<(&str, String)>) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "download::fetches", "--ignored", "--nocapture"]);
    command.env("FAULTS_HUB", hub).env("FAULTS_OUT", out).envs(fault);
    command.output().expect("it starts")
}

/// Kills a download, and fills its disk, at one write after the other.
pub fn survives(next: impl Fn(usize, usize) -> usize) {
    let hub = serve();
    let mut met = 0;
    for variable in ["DAPO_FAIL_WRITE_AT", "DAPO_KILL_AT_WRITE"] {
        let mut n = 1;
        loop {
            let folder = tempfile::tempdir().expect("a folder");
            let output = fetch(&hub, folder.path(), Some((variable, n.to_string())));
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let reached = !output.status.success();
            let file = folder.path().join("model.safetensors");
            assert_eq!(file.exists(), !reached, "{variable} {n}: {text}");
            if variable == "DAPO_FAIL_WRITE_AT" && reached {
                assert!(text.contains("error:") && text.contains("model.safetensors"), "{n}: {text}");
            }
            let again = fetch(&hub, folder.path(), None);
            assert!(again.status.success(), "{variable} {n}: {}", String::from_utf8_lossy(&again.stderr));
            assert!(std::fs::read(&file).expect("the file") == content(), "{variable} {n}");
            if !reached {
                break;
            }
            met += 1;
            n = next(n, 5);
        }
    }
    assert!(met >= 4, "{met}");
}
