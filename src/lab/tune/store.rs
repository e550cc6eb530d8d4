//! The tuning file: the fastest variants on one device, with one driver and one set of kernels.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::read_unmarked;
use crate::gpu::Gpu;
use crate::words::plural;

/// Version of the file's layout.
const SCHEMA: &str = "dapo-wgpu/tuning/1";

/// The result of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Status {
    /// It was the fastest and is used.
    Won,
    /// It was slower.
    Lost {
        /// Its best time over the winner's median.
        ratio: f64,
    },
    /// It was fastest, but its result is wrong.
    Wrong {
        /// What is wrong.
        fault: String,
    },
    /// It was not run.
    Pruned {
        /// Why.
        reason: String,
    },
}

/// One variant of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Candidate {
    /// The variant.
    pub variant: String,
    /// Its result.
    #[serde(flatten)]
    pub status: Status,
    /// Median seconds, if it ran.
    pub seconds: Option<f64>,
    /// How often it ran.
    pub runs: usize,
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Choice {
    /// The case in words.
    pub case: String,
    /// The fastest variant.
    pub variant: String,
    /// The built-in choice.
    pub default: String,
    /// Median of the default over median of the winner.
    pub gain: f64,
    /// All variants, in the order of the built-in table.
    pub candidates: Vec<Candidate>,
}

/// All results of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tuning {
    /// `dapo-wgpu/tuning/1`
    pub schema: String,
    /// Adapter, driver and subgroup size as text; the file of another device is not used.
    pub device: String,
    /// Fingerprint of the kernels; the file of other kernels is not used.
    pub kernels: String,
    /// By case, sorted.
    pub choices: Vec<Choice>,
}

/// The content of the file, or why it is not used.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// There is no file.
    None,
    /// It matches device and kernels.
    Usable(Tuning),
    /// It is ignored for this reason.
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
    /// Without any results yet.
    pub fn new(gpu: &Gpu) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            device: device(gpu),
            kernels: env!("DAPO_KERNELS").to_owned(),
            choices: Vec::new(),
        }
    }

    /// The path of this device's file below the user's cache folder.
    pub fn path(gpu: &Gpu, cache: &Path) -> PathBuf {
        let device = device(gpu);
        let mut hasher = DefaultHasher::new();
        device.hash(&mut hasher);
        let name: String =
            gpu.adapter().name.chars().filter(|c| c.is_ascii_alphanumeric()).take(32).collect();
        cache.join("tuning").join(format!("{name}-{:016x}.json", hasher.finish()))
    }

    /// Reads the file of this device. Problems with it are not errors: see [`Stored::Ignored`].
    pub fn load(gpu: &Gpu, path: &Path) -> Stored {
        match Self::read(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Stored::None,
            // What JSON's reader says of a file that ends too early, too.
            Err(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Stored::Ignored(format!("it is damaged: {e}"))
            }
            Err(e) => Stored::Ignored(format!("it cannot be read: {e}")),
            Ok(found) => match found.mismatch(&Self::new(gpu)) {
                Some(reason) => Stored::Ignored(reason),
                None => Stored::Usable(found),
            },
        }
    }

    /// Reads the file of any device.
    ///
    /// # Errors
    /// Those of the operating system; [`ErrorKind::InvalidData`] for a damaged file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&read_unmarked(path)?)?)
    }

    fn mismatch(&self, current: &Self) -> Option<String> {
        if self.schema != current.schema {
            Some(format!("its layout is '{}', this program reads '{}'", self.schema, current.schema))
        } else if self.kernels != current.kernels {
            Some("it was measured with other kernels".to_owned())
        } else if self.device != current.device {
            Some(format!("it was measured on '{}'", self.device))
        } else {
            None
        }
    }

    /// Adds choices; each replaces an older one of its case.
    pub fn add(&mut self, choices: Vec<Choice>) {
        for choice in choices {
            match self.choices.binary_search_by(|c| c.case.cmp(&choice.case)) {
                Ok(at) => self.choices[at] = choice,
                Err(at) => self.choices.insert(at, choice),
            }
        }
    }

    /// By case: the variant, where it is not the built-in choice.
    pub fn preferences(&self) -> HashMap<String, String> {
        let changed = self.choices.iter().filter(|c| c.variant != c.default);
        changed.map(|c| (c.case.clone(), c.variant.clone())).collect()
    }

    /// Each choice with its candidates, as text.
    pub fn text(&self) -> String {
        let mut lines = vec![self.device.clone()];
        for choice in &self.choices {
            let comparison = match choice.variant == choice.default {
                true => "the built-in choice stays".to_owned(),
                false => format!("{:.2} times as fast as {}", choice.gain, choice.default),
            };
            lines.push(format!("{} → {}, {comparison}", choice.case, choice.variant));
            for candidate in &choice.candidates {
                let time = candidate.seconds.map_or_else(String::new, |s| format!("{:.3} ms", s * 1e3));
                lines.push(format!(
                    "    {:12} {time:>12}  {}",
                    candidate.variant,
                    candidate.status.text(candidate.runs)
                ));
            }
        }
        let changed = self.preferences().len();
        lines.push(format!(
            "{}, {changed} of them other than the built-in choice",
            plural(self.choices.len(), "case")
        ));
        lines.join("\n") + "\n"
    }
}

impl Status {
    fn text(&self, runs: usize) -> String {
        match self {
            Status::Won => format!("won, {}", plural(runs, "run")),
            Status::Lost { ratio } => format!("{ratio:.2} times the winner's, {}", plural(runs, "run")),
            Status::Wrong { fault } => format!("WRONG: {fault}"),
            Status::Pruned { reason } => reason.clone(),
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
        let won = Candidate { variant: variant.into(), status: Status::Won, seconds: Some(0.5), runs: 9 };
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
        assert_eq!(all.mismatch(&tuning("k")), None);
        assert!(all.mismatch(&tuning("other")).is_some_and(|r| r.contains("other kernels")));
        let elsewhere = Tuning { device: "e".into(), ..tuning("k") };
        assert!(all.mismatch(&elsewhere).is_some_and(|r| r.contains("'d'")));
    }
}
