//! `dapo.toml`: options that a folder has by default.
//!
//! Read from the current folder, or the nearest one above it that has the file. Its keys are the long names of options:
//! those at the top hold for every command that has them, those of a table such as `[detect]` for that command. What is
//! given on the command line comes first, then the table, then the top of the file, then the program's own defaults.
//! Relative paths are meant from the folder of the file.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use super::Failure;
use super::hub::PREFIX;
use crate::files::read_regular;

/// Name of the file.
const FILE: &str = "dapo.toml";
/// Commands that take defaults: those that inspect photos.
const COMMANDS: [&str; 5] = ["detect", "watch", "eval", "calibrate", "teach"];
/// Options that a file may not set: it may come with photos of somebody else, and these run programs, send or overwrite.
const NEVER: [&str; 5] = ["out", "on-defect", "webhook", "help", "version"];

/// Tables of the settings of `train` (docs/training.md): a file that has one is no file of options.
const TRAINING: [&str; 2] = ["learner", "training"];

/// The options of a file for one command.
#[derive(Debug)]
pub struct Defaults {
    file: PathBuf,
    /// Option, and its value as on the command line; several for an option that takes several.
    values: BTreeMap<String, Vec<OsString>>,
}

impl Defaults {
    /// Those for a command in the current folder, if there are any.
    ///
    /// # Errors
    /// A file that is not valid, with the key and the reason.
    pub fn find(command: &Command, name: &str) -> Result<Option<Self>, Failure> {
        if !COMMANDS.contains(&name) {
            return Ok(None);
        }
        let Ok(here) = std::env::current_dir() else { return Ok(None) };
        let file = here.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file());
        file.map_or(Ok(None), |file| Self::read(command, name, &file))
            .map(|found| found.filter(|d| !d.values.is_empty()))
    }

    fn read(command: &Command, name: &str, file: &Path) -> Result<Option<Self>, Failure> {
        let wrong = |problem: String| Failure::usage(format!("{}: {problem}", file.display()));
        let bytes = read_regular(file).map_err(|e| wrong(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text in UTF-8".to_owned()))?;
        let table: Table =
            text.parse().map_err(|e: toml::de::Error| wrong(e.to_string().trim().to_owned()))?;
        // Settings of a training run may have the same name.
        if TRAINING.iter().any(|name| table.contains_key(*name)) {
            return Ok(None);
        }
        let mut values = BTreeMap::new();
        let folder = file.parent().unwrap_or(Path::new("."));
        let (tables, top): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
        for (key, value) in top {
            let key = key.replace('_', "-");
            let having: Vec<&Arg> = COMMANDS.iter().filter_map(|name| option(command, name, &key)).collect();
            if having.is_empty() {
                return Err(wrong(unknown(command, &COMMANDS, &key)));
            }
            if let Some(arg) = option(command, name, &key) {
                values.insert(
                    key.clone(),
                    texts(arg, value, folder).map_err(|e| wrong(format!("{key}: {e}")))?,
                );
            }
        }
        for (of, table) in tables {
            if !COMMANDS.contains(&of.as_str()) {
                let known = COMMANDS.map(|name| format!("[{name}]")).join(", ");
                return Err(wrong(format!("[{of}]: no such table; there are {known}")));
            }
            for (key, value) in table.as_table().into_iter().flatten() {
                let key = key.replace('_', "-");
                let arg = option(command, of, &key)
                    .ok_or_else(|| wrong(format!("[{of}] {}", unknown(command, &[of], &key))))?;
                let read = texts(arg, value, folder).map_err(|e| wrong(format!("[{of}] {key}: {e}")))?;
                if of == name {
                    values.insert(key, read);
                }
            }
        }
        Ok(Some(Self { file: file.to_owned(), values }))
    }

    /// The command with these as its defaults, without those that `given` says otherwise or that do not go with it.
    pub fn apply(&mut self, mut command: Command, name: &str, given: &ArgMatches) -> Command {
        if let Some(of) = command.find_subcommand(name) {
            let is_given =
                |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
            let explicit: Vec<&Arg> = of.get_arguments().filter(|arg| is_given(arg)).collect();
            self.values.retain(|key, _| {
                let Some(arg) = of.get_arguments().find(|arg| arg.get_long() == Some(key)) else { return false };
                let meets = |other: &&Arg| {
                    other.get_id() == arg.get_id()
                        || of.get_arg_conflicts_with(other).iter().any(|c| c.get_id() == arg.get_id())
                        || of.get_arg_conflicts_with(arg).iter().any(|c| c.get_id() == other.get_id())
                        // A part knows how photos are cut, which only `detect` lets one say.
                        || (other.get_long() == Some("part") && ["tile", "overlap", "model"].contains(&key.as_str()))
                };
                !explicit.iter().any(meets)
            });
        }
        for (key, values) in &self.values {
            let values: Vec<clap::builder::OsStr> = values.iter().map(clap::builder::OsStr::from).collect();
            command = command.mut_subcommand(name, |of| {
                let id = of
                    .get_arguments()
                    .find(|arg| arg.get_long() == Some(key))
                    .map(|arg| arg.get_id().clone());
                match id {
                    Some(id) => of.mut_arg(id, |arg| arg.required(false).default_values(values.clone())),
                    None => of,
                }
            });
        }
        command
    }

    /// What is set, for the user: `dapo.toml sets --object, --defects`.
    pub fn words(&self) -> String {
        let names: Vec<String> = self.values.keys().map(|key| format!("--{key}")).collect();
        format!("{} sets {}", self.file.display(), names.join(", "))
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The option of a command with this long name.
fn option<'a>(command: &'a Command, name: &str, key: &str) -> Option<&'a Arg> {
    let of = command.find_subcommand(name)?;
    of.get_arguments().find(|arg| arg.get_long() == Some(key) && !NEVER.contains(&key))
}

fn unknown(command: &Command, names: &[&str], key: &str) -> String {
    if NEVER.contains(&key) {
        return format!("{key}: this option is given on the command line only");
    }
    let of = names.iter().filter_map(|name| command.find_subcommand(name));
    let known: Vec<&str> = of.flat_map(Command::get_arguments).filter_map(Arg::get_long).collect();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(key, known);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) > 0.6) {
        Some(nearest) => format!("{key}: no such option; did you mean {nearest}?"),
        None => format!("{key}: no such option; dapo-wgpu {} --help lists them", names[0]),
    }
}

