//! What CLIP's text encoder was trained to see: the repair of text before the byte-pair encoding.
//!
//! OpenAI's tokenizer repairs a text with the Python library `ftfy`, resolves HTML entities twice, joins white space
//! and takes lower case. This is that repair as far as it is defined by rules: entities, terminal escapes, ligatures,
//! full-width forms, typographic quotes, control characters, Unicode NFC, white space. The guess at texts that were
//! decoded with the wrong encoding ("Ã¼" for "ü") is not made. Well-formed English text is left as it is.

use tokenizers::NormalizedString;

/// Rounds of resolving entities. Each makes the text shorter, and no honest text needs more than two.
const MAX_ROUNDS: usize = 8;

/// The text as CLIP's tokenizer encodes it, apart from lower case, which the tokenizer's file takes.
pub(super) fn repair(text: &str) -> String {
    let mut text = text.to_owned();
    // A text with tags is HTML on purpose: there ftfy leaves entities alone.
    if !text.contains('<') {
        for _ in 0..MAX_ROUNDS {
            let plainer = entities(&text, true);
            if plainer == text {
                break;
            }
            text = plainer;
        }
    }
    let text: String = without_escapes(&text).chars().filter(|c| !is_control(*c)).map(plain).collect();
    let text = nfc(&text);
    let text = entities(&entities(&text, false), false);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key by which two names are the same: repaired, in lower case. "brüchig" is one name, whether its "ü" is one
/// character or two.
pub fn name_key(name: &str) -> String {
    nfc(&repair(name).to_lowercase())
}

/// Unicode's normalisation form C.
fn nfc(text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    normalized.nfc();
    normalized.get().to_owned()
}

/// Without `ESC [ … letter`, which colours a terminal.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let after = &rest[at + 2..];
        let codes = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
        match after[codes..].chars().next().filter(char::is_ascii_alphabetic) {
            Some(_) => {
                out.push_str(&rest[..at]);
                rest = &after[codes + 1..];
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = after;
            }
        }
    }
    out + rest
}

/// Whether a character says nothing in a text: control codes other than white space, and marks of byte order and of
/// annotations.
fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0e'..='\x1f' | '\x7f')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

/// The plain characters for a typographic one.
fn plain(c: char) -> String {
    let text = match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => "'",
        '\u{201c}'..='\u{201f}' => "\"",
        '\u{149}' => "'n",
        '\u{3000}' => " ",
        // Ligatures and full-width forms: Unicode's compatibility decomposition spells them out.
        '\u{132}' | '\u{133}' | '\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}' => return compatible(c),
        '\u{fb00}'..='\u{fb04}' | '\u{fb06}' | '\u{ff01}'..='\u{ffef}' => return compatible(c),
        '\u{fb05}' => "\u{17f}t",
        _ => return c.into(),
    };
    text.to_owned()
}

/// Unicode's normalisation form KC of one character.
fn compatible(c: char) -> String {
    let mut normalized = NormalizedString::from(c.to_string());
    normalized.nfkc();
    normalized.get().to_owned()
}

/// Resolves the entities of HTML 5 among those of HTML 4 and in numbers. Names of Latin-1 need no semicolon there,
/// unless `closed` asks for one.
fn entities(text: &str, closed: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest).filter(|(_, length)| !closed || rest[..*length].ends_with(';')) {
            Some((found, length)) => {
                out.extend(found);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// The character of the entity that the text begins with, and the entity's length in bytes. A number that is no
/// character, such as that of a control code, gives none.
fn entity(text: &str) -> Option<(Option<char>, usize)> {
    let after = &text[1..];
    if let Some(number) = after.strip_prefix('#') {
        let (digits, radix, before) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16, 3),
            None => (number, 10, 2),
        };
        let count = digits.chars().take_while(|c| c.is_digit(radix)).count();
        if count == 0 {
            return None;
        }
        // Too many digits for 32 bits: no character.
        let value = u32::from_str_radix(&digits[..count], radix).unwrap_or(u32::MAX);
        let length = before + count;
        return Some((numbered(value), length + usize::from(text[length..].starts_with(';'))));
    }
    let count = after.chars().take_while(char::is_ascii_alphanumeric).count();
    if after[count..].starts_with(';')
        && let Some(c) = named(&after[..count])
    {
        return Some((Some(c), count + 2));
    }
    // The longest name that needs no semicolon.
    (2..=count.min(6)).rev().find_map(|length| Some((Some(legacy(&after[..length])?), length + 1)))
}

