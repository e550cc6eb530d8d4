//! Comparing two reports, and the differences between them besides the kernels.

use std::collections::HashMap;

use super::comparison::{ComparedRow, Comparison, FEW, LEAST_NOISE, compared, key};
use super::report::BenchReport;
use super::timing::Timing;
use crate::lab::Device;
use crate::words::plural;

impl Comparison {
    /// Compares `new` with `old`, whose file is `name`.
    pub fn new(old: &BenchReport, new: &BenchReport, name: String, threshold: f64) -> Self {
        let by_key: HashMap<_, _> = old.timings.iter().map(|t| (key(t), t)).collect();
        let new_keys: HashMap<_, _> = new.timings.iter().map(|t| (key(t), t)).collect();
        let mut rows: Vec<ComparedRow> =
            new.timings.iter().map(|t| compared(by_key.get(&key(t)).copied(), Some(t), threshold)).collect();
        let gone = old.timings.iter().filter(|t| !new_keys.contains_key(&key(t)));
        rows.extend(gone.map(|t| compared(Some(t), None, threshold)));
        Self { old: name, threshold, warnings: warnings(old, new, &new_keys), rows }
    }
}

/// Other differences between two reports that may explain a change.
fn warnings(
    old: &BenchReport,
    new: &BenchReport,
    new_timings: &HashMap<(&str, &str), &Timing>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, old: String, new: String| {
        if old != new {
            found.push(format!("another {what}: '{old}' then, '{new}' now"));
        }
    };
    let (then, now) = (&old.device, &new.device);
    let name = |d: &Device| format!("{} ({}, {})", d.adapter.name, d.adapter.backend, d.adapter.kind);
    differ("adapter", name(then), name(now));
    let driver = |d: &Device| format!("{} {}", d.adapter.driver, d.adapter.driver_info);
    differ("driver", driver(then), driver(now));
    differ("shader mode", format!("{:?}", then.mode), format!("{:?}", now.mode));
    differ("version of dapo-wgpu", then.version.clone(), now.version.clone());

    for (what, change) in old.ceilings.moved(&new.ceilings) {
        found.push(format!(
            "the device's {what} is {change:.2} times what it was: clock speed or load differ"
        ));
    }
    if old.partial {
        found.push("the old run was stopped before its end".to_owned());
    }
    let common = || old.timings.iter().filter_map(|t| Some((t, *new_timings.get(&key(t))?)));
    let clocks = common().filter(|(old, new)| old.clock != new.clock).count();
    if clocks > 0 {
        found.push(format!("{} timed by another clock", plural(clocks, "row")));
    }
    let few = common().filter(|(o, n)| o.spread.repetitions.min(n.spread.repetitions) < FEW).count();
    if few > 0 {
        found.push(format!(
            "{} with fewer than {FEW} repetitions, so the times of a run are taken to lie within {:.0} % of its median",
            plural(few, "row"),
            100.0 * LEAST_NOISE
        ));
    }
    found
}
