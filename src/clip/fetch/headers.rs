//! Parsing of the hub's response headers.

use ureq::http::HeaderMap;

/// The SHA-256 that the hub sends for large files.
pub(super) fn announced_sha256(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get("x-linked-etag")?.to_str().ok()?;
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    (tag.len() == 64 && tag.bytes().all(|b| b.is_ascii_hexdigit())).then(|| tag.to_ascii_lowercase())
}

/// Git's SHA-1 of the content, which the hub sends as the entity tag of small files.
pub(super) fn announced_blob(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get("x-linked-etag").or_else(|| headers.get("etag"))?.to_str().ok()?;
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    (tag.len() == 40 && tag.bytes().all(|b| b.is_ascii_hexdigit())).then(|| tag.to_ascii_lowercase())
}

/// First byte of a partial response, from `Content-Range: bytes 100-199/200`.
pub(super) fn range_start(headers: &HeaderMap) -> u64 {
    let range = headers.get("content-range").and_then(|value| value.to_str().ok());
    let first = range.and_then(|r| r.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
    first.unwrap_or(u64::MAX)
}

/// The target of the redirection `location` received from `url`. Never redirects from https to http.
pub(super) fn resolve(url: &str, location: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    if location.starts_with("https://") || (location.starts_with("http://") && scheme == "http") {
        Some(location.to_owned())
    } else if location.starts_with('/') && !location.starts_with("//") {
        Some(format!("{scheme}://{host}{location}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections() {
        let from = "https://hub.example/a/resolve/main/f";
        assert_eq!(resolve(from, "/api/f").as_deref(), Some("https://hub.example/api/f"));
        assert_eq!(resolve(from, "https://cdn.example/f?x=1").as_deref(), Some("https://cdn.example/f?x=1"));
        assert_eq!(resolve(from, "http://cdn.example/f"), None);
        assert_eq!(
            resolve("http://127.0.0.1:1/f", "http://127.0.0.1:2/f").as_deref(),
            Some("http://127.0.0.1:2/f")
        );
        assert_eq!(resolve(from, "//cdn.example/f"), None);
        assert_eq!(resolve(from, "file:///etc/passwd"), None);
    }
}
