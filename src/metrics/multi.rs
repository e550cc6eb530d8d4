//! Figures of the defect types of a product, by pixels.

use super::bins::{Grid, add_counts};
use super::confusion::{ClassReport, ConfusionMatrix};
use super::error::Undefined;
use super::exact::{groups, key, sort};
use super::pixel::check;
use super::ranking::{Bounded, Ranking, ranking};
use super::state::{Reader, StateError, Writer};

/// Bins a class; two histograms of 64-bit numbers take 256 KiB.
const BINS: usize = 16384;
/// What the bytes begin with.
const KIND: u8 = b't';

/// One class against all others.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFigures {
    /// Name of the class.
    pub name: String,
    /// Area under the ROC curve of its channel, all pixels of the class being positives.
    pub auroc: Result<Bounded, Undefined>,
    /// Average precision of its channel.
    pub ap: Result<Bounded, Undefined>,
    /// F1 of the pixels where its channel is the largest; `None` if it neither occurs nor is found.
    pub f1: Option<f64>,
    /// Pixels of the class.
    pub support: u64,
}

/// Figures over the classes of a product, normal included: one-vs-rest by channel, and of the most likely class, which
/// is the first of the largest channels, as `numpy.argmax`.
///
/// With two classes, normal and one defect, both channels count. A class that no pixel or every pixel has is left out
/// of the means: scikit-learn's `roc_auc_score` refuses it.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiFigures {
    /// Each class, normal first.
    pub classes: Vec<ClassFigures>,
    /// Plain mean of the AUROC of the classes that have one.
    pub auroc: Result<Bounded, Undefined>,
    /// Plain mean of the AP of the classes that have one.
    pub ap: Result<Bounded, Undefined>,
    /// Plain mean of the F1 of the classes that occur or are found.
    pub f1: Result<f64, Undefined>,
    /// Pixels: true class against the most likely one.
    pub confusion: ConfusionMatrix,
}

impl MultiFigures {
    /// Of the ranking of each class.
    fn new(rankings: Vec<Result<Ranking, Undefined>>, confusion: ConfusionMatrix) -> Self {
        let total = confusion.total();
        let class = |(ranking, report): (Result<Ranking, Undefined>, ClassReport)| {
            let figure = |of: fn(&Ranking) -> Bounded| {
                ranking.as_ref().map(of).map_err(|reason| match reason {
                    Undefined::OneClass { positive, .. } => {
                        Undefined::Class { class: report.name.clone(), all: *positive, count: total }
                    }
                    other => other.clone(),
                })
            };
            ClassFigures {
                auroc: figure(|r| r.auroc),
                ap: figure(|r| r.ap),
                f1: (report.support + report.predicted > 0).then_some(report.f1),
                support: report.support,
                name: report.name,
            }
        };
        let classes: Vec<_> = rankings.into_iter().zip(confusion.per_class()).map(class).collect();
        let mean = |of: fn(&ClassFigures) -> &Result<Bounded, Undefined>| {
            let defined: Vec<Bounded> = classes.iter().filter_map(|c| of(c).clone().ok()).collect();
            let reason = || classes.iter().find_map(|c| of(c).clone().err()).unwrap_or(Undefined::Empty);
            Bounded::mean(&defined).ok_or_else(reason)
        };
        Self { auroc: mean(|c| &c.auroc), ap: mean(|c| &c.ap), f1: confusion.macro_f1(), classes, confusion }
    }

    /// Names of the classes that the mean AUROC and AP leave out.
    pub fn left_out(&self) -> Vec<&str> {
        self.classes.iter().filter(|c| c.auroc.is_err()).map(|c| c.name.as_str()).collect()
    }
}

/// Checks the channels of an image, `maps` `[C, pixels]` against `truth` `[pixels]`.
fn check_channels(maps: &[f32], truth: &[u8], classes: usize) -> Result<(), Undefined> {
    check(maps, classes, truth.len())?;
    match truth.iter().find(|&&class| usize::from(class) >= classes) {
        Some(&class) => Err(Undefined::NoSuchClass { class: usize::from(class), classes }),
        None => Ok(()),
    }
}

/// Counts the most likely class of each pixel.
fn count_likeliest(maps: &[f32], truth: &[u8], confusion: &mut ConfusionMatrix) -> Result<(), Undefined> {
    for (at, &class) in truth.iter().enumerate() {
        let channel = |c: usize| maps[c * truth.len() + at];
        let later = 1..confusion.names().len();
        let likeliest = later.fold(0, |best, c| if channel(c) > channel(best) { c } else { best });
        confusion.add(usize::from(class), likeliest)?;
    }
    Ok(())
}

/// Every value of every channel of a product: exact figures, for 4 bytes a pixel and class.
#[derive(Debug, Clone)]
pub struct TypeScores {
    /// Keys of the pixels of each class in its channel, and of all others in that channel.
    channels: Vec<[Vec<u32>; 2]>,
    confusion: ConfusionMatrix,
}

