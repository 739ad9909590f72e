//! Messages on stderr, each with the time since the start; stdout is for data.

use super::progress::{LineClock, bar, draw, line};
use indicatif::ProgressBar;
use mlip_driver::{Event, EventSink, HostMemory, Remark};
use std::io::IsTerminal;
use std::time::Instant;

/// Writes what happens in a run.
pub(crate) struct Messages {
    begin: Instant,
    /// Warnings only.
    quiet: bool,
    color: bool,
    bar: Option<ProgressBar>,
    lines: LineClock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
}

impl Messages {
    /// On a terminal with a bar, and with colors unless `NO_COLOR` is set; `quiet` messages are warnings only.
    pub(crate) fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            begin: Instant::now(),
            quiet,
            color: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            bar: (terminal && !quiet).then(bar),
            lines: LineClock::default(),
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
        let line = message(self.begin.elapsed().as_secs_f64(), level, text, self.color);
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
            Event::AttemptBegan { attempt, n_ranks, threads } => {
                self.note(&format!("attempt {attempt}: {n_ranks} ranks, each {threads}"));
            }
            Event::FirstResult { after } => self.note(&format!("first result after {:.2} s", after.as_secs_f64())),
            Event::Progress(progress) => match &self.bar {
                Some(bar) => draw(bar, &progress),
                None if self.lines.is_due(progress.elapsed) => self.note(&line(&progress)),
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

fn message(seconds: f64, level: Level, text: &str, color: bool) -> String {
    let (word, code) = match level {
        Level::Info => (" INFO", 32),
        Level::Warning => (" WARN", 33),
    };
    if color {
        format!("{seconds:9.2} s \x1b[{code}m{word}\x1b[0m {text}")
    } else {
        format!("{seconds:9.2} s {word} {text}")
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

    #[test]
    fn messages_have_time_and_level_and_colors_only_where_wanted() {
        assert_eq!(message(1.5, Level::Info, "x", false), "     1.50 s  INFO x");
        assert_eq!(message(1.5, Level::Warning, "x", true), "     1.50 s \x1b[33m WARN\x1b[0m x");
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
