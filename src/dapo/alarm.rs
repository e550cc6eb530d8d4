//! When to raise an alarm: a threshold from images that are known to be good.
//!
//! This is split conformal prediction (Vovk, Gammerman, Shafer 2005; Lei et al. 2018, arXiv 1604.04173) with the image
//! score as the nonconformity measure: of n good images the k-th smallest score is taken, k = ⌈(n + 1)·(1 − r)⌉. If a
//! new good image comes from where those came from, its score lies above that one with a probability of at most r,
//! whatever the distribution of scores. That holds on average over sets of n images; a single set of few images can be
//! off by about √(r/n).

use serde::{Deserialize, Serialize};

use crate::clip::{LFS_POINTER, name_key};
use crate::files::unmarked;
use crate::words::{agree, plural};

/// Version of the format.
pub const SCHEMA: &str = "dapo-wgpu/alarm/1";

/// A threshold, and the conditions under which it is valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Alarm {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// An image whose score is at least this is called defective.
    pub threshold: f32,
    /// The wanted share of alarms among good images (r).
    pub false_alarm_rate: f64,
    /// Good images in the calibration (n).
    pub images: usize,
    /// The highest of their scores.
    pub highest: f32,
    /// The conditions of the calibration.
    pub conditions: Conditions,
}

/// Everything that scores depend on besides the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Conditions {
    /// The method.
    pub method: String,
    /// Name of the model.
    pub model: String,
    /// Edge of the images in pixels.
    pub image_size: usize,
    /// What the images show, as prompts call it.
    pub object: String,
    /// The defects to detect.
    pub defects: Vec<String>,
    /// Options of how photos are read that change pixels, such as `--bits 12`; empty for the default ones.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reading: String,
    /// A digest of the photos of good parts that images are compared with; empty where there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub references: String,
}

/// Why the calibration failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AlarmError {
    /// Too few images for so small a rate.
    #[error(
        "{} {} too few for a false-alarm rate of {rate}: at least {needed} {} needed; add images or allow more false \
         alarms",
        plural(*.images, "good image"),
        agree(*.images, "is", "are"),
        agree(*.needed, "is", "are")
    )]
    TooFew {
        /// Images given.
        images: usize,
        /// The requested rate.
        rate: f64,
        /// Images needed.
        needed: usize,
    },
    /// A rate outside (0, 1).
    #[error("a false-alarm rate of {0}: expected more than 0 and less than 1")]
    Rate(f64),
    /// A score that is not a number.
    #[error("score {index} of the good images is {value}")]
    NotFinite {
        /// Which one.
        index: usize,
        /// NaN or infinity.
        value: f32,
    },
}

