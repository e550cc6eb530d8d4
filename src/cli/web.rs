//! `web`: the page of the browser, served on this machine alone.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::output::print;
use super::say::say;
use crate::files::stop;

/// Where `make web` builds the page, from the root of the sources.
const BUILT: &str = "web/dist";

/// Options of `web`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 8100)]
    port: u16,
    /// Folder that `make web` built [default: web/dist beside the program or in this folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Serves the page until the program is ended.
///
/// # Errors
/// No page in the folder, or a port that is taken.
pub fn run(args: &Args) -> Result<(), Failure> {
    let folder = folder(args.dir.as_deref())?;
    // Nobody else on the network reaches this address.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let refused = |error: io::Error| {
        Failure::new(format!("cannot serve at {address}: {error}"))
            .hint("choose another port with --port, or 0 for any free one")
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    print(&format!("http://{}/\n", listener.local_addr().map_err(refused)?))?;
    say!("serving {}; Ctrl-C ends it", folder.display());
    let folder = Arc::new(folder);
    // Ends with the process. A thread a connection: browsers open some ahead of their requests, and keep them.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = Arc::clone(&folder);
            // A browser that went away needs no answer.
            std::thread::spawn(move || drop(answer(stream, &folder)));
        }
    });
    while !stop::is_requested() {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// The folder with the page: the one that was named, or the first that has it.
fn folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(BUILT)));
    let candidates: Vec<PathBuf> = match named {
        Some(folder) => vec![folder.to_owned()],
        None => beside.into_iter().chain([PathBuf::from(BUILT)]).collect(),
    };
    let is_page = |folder: &&PathBuf| folder.join("index.html").is_file() && folder.join("engine").is_dir();
    candidates.iter().find(is_page).cloned().ok_or_else(|| {
        let looked: Vec<String> = candidates.iter().map(|folder| folder.display().to_string()).collect();
        Failure::new(format!("the page is not there: looked in {}", looked.join(" and ")))
            .hint("build it with `make web` in the sources, or name the folder that has it with --dir")
    })
}

/// Longest head of a request, in bytes.
const MAX_HEAD: u64 = 16 << 10;
/// Longest wait for a request, and for a browser to take an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers the one request of a connection, as much of HTTP/1.1 as static files need.
fn answer(mut stream: TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    let mut lines = BufReader::new((&stream).take(MAX_HEAD));
    lines.read_line(&mut request)?;
    // What else the head says changes no answer, but is read: a connection that is closed before resets.
    let mut line = String::from(" ");
    while line.trim_end() != "" {
        line.clear();
        lines.read_line(&mut line)?;
    }
    let mut words = request.split_whitespace();
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = if matches!(method, "GET" | "HEAD") { file(folder, url) } else { None };
    let opened = path.and_then(|path| Some((kind(&path), File::open(&path).ok()?)));
    let Some((kind, mut file)) = opened else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = file.metadata()?.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )?;
    if method == "GET" {
        io::copy(&mut file, &mut stream)?;
    }
    stream.flush()
}

/// The file below `folder` that a path of a URL names. Names of the page are plain ASCII: nothing is decoded, so that
/// nothing leads out of the folder.
fn file(folder: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let path = folder.join(path);
    (inside && path.is_file()).then_some(path)
}

/// The type of a file by its extension: browsers refuse modules and WebAssembly of another.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let place = tempfile::tempdir().unwrap();
        let page = place.path().join("page");
        std::fs::create_dir_all(page.join("engine")).unwrap();
        for name in ["page/index.html", "page/engine/e.wasm", "secret"] {
            std::fs::write(place.path().join(name), name).unwrap();
        }
        assert_eq!(file(&page, "/"), Some(page.join("index.html")));
        assert_eq!(file(&page, "/engine/e.wasm?v=1"), Some(page.join("engine/e.wasm")));
        for url in ["/../secret", "/engine/../../secret", "/%2e%2e/secret", "//secret", "/engine", "/none"] {
            assert_eq!(file(&page, url), None, "{url}");
        }
        assert_eq!(folder(Some(&page)).ok(), Some(page));
        let missing = folder(Some(place.path())).unwrap_err();
        assert!(missing.hint.contains("make web"), "{missing:?}");
    }
    /// What the server says to a request.
    fn asked(page: &Path, request: &str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut browser = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        browser.write_all(request.as_bytes()).unwrap();
        browser.shutdown(std::net::Shutdown::Write).unwrap();
        answer(listener.accept().unwrap().0, page).unwrap();
        let mut answer = String::new();
        browser.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_are_answered_with_the_type_of_the_file() {
        let page = tempfile::tempdir().unwrap();
        std::fs::write(page.path().join("a.wasm"), "0123").unwrap();
        let found = asked(page.path(), "GET /a.wasm HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(
            found.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/wasm\r\nContent-Length: 4\r\n")
        );
        assert!(found.ends_with("\r\n\r\n0123"), "{found}");
        assert!(asked(page.path(), "HEAD /a.wasm HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
        for other in ["GET /b HTTP/1.1\r\n\r\n", "POST /a.wasm HTTP/1.1\r\n\r\n", "", "\r\n"] {
            assert!(asked(page.path(), other).starts_with("HTTP/1.1 404"), "{other}");
        }
    }
}
