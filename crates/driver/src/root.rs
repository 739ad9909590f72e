//! What the root does beside being a rank.

use crate::coordinator::Coordinator;
use crate::error::with_causes;
use crate::monitor::Monitor;
use crate::progress::Progress;
use crate::protocol::{End, Order, Report};
use mlip_inputs::Manifest;
use mlip_ranks::Rank;
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{Ledger, RunLock};
use std::time::Instant;

/// The root's side of a run.
pub(crate) struct Root {
    pub(crate) coordinator: Coordinator,
    pub(crate) lock: RunLock,
    progress: Progress,
    monitor: Option<Monitor>,
    refreshed: Instant,
    size: usize,
    stage: Stage,
    n_closed: usize,
    trouble: Option<String>,
    stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Working,
    /// Everybody was told to close or to drain.
    Closing(End),
}

impl Root {
    pub(crate) fn new(
        coordinator: Coordinator,
        lock: RunLock,
        progress: Progress,
        monitor: Option<Monitor>,
        size: usize,
    ) -> Self {
        Self {
            coordinator,
            lock,
            progress,
            monitor,
            refreshed: Instant::now(),
            size,
            stage: Stage::Working,
            n_closed: 0,
            trouble: None,
            stale: true,
        }
    }

    fn to_all(&self, order: &Order) -> Vec<(Rank, Order)> {
        (0..self.size).map(|index| (Rank::from_index(index), order.clone())).collect()
    }

    /// Takes in what a rank reports; what follows from it.
    pub(crate) fn hear(&mut self, from: Rank, report: Report) -> Vec<(Rank, Order)> {
        self.stale = true;
        match report {
            Report::Signal => {
                if self.stage == Stage::Working {
                    tracing::warn!("signal received: finishing what is in flight, then `resume` goes on");
                }
                self.stop(End::Drained)
            }
            Report::Remark(remark) => {
                tracing::warn!("rank {from}: {remark}");
                Vec::new()
            }
            Report::Broken(message) => self.fail(format!("rank {from}: {message}")),
            Report::Noted(part) => match self.coordinator.note(part) {
                Ok(()) => Vec::new(),
                Err(error) => self.fail(with_causes(&error)),
            },
            Report::Closed(tally, rest) => {
                self.n_closed += 1;
                let mut orders = self.hear_planned(from, &Report::Progress(tally));
                let noted = rest.map_err(|message| format!("rank {from}: {message}"));
                let noted = noted.and_then(|rest| self.coordinator.note(rest).map_err(|error| with_causes(&error)));
                if let Err(message) = noted {
                    orders.extend(self.fail(message));
                }
                orders
            }
            report => self.hear_planned(from, &report),
        }
    }

    fn hear_planned(&mut self, from: Rank, report: &Report) -> Vec<(Rank, Order)> {
        match self.coordinator.hear(from, report) {
            Ok(orders) if self.stage == Stage::Working => orders,
            Ok(_) => Vec::new(),
            Err(error) => self.fail(with_causes(error.as_ref())),
        }
    }

    fn fail(&mut self, message: String) -> Vec<(Rank, Order)> {
        self.trouble.get_or_insert(message);
        if let Stage::Closing(end) = &mut self.stage {
            *end = End::Failed;
        }
        self.stop(End::Failed)
    }

    fn stop(&mut self, end: End) -> Vec<(Rank, Order)> {
        if self.stage != Stage::Working {
            return Vec::new();
        }
        self.stage = Stage::Closing(end);
        self.to_all(&Order::Drain)
    }

    /// Looks after the run; what ranks are to do next.
    pub(crate) fn tick(&mut self) -> Vec<(Rank, Order)> {
        if self.refreshed.elapsed() >= REFRESH_EVERY {
            self.refreshed = Instant::now();
            if let Err(error) = self.lock.refresh() {
                return self.fail(with_causes(&error));
            }
        }
        self.progress.tell(|| self.coordinator.totals());
        if let Some(monitor) = &mut self.monitor {
            monitor.tell(self.coordinator.tallies());
        }
        if self.stage != Stage::Working || !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        match self.coordinator.deal() {
            Err(error) => self.fail(with_causes(error.as_ref())),
            Ok(orders) if orders.is_empty() && self.coordinator.is_finished() => {
                self.stage = Stage::Closing(End::Complete);
                self.to_all(&Order::Close)
            }
            Ok(orders) => orders,
        }
    }

    /// How the work ended, once all journals are closed.
    pub(crate) fn ended(&self) -> Option<End> {
        match self.stage {
            Stage::Closing(end) if self.n_closed == self.size => Some(end),
            _ => None,
        }
    }

    /// What went wrong first.
    pub(crate) fn trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Ends the talk about progress and hands out what the report needs.
    pub(crate) fn into_report_parts(mut self) -> (Manifest, Ledger, RunLock) {
        self.progress.end();
        if let Some(monitor) = &self.monitor {
            monitor.describe(self.coordinator.tallies()).iter().for_each(|line| tracing::info!("{line}"));
        }
        let (entries, ledger) = self.coordinator.into_parts();
        (entries, ledger, self.lock)
    }
}
