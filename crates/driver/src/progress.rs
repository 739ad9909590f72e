//! How far the run is, for people: a bar on a terminal, a line every half minute elsewhere.

use crate::coordinator::Totals;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Time between redraws of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Tells of progress on stderr.
pub(crate) struct Progress {
    begin: Instant,
    last: Instant,
    bar: Option<ProgressBar>,
    first_result: bool,
}

impl Progress {
    /// Quiet progress says nothing but the first result.
    pub(crate) fn new(begin: Instant, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
        });
        Self { begin, last: Instant::now(), bar, first_result: false }
    }

    /// Says how far the run is, if it is time to.
    pub(crate) fn tell(&mut self, totals: impl FnOnce() -> Totals) {
        let every = if self.bar.is_some() || !self.first_result { DRAW_EVERY } else { LINE_EVERY };
        if self.last.elapsed() < every && self.first_result {
            return;
        }
        let totals = totals();
        if !self.first_result {
            if totals.finished == 0 {
                return;
            }
            self.first_result = true;
            self.last = Instant::now();
            tracing::info!("first result after {:.2} s", self.begin.elapsed().as_secs_f64());
        }
        if self.last.elapsed() < every {
            return;
        }
        self.last = Instant::now();
        let line = describe(&totals, self.begin.elapsed());
        match &self.bar {
            Some(bar) => {
                bar.set_position((1000.0 * fraction(&totals)) as u64);
                bar.set_message(line);
            }
            None => tracing::info!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Part of the work that is done, by predicted time; entries that were not read yet count like those that were.
fn fraction(totals: &Totals) -> f64 {
    let read = if totals.entries > 0 { totals.surveyed as f64 / totals.entries as f64 } else { 1.0 };
    if totals.cost > 0.0 { (totals.cost_done / totals.cost * read).clamp(0.0, 1.0) } else { read }
}

/// Before so much is done, a time to its end would be a guess.
const LEAST_DONE: f64 = 1e-3;

fn describe(totals: &Totals, elapsed: Duration) -> String {
    let done = fraction(totals);
    let rate = totals.finished as f64 / elapsed.as_secs_f64().max(1e-3);
    let mut left = if done > LEAST_DONE {
        format!("ETA {}", HumanDuration(elapsed.mul_f64(((1.0 - done) / done).min(1e6))))
    } else {
        "ETA unknown".to_owned()
    };
    if totals.surveyed < totals.entries {
        left.push_str(&format!(", {} of {} entries read", totals.surveyed, totals.entries));
    }
    let cached = if totals.cached > 0 { format!(" ({} from the cache)", totals.cached) } else { String::new() };
    format!(
        "{}/{} evaluations{cached}, {rate:.1}/s, {} failed, {} in flight, {left}, peak {:.0} MB a rank",
        totals.finished,
        totals.evaluations,
        totals.failed,
        totals.in_flight,
        totals.peak_bytes as f64 / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_people_ask() {
        let totals = Totals {
            entries: 10,
            surveyed: 10,
            evaluations: 10,
            finished: 4,
            failed: 1,
            cost: 8.0,
            cost_done: 2.0,
            peak_bytes: 150_000_000,
            ..Totals::default()
        };
        let line = describe(&totals, Duration::from_secs(20));
        assert_eq!(line, "4/10 evaluations, 0.2/s, 1 failed, 0 in flight, ETA 60 seconds, peak 150 MB a rank");
    }

    #[test]
    fn entries_that_were_not_read_yet_are_part_of_the_work() {
        let totals = Totals {
            entries: 100,
            surveyed: 50,
            evaluations: 50,
            finished: 25,
            cost: 10.0,
            cost_done: 5.0,
            ..Totals::default()
        };
        let line = describe(&totals, Duration::from_secs(10));
        assert!(line.contains("ETA 30 seconds, 50 of 100 entries read"), "{line}");
    }
}
