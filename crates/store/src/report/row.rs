//! An entry as the tables see it.

use crate::{EntryState, Record};
use mlip_atoms::Prediction;
use mlip_calculations::{Computed, Details, EnergyVolumeCurve, Outcome, Relaxed};

/// A record and where it was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fetched {
    pub(super) record: Record,
    /// Host of the rank that made it.
    pub(super) host: String,
    /// That rank.
    pub(super) rank: u32,
    /// In this launch of the run.
    pub(super) attempt: u32,
}

/// An entry of the input list with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryRow<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Where it came from, as the user gave it.
    pub(super) path: &'a str,
    /// What it turned out to be; `None` when nobody looked yet.
    pub(super) state: Option<&'a EntryState>,
    /// One a potential, in their order; `None` where there is no record yet.
    pub(super) records: &'a [Option<Fetched>],
}

impl EntryRow<'_> {
    /// The record of a potential; an entry that failed has none.
    pub(super) fn record(&self, position: usize) -> Option<&Fetched> {
        match self.state {
            Some(EntryState::Structure { .. }) => self.records.get(position)?.as_ref(),
            _ => None,
        }
    }

    /// The result of a potential, if it has one.
    pub(super) fn prediction(&self, position: usize) -> Option<&Prediction> {
        self.record(position)?.record.outcome.prediction()
    }

    /// What a relaxation with a potential came to, and the number of atoms.
    pub(super) fn relaxed(&self, position: usize) -> Option<(&Relaxed, usize)> {
        let record = &self.record(position)?.record;
        match &record.outcome {
            Outcome::Done(Computed { details: Some(Details::Relaxation(relaxed)), .. }) => {
                Some((relaxed, record.species.len()))
            }
            _ => None,
        }
    }

    /// The energies of a potential at several volumes, if that was computed, and the number of atoms.
    pub(super) fn curve(&self, position: usize) -> Option<(&EnergyVolumeCurve, usize)> {
        let record = &self.record(position)?.record;
        match &record.outcome {
            Outcome::Done(Computed { details: Some(Details::EnergyVolume(curve)), .. }) => {
                Some((curve, record.species.len()))
            }
            _ => None,
        }
    }
}
