//! `synth`: procedurally generated, labelled images.

use std::path::PathBuf;

use super::Failure;
use super::numbers::{count_or_none, share};
use super::output::{print, progress};
use super::say::say;
use crate::synth::{SynthOptions, defects, objects, write_mvtec, write_shards};
use crate::words::plural;

/// Options of `synth`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write: MVTec-AD layout (OBJECT/train/good, OBJECT/test/DEFECT, OBJECT/ground_truth/DEFECT)
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Seed: the same seed gives the same images
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().seed)]
    seed: u64,
    /// Edge of the images in pixels
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().size)]
    size: usize,
    /// Objects to draw, separated by commas [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    objects: Vec<String>,
    /// Defects to draw, separated by commas [default: all that an object can have]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    defects: Vec<String>,
    /// Good training images an object
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().train_good)]
    train_good: usize,
    /// Good test images an object
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().test_good)]
    test_good: usize,
    /// Test images an object and defect
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().per_defect)]
    per_defect: usize,
    /// Write N random images as training arrays (images.npy, masks.npy, labels.csv) instead
    #[arg(long, value_name = "N", value_parser = count_or_none)]
    shards: Option<usize>,
    /// Share of good images among them
    #[arg(long, value_name = "P", default_value_t = 0.35, requires = "shards", value_parser = share)]
    good_fraction: f64,
    /// Replace a folder that is not empty
    #[arg(long)]
    overwrite: bool,
    /// List the objects and defects, and stop
    #[arg(long)]
    list: bool,
}

/// Generates images.
///
/// # Errors
/// Unknown names, a folder that is not empty, or one that cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.list {
        return print(&format!("objects: {}\ndefects: {}\n", objects().join(", "), defects().join(", ")));
    }
    let out = args.out.as_ref().ok_or_else(|| Failure::new("--out is missing"))?;
    let options = SynthOptions {
        seed: args.seed,
        size: args.size,
        objects: args.objects.clone(),
        defects: args.defects.clone(),
        train_good: args.train_good,
        test_good: args.test_good,
        per_defect: args.per_defect,
        overwrite: args.overwrite,
    };
    let bar = progress(2, "images");
    let tick = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let summary = match args.shards {
        Some(n) => write_shards(out, n, &options, args.good_fraction, &tick)?,
        None => write_mvtec(out, &options, &tick)?,
    };
    bar.finish_and_clear();
    say!(
        "{} good and {} of {} → {}",
        summary.good,
        plural(summary.defective, "defective image"),
        plural(summary.objects, "object"),
        out.display()
    );
    Ok(())
}
