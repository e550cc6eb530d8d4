//! A race among candidates that stops early: nobody is timed longer than it takes to see that it lost.

/// Rounds after which the slow are dropped.
const FIRST_DROP: usize = 2;
/// Rounds after which a race ends.
const ROUNDS: usize = 9;
/// A candidate whose best time is this much above the leader's median has lost.
const BEHIND: f64 = 1.15;
/// One that is this much behind after a single run has lost at once.
const FAR_BEHIND: f64 = 2.0;

/// How one candidate did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lane {
    /// Seconds of each run.
    pub times: Vec<f64>,
    /// Whether it was dropped before the end.
    pub dropped: bool,
}

impl Lane {
    /// The median time; infinite before the first run.
    pub fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::INFINITY)
    }

    /// The least time.
    pub fn best(&self) -> f64 {
        self.times.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Runs `count` candidates in turn, round by round, dropping those that fall behind.
///
/// # Errors
/// Those of `time`, which runs one candidate once.
pub fn race<E>(count: usize, mut time: impl FnMut(usize) -> Result<f64, E>) -> Result<Vec<Lane>, E> {
    let mut lanes = vec![Lane::default(); count];
    for round in 1..=ROUNDS {
        for (at, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.dropped) {
            lane.times.push(time(at)?);
        }
        let leader = lanes.iter().map(Lane::median).fold(f64::INFINITY, f64::min);
        let limit = leader * if round < FIRST_DROP { FAR_BEHIND } else { BEHIND };
        for lane in &mut lanes {
            lane.dropped |= lane.best() > limit;
        }
        if lanes.iter().filter(|lane| !lane.dropped).count() < 2 {
            break;
        }
    }
    Ok(lanes)
}

/// Who takes the place of the `default`: the one with the least median, if its lower half lies below
/// the default's, that is, if it won by more than chance.
pub fn winner(lanes: &[Lane], default: usize) -> usize {
    let by_median = |&a: &usize, &b: &usize| lanes[a].median().total_cmp(&lanes[b].median());
    let first = (0..lanes.len()).min_by(by_median).unwrap_or(default);
    if lanes[first].median() < lanes[default].best() { first } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times by candidate, with a disturbance in every fourth run.
    fn run(seconds: &[f64]) -> (Vec<Lane>, Vec<usize>) {
        let mut runs = vec![0; seconds.len()];
        let lanes = race(seconds.len(), |at| {
            runs[at] += 1;
            let disturbed = usize::is_multiple_of(runs[at], 4);
            Ok::<f64, ()>(seconds[at] * if disturbed { 1.5 } else { 1.0 })
        });
        (lanes.unwrap_or_default(), runs)
    }

    #[test]
    fn the_slow_are_dropped_early_and_the_close_are_timed_to_the_end() {
        let (lanes, runs) = run(&[1.0, 1.05, 1.4, 30.0]);
        assert_eq!(runs, [ROUNDS, ROUNDS, FIRST_DROP, 1]);
        assert_eq!(lanes.iter().map(|l| l.dropped).collect::<Vec<_>>(), [false, false, true, true]);
        assert_eq!(winner(&lanes, 1), 0, "5 % by every undisturbed run is no chance");
    }

    #[test]
    fn a_race_with_one_left_ends() {
        assert_eq!(run(&[1.0, 9.0, 9.0]).1, [1, 1, 1]);
    }

    #[test]
    fn the_default_stays_unless_it_is_beaten_clearly() {
        let lane = |times: &[f64]| Lane { times: times.to_vec(), dropped: false };
        let noisy = [lane(&[1.0, 1.1, 1.2]), lane(&[1.0, 1.09, 1.3])];
        assert_eq!(winner(&noisy, 0), 0);
        let clear = [lane(&[1.0, 1.1, 1.2]), lane(&[0.8, 0.9, 1.3])];
        assert_eq!(winner(&clear, 0), 1);
    }
}