impl Alarm {
    /// Reads what `calibrate` wrote, and checks that it can be what a calibration gives.
    ///
    /// # Errors
    /// A message with the field and what is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(LFS_POINTER) {
            return Err("it is a placeholder of Git LFS; run: git lfs pull".into());
        }
        let alarm: Self = serde_json::from_slice(unmarked(bytes))
            .map_err(|e| format!(
                "not a threshold that dapo-wgpu calibrate made ({e}); make one with dapo-wgpu calibrate --good DIR \
                 --out FILE.json"
            ))?;
        alarm.check()?;
        Ok(alarm)
    }

    /// The fewest good images of which a threshold for this rate can be found: 1/rate − 1.
    pub fn needed(rate: f64) -> usize {
        (1.0 / rate - 1.0 - 1e-9).ceil() as usize
    }

    /// Checks every field: a threshold out of range would call every image good, or every one defective.
    pub(crate) fn check(&self) -> Result<(), String> {
        /// Scores are probabilities; sums of them exceed 1 by their rounding.
        const HIGHEST: f32 = 1.001;
        let Self { schema, threshold, false_alarm_rate: rate, images, highest, conditions } = self;
        let rank = ((*images as f64 + 1.0) * (1.0 - rate) - 1e-9).ceil();
        let checks = [
            (schema == SCHEMA, "schema", format!("'{schema}'"), format!("'{SCHEMA}'")),
            (
                (0.0..=HIGHEST).contains(threshold),
                "threshold",
                threshold.to_string(),
                "a score from 0 to 1".into(),
            ),
            (
                *rate > 0.0 && *rate < 1.0,
                "false_alarm_rate",
                rate.to_string(),
                "a share above 0 and below 1".into(),
            ),
            (
                (1..=1_000_000_000).contains(images) && rank <= *images as f64,
                "images",
                images.to_string(),
                "as many images as the rate needs, 1 / rate - 1 at least".into(),
            ),
            (
                (0.0..=HIGHEST).contains(highest) && *threshold <= highest.next_up(),
                "highest",
                highest.to_string(),
                "the highest score of good images, which is from 0 to 1 and not below the threshold".into(),
            ),
            (
                (1..=1 << 16).contains(&conditions.image_size),
                "conditions.image_size",
                conditions.image_size.to_string(),
                "the edge of an image in pixels".into(),
            ),
            (
                !conditions.defects.is_empty(),
                "conditions.defects",
                "empty".into(),
                "the names of the defects".into(),
            ),
        ];
        match checks.into_iter().find(|(right, ..)| !right) {
            None => Ok(()),
            Some((_, field, found, wanted)) => Err(format!(
                "field `{field}` is {found}, expected {wanted}; make the threshold again with dapo-wgpu calibrate"
            )),
        }
    }

    /// The threshold for a share `rate` of false alarms, from the scores of good images.
    ///
    /// # Errors
    /// [`AlarmError`]: a rate outside (0, 1), fewer than 1/`rate` − 1 images, scores that are not finite.
    pub fn calibrate(scores: &[f32], rate: f64, conditions: Conditions) -> Result<Self, AlarmError> {
        if !(rate > 0.0 && rate < 1.0) {
            return Err(AlarmError::Rate(rate));
        }
        if let Some(index) = scores.iter().position(|s| !s.is_finite()) {
            return Err(AlarmError::NotFinite { index, value: scores[index] });
        }
        let images = scores.len();
        // Slightly less, so that 0.05 · 20 counts as 1 although neither is exact in binary.
        let rank = ((images + 1) as f64 * (1.0 - rate) - 1e-9).ceil() as usize;
        if rank > images {
            return Err(AlarmError::TooFew { images, rate, needed: Self::needed(rate) });
        }
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        Ok(Self {
            schema: SCHEMA.into(),
            // Alarms begin above the score itself.
            threshold: sorted[rank.max(1) - 1].next_up(),
            false_alarm_rate: rate,
            images,
            highest: sorted[images - 1],
            conditions,
        })
    }
}

