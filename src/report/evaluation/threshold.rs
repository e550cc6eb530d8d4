//! How many images of each product each threshold flags: counted beforehand, so that the page holds no scores.

use maud::{Markup, html};
use serde::Serialize;

use super::super::text::percent_or_absent;
use super::charts::PLOT;
use super::scores::{Flagged, Scores};

/// Steps of the slider over the range of the scores.
const STEPS: u16 = 200;

/// The images of a product, or of all.
pub(super) struct Group {
    pub name: String,
    pub scores: Scores,
}

/// What the page's script reads.
#[derive(Serialize)]
struct Data {
    thresholds: Vec<f32>,
    start: usize,
    plot: [f64; 4],
    range: (f32, f32),
    groups: Vec<Counts>,
}

/// Images of a group at or above each threshold.
#[derive(Serialize)]
struct Counts {
    good: usize,
    defective: usize,
    false_alarms: Vec<usize>,
    found: Vec<usize>,
}

/// Thresholds that the slider can choose: even steps over the scores, one above all of them, and the run's own. Also
/// returns the position of the latter.
fn thresholds((low, high): (f32, f32), own: f32) -> (Vec<f32>, usize) {
    let width = f64::from(high - low);
    let step = if width > 0.0 { width / f64::from(STEPS) } else { 0.01 };
    // As many digits as the steps need to differ.
    let digits = (-step.log10()).ceil().clamp(2.0, 7.0) as i32;
    // Downwards, so that the first flags all; two more steps, so that the last flags none.
    let round = |value: f64| ((value * 10f64.powi(digits)).floor() / 10f64.powi(digits)) as f32;
    let mut all: Vec<f32> = (0..=STEPS + 2).map(|i| round(f64::from(low) + step * f64::from(i))).collect();
    all.push(own);
    all.sort_by(f32::total_cmp);
    all.dedup();
    let start = all.iter().position(|threshold| *threshold == own).unwrap_or(0);
    (all, start)
}

/// The slider and its table, and the data for the script.
pub(super) struct Slider {
    data: Data,
}

impl Slider {
    /// `groups` begins with all images together.
    pub(super) fn new(groups: &[Group], range: (f32, f32), own: f32) -> Self {
        let (thresholds, start) = thresholds(range, own);
        let counts = |group: &Group| {
            let flagged: Vec<Flagged> = thresholds.iter().map(|t| group.scores.flagged(*t)).collect();
            Counts {
                good: group.scores.good().len(),
                defective: group.scores.defective().len(),
                false_alarms: flagged.iter().map(|f| f.good).collect(),
                found: flagged.iter().map(|f| f.defective).collect(),
            }
        };
        let groups = groups.iter().map(counts).collect();
        Self { data: Data { thresholds, start, plot: PLOT, range, groups } }
    }

    /// As JSON that can stand in a script element.
    pub(super) fn json(&self) -> String {
        // Numbers only: nothing in it can fail or end the element.
        serde_json::to_string(&self.data).unwrap_or_default()
    }

    /// The last position.
    pub(super) fn last(&self) -> usize {
        self.data.thresholds.len() - 1
    }

    /// The position of the run's threshold.
    pub(super) fn start(&self) -> usize {
        self.data.start
    }

    /// A row for each group, with its counts at the run's threshold.
    pub(super) fn rows(&self, groups: &[Group]) -> Markup {
        let start = self.data.start;
        html! {
            @for (group, counts) in groups.iter().zip(&self.data.groups) {
                @let flagged = Flagged { good: counts.false_alarms[start], defective: counts.found[start] };
                @let recall = (counts.defective > 0).then(|| flagged.defective as f64 / counts.defective as f64);
                tr {
                    th scope="row" { (group.name) }
                    @for count in [counts.good, counts.defective, flagged.good, counts.defective - flagged.defective] {
                        td.num { (count) }
                    }
                    @for share in [flagged.precision(), recall] { td.num { (percent_or_absent(share)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slider_reaches_from_all_flagged_to_none_and_stops_at_the_runs_own() {
        let mut scores = Scores::default();
        for (score, defective) in [(0.4012, false), (0.4377, true), (0.4377, false), (0.5, true)] {
            scores.push(score, defective);
        }
        let scores = scores.sorted();
        let range = scores.range();
        let groups = [Group { name: "<all>".into(), scores }];
        let slider = Slider::new(&groups, range, 0.437_65);
        let counts = &slider.data.groups[0];
        assert_eq!((counts.false_alarms[0], counts.found[0]), (2, 2));
        assert_eq!((counts.false_alarms[slider.last()], counts.found[slider.last()]), (0, 0));
        assert_eq!(slider.data.thresholds[slider.start()], 0.437_65);
        assert!(slider.data.thresholds.windows(2).all(|w| w[0] < w[1]));
        let rows = slider.rows(&groups).into_string();
        assert!(
            rows.contains("&lt;all&gt;") && rows.contains(">66.7<") && rows.contains(">100.0<"),
            "{rows}"
        );
        let far = Slider::new(&groups, range, 7.5);
        assert_eq!(far.start(), far.last());
        let one = Slider::new(&[], (0.3, 0.3), 0.3);
        assert!(one.last() > 10, "one score still has a slider");
    }
}
