//! The command line: thin, one file per command.

mod bench;
mod calibrate;
mod check;
mod data;
mod defaults;
mod detect;
mod devices;
mod doctor;
mod embed;
mod eval;
mod evaluated;
mod failure;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
mod good;
mod help;
mod hub;
mod import;
mod inspection;
mod interrupt;
#[cfg(not(target_vendor = "apple"))]
mod isa;
mod isolation;
mod learner;
mod lines;
mod loudness;
mod merge;
mod numbers;
mod options;
mod output;
mod part;
mod process;
mod profile;
mod race;
mod reading;
mod say;
#[cfg(test)]
mod schemas;
mod score;
mod shell;
mod stdin;
mod synth;
mod table;
mod teach;
mod train;
mod trial;
mod tune;
mod variables;
mod watch;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

pub use failure::Failure;

use defaults::Defaults;
use loudness::Loudness;
use say::{complain, say};

use crate::files::silence_contained_panics;
use crate::gpu::BuildInfo;
use crate::kernels::registry::Registry;
use options::RunArgs;

/// Finds, localises and names defects in photos with CLIP, on any Vulkan, Metal or DX12 device.
#[derive(Debug, Parser)]
#[command(name = "dapo-wgpu", version, long_version = long_version(), max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    loudness: Loudness,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Score photos, name the defects, and draw where they are
    Detect(detect::Args),
    /// Find the score from which to raise an alarm, from images of good parts
    Calibrate(calibrate::Args),
    /// Learn what a part is like from photos of good ones, and keep all that its inspection needs in one file
    Teach(teach::Args),
    /// Process images as they arrive in a folder, and write one JSON line each
    Watch(watch::Args),
    /// Learn prompts, layer tokens and adapters from labelled images
    Train(train::Args),
    /// Write CLIP features of images and texts to a safetensors file
    Embed(embed::Args),
    /// Score anomaly maps of any program against labelled images
    Score(score::Args),
    /// List adapters: what each can do, which will be used, and why
    Devices(devices::Args),
    /// Say what is wrong with devices and drivers and what to do, and bundle it for a bug report
    Doctor(doctor::Args),
    /// Check every kernel on this adapter and driver against a float64 reference
    Check(check::Args),
    /// Time kernels, models and pipelines, and compare them with the peak speed of this device, measured
    Bench(bench::Args),
    /// Show registers, spills and instructions of each kernel as a Vulkan driver compiles it
    #[cfg(not(target_vendor = "apple"))]
    Isa(isa::Args),
    /// Hold one trial of a kernel variant
    #[command(hide = true)]
    Trial(trial::Args),
    /// Find the fastest variant of each kernel on this device, and remember it
    Tune(tune::Args),
    /// Say where the time of another command goes: kernels, gaps, memory
    Profile(profile::Args),
    /// Evaluate a method on a data set: figures, tables, a page
    Eval(eval::Args),
    /// Make one evaluation of parts that were run on different machines
    Merge(merge::Args),
    /// Inspect a data set before training or evaluating on it
    Data(data::Args),
    /// Print the figures of evaluations as a table: Markdown, LaTeX or CSV
    Table(table::Args),
    /// Generate labelled images of textures and objects with defects
    Synth(synth::Args),
    /// Download a full CLIP model
    Fetch(fetch::Args),
    /// Print what a shell needs to complete commands and options: dapo-wgpu completions bash > FILE
    Completions(shell::CompletionsArgs),
    /// Write manual pages
    Man(shell::ManArgs),
    /// Serve the page of the browser on this machine, for `check`, `bench` and `detect` there
    Web(web::Args),
    /// Turn a PyTorch file (CLIP, or DAPO's prompts) into safetensors, without Python
    Import(import::Args),
}

/// Runs the program with the process's arguments: 0 when all went well, 1 when nothing could be done,
/// 2 for a wrong command line, 3 when some inputs failed and the others were done, 4 with `detect --fail-on-defect` when an
/// image is called defective, 5 with `--require-gpu` when there is none, 130 after Ctrl-C.
pub fn main() -> ExitCode {
    main_with(&Registry::builtin())
}

/// As [`main`], with further kernels in `check`, `bench`, `tune` and `profile`.
pub fn main_with(registry: &Registry) -> ExitCode {
    let (Cli { loudness, verb }, defaults) = match parsed(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(failure) => return failed(&failure),
    };
    loudness.apply();
    silence_contained_panics();
    // The processes that hold trials would say the same again.
    if !matches!(verb, Verb::Trial(_)) {
        defaults.iter().for_each(|words| say!("note: {words}"));
        variables::unknown().iter().for_each(|words| say!("note: {words}"));
    }
    interrupt::heed_signals();
    let outcome = match (&verb, verb.run_args()) {
        (_, Some(options)) => profile::around(options, || verb.run(registry)),
        (_, None) => verb.run(registry),
    };
    outcome.unwrap_or_else(|failure| failed(&failure))
}

