//! What trials have shown about this device, kept as long as it is open.
//!
//! Some paths can only be trusted after they have been tried: the layers above say what a trial is,
//! this one remembers how it ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::device::Gpu;

/// How each trial ended, by its name: `Err` says what went wrong.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<BTreeMap<String, Result<(), String>>>);

impl Verdicts {
    fn get(&self, name: &str, trial: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known.get(name) {
            return verdict.clone();
        }
        let verdict = trial();
        known.insert(name.to_owned(), verdict.clone());
        verdict
    }

    fn notes(&self) -> Vec<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = known.iter().filter_map(|(name, verdict)| Some((name, verdict.as_ref().err()?)));
        failed.map(|(name, fault)| format!("{name}: not used on this device: {fault}")).collect()
    }
}

impl Gpu {
    /// How the trial of this name ended. It is run at the first question, while others wait; the answer
    /// holds until the device is closed. A trial must not ask for verdicts itself.
    ///
    /// # Errors
    /// What the trial found wrong.
    pub fn verdict(&self, name: &str, trial: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        self.inner.verdicts.get(name, trial)
    }

    /// A line for each trial that failed so far, by name.
    pub fn notes(&self) -> Vec<String> {
        self.inner.verdicts.notes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_runs_once_and_failures_are_noted() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.get("good", || Ok(())), Ok(()));
        assert_eq!(verdicts.get("bad", || Err("2 is not 3".into())), Err("2 is not 3".into()));
        for (name, expected) in [("good", Ok(())), ("bad", Err("2 is not 3".to_owned()))] {
            assert_eq!(verdicts.get(name, || panic!("{name} was tried twice")), expected);
        }
        assert_eq!(verdicts.notes(), ["bad: not used on this device: 2 is not 3"]);
    }
}
