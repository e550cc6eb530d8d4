//! The small preprocessor that turns one shader file into its variants.
//!
//! WGSL has no includes, no conditional compilation and no unrolling, and its overridable constants
//! can neither change a type nor unroll a loop. Five directives, each alone on its line, add them:
//!
//! | directive | meaning |
//! |---|---|
//! | `#include "common/x.wgsl"` | the text of that shader file |
//! | `#if NAME`, `#if !NAME`, `#else`, `#end` | kept when the define is (not) set and not zero |
//! | `#for i in 0..EXPR`, `#end` | repeated, with `$i` replaced (unrolled) |
//! | `#params` | declares `params: Params` as immediates or as a uniform, whichever the device uses |
//! | `#enable NAME` | `enable NAME;` at the top of the module, where WGSL requires it: above the constants, once |
//!
//! `$NAME` is replaced anywhere by a define or loop variable, and `${a * 4 + b}` by the value of an
//! integer expression. Number defines are also emitted as WGSL constants, so that shaders mostly
//! read as plain WGSL. Every line remembers where it came from, for error messages.

mod expression;

use std::fmt::Write as _;

pub use expression::Define;
use expression::{Scope, evaluate, lookup};

/// A line of expanded WGSL with its origin.
#[derive(Debug, Clone)]
struct Line {
    text: String,
    file: &'static str,
    number: usize,
}

/// Expanded WGSL and the way back to its sources.
#[derive(Debug, Clone)]
pub struct Expanded {
    lines: Vec<Line>,
}

impl Expanded {
    /// The WGSL text.
    pub fn code(&self) -> String {
        let mut code = String::new();
        for line in &self.lines {
            code.push_str(&line.text);
            code.push('\n');
        }
        code
    }

    /// `file:line` of a line (from 1) of [`Expanded::code`].
    pub fn origin(&self, line: usize) -> Option<String> {
        self.lines.get(line.checked_sub(1)?).map(|l| format!("{}:{}", l.file, l.number))
    }
}

/// Finds an included file: its name, which error messages point back at, and its text.
pub type Includes = fn(&str) -> Option<(&'static str, &'static str)>;

/// Expands `text`, the contents of the shader file `file`.
///
/// # Errors
/// A message with file and line when a directive is malformed, a name unknown or an `#end` missing.
pub fn expand(
    file: &'static str,
    text: &'static str,
    defines: &[(&'static str, Define)],
    includes: Includes,
    params_declaration: &str,
) -> Result<Expanded, String> {
    let mut constants = Vec::new();
    for (name, define) in defines {
        let text = match define {
            Define::Number(n) => format!("const {name}: u32 = {n}u;"),
            Define::Type(t) => format!("alias {name} = {t};"),
            Define::Flag(_) | Define::Text(_) => continue,
        };
        constants.push(Line { text, file, number: 0 });
    }
    let source = number(file, text);
    let mut expander = Expander { includes, params_declaration, enables: Vec::new(), out: Vec::new() };
    expander.block(&source, &mut defines.to_vec())?;
    let Expander { enables, out, .. } = expander;
    Ok(Expanded { lines: [enables, constants, out].concat() })
}

fn number(file: &'static str, text: &'static str) -> Vec<(&'static str, usize, &'static str)> {
    text.lines().enumerate().map(|(i, line)| (file, i + 1, line)).collect()
}

type Source = [(&'static str, usize, &'static str)];

struct Expander<'a> {
    includes: Includes,
    params_declaration: &'a str,
    /// What goes above everything else.
    enables: Vec<Line>,
    out: Vec<Line>,
}

impl Expander<'_> {
    fn block(&mut self, source: &Source, scope: &mut Scope<'_>) -> Result<(), String> {
        let mut i = 0;
        while i < source.len() {
            let (file, line_number, line) = source[i];
            let at = |message: String| format!("{file}:{line_number}: {message}");
            let Some(directive) = line.trim().strip_prefix('#') else {
                let text = substitute(line, scope).map_err(at)?;
                self.out.push(Line { text, file, number: line_number });
                i += 1;
                continue;
            };
            let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            let rest = rest.trim();
            match word {
                "include" => {
                    let name = rest.trim_matches('"');
                    let (name, text) =
                        (self.includes)(name).ok_or_else(|| at(format!("no shader file '{name}'")))?;
                    self.block(&number(name, text), scope)?;
                    i += 1;
                }
                "enable" => {
                    if rest.is_empty() || !rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                        return Err(at("expected `#enable NAME`".into()));
                    }
                    let text = format!("enable {rest};");
                    if self.enables.iter().all(|line| line.text != text) {
                        self.enables.push(Line { text, file, number: line_number });
                    }
                    i += 1;
                }
                "params" => {
                    let text = self.params_declaration.to_owned();
                    self.out.push(Line { text, file, number: line_number });
                    i += 1;
                }
                "if" => {
                    let (middle, end) = matching(source, i).map_err(at)?;
                    let (name, expected) = rest.strip_prefix('!').map_or((rest, true), |n| (n, false));
                    let set = match lookup(scope, name.trim()) {
                        Some(Define::Flag(b)) => b,
                        Some(Define::Number(n)) => n != 0,
                        Some(_) => true,
                        None => return Err(at(format!("'{name}' is not a define"))),
                    };
                    let otherwise = middle.map_or(end, |m| m);
                    if set == expected {
                        self.block(&source[i + 1..otherwise], scope)?;
                    } else if let Some(m) = middle {
                        self.block(&source[m + 1..end], scope)?;
                    }
                    i = end + 1;
                }
                "for" => {
                    let (_, end) = matching(source, i).map_err(at)?;
                    let (name, range) =
                        rest.split_once(" in ").ok_or_else(|| at("expected `i in a..b`".into()))?;
                    let (from, to) =
                        range.split_once("..").ok_or_else(|| at("expected a range `a..b`".into()))?;
                    let (from, to) = (evaluate(from, scope).map_err(at)?, evaluate(to, scope).map_err(at)?);
                    for value in from..to {
                        scope.push((name.trim(), Define::Number(value as u32)));
                        self.block(&source[i + 1..end], scope)?;
                        scope.pop();
                    }
                    i = end + 1;
                }
                _ => return Err(at(format!("unknown directive '#{word}'"))),
            }
        }
        Ok(())
    }
}

/// Finds the `#else` and the `#end` of the block that opens at `open`.
fn matching(source: &Source, open: usize) -> Result<(Option<usize>, usize), String> {
    let mut depth = 0;
    let mut middle = None;
    for (i, (_, _, line)) in source.iter().enumerate().skip(open) {
        let line = line.trim();
        if line.starts_with("#if ") || line.starts_with("#for ") {
            depth += 1;
        } else if line == "#else" && depth == 1 {
            middle = Some(i);
        } else if line == "#end" {
            depth -= 1;
            if depth == 0 {
                return Ok((middle, i));
            }
        }
    }
    Err("this block has no #end".into())
}

/// Replaces `$NAME` and `${expression}` in one line.
fn substitute(line: &str, scope: &Scope<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let close = inner.find('}').ok_or("`${` without `}`")?;
            let _ = write!(out, "{}", evaluate(&inner[..close], scope)?);
            rest = &inner[close + 1..];
        } else {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..length];
            match lookup(scope, name) {
                Some(Define::Number(n)) => {
                    let _ = write!(out, "{n}");
                }
                Some(Define::Type(t) | Define::Text(t)) => out.push_str(t),
                _ => return Err(format!("'${name}' is not defined")),
            }
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests;
