//! The frame of every HTML page: head, header, footer. Text is escaped by `maud`, here and in all pages.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

/// Nothing is loaded from anywhere; pictures are `data:` URLs, styles and scripts stand in the page.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";
const CSS: &str = include_str!("assets/report.css");

/// The end of every page.
const FOOTER: &str = ". This page is self-contained: it loads nothing from a network.";

/// Whether a text is a page of this program.
pub fn is_page(text: &str) -> bool {
    text.contains(concat!(env!("CARGO_PKG_NAME"), " ")) && text.contains(FOOTER)
}

/// A page.
#[derive(Default)]
pub(super) struct Document<'a> {
    /// Title and heading.
    pub title: &'a str,
    /// Name and version of the program, for header and footer.
    pub program: &'a str,
    /// When the run was made; may be empty.
    pub created: &'a str,
    /// Id of the section with the images, to which keyboard users can skip.
    pub images: Option<&'a str>,
    /// Styles beyond those of all pages.
    pub css: &'a str,
    /// The script of the page.
    pub scripts: &'a [&'a str],
    /// JSON for the scripts, in the element `#data`. It must not contain `</`.
    pub data: Option<String>,
}

impl Document<'_> {
    /// The complete HTML file.
    pub fn html(&self, facts: &Markup, main: &Markup) -> String {
        let Self { title, program, created, .. } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (title) }
                    style { (PreEscaped(CSS)) (PreEscaped(self.css)) }
                }
                body {
                    @if let Some(id) = self.images { a.skip href={ "#" (id) } { "Skip to the images" } }
                    header.top {
                        p.eyebrow { (program) @if !created.is_empty() { " · " (created) } }
                        h1 { (title) }
                        (facts)
                    }
                    main { (main) }
                    footer.muted { (program) (FOOTER) }
                    @if let Some(data) = &self.data { script #data type="application/json" { (PreEscaped(data)) } }
                    @if !self.scripts.is_empty() { script { @for script in self.scripts { (PreEscaped(script)) } } }
                }
            }
        };
        printable(page.into_string())
    }
}

/// Replaces the characters that neither HTML nor XML may contain. File names may have them.
pub(super) fn printable(document: String) -> String {
    let forbidden = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    if document.contains(forbidden) { document.replace(forbidden, "\u{fffd}") } else { document }
}

/// A relative path as a link: percent-encoded and preceded by `./`, so that no part of it can be read as a scheme or a
/// query.
pub(super) fn href(path: &str) -> String {
    let mut link = String::from("./");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link += &format!("%{byte:02X}");
        }
    }
    link
}

/// A table that scrolls by itself where it is wider or higher than its place.
pub(super) fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// Headings of columns: first those of texts, then those of numbers.
pub(super) fn columns<S: Render>(texts: &[&str], numbers: &[S]) -> Markup {
    html! {
        @for text in texts { th scope="col" { (text) } }
        @for number in numbers { th.num scope="col" { (number) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_relative_paths() {
        assert_eq!(href("a b/é#?.png"), "./a%20b/%C3%A9%23%3F.png");
        assert_eq!(href("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(href("//host/x"), ".///host/x", "with a dot before it, it stays a relative path");
    }

    #[test]
    fn text_is_escaped_and_control_characters_are_replaced() {
        let document = Document { title: "<a href=\"x\" b='&'>\u{0}\u{c}\n", ..Document::default() };
        let page = document.html(&html! {}, &html! {});
        assert!(page.contains("<h1>&lt;a href=&quot;x&quot; b='&amp;'&gt;\u{fffd}\u{fffd}\n</h1>"), "{page}");
    }
}