/// The character with a number in a reference.
fn numbered(value: u32) -> Option<char> {
    /// What Windows-1252 has where Unicode has control codes; HTML reads these numbers so.
    const WINDOWS: [u32; 32] = [
        0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152,
        0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122,
        0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
    ];
    match value {
        0 | 0xd800..=0xdfff | 0x11_0000.. => Some('\u{fffd}'),
        0x80..=0x9f => char::from_u32(WINDOWS[(value - 0x80) as usize]),
        9 | 10 | 12 | 13 => char::from_u32(value),
        0..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if value & 0xfffe == 0xfffe => None,
        _ => char::from_u32(value),
    }
}

/// The characters from U+00A0 to U+00FF.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
     sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde \
     Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde \
     Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
     egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
     ugrave uacute ucirc uuml yacute thorn yuml";

/// The further entities of HTML 4, and some of HTML 5 that occur in names of parts.
const FURTHER: &str = "apos ' OElig Œ oelig œ Scaron Š scaron š Yuml Ÿ fnof ƒ circ ˆ tilde ˜ Alpha Α Beta Β Gamma Γ \
     Delta Δ Epsilon Ε Zeta Ζ Eta Η Theta Θ Iota Ι Kappa Κ Lambda Λ Mu Μ Nu Ν Xi Ξ Omicron Ο Pi Π Rho Ρ Sigma Σ Tau Τ \
     Upsilon Υ Phi Φ Chi Χ Psi Ψ Omega Ω alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ iota ι kappa κ \
     lambda λ mu μ nu ν xi ξ omicron ο pi π rho ρ sigmaf ς sigma σ tau τ upsilon υ phi φ chi χ psi ψ omega ω \
     thetasym ϑ upsih ϒ piv ϖ ensp \u{2002} emsp \u{2003} thinsp \u{2009} zwnj \u{200c} zwj \u{200d} lrm \u{200e} \
     rlm \u{200f} ndash – mdash — lsquo ‘ rsquo ’ sbquo ‚ ldquo “ rdquo ” bdquo „ dagger † Dagger ‡ bull • hellip … \
     permil ‰ prime ′ Prime ″ lsaquo ‹ rsaquo › oline ‾ frasl ⁄ euro € image ℑ weierp ℘ real ℜ trade ™ alefsym ℵ \
     larr ← uarr ↑ rarr → darr ↓ harr ↔ crarr ↵ lArr ⇐ uArr ⇑ rArr ⇒ dArr ⇓ hArr ⇔ forall ∀ part ∂ exist ∃ empty ∅ \
     nabla ∇ isin ∈ notin ∉ ni ∋ prod ∏ sum ∑ minus − lowast ∗ radic √ prop ∝ infin ∞ ang ∠ and ∧ or ∨ cap ∩ cup ∪ \
     int ∫ there4 ∴ sim ∼ cong ≅ asymp ≈ ne ≠ equiv ≡ le ≤ ge ≥ sub ⊂ sup ⊃ nsub ⊄ sube ⊆ supe ⊇ oplus ⊕ otimes ⊗ \
     perp ⊥ sdot ⋅ lceil ⌈ rceil ⌉ lfloor ⌊ rfloor ⌋ loz ◊ spades ♠ clubs ♣ hearts ♥ diams ♦ num # percnt % dollar $ \
     lpar ( rpar ) comma , period . colon : semi ; excl ! quest ? commat @ lowbar _ hyphen ‐ dash ‐ sol / bsol \\ \
     plus + equals = ast * lbrack [ rbrack ] lbrace { rbrace } vert | grave ` Tab \t NewLine \n";

/// The character of a name that is closed by a semicolon.
fn named(name: &str) -> Option<char> {
    let further = || {
        // Split at single spaces: some of the characters are white space themselves.
        let mut words = FURTHER.split(' ').filter(|word| !word.is_empty());
        std::iter::from_fn(move || Some((words.next()?, words.next()?)))
            .find(|(known, _)| *known == name)
            .and_then(|(_, c)| c.chars().next())
    };
    legacy(name).or_else(further)
}