impl Conditions {
    /// A sentence on the first difference from the conditions of a threshold; `None` if there is none.
    pub fn difference(&self, of_alarm: &Self) -> Option<String> {
        // A name is the same in every spelling that CLIP does not tell apart.
        let name = |given: &String| name_key(given);
        let names = |given: &[String]| given.iter().map(name).collect::<Vec<_>>().join(", ");
        let fields = [
            ("method", &self.method, &of_alarm.method),
            ("model", &self.model, &of_alarm.model),
            ("image size", &self.image_size.to_string(), &of_alarm.image_size.to_string()),
            ("object", &name(&self.object), &name(&of_alarm.object)),
            ("list of defects", &names(&self.defects), &names(&of_alarm.defects)),
            ("way of reading photos", &self.reading, &of_alarm.reading),
            ("set of good photos to compare with", &self.references, &of_alarm.references),
        ];
        let (what, ours, theirs) = fields.into_iter().find(|(_, ours, theirs)| ours != theirs)?;
        Some(format!("it was made for another {what}: '{theirs}', not '{ours}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions() -> Conditions {
        Conditions {
            method: "clip".into(),
            model: "nano".into(),
            image_size: 128,
            object: "object".into(),
            defects: vec!["hole".into()],
            reading: String::new(),
            references: String::new(),
        }
    }

    #[test]
    fn the_share_of_alarms_is_as_wanted() {
        // Scores of a simple generator: a threshold from 199 of them, tried on 20000 others.
        let mut state = 1u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let (mut rates, rate) = (Vec::new(), 0.05);
        for _ in 0..50 {
            let good: Vec<f32> = (0..199).map(|_| draw().powi(3)).collect();
            let alarm = Alarm::calibrate(&good, rate, conditions()).expect("a threshold");
            let alarms = (0..2000).filter(|_| draw().powi(3) >= alarm.threshold).count();
            rates.push(alarms as f64 / 2000.0);
        }
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        // 50 sets: the mean is off by about sqrt(0.05 / 199 / 50) = 0.002.
        assert!((mean - rate).abs() < 0.007, "{mean}");
    }

    #[test]
    fn nineteen_images_are_just_enough_for_one_in_twenty() {
        let scores: Vec<f32> = (0..19).map(|n| n as f32 / 20.0).collect();
        let alarm = Alarm::calibrate(&scores, 0.05, conditions()).expect("enough");
        assert_eq!((alarm.highest, alarm.images), (0.9, 19));
        assert_eq!(alarm.threshold, 0.9f32.next_up());
        let error = Alarm::calibrate(&scores[1..], 0.05, conditions()).expect_err("too few");
        assert_eq!(error, AlarmError::TooFew { images: 18, rate: 0.05, needed: 19 });
        assert_eq!(Alarm::calibrate(&scores, 0.0, conditions()), Err(AlarmError::Rate(0.0)));
        assert!(Alarm::calibrate(&[], 0.5, conditions()).is_err());
        assert!(Alarm::calibrate(&[0.1, f32::NAN], 0.5, conditions()).is_err());
    }

    #[test]
    fn a_stored_threshold_is_checked_field_by_field() {
        let scores: Vec<f32> = (0..40).map(|n| n as f32 / 40.0).collect();
        for good in [scores.clone(), vec![1.0; 40], vec![0.0; 40]] {
            let alarm = Alarm::calibrate(&good, 0.05, conditions()).expect("a threshold");
            let text = serde_json::to_string(&alarm).expect("JSON");
            assert_eq!(Alarm::from_json(format!("\u{feff}{text}").as_bytes()), Ok(alarm));
        }
        let alarm = Alarm::calibrate(&scores, 0.05, conditions()).expect("a threshold");
        let whole = serde_json::to_value(alarm).expect("JSON");
        let cases = [
            ("/threshold", serde_json::json!([7.0, -5, -0.001, 1e39, 0.99])),
            ("/false_alarm_rate", serde_json::json!([9.0, 0, 1, -0.2])),
            ("/images", serde_json::json!([0, 3, 18_446_744_073_709_551_615u64])),
            ("/highest", serde_json::json!([2.0, -1.0, 0.1])),
            ("/conditions/image_size", serde_json::json!([0, 65_537])),
            ("/conditions/defects", serde_json::json!([[]])),
            ("/schema", serde_json::json!(["dapo-wgpu/alarm/2"])),
        ];
        for (field, values) in cases {
            for value in values.as_array().expect("values") {
                let mut wrong = whole.clone();
                *wrong.pointer_mut(field).expect("the field") = value.clone();
                let error = Alarm::from_json(wrong.to_string().as_bytes()).expect_err("out of range");
                assert!(error.contains("calibrate"), "{field} {value}: {error}");
            }
        }
        assert!(Alarm::from_json(b"{}").is_err() && Alarm::from_json(b"").is_err());
    }

    #[test]
    fn other_conditions_are_described() {
        let other = Conditions { object: "bolt".into(), ..conditions() };
        assert_eq!(conditions().difference(&conditions()), None);
        let text = other.difference(&conditions()).expect("differs");
        assert!(text.contains("object") && text.contains("'bolt'"), "{text}");
    }
}
