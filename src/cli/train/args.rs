//! The options of `train`.

use std::path::PathBuf;

use crate::cli::learner::MethodArg;
use crate::cli::options::{DataArgs, ModelArgs, RunArgs};
use crate::cli::reading::ReadArgs;

/// Options of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
    #[command(flatten)]
    pub(super) reading: ReadArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder for learner.safetensors, checkpoints, steps.jsonl and report.html
    #[arg(long, value_name = "RUN")]
    pub(super) out: PathBuf,
    /// What to train [default: dapo, or that of --config]
    #[arg(long, value_enum)]
    pub(super) method: Option<MethodArg>,
    /// Settings of the run, as in configs/ [default: those of the method, for any model]
    #[arg(long, value_name = "FILE.toml")]
    pub(super) config: Option<PathBuf>,
    /// Values to start from instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    pub(super) init: Option<PathBuf>,
    /// Names of the defects in the order of their classes, separated by commas [default: those of the data,
    /// in the order of their names]
    #[arg(long, value_name = "A,B,C")]
    pub(super) defects: Option<String>,
    /// Images of a step [default: 8]
    #[arg(long, value_name = "N", value_parser = crate::cli::numbers::count)]
    pub(super) batch: Option<usize>,
    /// Steps [default: 5 passes over the images]
    #[arg(long, value_name = "N", value_parser = crate::cli::numbers::count)]
    pub(super) steps: Option<usize>,
    /// Seed of the first values and of the order of the images [default: 42]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Take the images in the order of their paths instead of a seeded one
    #[arg(long)]
    pub(super) no_shuffle: bool,
    /// Images that go through the model at a time; the result is the same [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = crate::cli::numbers::count)]
    pub(super) micro_batch: Option<usize>,
    /// Device memory that the run may take, such as 6GB; images go through the model in smaller portions then
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(super) max_memory: Option<u64>,
    /// Steps between two checkpoints [default: 50]
    #[arg(long, value_name = "N", value_parser = crate::cli::numbers::count)]
    pub(super) checkpoint_every: Option<usize>,
    /// Go on with the run in --out, with its settings; ends in the same bits as if it had not been interrupted
    #[arg(long)]
    pub(super) resume: bool,
    /// Print a JSON line for every step to standard output too
    #[arg(long)]
    pub(super) json: bool,
}

/// A number of bytes: `6GB`, `512 MiB`, `1e9`.
fn memory(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "g" | "gb" => 1e9,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => 0.0,
    };
    match number.trim().parse::<f64>() {
        Ok(n) if n > 0.0 && factor > 0.0 && n * factor < 1e18 => Ok((n * factor) as u64),
        _ => Err("expected a size such as 6GB or 512MiB".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::memory;

    #[test]
    fn sizes_are_read_in_the_usual_ways() {
        assert_eq!(memory("6GB"), Ok(6_000_000_000));
        assert_eq!(memory("512 MiB"), Ok(512 << 20));
        assert_eq!(memory("1.5gib"), Ok(3 << 29));
        assert!(memory("much").is_err() && memory("-1GB").is_err() && memory("3XB").is_err());
    }
}