/// A value as it would be given on the command line.
fn texts(arg: &Arg, value: &Value, folder: &Path) -> Result<Vec<OsString>, String> {
    let one = |value: &Value| -> Result<OsString, String> {
        Ok(match value {
            Value::String(text)
                if arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
                    && !text.starts_with(PREFIX) =>
            {
                folder.join(text).into_os_string()
            }
            Value::String(text) => text.into(),
            Value::Integer(number) => number.to_string().into(),
            Value::Float(number) => number.to_string().into(),
            Value::Boolean(on) if matches!(arg.get_action(), ArgAction::SetTrue) => on.to_string().into(),
            other => return Err(format!("expected text, a number or a list, not {}", other.type_str())),
        })
    };
    let takes_many = matches!(arg.get_action(), ArgAction::Append)
        || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let read = match value {
        Value::Array(items) if takes_many => items.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        Value::Array(items) => {
            // Lists of names are one text with commas.
            let names: Vec<OsString> = items.iter().map(one).collect::<Result<_, _>>()?;
            vec![names.join(std::ffi::OsStr::new(","))]
        }
        single => vec![one(single)?],
    };
    if matches!(arg.get_action(), ArgAction::SetTrue) && !value.is_bool() {
        return Err("expected true or false".to_owned());
    }
    // The parser's own words for a value that the option does not take.
    for text in &read {
        let alone = Command::new("x")
            .no_binary_name(true)
            .arg(arg.clone().required(false).num_args(1).action(ArgAction::Set));
        let mut word = OsString::from(format!("--{}=", arg.get_long().unwrap_or_default()));
        word.push(text);
        if !value.is_bool()
            && let Err(error) = alone.try_get_matches_from([word])
        {
            let words = error.to_string();
            let first = words.lines().next().unwrap_or_default();
            return Err(first.trim_start_matches("error: ").to_owned());
        }
    }
    Ok(read)
}
