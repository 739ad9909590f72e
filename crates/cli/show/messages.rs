//! Messages on stderr, each with the time of day and that since the start; stdout is for data.

use super::progress::{LineClock, ProgressKind, bar, counted, draw, line};
use super::terminal::is_watched;
use super::whole::plain;
use chrono::{DateTime, Local};
use indicatif::ProgressBar;
use mlip_driver::{Event, EventSink, HostMemory, Remark};
use std::time::Instant;

/// Writes what happens in a run.
pub(crate) struct Messages {
    begin: Instant,
    /// Warnings only.
    quiet: bool,
    color: bool,
    bar: Option<ProgressBar>,
    /// Without a bar.
    lines: Option<LineClock>,
    /// What is counted.
    counted: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
}

impl Messages {
    /// On a terminal with a bar, unless other progress is asked for, and with colors unless `NO_COLOR` is set; `quiet`
    /// messages are warnings only.
    pub(crate) fn new(quiet: bool, progress: ProgressKind) -> Self {
        let terminal = is_watched();
        let (has_bar, has_lines) = match progress {
            ProgressKind::Auto => (terminal, !terminal),
            // Where there is no terminal a bar would draw nothing.
            ProgressKind::Bar => (terminal, false),
            ProgressKind::Lines => (false, true),
            ProgressKind::Off => (false, false),
        };
        Self {
            begin: Instant::now(),
            quiet,
            color: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            bar: (has_bar && !quiet).then(bar),
            lines: has_lines.then(LineClock::default),
            counted: "evaluations",
        }
    }

    /// A message about something that is as it should be.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.write(Level::Info, text);
        }
    }

    /// A message about something that is not as it should be.
    pub(crate) fn warning(&self, text: &str) {
        self.write(Level::Warning, text);
    }

    fn write(&self, level: Level, text: &str) {
        let text = plain(text);
        let line = message(Local::now(), self.begin.elapsed().as_secs_f64(), level, &text, self.color);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl EventSink for Messages {
    fn event(&mut self, event: Event) {
        match event {
            Event::AttemptBegan { attempt, n_ranks, threads, calculation } => {
                self.counted = counted(&calculation);
                let date = Local::now().format("%Y-%m-%d");
                self.note(&format!("{date}, attempt {attempt}: {n_ranks} ranks, each {threads}"));
            }
            Event::FirstResult { after } => self.note(&format!("first result after {:.2} s", after.as_secs_f64())),
            Event::Progress(progress) => match &self.bar {
                Some(bar) => draw(bar, &progress, self.counted),
                None if self.lines.as_mut().is_some_and(|lines| lines.is_due(progress.elapsed)) => {
                    self.note(&line(&progress, self.counted));
                }
                None => {}
            },
            Event::Memory(hosts) => hosts.iter().for_each(|host| self.note(&memory(host))),
            Event::Remark(Remark { is_warning, rank, text }) => {
                let text = rank.map_or_else(|| text.clone(), |rank| format!("rank {rank}: {text}"));
                if is_warning { self.warning(&text) } else { self.note(&text) }
            }
            Event::Stopping => self.warning("signal received: finishing what is in flight, then `resume` goes on"),
            Event::ReportBegan | Event::Finished(_) => self.end_bar(),
            // Of a later version of the library.
            _ => {}
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.end_bar();
    }
}

fn message(now: DateTime<Local>, seconds: f64, level: Level, text: &str, color: bool) -> String {
    let (word, code) = match level {
        Level::Info => (" INFO", 32),
        Level::Warning => (" WARN", 33),
    };
    let now = now.format("%H:%M:%S");
    if color {
        format!("{now} {seconds:9.2} s \x1b[{code}m{word}\x1b[0m {text}")
    } else {
        format!("{now} {seconds:9.2} s {word} {text}")
    }
}

fn memory(host: &HostMemory) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "memory on {}: {:.0} MB resident in {} ranks, peaks add up to {:.0} MB, the largest is {:.0} MB",
        host.host,
        megabytes(host.resident_bytes),
        host.n_ranks,
        megabytes(host.peak_bytes),
        megabytes(host.largest_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn messages_have_time_and_level_and_colors_only_where_wanted() {
        let now = Local.with_ymd_and_hms(2026, 2, 3, 4, 5, 6).unwrap();
        assert_eq!(message(now, 1.5, Level::Info, "x", false), "04:05:06      1.50 s  INFO x");
        assert_eq!(message(now, 1.5, Level::Warning, "x", true), "04:05:06      1.50 s \x1b[33m WARN\x1b[0m x");
    }

    #[test]
    fn memory_is_said_in_megabytes() {
        let host = HostMemory {
            host: "a".into(),
            n_ranks: 2,
            resident_bytes: 4_000_000,
            peak_bytes: 11_000_000,
            largest_bytes: 9_000_000,
        };
        assert_eq!(memory(&host), "memory on a: 4 MB resident in 2 ranks, peaks add up to 11 MB, the largest is 9 MB");
    }
}
