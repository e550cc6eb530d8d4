//! A training run as one file describes it.

mod limits;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::clip::name_key;

use super::learner::train::AdamSettings;
use super::learner::{LearnerConfig, Method};

/// Which pixels of a mask, scaled to the image size, count as defective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskThreshold {
    /// More than half of the pixel.
    Half,
    /// The whole pixel: what DAPO's published results were trained with.
    Full,
}

/// A defect by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectClass {
    /// Its name in detection, and in training if `train` is not given.
    pub name: String,
    /// A synonym for training.
    #[serde(default)]
    pub train: Option<String>,
    /// What data sets call it, and other labels that count as it. Its name always does.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// How long and how to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Edge of the images in pixels; the model's own if not given.
    pub image_size: Option<usize>,
    /// Images of a step.
    pub batch: usize,
    /// Passes over the images, unless `steps` is given.
    pub epochs: usize,
    /// Steps, whatever that is in epochs.
    pub steps: Option<usize>,
    /// Seed of the first values and of the order of images.
    pub seed: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: usize,
    /// Which pixels of a scaled mask are defect. If not given: `half`, or `full` for a run that starts from
    /// given values, which is how published runs are repeated.
    pub mask_threshold: Option<MaskThreshold>,
    /// Images that go through the model at a time; as many as fit if not given. The result is the same.
    pub micro_batch: Option<usize>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            image_size: None,
            batch: 8,
            epochs: 5,
            steps: None,
            seed: 42,
            checkpoint_every: 50,
            mask_threshold: None,
            micro_batch: None,
        }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The learner.
    pub learner: LearnerConfig,
    /// Adam.
    pub optimiser: AdamSettings,
    /// The schedule.
    pub training: Schedule,
    /// The classes in order; those of the data, in the order of their names, if empty.
    pub defects: Vec<DefectClass>,
}

/// A label without a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the data set has the label '{label}', which belongs to none of the classes: {known}")]
pub struct UnknownLabel {
    /// The label.
    pub label: String,
    /// The names of the classes.
    pub known: String,
}

impl DefectClass {
    /// Classes with these names, trimmed; empty ones are left out.
    pub fn from_names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Self> {
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| Self { name: name.to_owned(), train: None, labels: Vec::new() }).collect()
    }
}

/// A label in words: `bent_lead` is "bent lead".
fn words(label: &str) -> String {
    name_key(&label.replace('_', " "))
}

impl RunConfig {
    /// Reads a TOML file. Fields that `[learner]` omits have the defaults of `method`, or of the file's own method.
    ///
    /// # Errors
    /// The parser's message, which shows the line and what it expects.
    pub fn from_toml(text: &str, method: Option<Method>) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Wanted {
            #[serde(default)]
            learner: Named,
        }
        #[derive(Deserialize, Default)]
        struct Named {
            method: Option<Method>,
        }
        let wanted: Wanted = toml::from_str(text).map_err(|e| e.to_string())?;
        // First without defaults of the method, so that errors have line numbers.
        let plain: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let Some(method) = method.or(wanted.learner.method) else { return Ok(plain) };
        let mut all: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut learner =
            toml::Table::try_from(LearnerConfig::for_method(method)).map_err(|e| e.to_string())?;
        if let Some(toml::Value::Table(given)) = all.remove("learner") {
            learner.extend(given);
        }
        learner.insert("method".into(), method.name().into());
        all.insert("learner".into(), learner.into());
        all.try_into().map_err(|e: toml::de::Error| e.to_string())
    }

    /// Fills in the classes from the labels of the data if none are given, and gives each label's class,
    /// counted from 1.
    ///
    /// # Errors
    /// [`UnknownLabel`] for a label that no class has.
    pub fn classes<'l>(
        &mut self,
        labels: impl Iterator<Item = &'l str>,
    ) -> Result<BTreeMap<String, u32>, UnknownLabel> {
        let labels: std::collections::BTreeSet<&str> = labels.collect();
        if self.learner.one_class {
            self.defects = DefectClass::from_names(std::iter::once("damaged"));
            return Ok(labels.iter().map(|label| ((*label).to_owned(), 1)).collect());
        }
        if self.defects.is_empty() {
            let mut names: Vec<String> = labels.iter().map(|l| words(l)).collect();
            names.sort();
            names.dedup();
            self.defects = DefectClass::from_names(names.iter().map(String::as_str));
        }
        let find = |label: &str| {
            let of = |d: &DefectClass| {
                let own = [&d.name].into_iter().chain(&d.train).chain(&d.labels);
                own.into_iter().any(|l| words(l) == words(label))
            };
            self.defects.iter().position(of).map(|at| at as u32 + 1)
        };
        labels
            .iter()
            .map(|label| {
                let known = || self.test_names().join(", ");
                let class =
                    find(label).ok_or_else(|| UnknownLabel { label: (*label).into(), known: known() });
                Ok(((*label).to_owned(), class?))
            })
            .collect()
    }

    /// Names of the classes in training.
    pub fn train_names(&self) -> Vec<String> {
        self.defects.iter().map(|d| d.train.as_ref().unwrap_or(&d.name).trim().to_owned()).collect()
    }

    /// Names of the classes in detection.
    pub fn test_names(&self) -> Vec<String> {
        self.defects.iter().map(|d| d.name.trim().to_owned()).collect()
    }

    /// Steps of a run over this many images.
    pub fn steps(&self, images: usize) -> usize {
        let each = images.div_ceil(self.training.batch);
        self.training.steps.unwrap_or(each.saturating_mul(self.training.epochs))
    }
}

