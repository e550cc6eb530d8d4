//! `completions` and `man`: what shells and readers get, made from the options.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use super::Failure;
use super::output::{print, writable_folder};
use super::say::say;
use crate::report::write_atomic;
use crate::words::plural;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell [default: what SHELL says]
    #[arg(value_enum)]
    shell: Option<Shell>,
}

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Folder for the pages, such as /usr/local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Prints the completions of a shell.
///
/// # Errors
/// No shell that is known.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let shell = args.shell.or_else(Shell::from_env).ok_or_else(|| {
        Failure::usage("which shell? SHELL does not say").hint("bash, zsh, fish, powershell or elvish")
    })?;
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Writes a manual page for the program and each command.
///
/// # Errors
/// A folder that cannot be written.
pub fn man(args: &ManArgs, mut command: Command) -> Result<(), Failure> {
    writable_folder(&args.out)?;
    command.build();
    let mut commands = vec![command.clone()];
    let of_users = command.get_subcommands().filter(|of| !of.is_hide_set() && of.get_name() != "help");
    commands.extend(of_users.cloned());
    for of in &commands {
        let name = match of.get_name() {
            name if name == command.get_name() => name.to_owned(),
            name => format!("{}-{name}", command.get_name()),
        };
        let mut page = Vec::new();
        let failed = |e: std::io::Error| Failure::new(format!("{name}: {e}"));
        clap_mangen::Man::new(of.clone().name(name.clone())).render(&mut page).map_err(failed)?;
        write_atomic(args.out.join(format!("{name}.1")), &page)?;
    }
    say!("{} written to {}", plural(commands.len(), "page"), args.out.display());
    Ok(())
}
