//! What a command says on standard error: progress in words, notes, errors.

use std::fmt;
use std::io::Write as _;

/// Writes a line to standard error, as `eprintln!` does, but ends nothing where nobody can read it: the disk of a log may
/// be full, the terminal closed. Control characters are escaped: names of files come from anywhere.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::say::line(format_args!($($words)*))
    };
}
pub(super) use say;

/// See [`say`].
pub(super) fn line(words: fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_all((visible(&words.to_string()) + "\n").as_bytes());
}

/// The text with its control characters, but for ends of lines and tabulators, as they are written in source code.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            // What turns the direction of text can make one name look like another.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(visible("a\n\tb ü"), "a\n\tb ü");
        assert_eq!(visible("\u{1b}[2J\r\u{7}\u{9b}"), "\\u{1b}[2J\\u{d}\\u{7}\\u{9b}");
        assert_eq!(visible("gnp.\u{202e}exe"), "gnp.\\u{202e}exe");
    }
}