/// The images of each step: all of them once an epoch, shuffled anew.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    images: usize,
    batch: usize,
    /// `None`: in the given order.
    seed: Option<u64>,
}

impl BatchSampler {
    /// Batches in an order shuffled by `seed`, or in the given order without one.
    pub fn new(images: usize, batch: usize, seed: Option<u64>) -> Self {
        Self { images, batch: batch.max(1), seed }
    }

    /// The image indices of a step, counted from 0. A pure function of the step, so that a run can resume anywhere.
    pub fn batch(&self, step: usize) -> Vec<usize> {
        let each = self.images.div_ceil(self.batch).max(1);
        let (epoch, at) = (step / each, step % each);
        let mut order: Vec<usize> = (0..self.images).collect();
        if let Some(seed) = self.seed {
            // Two neighbouring seeds give streams that have nothing to do with each other.
            let mixed = (u128::from(seed) << 64) | epoch as u128;
            order.shuffle(&mut Pcg64Mcg::from_seed(
                (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_le_bytes(),
            ));
        }
        order.into_iter().skip(at * self.batch).take(self.batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_image_once_in_an_order_of_its_own() {
        let order = BatchSampler::new(10, 4, Some(3));
        let epoch = |n: usize| -> Vec<usize> { (3 * n..3 * n + 3).flat_map(|s| order.batch(s)).collect() };
        let (first, second) = (epoch(0), epoch(1));
        for mut seen in [first.clone(), second.clone()] {
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(first, second);
        assert_ne!(first, (0..10).collect::<Vec<_>>());
        assert_eq!(order.batch(2).len(), 2);
        assert_eq!(BatchSampler::new(10, 4, None).batch(4), [4, 5, 6, 7]);
    }

    #[test]
    fn a_file_changes_the_defaults_of_its_method() {
        let text = "[learner]\nmethod = 'multiads'\nobject = 'bolt'\n[training]\nbatch = 4\n";
        let run = RunConfig::from_toml(text, None).expect("a run");
        let expected = LearnerConfig { object: "bolt".into(), ..LearnerConfig::for_method(Method::MultiAds) };
        assert_eq!((run.learner, run.training.batch), (expected, 4));
        let run = RunConfig::from_toml("", Some(Method::AnomalyClip)).expect("a run");
        assert_eq!(run.learner, LearnerConfig::for_method(Method::AnomalyClip));
        let error = RunConfig::from_toml("[learner]\nprompt_set = 3\n", None).expect_err("a misspelt field");
        assert!(
            error.contains("prompt_set") && error.contains("line 2") && error.contains("prompt_sets"),
            "{error}"
        );
        let error =
            RunConfig::from_toml("[learner]\nimage_score = 'both'\n", None).expect_err("no such score");
        assert!(error.contains("line 2") && error.contains("`class`, `types`, `map`, `plain`"), "{error}");
    }

    #[test]
    fn every_shipped_file_is_a_run() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        let mut files = 0;
        let entries = std::fs::read_dir(folder).expect("configs").flatten();
        for entry in entries.filter(|entry| entry.path().is_file()) {
            let text = std::fs::read_to_string(entry.path()).expect("readable");
            let run = RunConfig::from_toml(&text, None).unwrap_or_else(|e| panic!("{:?}: {e}", entry.path()));
            run.check().unwrap_or_else(|e| panic!("{:?}: {e}", entry.path()));
            let named = entry.file_name().to_string_lossy().contains(run.learner.method.name());
            assert!(
                named || entry.file_name() == "paper.toml",
                "{:?} is a run of another method",
                entry.path()
            );
            files += 1;
        }
        assert_eq!(files, 7);
        let paper = include_str!("../../configs/paper.toml");
        let mut paper = RunConfig::from_toml(paper, None).expect("a run");
        assert_eq!((paper.defects.len(), paper.steps(1725)), (20, 1080));
        let labels = ["bent_lead", "print", "oil", "split_teeth", "gray_stroke", "color", "broken_teeth"];
        let classes = paper.classes(labels.into_iter()).expect("folders of MVTec-AD");
        assert_eq!(labels.map(|l| classes[l]), [1, 9, 18, 19, 20, 3, 2]);
    }

    #[test]
    fn labels_find_their_class_by_any_of_its_names() {
        let mut run: RunConfig = serde_json::from_value(serde_json::json!({"defects": [
            {"name": "color", "train": "discoloration"},
            {"name": "bent", "labels": ["bent_lead"]},
        ]}))
        .expect("a run");
        let classes = run.classes(["color", "bent_lead", "Bent"].into_iter()).expect("all are known");
        assert_eq!((classes["color"], classes["bent_lead"], classes["Bent"]), (1, 2, 2));
        assert_eq!(run.train_names(), ["discoloration", "bent"]);
        // File systems and editors spell "ü" as one character or as two.
        for (name, label) in
            [("brüchig", "bru\u{308}chig"), ("bru\u{308}chig", "brüchig"), ("Öl", "o\u{308}l")]
        {
            let mut run =
                RunConfig { defects: DefectClass::from_names([name].into_iter()), ..RunConfig::default() };
            assert_eq!(run.classes([label].into_iter()).expect("the class")[label], 1);
        }
        let error = run.classes(["crack"].into_iter()).expect_err("no such class");
        assert!(error.to_string().contains("'crack'") && error.to_string().contains("color, bent"));
        let mut open = RunConfig::default();
        let classes = open.classes(["faulty_imprint", "bent"].into_iter()).expect("taken from the data");
        assert_eq!((classes["bent"], classes["faulty_imprint"]), (1, 2));
        assert_eq!(open.test_names(), ["bent", "faulty imprint"]);
    }
}
