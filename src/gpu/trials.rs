//! Results of trials: some code paths are used on a device only after a test of them has passed there.
//!
//! The layers above define the trials; this cache keeps the results while the device is open.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Holds the trial of a variant, given the problem's label and the variant's name, where a crash of the driver does no
/// harm; `None` where it cannot.
pub type IsolatedTrial = dyn Fn(&str, &str) -> Option<Result<(), String>> + Send + Sync;

/// The result of each trial by its name; `Err` describes what was wrong.
#[derive(Default)]
pub(super) struct TrialCache {
    results: Mutex<BTreeMap<String, Result<(), String>>>,
    pub(super) isolated: OnceLock<Box<IsolatedTrial>>,
}

impl TrialCache {
    /// The result of the trial `name`, which runs on the first call while other callers wait.
    pub(super) fn get(&self, name: &str, trial: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = results.get(name) {
            return result.clone();
        }
        let result = trial();
        results.insert(name.to_owned(), result.clone());
        result
    }

    /// A line for each failed trial, sorted by name.
    pub(super) fn notes(&self) -> Vec<String> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = results.iter().filter_map(|(name, result)| Some((name, result.as_ref().err()?)));
        failed.map(|(name, error)| format!("{name}: not used on this device: {error}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_runs_once_and_failures_are_noted() {
        let trials = TrialCache::default();
        assert_eq!(trials.get("good", || Ok(())), Ok(()));
        assert_eq!(trials.get("bad", || Err("2 is not 3".into())), Err("2 is not 3".into()));
        for (name, expected) in [("good", Ok(())), ("bad", Err("2 is not 3".to_owned()))] {
            assert_eq!(trials.get(name, || panic!("{name} was tried twice")), expected);
        }
        assert_eq!(trials.notes(), ["bad: not used on this device: 2 is not 3"]);
    }
}
