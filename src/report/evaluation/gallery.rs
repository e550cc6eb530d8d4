//! The galleries: the best, the worst and the most uncertain images of a run, and their cards.

use std::collections::HashSet;
use std::sync::Arc;

use maud::{Markup, html};

use super::super::metrics::ImageRecord;
use super::super::pictures::{Inlined, ReportError, ReportImage};

/// What a gallery shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Good images with high scores.
    FalseAlarms,
    /// Defective images with low scores.
    Misses,
    /// Images whose score is nearest the threshold.
    Uncertain,
    /// Defective images with high scores.
    Best,
}

impl Kind {
    /// All of them, in the order of the page.
    pub(super) const ALL: [Kind; 4] = [Kind::FalseAlarms, Kind::Misses, Kind::Uncertain, Kind::Best];

    /// Those with the highest rank are kept; `None` for an image that does not belong here.
    fn rank(self, defective: bool, score: f32, threshold: f32) -> Option<f32> {
        match self {
            Kind::FalseAlarms => (!defective).then_some(score),
            Kind::Misses => defective.then_some(-score),
            Kind::Uncertain => Some(-(score - threshold).abs()),
            Kind::Best => defective.then_some(score),
        }
    }

    /// Links to all galleries.
    pub(super) fn links() -> Markup {
        html! { @for (id, words) in Self::ALL.map(Kind::words) { a href={ "#" (id) } { (words) } } }
    }

    /// Identifier and heading.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::FalseAlarms => ("false-alarms", "Worst: good images with the highest scores"),
            Kind::Misses => ("misses", "Worst: defective images with the lowest scores"),
            Kind::Uncertain => ("uncertain", "Most uncertain: scores nearest the run's threshold"),
            Kind::Best => ("best", "Best: defective images with the highest scores"),
        }
    }
}

/// An image with its pictures.
#[derive(Debug)]
pub(super) struct Card {
    record: ImageRecord,
    pictures: Inlined,
}

impl Card {
    /// Encodes the pictures.
    pub(super) fn new(record: &ImageRecord, score: f32, pictures: &ReportImage) -> Result<Self, ReportError> {
        let pictures = Inlined::new(record.index, score, &record.path, pictures)?;
        Ok(Self { record: record.clone(), pictures })
    }

    /// The outcome at this threshold, in words.
    fn verdict(&self, threshold: f32) -> &'static str {
        match (self.record.truth.is_some(), self.pictures.score >= threshold) {
            (true, true) => "found",
            (true, false) => "missed",
            (false, true) => "false alarm",
            (false, false) => "passed",
        }
    }

    /// What is seen in the picture, for those who do not see it.
    fn seen(&self) -> String {
        let outlined = if self.pictures.truth.is_some() { ", the true mask outlined" } else { "" };
        let truth = self.record.truth.as_deref().unwrap_or("good");
        format!("{truth}, score {:.3}{outlined}", self.pictures.score)
    }

    fn html(&self, threshold: f32) -> Markup {
        let Card { record: ImageRecord { path, product, truth, predicted, .. }, pictures } = self;
        let (score, id) = (pictures.score, pictures.index);
        html! {
            article.item.flag[score >= threshold] #{ "image-" (id) } data-score=(score) data-defective=(truth.is_some())
                aria-labelledby={ "title-" (id) } {
                header {
                    h4 #{ "title-" (id) } { (path) }
                    span.big aria-label="Score" { (format_args!("{score:.3}")) }
                    span.muted {
                        (product) " · truth: "
                        @if let Some(defect) = truth { "defective: " (defect) } @else { "good" }
                        @if let Some(name) = predicted { " · most likely defect: " (name) }
                        " · " strong.verdict { (self.verdict(threshold)) }
                    }
                }
                (pictures.view(path, &self.seen(), &html! {}))
                div.body {
                    @if pictures.truth.is_some() { p.muted.outlined { "The blue line surrounds the true mask." } }
                    @for note in &self.record.notes { p.muted { (note) } }
                    (pictures.class_maps())
                }
            }
        }
    }
}

