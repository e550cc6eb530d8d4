//! What was found in one image.

use super::reference::Comparison;

/// What was found in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// 0 (good) to 1 (defective).
    pub score: f32,
    /// Image-level probabilities [K+1], normal first, consistent with the score: the defects share
    /// `score` in proportion to their type weights.
    pub probabilities: Vec<f32>,
    /// The most likely defect, counted from 0 over the defects.
    pub defect: usize,
    /// Class probabilities at image size, [K+1, size, size]; channel 0 is normal. Only that channel where
    /// [`MapChannels::Normal`](super::MapChannels::Normal) was asked for.
    pub maps: Vec<f32>,
    /// Edge of the maps in pixels.
    pub size: usize,
    /// Feature layers whose probabilities the maps are the mean of. DAPO's own maps are their sum.
    pub layers: usize,
    /// How the image compares with good photos, where there are any.
    pub comparison: Option<Comparison>,
    /// The probability of any defect that the whole image shows, [size, size], where tiles of it changed the maps.
    pub whole: Option<Vec<f32>>,
}

impl Detection {
    /// The same with another score, which the classes share in the same proportions.
    pub(super) fn with_score(mut self, score: f32) -> Self {
        let score = score.clamp(0.0, 1.0);
        let defects: f32 = self.probabilities[1..].iter().sum();
        let count = self.probabilities.len() - 1;
        for p in &mut self.probabilities[1..] {
            *p = if defects > 0.0 { *p / defects * score } else { score / count as f32 };
        }
        self.probabilities[0] = 1.0 - score;
        self.score = score;
        self
    }

    /// The probability of any defect at each pixel, [size, size].
    pub fn binary_map(&self) -> Vec<f32> {
        self.maps[..self.size * self.size].iter().map(|p| (1.0 - p).clamp(0.0, 1.0)).collect()
    }
}
