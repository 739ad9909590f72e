//! The ledger of a run.

use super::part::{CountedKills, Death};
use super::{AnsweredFrame, Deaths, JournalSummary, LedgerPart, RankSample, Recorded, SurveyFrame, scan_journal};
use crate::journal::JournalFile;
use crate::{Location, MemorySample, RunId, StoreError, TaskKey};
use mlip_spill::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What all journals of a run amount to.
///
/// It takes in parts in any order with the same result. Records, which grow with the list, lie on disk but for some; a
/// survey of 64 entries takes 80 bytes.
#[derive(Debug)]
pub struct Ledger {
    records: Table<Recorded>,
    deaths: BTreeSet<Death>,
    /// Of tasks that are not at their end.
    answers: BTreeMap<TaskKey, BTreeSet<Location>>,
    /// First and last entry.
    surveys: BTreeMap<Location, (u64, u64)>,
    /// First and last entry.
    structures: BTreeMap<Location, (u64, u64)>,
    samples: BTreeMap<Location, MemorySample>,
    /// By attempt and rank.
    journals: BTreeMap<(u32, u32), JournalSummary>,
    /// How counters of kills for want of memory stood first and last, by place and attempt.
    memory_kills: BTreeMap<String, BTreeMap<u32, (u64, u64)>>,
}

impl Ledger {
    /// Of no journal yet. A temporary file will lie in this folder once there are many records; in that for
    /// temporary files if the path is empty.
    pub fn new(folder: &Path) -> Self {
        Self {
            records: Table::new(folder),
            deaths: BTreeSet::new(),
            answers: BTreeMap::new(),
            surveys: BTreeMap::new(),
            structures: BTreeMap::new(),
            samples: BTreeMap::new(),
            journals: BTreeMap::new(),
            memory_kills: BTreeMap::new(),
        }
    }

    /// Takes in a journal.
    ///
    /// # Errors
    /// Those of [`scan_journal`], and when temporary files cannot be used.
    pub fn scan(&mut self, file: &JournalFile, run: RunId) -> Result<(), StoreError> {
        scan_journal(file, run, |part| self.absorb(part))
    }

    /// Takes in a part.
    ///
    /// # Errors
    /// When temporary files cannot be used.
    pub fn absorb(&mut self, part: LedgerPart) -> Result<(), StoreError> {
        for entry in part.entries {
            self.records.insert(entry.key.0, entry.recorded)?;
            self.forget_answers(&entry.key, entry.recorded.location().attempt);
        }
        for AnsweredFrame { key, location } in part.answers {
            // A failure that is being repeated has answers of its own.
            if self.get(&key)?.is_none_or(|record| record.location().attempt < location.attempt) {
                self.answers.entry(key).or_default().insert(location);
            }
        }
        self.deaths.extend(part.deaths);
        let placed = |frame: SurveyFrame| (frame.location, (frame.first, frame.last));
        self.surveys.extend(part.surveys.into_iter().map(placed));
        self.structures.extend(part.structures.into_iter().map(placed));
        self.samples.extend(part.samples.into_iter().map(|sample| (sample.location, sample.sample)));
        for journal in part.journals {
            if let Some(CountedKills { place, first, last }) = &journal.memory_kills {
                let of_place = self.memory_kills.entry(place.clone()).or_default();
                let known = of_place.entry(journal.attempt).or_insert((*first, *last));
                *known = (known.0.min(*first), known.1.max(*last));
            }
            let known = self.journals.entry((journal.attempt, journal.rank)).or_insert_with(|| journal.clone());
            // Of a journal scanned twice while it grew, the longer account counts.
            let age = |journal: &JournalSummary| (journal.closed, journal.n_records, journal.peak_bytes);
            if age(&journal).cmp(&age(known)).then(journal.last_time_s.total_cmp(&known.last_time_s)).is_gt() {
                *known = journal;
            }
        }
        Ok(())
    }

    /// Answers that led to a record, or came before it, are of no use any more.
    fn forget_answers(&mut self, key: &TaskKey, attempt: u32) {
        if let Some(kept) = self.answers.get_mut(key) {
            kept.retain(|location| location.attempt > attempt);
            if kept.is_empty() {
                self.answers.remove(key);
            }
        }
    }

    /// Where the answers lie that a task without a record has so far, in order of attempt, rank and place.
    pub fn answers(&self, key: &TaskKey) -> Vec<Location> {
        self.answers.get(key).map(|kept| kept.iter().copied().collect()).unwrap_or_default()
    }

