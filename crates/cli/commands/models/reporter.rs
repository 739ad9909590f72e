//! How far a download is: a bar on a terminal, lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlip_download::Event;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Says how far a download is.
pub(super) struct Reporter {
    name: &'static str,
    bar: Option<ProgressBar>,
    last: Instant,
}

/// As people write lengths.
pub(super) fn megabytes(n_bytes: u64) -> String {
    if n_bytes < 500_000 { format!("{n_bytes} bytes") } else { format!("{:.1} MB", n_bytes as f64 / 1e6) }
}

impl Reporter {
    pub(super) fn new(name: &'static str) -> Self {
        let template = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
        });
        Self { name, bar, last: Instant::now() }
    }

    fn line(&self, text: &str) {
        let text = format!("{}: {text}", self.name);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn say(&mut self, event: Event) {
        match event {
            Event::OtherProcess => self.line("another process is fetching it; waiting for that"),
            Event::GoesOn { n_bytes } => self.line(&format!("{} are there already, going on", megabytes(n_bytes))),
            Event::Again { reason, pause } => {
                self.line(&format!("{reason}; trying again in {:.1} s", pause.as_secs_f64()));
            }
            Event::Bytes { n_bytes, total } => {
                if let Some(bar) = &self.bar {
                    if let Some(total) = total {
                        bar.set_length(total);
                    }
                    bar.set_position(n_bytes);
                } else if self.last.elapsed() >= LINE_EVERY {
                    self.last = Instant::now();
                    let total = total.map(|total| format!(" of {}", megabytes(total))).unwrap_or_default();
                    self.line(&format!("{}{total}", megabytes(n_bytes)));
                }
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
