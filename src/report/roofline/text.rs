//! Lines of text in SVG: style, approximate width, and number formats.

use maud::{Markup, html};

/// The style of a line of text.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    fill: &'static str,
    weight: Option<u16>,
    anchor: Option<&'static str>,
    italic: bool,
    /// White around the letters keeps text readable across lines.
    halo: bool,
    transform: Option<String>,
}

impl Style {
    pub fn fill(fill: &'static str) -> Self {
        Self { fill, ..Self::default() }
    }

    pub fn weight(self, weight: u16) -> Self {
        Self { weight: Some(weight), ..self }
    }

    /// Centred on its place.
    pub fn middle(self) -> Self {
        Self { anchor: Some("middle"), ..self }
    }

    /// Ends at its place.
    pub fn end(self) -> Self {
        Self { anchor: Some("end"), ..self }
    }

    pub fn italic(self) -> Self {
        Self { italic: true, ..self }
    }

    pub fn halo(self) -> Self {
        Self { halo: true, ..self }
    }

    /// Rotated by `degrees` about a point.
    pub fn turned(self, degrees: f64, x: f64, y: f64) -> Self {
        Self { transform: Some(format!("rotate({degrees:.2} {x:.1} {y:.1})")), ..self }
    }
}

/// A number in the attributes of SVG.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// One line of text.
pub(super) fn text(x: f64, y: f64, size: f64, style: Style, words: &str) -> Markup {
    let halo = |value: &'static str| style.halo.then_some(value);
    html! {
        text x=(px(x)) y=(px(y)) font-size=(px(size)) fill=(style.fill) font-weight=[style.weight]
            font-style=[style.italic.then_some("italic")] text-anchor=[style.anchor] stroke=[halo("#ffffff")]
            stroke-width=[halo("3")] stroke-linejoin=[halo("round")] paint-order=[halo("stroke")]
            transform=[&style.transform] { (words) }
    }
}

/// About how wide a line is in pixels, on the wide side of the fonts that systems have.
pub(super) fn width(words: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' | '[' | ']' => 0.36,
        'f' | 'r' | 't' | '-' | '/' | '=' => 0.48,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.96,
        c if c.is_ascii_uppercase() => 0.70,
        '+' | '<' | '>' | '×' | '·' => 0.72,
        c if u32::from(c) >= 0x2e80 => 1.05,
        _ => 0.62,
    };
    size * words.chars().map(em).sum::<f64>()
}

/// The text, cut with an ellipsis where it would not fit.
pub(super) fn fit(words: &str, size: f64, room: f64) -> String {
    if width(words, size) <= room {
        return words.to_owned();
    }
    let mut short = String::new();
    for c in words.chars() {
        short.push(c);
        if width(&short, size) + size > room {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// The text in at most `lines` lines, broken at spaces; the last one is cut where it must be.
pub(super) fn wrap(words: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        let more = out.len() < lines;
        match out.last_mut() {
            Some(line) if more && out_of_room(line, word, size, room) => out.push(word.to_owned()),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => out.push(word.to_owned()),
        }
    }
    out.iter().map(|line| fit(line, size, room)).collect()
}

fn out_of_room(line: &str, word: &str, size: f64, room: f64) -> bool {
    width(line, size) + width(word, size) + 0.36 * size > room
}

/// Three significant digits: `0.0123`, `4.56`, `78.9`, `1230`.
pub(super) fn figure(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.log10().floor() as i32;
    match digits {
        ..=0 if value < 1e7 => format!("{value:.0}"),
        1..=6 => format!("{value:.*}", digits as usize),
        _ => format!("{value:.2e}"),
    }
}