    /// The record that counts for a task.
    ///
    /// # Errors
    /// When temporary files cannot be read.
    pub fn get(&self, key: &TaskKey) -> Result<Option<Recorded>, StoreError> {
        Ok(self.records.get(&key.0)?)
    }

    /// Where the records that count lie, for each task that has one.
    ///
    /// # Errors
    /// When temporary files cannot be read.
    pub fn locations(&self, keys: &[TaskKey]) -> Result<Vec<Option<Location>>, StoreError> {
        keys.iter().map(|key| Ok(self.get(key)?.map(|record| record.location()))).collect()
    }

    /// Deaths of a task in all attempts.
    pub fn deaths(&self, key: &TaskKey) -> Deaths {
        self.deaths_after(key, 0)
    }

    pub(super) fn deaths_after(&self, key: &TaskKey, attempt: u32) -> Deaths {
        let first = attempt.saturating_add(1);
        let (alone, pressed, named) = (false, false, false);
        let of_task = Death { key: *key, attempt: first, rank: 0, company: 0, alone, pressed, named };
        let later = self.deaths.range(of_task..).take_while(|death| death.key == *key);
        later.fold(Deaths::default(), |deaths, death| self.weigh(deaths, death))
    }

    /// Adds a death for what it says of its task.
    fn weigh(&self, mut deaths: Deaths, death: &Death) -> Deaths {
        let of_attempt = || self.journals.range((death.attempt, 0)..=(death.attempt, u32::MAX)).map(|(_, one)| one);
        let own = self.journals.get(&(death.attempt, death.rank));
        let company = if death.named {
            deaths.named += 1;
            return deaths;
        } else if own.is_some_and(|journal| journal.crashed) {
            death.company
        } else if own.is_some_and(|journal| journal.draining) || of_attempt().any(|journal| journal.crashed) {
            return deaths;
        } else {
            // What stopped without a word, stopped together.
            let silent = of_attempt().filter(|journal| !journal.closed && !journal.draining);
            silent.map(|journal| journal.in_flight).fold(0u32, u32::saturating_add)
        };
        if company > 1 || !death.alone {
            deaths.shared += 1;
            let company = company.max(1);
            deaths.company = if deaths.company == 0 { company } else { deaths.company.min(company) };
        } else if death.pressed || own.is_some_and(|journal| self.was_short_of_memory(journal)) {
            deaths.out_of_memory += 1;
        } else {
            deaths.silent += 1;
        }
        deaths
    }

    /// Whether the system has killed processes for want of memory where this rank lived, since it began: as the others
    /// of its attempt saw, or the next attempt there.
    fn was_short_of_memory(&self, journal: &JournalSummary) -> bool {
        let of_place = journal.memory_kills.as_ref().and_then(|counted| self.memory_kills.get(&counted.place));
        let Some((of_place, (first, last))) = of_place.and_then(|of| Some((of, of.get(&journal.attempt)?))) else {
            return false;
        };
        let next = of_place.range(journal.attempt + 1..).next();
        last > first || next.is_some_and(|(_, (first_of_next, _))| first_of_next > last)
    }

    /// `Surveyed` frames, in order of attempt, rank and place: of two that hold the same entry the later counts.
    pub fn surveys(&self) -> impl Iterator<Item = SurveyFrame> {
        self.surveys.iter().map(survey_frame)
    }

    /// `Structures` frames, in the same order.
    pub fn structures(&self) -> impl Iterator<Item = SurveyFrame> {
        self.structures.iter().map(survey_frame)
    }

    /// Memory samples, in order of attempt, rank and time: 120 bytes each.
    pub fn samples(&self) -> impl Iterator<Item = RankSample> {
        self.samples.iter().map(|(location, sample)| RankSample { location: *location, sample: sample.clone() })
    }

    /// Host of a rank in an attempt; empty when unknown.
    pub fn host(&self, attempt: u32, rank: u32) -> &str {
        self.journals.get(&(attempt, rank)).map_or("", |journal| &journal.host)
    }

    /// The journals, in order of attempt and rank.
    pub fn journals(&self) -> Vec<&JournalSummary> {
        self.journals.values().collect()
    }

    /// Seconds that all attempts took together, as far as memory samples tell.
    pub fn wall_s(&self) -> f64 {
        let attempts = self.journals();
        let attempts = attempts.chunk_by(|a, b| a.attempt == b.attempt);
        attempts.map(|attempt| attempt.iter().map(|journal| journal.last_time_s).fold(0.0, f64::max)).sum()
    }
}

fn survey_frame((location, (first, last)): (&Location, &(u64, u64))) -> SurveyFrame {
    SurveyFrame { first: *first, last: *last, location: *location }
}
