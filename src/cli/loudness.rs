//! How much a command says, and in which colours.

use clap::{ArgAction, Args};

use super::say::{Color, Level, set};

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Loudness {
    /// Say nothing but why the command or an image failed: no notes, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Messages")]
    quiet: bool,
    /// Say also what is opened and loaded, and how long it took
    #[arg(short, long, global = true, action = ArgAction::SetTrue, help_heading = "Messages")]
    verbose: bool,
    /// Colours of messages; NO_COLOR switches them off, too
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Messages"
    )]
    color: Color,
}

impl Loudness {
    /// From now on.
    pub fn apply(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => Level::Quiet,
            (false, true) => Level::Verbose,
            (false, false) => Level::Usual,
        };
        set(level, self.color);
    }
}
