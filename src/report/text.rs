//! Text and number formats shared by pages and tables.

/// Stands in place of a figure that is not defined.
pub(super) const ABSENT: &str = "–";

/// A fraction of 1 as papers print it: times 100, one decimal.
pub(super) fn percent(value: f64) -> String {
    format!("{:.1}", value * 100.0)
}

/// [`percent`], or [`ABSENT`].
pub(super) fn percent_or_absent(value: Option<f64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), percent)
}

/// Joins arguments to a command line for a POSIX shell; arguments with special characters are put in single quotes.
///
/// ```
/// # use dapo_wgpu::report::shell_command;
/// assert_eq!(shell_command(["dapo-wgpu", "detect", "my parts/"]), "dapo-wgpu detect 'my parts/'");
/// ```
pub fn shell_command<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    let quote = |argument: S| match argument.as_ref() {
        text if !text.is_empty() && text.chars().all(plain) => text.to_string(),
        text => format!("'{}'", text.replace('\'', r"'\''")),
    };
    arguments.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_quoting() {
        assert_eq!(shell_command(["a", "", "it's", "$x"]), r"a '' 'it'\''s' '$x'");
    }
}
