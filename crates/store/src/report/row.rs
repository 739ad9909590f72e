//! An entry as the tables see it.

use super::given::Given;
use crate::{EntryState, Record};
use mlip_atoms::{Failure, Prediction};
use mlip_calculations::{Computed, Details, EnergyVolumeCurve, Outcome, Relaxed};
use std::fmt;

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
#[derive(Clone, Copy)]
pub(super) struct EntryRow<'a> {
    /// Its number in the list, from 0.
    pub(super) number: u64,
    /// Its id.
    pub(super) id: &'a str,
    /// Where it came from, as the user gave it.
    pub(super) path: &'a str,
    /// What it turned out to be; `None` when nobody looked yet.
    pub(super) state: Option<&'a EntryState>,
    /// One a potential, in their order; `None` where there is no record yet.
    pub(super) records: &'a [Option<Fetched>],
    /// As it was read, where that is known.
    pub(super) given: Option<&'a Given>,
}

/// What became of a structure with a potential.
pub(super) enum Status<'a> {
    /// There is a result.
    Done(&'a Record, &'a Computed),
    /// Nobody has come to it yet.
    Pending,
    /// It failed, or the entry could not be read.
    Failed(&'a Failure),
}

impl fmt::Display for Status<'_> {
    /// As it stands in tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(..) => f.write_str("ok"),
            Self::Pending => f.write_str("pending"),
            Self::Failed(failure) => failure.kind.fmt(f),
        }
    }
}

impl EntryRow<'_> {
    /// What became of it with a potential.
    pub(super) fn status(&self, position: usize) -> Status<'_> {
        if let Some(EntryState::Failed(failure)) = self.state {
            return Status::Failed(failure);
        }
        match self.record(position).map(|fetched| &fetched.record) {
            Some(record) => match &record.outcome {
                Outcome::Done(computed) => Status::Done(record, computed),
                Outcome::Failed(failure) => Status::Failed(failure),
            },
            None => Status::Pending,
        }
    }

    /// Its atoms; an entry that is no structure has no number of them.
    pub(super) fn n_atoms(&self) -> Option<u32> {
        match self.state {
            Some(EntryState::Structure { n_atoms, .. }) => Some(*n_atoms),
            _ => None,
        }
    }

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

    /// What a relaxation with a potential came to, and the atomic numbers of the sites.
    pub(super) fn relaxed(&self, position: usize) -> Option<(&Relaxed, &[u8])> {
        match self.status(position) {
            Status::Done(record, Computed { details: Some(Details::Relaxation(relaxed)), .. }) => {
                Some((relaxed, &record.species))
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
