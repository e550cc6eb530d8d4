//! What a command prints and where it writes: standard output, progress bars, output folders.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use super::lines::{Unit, in_lines};
use super::say::{Level, is_said, say, visible};
use crate::lab::Progress;
use crate::report::shell_command;

pub use super::interrupt::watch_interrupt;

/// Writes to standard output. A closed pipe (`… | head`) is not an error.
///
/// # Errors
/// Anything else that keeps the text from being written, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    // Files and pipes get the text as it is.
    let text = if out.is_terminal() { Cow::Owned(visible(text)) } else { Cow::Borrowed(text) };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Refuses to write over a file that is there and was not written by this program: a slip of the hand would lose a photo.
///
/// # Errors
/// A file without a schema of this program at its beginning.
pub fn replaceable(path: &Path) -> Result<(), Failure> {
    let mut head = Vec::new();
    if path.is_file()
        && let Ok(file) = std::fs::File::open(path)
    {
        // What cannot be read is told from what is there by writing it.
        let _ = file.take(1 << 16).read_to_end(&mut head);
    }
    let schema = b"dapo-wgpu/";
    match head.is_empty() || head.windows(schema.len()).any(|part| part == schema) {
        true => Ok(()),
        false => Err(Failure::new(format!("{}: this file is there, and not of dapo-wgpu", path.display()))
            .hint("name another file with --out, or remove that one")),
    }
}

/// The command of this process, for a POSIX shell.
pub fn own_command() -> String {
    shell_command(std::env::args_os().map(|word| word.to_string_lossy().into_owned()))
}

/// A progress bar with rate and remaining time on standard error, or a line now and then where that is no terminal; none for
/// a single item.
pub fn progress(total: usize, unit: &str) -> ProgressBar {
    if total < 2 || !is_said(Level::Usual) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{bar:30}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left {{msg}}"
    ));
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    in_lines(&bar, Unit::Things(unit.to_owned()));
    bar
}

/// A progress bar for bytes that names what they belong to.
pub fn bytes_progress() -> ProgressBar {
    if !is_said(Level::Usual) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left")
    {
        bar.set_style(style);
    }
    in_lines(&bar, Unit::Bytes);
    bar
}

/// Runs laboratory work under a progress bar that names the current case, until `stop` is set: it ends with what was done
/// by then.
///
/// # Errors
/// Those of the work.
pub fn watch<T>(
    total: usize,
    unit: &str,
    stop: &AtomicBool,
    work: impl FnOnce(&mut Progress<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let bar = progress(total, unit);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {wide_msg}") {
        bar.set_style(style);
    }
    let result = work(&mut |done, total, what| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(what.to_owned());
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    result
}

/// Folders that [`writable_folder`] created, each after those around it.
static CREATED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the folders that [`writable_folder`] created and nothing was written into: a command that failed leaves nothing.
pub fn remove_empty_folders() {
    for folder in CREATED.lock().iter().flat_map(|created| created.iter().rev()) {
        // The file that kept other programs out is nothing that anybody would miss.
        if let Some(only) = only_entry(folder).filter(|name| name.to_string_lossy().ends_with(".lock")) {
            let _ = std::fs::remove_file(folder.join(only));
        }
        let _ = std::fs::remove_dir(folder); // which fails where there is something in it
    }
}

/// The name of the only thing in a folder.
fn only_entry(folder: &Path) -> Option<std::ffi::OsString> {
    let mut entries = std::fs::read_dir(folder).ok()?;
    let only = entries.next()?.ok()?;
    entries.next().is_none().then(|| only.file_name())
}

/// Creates a folder and checks that files can be created in it, before any work.
///
/// # Errors
/// A message that names the folder and the fix.
pub fn writable_folder(path: &Path) -> Result<(), Failure> {
    let refuse = |e: std::io::Error| {
        let why = if path.is_file() { "it is a file, not a folder".to_owned() } else { e.to_string() };
        Failure::new(format!("{}: cannot write here: {why}", path.display()))
            .hint("choose another folder with --out, or change its permissions")
    };
    let missing: Vec<&Path> =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    std::fs::create_dir_all(path).map_err(refuse)?;
    if let Ok(mut created) = CREATED.lock() {
        created.extend(missing.into_iter().rev().map(Path::to_owned));
    }
    tempfile::Builder::new().prefix(".probe").tempfile_in(path).map(drop).map_err(refuse)
}

/// Writes a note to standard error. Nothing depends on it, so it may be lost where nobody reads.
pub fn note(text: &str) {
    say!("note: {text}");
}
