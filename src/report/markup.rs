//! Small pieces of HTML writing: escaping, links, filling a template.

use std::fmt::Write;

/// Replaces each `{{name}}` once, in a single pass: what is filled in is not searched again, so a file called
/// `{{css}}` stays a file name.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut page = String::new();
    let mut parts = template.split("{{");
    page.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once("}}") {
            Some((name, rest)) => {
                page.push_str(&value(name));
                page.push_str(rest);
            }
            None => page.push_str(part),
        }
    }
    page
}

/// Text for an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Control characters are legal in file names but not in HTML.
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A relative path as a link: percent-encoded and led by `./`, so that no part of it can be read as a scheme, a query
/// or markup.
pub(super) fn href(path: &str) -> String {
    let mut link = String::from("./");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            push(&mut link, format_args!("%{byte:02X}"));
        }
    }
    link
}

/// Appends formatted text. Writing to a `String` cannot fail.
pub(super) fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

/// `1 image`, `2 images`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_and_links() {
        assert_eq!(escape("<a href=\"x\" b='&'>"), "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;");
        assert_eq!(escape("a\u{0}\n<"), "a\u{fffd}\u{fffd}&lt;");
        assert_eq!(href("a b/é#?.png"), "./a%20b/%C3%A9%23%3F.png");
        assert_eq!(href("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(href("//host/x"), ".///host/x", "led by a dot it stays a relative path");
    }

    #[test]
    fn filling_is_a_single_pass() {
        let value = |name: &str| format!("<{name}>{{{{b}}}}");
        assert_eq!(fill("x {{a}} y {{b}}", value), "x <a>{{b}} y <b>{{b}}");
        assert_eq!(fill("no places", value), "no places");
    }
}
