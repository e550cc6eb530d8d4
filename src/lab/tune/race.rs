//! A race among candidates: each is timed only until it is clear that it is slower.

/// Rounds from which `DROP_RATIO` applies.
const FIRST_DROP: usize = 2;
/// Rounds after which a race ends.
const ROUNDS: usize = 9;
/// A candidate whose best time exceeds the leader's median by this factor is dropped.
const DROP_RATIO: f64 = 1.15;
/// The same after the first round.
const EARLY_DROP_RATIO: f64 = 2.0;

/// The times of one candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entrant {
    /// Seconds of each run.
    pub times: Vec<f64>,
    /// Whether it was dropped before the end.
    pub dropped: bool,
}

impl Entrant {
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

/// Runs `count` candidates in turn, round by round, and drops the slow ones.
///
/// # Errors
/// Those of `time`, which runs one candidate once.
pub fn race<E>(count: usize, mut time: impl FnMut(usize) -> Result<f64, E>) -> Result<Vec<Entrant>, E> {
    let mut entrants = vec![Entrant::default(); count];
    for round in 1..=ROUNDS {
        for (at, entrant) in entrants.iter_mut().enumerate().filter(|(_, entrant)| !entrant.dropped) {
            entrant.times.push(time(at)?);
        }
        let leader = entrants.iter().map(Entrant::median).fold(f64::INFINITY, f64::min);
        let limit = leader * if round < FIRST_DROP { EARLY_DROP_RATIO } else { DROP_RATIO };
        for entrant in &mut entrants {
            entrant.dropped |= entrant.best() > limit;
        }
        if entrants.iter().filter(|entrant| !entrant.dropped).count() < 2 {
            break;
        }
    }
    Ok(entrants)
}

/// The candidate with the least median if that is below the best time of the `default`, so that it is not chance;
/// otherwise the default.
pub fn winner(entrants: &[Entrant], default: usize) -> usize {
    let by_median = |&a: &usize, &b: &usize| entrants[a].median().total_cmp(&entrants[b].median());
    let first = (0..entrants.len()).min_by(by_median).unwrap_or(default);
    if entrants[first].median() < entrants[default].best() { first } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times by candidate, with a disturbance in every fourth run.
    fn run(seconds: &[f64]) -> (Vec<Entrant>, Vec<usize>) {
        let mut runs = vec![0; seconds.len()];
        let entrants = race(seconds.len(), |at| {
            runs[at] += 1;
            let disturbed = usize::is_multiple_of(runs[at], 4);
            Ok::<f64, ()>(seconds[at] * if disturbed { 1.5 } else { 1.0 })
        });
        (entrants.unwrap_or_default(), runs)
    }

    #[test]
    fn the_slow_are_dropped_early_and_the_close_are_timed_to_the_end() {
        let (entrants, runs) = run(&[1.0, 1.05, 1.4, 30.0]);
        assert_eq!(runs, [ROUNDS, ROUNDS, FIRST_DROP, 1]);
        assert_eq!(entrants.iter().map(|l| l.dropped).collect::<Vec<_>>(), [false, false, true, true]);
        assert_eq!(winner(&entrants, 1), 0, "5 % by every undisturbed run is not chance");
    }

    #[test]
    fn a_race_with_one_left_ends() {
        assert_eq!(run(&[1.0, 9.0, 9.0]).1, [1, 1, 1]);
    }

    #[test]
    fn the_default_stays_unless_it_is_beaten_clearly() {
        let entrant = |times: &[f64]| Entrant { times: times.to_vec(), dropped: false };
        let noisy = [entrant(&[1.0, 1.1, 1.2]), entrant(&[1.0, 1.09, 1.3])];
        assert_eq!(winner(&noisy, 0), 0);
        let clear = [entrant(&[1.0, 1.1, 1.2]), entrant(&[0.8, 0.9, 1.3])];
        assert_eq!(winner(&clear, 0), 1);
    }
}
