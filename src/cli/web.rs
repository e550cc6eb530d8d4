//! `web`: the page of the browser, served on this machine alone.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use tiny_http::{Header, Method, Request, Response, Server};

use super::Failure;
use super::output::print;
use super::say::say;

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
    let server = Server::http(address).map_err(|error| {
        Failure::new(format!("cannot serve at {address}: {error}"))
            .hint("choose another port with --port, or 0 for any free one")
    })?;
    print(&format!("http://{}/\n", server.server_addr()))?;
    say!("serving {}; Ctrl-C ends it", folder.display());
    while !crate::files::stop::is_requested() {
        match server.recv_timeout(std::time::Duration::from_millis(200)) {
            Ok(Some(request)) => answer(request, &folder),
            Ok(None) => {}
            Err(error) => return Err(Failure::new(format!("cannot serve any longer: {error}"))),
        }
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

/// Answers one request; one that cannot be answered is over.
fn answer(request: Request, folder: &Path) {
    let found = match request.method() {
        Method::Get | Method::Head => file(folder, request.url()),
        _ => None,
    };
    let opened = found.and_then(|path| Some((kind(&path), File::open(&path).ok()?)));
    let sent = match opened {
        Some((kind, file)) => {
            let headers = [
                ("Content-Type", kind),
                ("Cache-Control", "no-cache"),
                ("X-Content-Type-Options", "nosniff"),
            ];
            let headers = headers.iter().filter_map(|(name, value)| Header::from_bytes(*name, *value).ok());
            request.respond(headers.fold(Response::from_file(file), Response::with_header))
        }
        None => request.respond(Response::from_string("not found\n").with_status_code(404)),
    };
    // A browser that went away needs no answer.
    drop(sent);
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
}
