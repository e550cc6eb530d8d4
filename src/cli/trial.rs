//! `trial`: one trial of a kernel variant, for [`isolation`](super::isolation).

use std::process::ExitCode;

use super::Failure;
use super::isolation::{FAILED, PASSED};
use super::options::DeviceArgs;
use super::output::print;
use crate::kernels::prove;
use crate::kernels::registry::Registry;

/// Options of the hidden command that holds one trial.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// The problem
    case: String,
    /// The variant
    variant: String,
}

/// Holds one trial: what is wrong goes to standard output.
///
/// # Errors
/// No such case, or no device.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if std::env::var_os("DAPO_CRASH_IN_TRIAL").is_some_and(|variant| variant == args.variant.as_str()) {
        std::process::abort();
    }
    let case = Registry::builtin().parse(&args.case, &[]).map_err(|error| Failure::new(error.to_string()))?;
    match prove(&args.device.open_isolated()?, case.as_ref(), &args.variant) {
        Ok(()) => Ok(ExitCode::from(PASSED)),
        Err(reason) => {
            print(&reason)?;
            Ok(ExitCode::from(FAILED))
        }
    }
}