/// The character of a name that needs no semicolon.
fn legacy(name: &str) -> Option<char> {
    match name {
        "amp" | "AMP" => Some('&'),
        "lt" | "LT" => Some('<'),
        "gt" | "GT" => Some('>'),
        "quot" | "QUOT" => Some('"'),
        "COPY" => Some('©'),
        "REG" => Some('®'),
        _ => {
            let place = LATIN_1.split_whitespace().position(|known| known == name)?;
            char::from_u32(0xa0 + place as u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_repaired_as_clip_was_trained() {
        let table = [
            // Well-formed text is left as it is, capitals too.
            ("a photo of a Bolt, 3 mm", "a photo of a Bolt, 3 mm"),
            ("", ""),
            // Quotes.
            ("the bolt’s “head”", "the bolt's \"head\""),
            ("‘a‛ „b‟", "'a' \"b\""),
            // Ligatures, full width, half width.
            ("ﬁn ﬂaw oﬃce ﬆ ﬅ Ĳ ǆ ŉ", "fin flaw office st ſt IJ dž 'n"),
            ("Ｓｃｒａｔｃｈ　１２％", "Scratch 12%"),
            ("ｶﾞ", "ガ"),
            // Entities: names, numbers, escaped twice, with and without a semicolon.
            ("nuts &amp; bolts", "nuts & bolts"),
            ("nuts &amp;amp; bolts", "nuts & bolts"),
            ("Gr&ouml;&szlig;e &eacute &lt;b&gt;", "Größe é <b>"),
            ("&#228;&#xE4;&#X201C;&#150;", "ää\"–"),
            ("&ldquo;x&rdquo; &hellip; &deg;C &nbsp; &Tab; y", "\"x\" … °C y"),
            ("&#0;&#x110000;&#1;&#xfffe;|", "\u{fffd}\u{fffd}|"),
            ("&#99999999999999999999;", "\u{fffd}"),
            ("&; &# &#x; &unknown; & &am &ampere;", "&; &# &#x; &unknown; & &am &ere;"),
            // With tags, exactly twice.
            ("<b> &amp;amp;amp;", "<b> &amp;"),
            // Unicode in its composed form, white space, control codes, escapes.
            ("bru\u{308}chig", "brüchig"),
            ("  a\t\r\n b\u{a0}c\u{2003}d\u{2028}e ", "a b c d e"),
            ("a\0b\u{feff}c\u{7f}d\u{206a}", "abcd"),
            ("\u{1b}[1;31mred\u{1b}[0m \u{1b}[x", "red "),
            ("\u{1b}[12", "[12"),
        ];
        for (text, expected) in table {
            let expected = expected.trim();
            assert_eq!(repair(text), expected, "{text:?}");
        }
    }

    #[test]
    fn entities_in_a_repaired_quote_are_uncurled_only_where_ftfy_sees_them() {
        // Resolved before the quotes are made straight; with a tag they are resolved after.
        assert_eq!(repair("bolt&rsquo;s"), "bolt's");
        assert_eq!(repair("<i>bolt&rsquo;s</i>"), "<i>bolt’s</i>");
    }

    #[test]
    fn names_are_the_same_in_any_spelling_of_unicode() {
        for (a, b) in [("brüchig", "bru\u{308}chig"), ("Öl", "o\u{308}l"), ("ﬂaw", "FLAW"), ("a  b", "A b ")]
        {
            assert_eq!(name_key(a), name_key(b), "{a} {b}");
        }
        assert_ne!(name_key("bruchig"), name_key("brüchig"));
    }

    #[test]
    fn no_text_takes_long_or_fails() {
        let deep = format!("&{}x", "amp;".repeat(50_000));
        assert!(repair(&deep).len() < deep.len());
        let texts =
            ["&", "&#", "&#x", "&ü;", "\u{1b}[", "\u{1b}[ü", "\u{1b}", "&#ü", "&ampü", "ﬁ\u{308}\u{0}"];
        for text in texts {
            repair(text);
            repair(&text.repeat(3));
        }
    }
}
