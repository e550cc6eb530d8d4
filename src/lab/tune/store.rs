//! The tuning file: what won on one device, with one driver, among one set of kernels.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::gpu::Gpu;

/// Version of the file's layout.
const SCHEMA: &str = "dapo-wgpu/tuning/1";

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// It runs from now on.
    Won,
    /// It took this many times the winner's median.
    Lost {
        /// Its best time over the winner's median.
        ratio: f64,
    },
    /// It was fastest or near it, and wrong.
    Wrong {
        /// What was wrong.
        fault: String,
    },
    /// It was not compiled: nothing that could win.
    Pruned {
        /// Why.
        reason: String,
    },
}

/// One variant of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The variant.
    pub variant: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
    /// Median seconds, if it ran.
    pub seconds: Option<f64>,
    /// How often it ran.
    pub runs: usize,
}

/// What was found for one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The case in words.
    pub case: String,
    /// The winner.
    pub variant: String,
    /// What runs without tuning.
    pub default: String,
    /// Median of the default over median of the winner.
    pub gain: f64,
    /// All variants, in the order of the built-in table.
    pub candidates: Vec<Candidate>,
}

/// Everything that is known of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// `dapo-wgpu/tuning/1`
    pub schema: String,
    /// Adapter, driver and subgroup size in words; another one's file is not used.
    pub device: String,
    /// Fingerprint of the kernels; a file of others is not used.
    pub kernels: String,
    /// By case, sorted.
    pub choices: Vec<Choice>,
}

/// What the file says, or why it is not used.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// There is none.
    None,
    /// It fits device and kernels.
    Usable(Tuning),
    /// There is one, and it is ignored for this reason.
    Ignored(String),
}

fn device(gpu: &Gpu) -> String {
    let (adapter, caps) = (gpu.adapter(), gpu.capabilities());
    let lanes = caps.subgroups.map_or_else(|| "none".to_owned(), |s| format!("{} to {}", s.min, s.max));
    // Not the adapter's index, which changes with its neighbours.
    format!(
        "{} · {} · {} {} · {:x}:{:x} · subgroups {lanes} · {:?} shaders",
        adapter.name,
        adapter.backend,
        adapter.driver,
        adapter.driver_info,
        adapter.vendor,
        adapter.device,
        gpu.mode()
    )
}

impl Tuning {
    /// Nothing known yet of this device.
    pub fn new(gpu: &Gpu) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            device: device(gpu),
            kernels: env!("DAPO_KERNELS").to_owned(),
            choices: Vec::new(),
        }
    }

    /// Where the file of this device is, below the user's cache folder.
    pub fn path(gpu: &Gpu, cache: &Path) -> PathBuf {
        let device = device(gpu);
        let mut hasher = DefaultHasher::new();
        device.hash(&mut hasher);
        let name: String =
            gpu.adapter().name.chars().filter(|c| c.is_ascii_alphanumeric()).take(32).collect();
        cache.join("tuning").join(format!("{name}-{:016x}.json", hasher.finish()))
    }

    /// Reads the file of this device; anything that is wrong with it is a reason, not an error.
    pub fn load(gpu: &Gpu, path: &Path) -> Stored {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Stored::None,
            Err(e) => return Stored::Ignored(format!("it cannot be read: {e}")),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Err(e) => Stored::Ignored(format!("it is damaged: {e}")),
            Ok(found) => match found.refused(&Self::new(gpu)) {
                Some(reason) => Stored::Ignored(reason),
                None => Stored::Usable(found),
            },
        }
    }

    fn refused(&self, wanted: &Self) -> Option<String> {
        if self.schema != wanted.schema {
            Some(format!("its layout is '{}', this program reads '{}'", self.schema, wanted.schema))
        } else if self.kernels != wanted.kernels {
            Some("it was measured with other kernels".to_owned())
        } else if self.device != wanted.device {
            Some(format!("it was measured on '{}'", self.device))
        } else {
            None
        }
    }

    /// Adds choices, each in place of an older one for its case.
    pub fn add(&mut self, choices: Vec<Choice>) {
        for choice in choices {
            match self.choices.binary_search_by(|c| c.case.cmp(&choice.case)) {
                Ok(at) => self.choices[at] = choice,
                Err(at) => self.choices.insert(at, choice),
            }
        }
    }

    /// Variant by case, where it is not the built-in choice.
    pub fn preferences(&self) -> HashMap<String, String> {
        let changed = self.choices.iter().filter(|c| c.variant != c.default);
        changed.map(|c| (c.case.clone(), c.variant.clone())).collect()
    }

    /// Each choice and what became of the other candidates.
    pub fn text(&self) -> String {
        let mut lines = vec![self.device.clone()];
        for choice in &self.choices {
            let verdict = match choice.variant == choice.default {
                true => "the built-in choice stays".to_owned(),
                false => format!("{:.2} times as fast as {}", choice.gain, choice.default),
            };
            lines.push(format!("{} → {}, {verdict}", choice.case, choice.variant));
            for candidate in &choice.candidates {
                let time = candidate.seconds.map_or_else(String::new, |s| format!("{:.3} ms", s * 1e3));
                lines.push(format!(
                    "    {:12} {time:>12}  {}",
                    candidate.variant,
                    candidate.fate.text(candidate.runs)
                ));
            }
        }
        let changed = self.preferences().len();
        lines.push(format!("{} cases, {changed} of them other than the built-in choice", self.choices.len()));
        lines.join("\n") + "\n"
    }
}

impl Fate {
    fn text(&self, runs: usize) -> String {
        match self {
            Fate::Won => format!("won, {runs} runs"),
            Fate::Lost { ratio } => format!("{ratio:.2} times the winner's, {runs} runs"),
            Fate::Wrong { fault } => format!("WRONG: {fault}"),
            Fate::Pruned { reason } => reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuning(kernels: &str) -> Tuning {
        Tuning { schema: SCHEMA.into(), device: "d".into(), kernels: kernels.into(), choices: Vec::new() }
    }

    fn choice(case: &str, variant: &str) -> Choice {
        let won = Candidate { variant: variant.into(), fate: Fate::Won, seconds: Some(0.5), runs: 9 };
        let (case, variant) = (case.to_owned(), variant.to_owned());
        Choice { case, variant, default: "row".into(), gain: 2.0, candidates: vec![won] }
    }

    #[test]
    fn a_new_choice_takes_the_place_of_the_old_one() {
        let mut all = tuning("k");
        all.add(vec![choice("b", "row"), choice("a", "tile")]);
        all.add(vec![choice("a", "row"), choice("c", "tile")]);
        let found: Vec<_> = all.choices.iter().map(|c| (c.case.as_str(), c.variant.as_str())).collect();
        assert_eq!(found, [("a", "row"), ("b", "row"), ("c", "tile")]);
        assert_eq!(all.preferences(), HashMap::from([("c".into(), "tile".into())]));
        assert!(all.text().contains("c → tile, 2.00 times as fast as row"));
    }

    #[test]
    fn the_file_reads_back_and_a_stale_one_says_why() {
        let mut all = tuning("k");
        all.add(vec![choice("a", "tile")]);
        let json = serde_json::to_vec(&all).expect("json");
        assert_eq!(serde_json::from_slice::<Tuning>(&json).expect("json"), all);
        assert_eq!(all.refused(&tuning("k")), None);
        assert!(all.refused(&tuning("other")).is_some_and(|r| r.contains("other kernels")));
        let elsewhere = Tuning { device: "e".into(), ..tuning("k") };
        assert!(all.refused(&elsewhere).is_some_and(|r| r.contains("'d'")));
    }
}
