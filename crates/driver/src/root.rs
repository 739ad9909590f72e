//! What the root does beside being a rank.

use crate::coordinator::{Coordinator, Totals};
use crate::error::with_causes;
use crate::events::{Event, EventSink, Remark};
use crate::monitor::Monitor;
use crate::progress::ProgressClock;
use crate::protocol::{End, Order, Report};
use mlip_inputs::Manifest;
use mlip_ranks::Rank;
use mlip_store::run_lock::REFRESH_EVERY;
use mlip_store::{Ledger, RunLock};
use std::time::Instant;

/// The root's side of a run.
pub(crate) struct Root<'a> {
    pub(crate) coordinator: Coordinator,
    pub(crate) lock: RunLock,
    events: &'a mut dyn EventSink,
    progress: ProgressClock,
    monitor: Option<Monitor>,
    max_failure_rate: Option<f64>,
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
    /// Everybody was ordered to close or to drain.
    Closing(End),
}

impl<'a> Root<'a> {
    pub(crate) fn new(
        coordinator: Coordinator,
        lock: RunLock,
        events: &'a mut dyn EventSink,
        progress: ProgressClock,
        monitor: Option<Monitor>,
        max_failure_rate: Option<f64>,
        size: usize,
    ) -> Self {
        Self {
            coordinator,
            lock,
            events,
            progress,
            monitor,
            max_failure_rate,
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
    pub(crate) fn receive(&mut self, from: Rank, report: Report) -> Vec<(Rank, Order)> {
        self.stale = true;
        match report {
            Report::Signal => {
                if self.stage == Stage::Working {
                    self.events.event(Event::Stopping);
                }
                self.stop(End::Drained)
            }
            Report::Remark(text) => {
                self.events.event(Event::Remark(Remark { is_warning: true, rank: Some(from), text }));
                Vec::new()
            }
            Report::Broken(message) => self.fail(format!("rank {from}: {message}")),
            Report::Noted(part) => match self.coordinator.note(part) {
                Ok(()) => Vec::new(),
                Err(error) => self.fail(with_causes(&error)),
            },
            Report::Closed(tally, rest) => {
                self.n_closed += 1;
                let mut orders = self.receive_planned(from, &Report::Progress(tally));
                let noted = rest.map_err(|message| format!("rank {from}: {message}"));
                let noted = noted.and_then(|rest| self.coordinator.note(rest).map_err(|error| with_causes(&error)));
                if let Err(message) = noted {
                    orders.extend(self.fail(message));
                }
                orders
            }
            report => self.receive_planned(from, &report),
        }
    }

    fn receive_planned(&mut self, from: Rank, report: &Report) -> Vec<(Rank, Order)> {
        match self.coordinator.take_in(from, report) {
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
        if let Some(after) = self.progress.first_result(|| self.coordinator.totals().finished) {
            self.events.event(Event::FirstResult { after });
        }
        if let Some(progress) = self.progress.progress(|| self.coordinator.totals()) {
            self.events.event(Event::Progress(progress));
        }
        for warning in self.coordinator.take_warnings() {
            self.events.event(Event::warning(warning));
        }
        if let Some(memory) = self.monitor.as_mut().and_then(|monitor| monitor.if_due(self.coordinator.tallies())) {
            self.events.event(Event::Memory(memory));
        }
        if self.stage != Stage::Working || !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let totals = self.coordinator.totals();
        if let Some(sentence) = self.max_failure_rate.and_then(|most| too_many_failures(&totals, most)) {
            self.events.event(Event::warning(sentence));
            return self.stop(End::TooManyFailures);
        }
        match self.coordinator.hand_out() {
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

    /// What ranks and hosts held at the end, if that is monitored.
    pub(crate) fn report_memory(&mut self) {
        if let Some(monitor) = &self.monitor {
            self.events.event(Event::Memory(monitor.by_host(self.coordinator.tallies())));
        }
    }

    /// Says that something happened.
    pub(crate) fn say(&mut self, event: Event) {
        self.events.event(event);
    }

    /// What the report needs.
    pub(crate) fn into_report_parts(self) -> (Manifest, Ledger, RunLock) {
        let (entries, ledger) = self.coordinator.into_parts();
        (entries, ledger, self.lock)
    }
}

/// Fewer than this show nothing.
const LEAST_COUNTED: u64 = 20;

/// What is said where more has failed than chance explains if this part of all may fail: three standard deviations more.
/// Entries and evaluations are counted apart, since entries are read far ahead; evaluations in flight have not failed.
fn too_many_failures(totals: &Totals, most: f64) -> Option<String> {
    let Totals { surveyed, unreadable, finished, failed, in_flight, .. } = *totals;
    let counts =
        [("entries could not be read", unreadable, surveyed), ("evaluations failed", failed, finished + in_flight)];
    counts.into_iter().find_map(|(what, bad, all)| {
        let n = all as f64;
        let allowed = most * n + 3.0 * (most * (1.0 - most) * n).sqrt();
        (all >= LEAST_COUNTED && bad as f64 > allowed).then(|| {
            format!("{bad} of {all} {what}, more than --max-failure-rate {most} allows: nothing more is begun")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_stopped_once_more_fails_than_chance_explains() {
        let entries = |unreadable, surveyed| Totals { unreadable, surveyed, ..Totals::default() };
        assert_eq!(too_many_failures(&entries(19, 19), 0.5), None);
        assert!(too_many_failures(&entries(1, 20), 0.0).is_some());
        // 100 entries of which 10 may fail: 19 are chance, 20 are not.
        assert_eq!(too_many_failures(&entries(19, 100), 0.1), None);
        let sentence = too_many_failures(&entries(20, 100), 0.1).unwrap_or_default();
        assert_eq!(
            sentence,
            "20 of 100 entries could not be read, more than --max-failure-rate 0.1 allows: nothing more is begun"
        );
        assert_eq!(too_many_failures(&entries(100, 100), 1.0), None);
        let evaluations = |failed, finished, in_flight| Totals { failed, finished, in_flight, ..Totals::default() };
        assert!(
            too_many_failures(&evaluations(20, 20, 0), 0.5).is_some_and(|text| text.contains("20 of 20 evaluations"))
        );
        // What takes long has not failed.
        assert_eq!(too_many_failures(&evaluations(20, 20, 64), 0.5), None);
    }
}
