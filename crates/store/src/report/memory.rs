//! `memory.csv`: memory and progress of each rank over time.

use super::csv_rows::Rows;
use crate::StoreError;
use crate::ledger::RankSample;

pub(super) const NAME: &str = "memory";

pub(super) const COLUMNS: [&str; 15] = [
    "host",
    "rank",
    "attempt",
    "time_s",
    "resident_bytes",
    "peak_bytes",
    "weight_bytes",
    "private_bytes",
    "shared_bytes",
    "proportional_bytes",
    "held_bytes",
    "promised_bytes",
    "in_flight",
    "finished",
    "busy_s",
];

pub(super) struct Memory(Rows);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(&mut self, host: &str, sample: &RankSample) -> Result<(), StoreError> {
        let RankSample { location, sample } = sample;
        self.0.text(host)?;
        self.0.count(location.rank)?;
        self.0.count(location.attempt)?;
        self.0.float(sample.time_s)?;
        self.0.count(sample.resident_bytes)?;
        self.0.count(sample.peak_bytes)?;
        self.0.count(sample.weight_bytes)?;
        match sample.sharing {
            Some(sharing) => sharing.iter().try_for_each(|bytes| self.0.count(*bytes))?,
            None => self.0.empty(3)?,
        }
        self.0.count(sample.held_bytes)?;
        self.0.count(sample.promised_bytes)?;
        self.0.count(sample.in_flight)?;
        self.0.count(sample.finished)?;
        self.0.float(sample.busy_s)?;
        self.0.end_row()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}
