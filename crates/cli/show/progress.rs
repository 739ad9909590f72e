//! How far a run is: a bar on a terminal, lines elsewhere.

use super::duration::in_words;
use super::terminal::OneLine;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlip_calculations::CalculationConfig;
use mlip_driver::Progress;
use std::time::Duration;

/// The first lines come soon, so that a mistake is seen soon.
const FIRST_LINES_S: [u64; 4] = [2, 5, 10, 20];

/// Time between the later ones.
const LINE_EVERY_S: u64 = 30;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressKind {
    /// A bar on a terminal, lines elsewhere
    #[default]
    Auto,
    /// A bar, where there is a terminal
    Bar,
    /// Lines after 2, 5, 10 and 20 seconds, then every 30
    Lines,
    /// Nothing
    Off,
}

/// What a calculation is counted in, of each structure and potential one.
pub(crate) fn counted(calculation: &CalculationConfig) -> &'static str {
    match calculation {
        CalculationConfig::SinglePoint => "evaluations",
        CalculationConfig::EnergyVolume(_) => "curves",
        CalculationConfig::Relaxation(_) => "relaxations",
    }
}

/// When lines are written.
#[derive(Debug, Default)]
pub(super) struct LineClock {
    /// The last line stands for all times up to this one.
    last: Duration,
}

impl LineClock {
    /// Whether a line is due so long after the begin.
    pub(super) fn is_due(&mut self, elapsed: Duration) -> bool {
        let later = self.last.as_secs() / LINE_EVERY_S * LINE_EVERY_S + LINE_EVERY_S;
        let next = FIRST_LINES_S.into_iter().find(|seconds| Duration::from_secs(*seconds) > self.last).unwrap_or(later);
        let is_due = elapsed >= Duration::from_secs(next);
        if is_due {
            self.last = elapsed;
        }
        is_due
    }
}

/// A bar for people who watch: one line, as much of it as the terminal has room for.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:16} {percent:>3}% {wide_msg}");
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(OneLine::default()), 5);
    ProgressBar::with_draw_target(Some(1000), target).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Moves the bar.
pub(super) fn draw(bar: &ProgressBar, progress: &Progress, counted: &str) {
    bar.set_position((1000.0 * progress.fraction()) as u64);
    bar.set_message(describe(progress, counted));
}

/// The same in a line.
pub(crate) fn line(progress: &Progress, counted: &str) -> String {
    format!("{:.0} % of the work: {}", 100.0 * progress.fraction(), describe(progress, counted))
}

/// What people ask first comes first: a narrow terminal cuts the rest.
fn describe(progress: &Progress, counted: &str) -> String {
    let totals = &progress.totals;
    let rate = totals.finished as f64 / progress.elapsed.as_secs_f64().max(1e-3);
    let cached = if totals.cached > 0 { format!(" ({} from the cache)", totals.cached) } else { String::new() };
    let mut said = vec![
        format!("{}/{} {counted}{cached}", totals.finished, totals.evaluations),
        progress.time_left().map_or_else(|| "time left unknown".to_owned(), |left| in_words(left) + " left"),
        format!("{rate:.1}/s"),
        format!("{} failed", totals.failed),
        format!("{} in flight", totals.in_flight),
    ];
    if totals.surveyed < totals.entries {
        said.push(format!("{} of {} entries read", totals.surveyed, totals.entries));
    }
    said.push(format!("peak {:.0} MB per rank", totals.peak_bytes as f64 / 1e6));
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_driver::Totals;

    #[test]
    fn lines_come_soon_and_then_every_half_minute() {
        let mut clock = LineClock::default();
        let due: Vec<u64> = (0..400).filter(|half| clock.is_due(Duration::from_millis(500 * half))).collect();
        let seconds: Vec<f64> = due.iter().map(|half| *half as f64 / 2.0).collect();
        assert_eq!(seconds, [2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0]);
        // Who was held up says one line, not all that were missed.
        assert!(clock.is_due(Duration::from_secs(1000)) && !clock.is_due(Duration::from_secs(1001)));
    }

    #[test]
    fn a_line_says_what_people_ask() {
        let progress = Progress {
            elapsed: Duration::from_secs(20),
            since_first_result: Duration::from_secs(20),
            totals: Totals {
                entries: 10,
                surveyed: 9,
                evaluations: 10,
                finished: 4,
                failed: 1,
                cost: 9.0,
                cost_done: 2.5,
                peak_bytes: 150_000_000,
                ..Totals::default()
            },
        };
        assert_eq!(
            line(&progress, "relaxations"),
            "25 % of the work: 4/10 relaxations, 1 min 00 s left, 0.2/s, 1 failed, 0 in flight, 9 of 10 entries read, \
             peak 150 MB per rank"
        );
    }
}
