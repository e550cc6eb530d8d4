//! Confusion matrix: which class was predicted for which.

use super::bins::add_counts;
use super::error::Undefined;

/// Counts of true class against predicted class.
///
/// ```
/// # use dapo_wgpu::metrics::ConfusionMatrix;
/// let mut matrix = ConfusionMatrix::new(["normal", "scratch"]);
/// for (truth, prediction) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
///     matrix.add(truth, prediction)?;
/// }
/// assert_eq!(matrix.count(0, 1), 1);
/// assert_eq!(matrix.per_class()[1].recall, 1.0);
/// # Ok::<(), dapo_wgpu::metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    names: Vec<String>,
    /// Row-major `[truth, prediction]`.
    counts: Vec<u64>,
}

/// Precision, recall and F1 of one class; see [`ConfusionMatrix::per_class`].
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// Name of the class.
    pub name: String,
    /// Share of the predictions of this class that are right; 0 if it was never predicted.
    pub precision: f64,
    /// Share of the samples of this class that were found; 0 if there are none.
    pub recall: f64,
    /// `2·TP / (2·TP + FP + FN)`; 0 if the class neither occurs nor is predicted.
    pub f1: f64,
    /// Number of samples of this class.
    pub support: u64,
    /// Number of times it was predicted.
    pub predicted: u64,
}

impl ConfusionMatrix {
    /// An empty matrix over the named classes, in this order.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let counts = vec![0; names.len() * names.len()];
        Self { names, counts }
    }

    /// A matrix with these counts, row-major `[truth, prediction]`.
    pub(super) fn of(names: Vec<String>, counts: Vec<u64>) -> Self {
        debug_assert_eq!(names.len() * names.len(), counts.len());
        Self { names, counts }
    }

    /// The counts, row-major `[truth, prediction]`.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Adds the counts of another matrix over the same classes.
    ///
    /// # Errors
    /// [`Undefined::Unlike`] if its classes are others; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Undefined> {
        if self.names != other.names {
            return Err(Undefined::Unlike);
        }
        add_counts(&mut self.counts, &other.counts);
        Ok(())
    }

    /// Names of the classes, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Counts one sample, by positions in [`ConfusionMatrix::names`].
    ///
    /// # Errors
    /// [`Undefined::NoSuchClass`] if a position is out of range.
    pub fn add(&mut self, truth: usize, prediction: usize) -> Result<(), Undefined> {
        let classes = self.names.len();
        for class in [truth, prediction] {
            if class >= classes {
                return Err(Undefined::NoSuchClass { class, classes });
            }
        }
        self.counts[truth * classes + prediction] += 1;
        Ok(())
    }

    /// Samples of class `truth` that were predicted as class `prediction`; 0 for classes out of range.
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        let classes = self.names.len();
        if truth.max(prediction) < classes { self.counts[truth * classes + prediction] } else { 0 }
    }

    /// Number of samples counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Precision, recall and F1 of each class, in order; a ratio without denominator is 0 (scikit-learn's
    /// `zero_division=0`).
    pub fn per_class(&self) -> Vec<ClassReport> {
        let ratio = |part: u64, whole: u64| {
            if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
        };
        let classes = self.names.len();
        let report = |(class, name): (usize, &String)| {
            let hits = self.count(class, class);
            let support: u64 = (0..classes).map(|other| self.count(class, other)).sum();
            let predicted: u64 = (0..classes).map(|other| self.count(other, class)).sum();
            ClassReport {
                name: name.clone(),
                precision: ratio(hits, predicted),
                recall: ratio(hits, support),
                f1: ratio(2 * hits, support + predicted),
                support,
                predicted,
            }
        };
        self.names.iter().enumerate().map(report).collect()
    }

    /// Unweighted mean of the F1 of all classes that occur in the truth or in the predictions, as
    /// `sklearn.metrics.f1_score(average="macro")`.
    ///
    /// # Errors
    /// [`Undefined::Empty`] without samples.
    pub fn macro_f1(&self) -> Result<f64, Undefined> {
        let f1: Vec<f64> =
            self.per_class().iter().filter(|c| c.support + c.predicted > 0).map(|c| c.f1).collect();
        if f1.is_empty() { Err(Undefined::Empty) } else { Ok(f1.iter().sum::<f64>() / f1.len() as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(["normal", "scratch", "hole", "never"]);
        let truth = [0, 0, 0, 1, 1, 1, 1, 2, 2, 0];
        let found = [0, 0, 1, 1, 1, 2, 0, 2, 1, 0];
        for (t, p) in truth.into_iter().zip(found) {
            matrix.add(t, p).expect("in range");
        }
        matrix
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // scikit-learn 1.9.1: f1_score(average="macro"),
        // precision_recall_fscore_support(labels=[0, 1, 2, 3], zero_division=0) on the lists of `example`.
        let matrix = example();
        assert!((matrix.macro_f1().expect("macro f1") - 0.5833333333333334).abs() < 1e-12);
        let expected = [(0.75, 0.75, 0.75, 4), (0.5, 0.5, 0.5, 4), (0.5, 0.5, 0.5, 2), (0.0, 0.0, 0.0, 0)];
        for (class, (precision, recall, f1, support)) in matrix.per_class().iter().zip(expected) {
            assert!((class.precision - precision).abs() < 1e-12, "{class:?}");
            assert!((class.recall - recall).abs() < 1e-12, "{class:?}");
            assert!((class.f1 - f1).abs() < 1e-12, "{class:?}");
            assert_eq!(class.support, support);
        }
    }

    #[test]
    fn counts_and_bounds() {
        let mut matrix = example();
        assert_eq!(matrix.count(1, 2), 1);
        assert_eq!(matrix.count(9, 0), 0);
        assert_eq!(matrix.add(0, 4), Err(Undefined::NoSuchClass { class: 4, classes: 4 }));
        assert_eq!(matrix.total(), 10);
        assert_eq!(ConfusionMatrix::new(["a"]).macro_f1(), Err(Undefined::Empty));
    }
}
