//! The bundle: what was found as files in a ZIP, without paths and names of the user.

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;

use super::findings::Report;
use crate::cli::Failure;
use crate::report::write_atomic;

/// Takes folders and names of the user out of texts.
pub struct Scrub(Vec<(String, &'static str)>);

impl Scrub {
    /// For the user of this process.
    pub fn new() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| value.len() > 1);
        let here =
            std::env::current_dir().ok().map(|path| path.display().to_string()).filter(|path| path.len() > 1);
        let home = ["HOME", "USERPROFILE"].into_iter().filter_map(variable);
        let temporary = std::env::temp_dir().display().to_string();
        let program =
            std::env::current_exe().ok().and_then(|path| Some(path.parent()?.display().to_string()));
        let user = ["USER", "USERNAME", "LOGNAME"]
            .into_iter()
            .filter_map(variable)
            .filter(|name| name.len() > 3 && name != "root");
        let mut found: Vec<(String, &'static str)> = here.map(|path| (path, "[here]")).into_iter().collect();
        found.extend(program.filter(|path| path.len() > 1).map(|path| (path, "[program]")));
        found.extend(home.map(|path| (path, "~")));
        found.extend((temporary.len() > 4).then_some((temporary, "[tmp]")));
        // The longest first: one may lie in another.
        found.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        found.extend(user.map(|name| (name, "[user]")));
        Self(found)
    }

    /// The text without them.
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (path, word)| {
            // JSON writes the backslashes of Windows twice.
            text.replace(path.as_str(), word).replace(&path.replace('\\', "\\\\"), word)
        })
    }
}

/// Writes the ZIP file.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, report: &Report, scrub: &Scrub) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let pretty = |value: &serde_json::Value| format!("{value:#}\n");
    let found = &report.found;
    let mut files = vec![("doctor.txt", report.text()), ("doctor.json", report.json()?)];
    let parts =
        [("devices.json", &found.devices), ("check.json", &found.check), ("bench.json", &found.bench)];
    files.extend(parts.into_iter().filter_map(|(name, part)| Some((name, pretty(part.as_ref()?)))));
    let said: String =
        found.steps.iter().map(|step| format!("$ {}\n{}\n", step.command, step.said)).collect();
    files.push(("said.txt", said));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(format!("doctor/{name}"), SimpleFileOptions::default()).map_err(|e| failed(&e))?;
        archive.write_all(scrub.text(&text).as_bytes()).map_err(|e| failed(&e))?;
    }
    let bytes = archive.finish().map_err(|e| failed(&e))?.into_inner();
    Ok(write_atomic(path, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names_of_the_user_are_taken_out() {
        let scrub = Scrub(vec![
            ("/home/anna/photos".into(), "[here]"),
            ("/home/anna".into(), "~"),
            ("anna".into(), "[user]"),
        ]);
        assert_eq!(scrub.text("/home/anna/photos/x /home/anna/y of anna"), "[here]/x ~/y of [user]");
        let windows = Scrub(vec![("C:\\Users\\Anna".into(), "~")]);
        assert_eq!(windows.text("C:\\Users\\Anna\\x and C:\\\\Users\\\\Anna\\\\x"), "~\\x and ~\\\\x");
    }
}