/// Says why a command ends, and with which code.
fn failed(failure: &Failure) -> ExitCode {
    complain!("error: {}", failure.message);
    if !failure.hint.is_empty() {
        complain!("hint: {}", failure.hint);
    }
    output::remove_empty_folders();
    ExitCode::from(failure.code)
}

/// Reads a command line, with the defaults of the folder; and what these set, in words.
///
/// # Errors
/// A file of defaults that is not valid. A wrong command line ends the process, as `--help` does.
fn parsed(words: Vec<OsString>) -> Result<(Cli, Option<String>), Failure> {
    let plain = command();
    // What is given, as far as it can be read: an option that is missing may be among the defaults.
    let given = plain.clone().ignore_errors(true).try_get_matches_from(&words).ok();
    let verb = given.as_ref().and_then(|given| given.subcommand());
    let found = verb.map_or(Ok(None), |(name, _)| Defaults::find(&plain, name))?;
    let (Some((name, given)), Some(mut defaults)) = (verb, found) else {
        return Ok((cli(plain, words), None));
    };
    let command = defaults.apply(plain, name, given);
    Ok((cli(command, words), (!defaults.is_empty()).then(|| defaults.words())))
}

/// All options and what `--help` says.
fn command() -> clap::Command {
    help::explained(Cli::command())
}

/// Reads a command line. A wrong one ends the process, as `--help` does.
fn cli(command: clap::Command, words: Vec<OsString>) -> Cli {
    let matches = command.get_matches_from(words);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The version with what the build is made of.
fn long_version() -> String {
    let own = BuildInfo::own();
    std::iter::once(own.version.clone()).chain(own.lines()).collect::<Vec<_>>().join("\n")
}

/// Reads the command behind `profile` and runs it under a profile.
fn profiled(args: &profile::Args, registry: &Registry) -> Result<ExitCode, Failure> {
    let all = command();
    let (words, trace) = match args.split() {
        Ok(split) => split,
        Err(message) => command().error(ErrorKind::InvalidValue, message).exit(),
    };
    let name = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    let known = name != "profile" && all.find_subcommand(&*name).is_some();
    let inner = known
        .then(|| parsed(std::iter::once("dapo-wgpu".into()).chain(words.clone()).collect()))
        .transpose()?;
    let inner = inner.map(|(cli, defaults)| {
        defaults.iter().for_each(|words| say!("note: {words}"));
        cli.verb
    });
    let options = inner.as_ref().and_then(|verb| Some((verb, verb.run_args()?)));
    let Some((verb, options)) = options else {
        let message = format!(
            "'{name}' cannot be profiled; these commands can: detect, embed, train, check, eval, calibrate, teach, watch"
        );
        command().error(ErrorKind::InvalidSubcommand, message).exit()
    };
    args.around(trace, options, || verb.run(registry))
}

impl Verb {
    /// The device options of a command that can be profiled.
    fn run_args(&self) -> Option<&RunArgs> {
        match self {
            Verb::Detect(args) => Some(&args.run),
            Verb::Calibrate(args) => Some(&args.run),
            Verb::Teach(args) => Some(&args.run),
            Verb::Watch(args) => Some(&args.run),
            Verb::Train(args) => Some(&args.run),
            Verb::Embed(args) => Some(&args.run),
            Verb::Check(args) => Some(&args.run),
            Verb::Eval(args) => Some(&args.run),
            _ => None,
        }
    }

    fn run(&self, registry: &Registry) -> Result<ExitCode, Failure> {
        let success = |()| ExitCode::SUCCESS;
        match self {
            Verb::Detect(args) => detect::run(args),
            Verb::Calibrate(args) => calibrate::run(args),
            Verb::Teach(args) => teach::run(args),
            Verb::Watch(args) => watch::run(args),
            Verb::Train(args) => train::run(args),
            Verb::Embed(args) => embed::run(args).map(success),
            Verb::Score(args) => score::run(args),
            Verb::Devices(args) => devices::run(args).map(success),
            Verb::Doctor(args) => doctor::run(args, registry),
            Verb::Check(args) => check::run(args, registry),
            Verb::Bench(args) => bench::run(args, registry),
            #[cfg(not(target_vendor = "apple"))]
            Verb::Isa(args) => isa::run(args, registry),
            Verb::Trial(args) => trial::run(args),
            Verb::Tune(args) => tune::run(args, registry),
            Verb::Profile(args) => profiled(args, registry),
            Verb::Eval(args) => eval::run(args),
            Verb::Merge(args) => merge::run(args),
            Verb::Data(args) => data::run(args).map(success),
            Verb::Table(args) => table::run(args).map(success),
            Verb::Synth(args) => synth::run(args).map(success),
            Verb::Fetch(args) => fetch::run(args).map(success),
            Verb::Completions(args) => shell::completions(args, command()).map(success),
            Verb::Man(args) => shell::man(args, command()).map(success),
            Verb::Web(args) => web::run(args).map(success),
            Verb::Import(args) => import::run(args).map(success),
        }
    }
}
