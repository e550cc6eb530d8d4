//! `eval --shots`: runs with good photos drawn from the training images, and their means.

use std::process::ExitCode;

use super::opened::{Opened, Ran, open_split};
use crate::cli::Failure;
use crate::cli::output::{own_command, print};
use crate::cli::say::say;
use crate::data::samples::Split;
use crate::eval::Shots;
use crate::eval::shots::{Pool, pool};
use crate::eval::shots_figures::{shot_metrics, shot_table};
use crate::report::{today, write_atomic};
use crate::words::plural;

/// Most good photos of a product, and most draws: more is a slip of the keyboard.
const MOST: usize = 1000;

/// All runs, each in a folder of its own, from where they were left; then their means.
pub(super) fn run(opened: &Opened<'_>) -> Result<ExitCode, Failure> {
    let (out, mut shots, seeds) = (&opened.args.out, opened.args.shots.clone(), opened.args.seeds);
    shots.sort_unstable();
    shots.dedup();
    if let Some(many) = shots.iter().chain([&seeds]).find(|&&number| number > MOST) {
        return Err(Failure::usage(format!("--shots and --seeds: {many} is more than {MOST}")));
    }
    if out.join("run.json").is_file() {
        return Err(Failure::new(format!("{}: this folder holds a run without --shots", out.display()))
            .hint("choose another folder with --out"));
    }
    let most = shots.last().copied().unwrap_or(0);
    let pool = if most > 0 { pool(&open_split(opened.args, Split::Train)?) } else { Pool::new() };
    let draw = |number: usize, seed: usize| {
        Shots::draw(&opened.plan, &pool, number, seed as u64, opened.args.good.bank.options())
    };
    // Whether there are enough is known before the first run.
    draw(most, 0)?;
    let mut runs = Vec::new();
    for &number in &shots {
        // Without a good photo there is nothing to draw.
        let draws = if number == 0 { 1 } else { seeds };
        for seed in 0..draws {
            let good = if number == 0 { None } else { Some(draw(number, seed)?) };
            let folder = out.join(format!("shots-{number}")).join(format!("seed-{seed}"));
            say!("{} of each product, draw {} of {draws}", plural(number, "good photo"), seed + 1);
            match opened.evaluate(&folder, good.as_ref())? {
                Ran::Whole { metrics, .. } => runs.push((number, *metrics)),
                // There are no parts.
                Ran::Stopped { .. } | Ran::Part => {
                    say!("{} done; the same command goes on from there", plural(runs.len(), "run"));
                    return Ok(ExitCode::from(130));
                }
            }
        }
    }
    let metrics = shot_metrics(&runs)?;
    let mut json = serde_json::to_string_pretty(&metrics).map_err(|e| Failure::new(e.to_string()))?;
    json.push('\n');
    write_atomic(out.join("metrics.json"), json.as_bytes())?;
    let command = own_command();
    write_atomic(out.join("report.html"), metrics.html(&today(), &command).as_bytes())?;
    print(&if opened.args.json { json } else { shot_table(&metrics) })?;
    metrics.notes.iter().for_each(|note| say!("note: {note}"));
    say!("see {}", out.join("report.html").display());
    Ok(if metrics.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
