//! What a command says on standard error: progress in words, notes, errors, and how much of it.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};

use clap::ValueEnum;

/// How much is said: from `-q` to `-v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Why a command fails, and nothing else.
    Quiet,
    /// Notes, progress, conclusions.
    Usual,
    /// What is opened and loaded, and how long it takes.
    Verbose,
}

/// When messages have colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also in files and pipes
    Always,
    /// Never
    Never,
}

/// The level in use, as a number.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Usual as u8);
/// Whether messages are coloured: 0 not asked yet, 1 no, 2 yes.
static COLORED: AtomicU8 = AtomicU8::new(0);

/// Says more or less from now on, with or without colours.
pub(super) fn set(level: Level, color: Color) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !forbidden && !dumb && std::io::stderr().is_terminal()
        }
    };
    COLORED.store(1 + u8::from(colored), Ordering::Relaxed);
}

/// Whether messages of this level are said.
pub(super) fn is_said(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes a line to standard error, as `eprintln!` does, but ends nothing where nobody can read it: the disk of a log may
/// be full, the terminal closed. Control characters are escaped: names of files come from anywhere. `-q` silences it.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::say::line($crate::cli::say::Level::Usual, format_args!($($words)*))
    };
}
pub(super) use say;

/// As [`say`], for the reason why a command or an image fails: `-q` does not silence it.
macro_rules! complain {
    ($($words:tt)*) => {
        $crate::cli::say::line($crate::cli::say::Level::Quiet, format_args!($($words)*))
    };
}
pub(super) use complain;

/// As [`say`], for what only `-v` asks for.
macro_rules! detail {
    ($($words:tt)*) => {
        $crate::cli::say::line($crate::cli::say::Level::Verbose, format_args!($($words)*))
    };
}
pub(super) use detail;

/// See [`say`].
pub(super) fn line(level: Level, words: fmt::Arguments<'_>) {
    if !is_said(level) {
        return;
    }
    // What follows an end of a line, as in the message of a parser or in a name, cannot pass for a line of its own.
    let text = visible(&words.to_string()).replace('\n', "\n    ") + "\n";
    let text = if COLORED.load(Ordering::Relaxed) == 2 { colored(&text) } else { text };
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The text with the word that it begins with in the colour of its kind.
fn colored(text: &str) -> String {
    const KINDS: [(&str, &str); 3] = [("error:", "1;31"), ("hint:", "1;32"), ("note:", "1;36")];
    match KINDS.iter().find(|(word, _)| text.starts_with(word)) {
        Some((word, code)) => format!("\u{1b}[{code}m{word}\u{1b}[0m{}", &text[word.len()..]),
        None => text.to_owned(),
    }
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

/// A name in a line of a list: ends of lines are escaped, too.
pub(super) fn in_a_line(name: &str) -> String {
    visible(name).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(visible("a\n\tb ü"), "a\n\tb ü");
        assert_eq!(visible("\u{1b}[2J\r\u{7}\u{9b}"), "\\u{1b}[2J\\u{d}\\u{7}\\u{9b}");
        assert_eq!(in_a_line("a\n0.001  good\tb"), "a\\n0.001  good\\tb");
        assert_eq!(visible("gnp.\u{202e}exe"), "gnp.\\u{202e}exe");
    }

    #[test]
    fn only_the_first_word_has_a_colour() {
        assert_eq!(colored("note: an error: x\n"), "\u{1b}[1;36mnote:\u{1b}[0m an error: x\n");
        assert_eq!(colored("12 images\n"), "12 images\n");
    }
}