/// The images of one kind that have the highest ranks, within limits of number and bytes.
#[derive(Debug)]
pub(super) struct Gallery {
    kind: Kind,
    most: usize,
    most_bytes: usize,
    bytes: usize,
    /// Highest rank first; of equals the first in the list of images.
    kept: Vec<(Place, Arc<Card>)>,
    /// The best place that was dropped. Nothing ranked lower is accepted afterwards: so the kept images are the best
    /// for any order of the images, also under the byte limit.
    refused: Option<Place>,
}

/// Smaller is better: the negative rank, then the position in the list of images.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place(f32, usize);

impl Place {
    fn is_before(self, other: Place) -> bool {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1)).is_lt()
    }
}

impl Gallery {
    pub(super) fn new(kind: Kind, most: usize, most_bytes: usize) -> Self {
        Self { kind, most, most_bytes, bytes: 0, kept: Vec::new(), refused: None }
    }

    /// Positions of the images that are kept.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> {
        self.kept.iter().map(|(place, _)| place.1)
    }

    fn place(&self, record: &ImageRecord, threshold: f32) -> Option<Place> {
        let rank = self.kind.rank(record.truth.is_some(), record.score?, threshold)?;
        // 0 and -0 are one rank.
        Some(Place(-rank + 0.0, record.index))
    }

    /// Whether an image would be kept at this point.
    pub(super) fn would_keep(&self, record: &ImageRecord, threshold: f32) -> bool {
        let Some(place) = self.place(record, threshold) else { return false };
        let beats = |other: Option<Place>| other.is_none_or(|other| place.is_before(other));
        let last = self.kept.last().filter(|_| self.kept.len() >= self.most).map(|(place, _)| *place);
        self.most > 0 && beats(self.refused) && beats(last)
    }

    /// Keeps the image if its rank allows, and drops those beyond the limits.
    pub(super) fn offer(&mut self, card: &Arc<Card>, threshold: f32) {
        if !self.would_keep(&card.record, threshold) {
            return;
        }
        let Some(place) = self.place(&card.record, threshold) else { return };
        let at = self.kept.partition_point(|(kept, _)| kept.is_before(place));
        self.bytes += card.pictures.bytes();
        self.kept.insert(at, (place, Arc::clone(card)));
        while self.kept.len() > self.most || self.bytes > self.most_bytes {
            let Some((last, card)) = self.kept.pop() else { break };
            self.bytes -= card.pictures.bytes();
            if self.refused.is_none_or(|refused| last.is_before(refused)) {
                self.refused = Some(last);
            }
        }
    }

    /// Indices of the images, best first.
    #[cfg(test)]
    pub(super) fn indices(&self) -> Vec<usize> {
        self.kept.iter().map(|(_, card)| card.record.index).collect()
    }

    /// The gallery as a section; images in `shown`, which are on the page already, are links. Adds its own to `shown`.
    pub(super) fn html(&self, threshold: f32, shown: &mut HashSet<usize>) -> Markup {
        let (id, heading) = self.kind.words();
        let cards = self.kept.iter().map(|(_, card)| card);
        let (new, also): (Vec<_>, Vec<_>) = cards.partition(|card| shown.insert(card.record.index));
        html! {
            section #(id) aria-labelledby={ (id) "-title" } {
                h3 #{ (id) "-title" } { (heading) }
                @if self.kept.is_empty() { p.muted { "No pictures." } }
                @if !new.is_empty() { div.gallery { @for card in new { (card.html(threshold)) } } }
                @if !also.is_empty() {
                    p.muted { "Also here, shown above:" }
                    ul.also {
                        @for card in also {
                            li {
                                a href={ "#image-" (card.record.index) } { (card.record.path) } " "
                                (format_args!("{:.3}", card.pictures.score))
                            }
                        }
                    }
                }
            }
        }
    }
}