impl TypeScores {
    /// No pixels yet, of these classes, normal first.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let confusion = ConfusionMatrix::new(names);
        Self { channels: vec![Default::default(); confusion.names().len()], confusion }
    }

    /// Adds one image: `maps` `[C, pixels]` and the class of each pixel.
    ///
    /// # Errors
    /// [`Undefined`] if the sizes differ, a value is not finite or a class unknown; nothing is added then.
    pub fn add(&mut self, maps: &[f32], truth: &[u8]) -> Result<(), Undefined> {
        check_channels(maps, truth, self.channels.len())?;
        count_likeliest(maps, truth, &mut self.confusion)?;
        for (class, [positives, negatives]) in self.channels.iter_mut().enumerate() {
            let channel = &maps[class * truth.len()..][..truth.len()];
            for (&value, &true_class) in channel.iter().zip(truth) {
                let side = if usize::from(true_class) == class { &mut *positives } else { &mut *negatives };
                side.push(key(value));
            }
        }
        Ok(())
    }

    /// The figures of all pixels added.
    pub fn figures(self) -> MultiFigures {
        let one = |[mut positives, mut negatives]: [Vec<u32>; 2]| {
            rayon::join(|| sort(&mut positives), || sort(&mut negatives));
            let groups = groups(&positives, |&key| key, &negatives);
            ranking(groups, positives.len() as u64, negatives.len() as u64).map(Ranking::exact)
        };
        MultiFigures::new(self.channels.into_iter().map(one).collect(), self.confusion)
    }
}

/// Channels of a product counted in 16384 equal bins of an interval, 256 KiB a class. AUROC and AP have the bounds of
/// [`PixelCounts`](super::PixelCounts), the bound of a mean being the mean of the bounds; F1 and the confusion matrix
/// are exact, because the most likely class of a pixel is found before anything is binned.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeCounts {
    grid: Grid,
    /// Histograms of the pixels of each class in its channel, and of all others in that channel.
    channels: Vec<[Vec<u64>; 2]>,
    confusion: ConfusionMatrix,
}

impl TypeCounts {
    /// No pixels yet, of these classes, normal first, with values in `range`, both ends included.
    ///
    /// # Errors
    /// [`Undefined::Interval`] unless both ends are finite and in order.
    pub fn new<S: Into<String>>(
        names: impl IntoIterator<Item = S>,
        range: [f32; 2],
    ) -> Result<Self, Undefined> {
        let confusion = ConfusionMatrix::new(names);
        let channel = || [vec![0; BINS], vec![0; BINS]];
        let channels = confusion.names().iter().map(|_| channel()).collect();
        Ok(Self { grid: Grid::new(range, BINS)?, channels, confusion })
    }

    /// Counts one image: `maps` `[C, pixels]` and the class of each pixel.
    ///
    /// # Errors
    /// As [`TypeScores::add`], and if a value lies outside of the range; nothing is counted then.
    pub fn add(&mut self, maps: &[f32], truth: &[u8]) -> Result<(), Undefined> {
        check_channels(maps, truth, self.channels.len())?;
        self.grid.check(maps)?;
        count_likeliest(maps, truth, &mut self.confusion)?;
        for (class, sides) in self.channels.iter_mut().enumerate() {
            let channel = &maps[class * truth.len()..][..truth.len()];
            for (&value, &true_class) in channel.iter().zip(truth) {
                let side = usize::from(usize::from(true_class) != class);
                sides[side][self.grid.bin(f64::from(value))] += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of another, e.g. of other images.
    ///
    /// # Errors
    /// [`Undefined::Unlike`] if its range or its classes are others; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Undefined> {
        if self.grid != other.grid {
            return Err(Undefined::Unlike);
        }
        self.confusion.merge(&other.confusion)?;
        for (mine, theirs) in self.channels.iter_mut().flatten().zip(other.channels.iter().flatten()) {
            add_counts(mine, theirs);
        }
        Ok(())
    }

    /// The figures of all pixels counted, each with its bound.
    pub fn figures(&self) -> MultiFigures {
        let one = |[positives, negatives]: &[Vec<u64>; 2]| {
            let groups = positives.iter().copied().zip(negatives.iter().copied()).rev();
            ranking(groups, positives.iter().sum(), negatives.iter().sum())
        };
        MultiFigures::new(self.channels.iter().map(one).collect(), self.confusion.clone())
    }

    /// The counts as bytes, for a checkpoint: empty bins cost little.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(KIND);
        out.grid(&self.grid);
        out.integer(self.channels.len() as u64);
        for name in self.confusion.names() {
            out.text(name);
        }
        out.histogram(self.confusion.counts());
        for histogram in self.channels.iter().flatten() {
            out.histogram(histogram);
        }
        out.finish()
    }

    /// The counts that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are damaged, of another kind or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader::new(bytes, KIND)?;
        let grid = from.grid(BINS)?;
        let classes = from.integer()?;
        if classes > 256 {
            return Err(StateError { reason: "it has too many classes" });
        }
        let names = (0..classes).map(|_| from.text()).collect::<Result<Vec<_>, _>>()?;
        let counts = from.pixels(names.len() * names.len())?;
        let channel = |_: &String| Ok([from.pixels(BINS)?, from.pixels(BINS)?]);
        let channels = names.iter().map(channel).collect::<Result<_, _>>()?;
        from.finish()?;
        Ok(Self { grid, channels, confusion: ConfusionMatrix::of(names, counts) })
    }
}
