//! How far an attempt is, and when that is said.

use crate::coordinator::Totals;
use std::time::{Duration, Instant};

/// Time between two events.
const EVERY: Duration = Duration::from_millis(200);

/// How far an attempt is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Since the attempt began.
    pub elapsed: Duration,
    /// Since its first evaluation ended.
    pub since_first_result: Duration,
    /// What is done and what is left.
    pub totals: Totals,
}

impl Progress {
    /// Part of the work that is done, 0 to 1, by predicted time; entries that were not read yet count like those that
    /// were.
    pub fn fraction(&self) -> f64 {
        let Totals { entries, surveyed, cost, cost_done, .. } = self.totals;
        let read = if entries > 0 { surveyed as f64 / entries as f64 } else { 1.0 };
        if cost > 0.0 { (cost_done / cost * read).clamp(0.0, 1.0) } else { read }
    }

    /// Time to the end at the rate since the first result; `None` where that would be a guess: in the first two seconds,
    /// before a thousandth is done, and while more is in hand than is done, since nobody knows how much of that is. (Costly
    /// structures go first: 47 relaxations on two ranks were said to take 7 minutes where 35 s remained.)
    pub fn time_left(&self) -> Option<Duration> {
        let done = self.fraction();
        let Totals { cost_done, predicted_out, .. } = self.totals;
        let is_known = done >= LEAST_DONE && cost_done >= predicted_out && self.since_first_result >= LEAST_TIME;
        is_known.then(|| self.since_first_result.mul_f64((1.0 - done) / done))
    }
}

/// Before so much is done, or so much time has passed since the first result, a time to the end would be a guess.
const LEAST_DONE: f64 = 1e-3;
const LEAST_TIME: Duration = Duration::from_secs(2);

/// Says when it is time for an event about progress.
#[derive(Debug)]
pub(crate) struct ProgressClock {
    begin: Instant,
    last: Instant,
    first_result: Option<Instant>,
}

impl ProgressClock {
    /// Of an attempt that began then.
    pub(crate) fn new(begin: Instant) -> Self {
        Self { begin, last: begin, first_result: None }
    }

    /// When the first evaluation had ended, if it ended since the last call.
    pub(crate) fn first_result(&mut self, finished: impl FnOnce() -> u64) -> Option<Duration> {
        if self.first_result.is_some() || finished() == 0 {
            return None;
        }
        self.first_result = Some(Instant::now());
        Some(self.begin.elapsed())
    }

    /// How far the attempt is, if it is time to say so.
    pub(crate) fn progress(&mut self, totals: impl FnOnce() -> Totals) -> Option<Progress> {
        if self.last.elapsed() < EVERY {
            return None;
        }
        self.last = Instant::now();
        let since_first_result = self.first_result.map(|at| at.elapsed()).unwrap_or_default();
        Some(Progress { elapsed: self.begin.elapsed(), since_first_result, totals: totals() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(totals: Totals, seconds: u64) -> Progress {
        let since = Duration::from_secs(seconds);
        Progress { elapsed: since + Duration::from_secs(100), since_first_result: since, totals }
    }

    #[test]
    fn the_time_left_is_known_from_predicted_time_and_not_from_counts() {
        let totals = Totals {
            entries: 10,
            surveyed: 10,
            evaluations: 10,
            finished: 4,
            cost: 8.0,
            cost_done: 2.0,
            ..Totals::default()
        };
        assert_eq!(progress(totals, 20).time_left(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn entries_that_were_not_read_yet_are_part_of_the_work() {
        let totals = Totals { entries: 100, surveyed: 50, cost: 10.0, cost_done: 5.0, ..Totals::default() };
        assert_eq!(progress(totals, 10).fraction(), 0.25);
        assert_eq!(progress(totals, 10).time_left(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn no_time_is_said_where_it_would_be_a_guess() {
        let totals = Totals { entries: 1, surveyed: 1, cost: 1e6, cost_done: 0.5, ..Totals::default() };
        assert_eq!(progress(totals, 3600).time_left(), None);
        assert_eq!(progress(Totals { cost_done: 5e5, ..totals }, 1).time_left(), None);
        assert_eq!(progress(Totals { cost_done: 5e5, ..totals }, 3).time_left(), Some(Duration::from_secs(3)));
        // Ranks have most of it in hand.
        assert_eq!(progress(Totals { cost_done: 1e5, predicted_out: 9e5, ..totals }, 3).time_left(), None);
    }
}
