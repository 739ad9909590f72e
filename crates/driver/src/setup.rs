//! How ranks come together at the begin of an attempt.

use crate::budget::{Machine, Share, shares};
use crate::config::RunConfig;
use crate::coordinator::Known;
use crate::error::RunError;
use crate::error::with_causes;
use crate::protocol::{Hello, Message, ProtocolError, Report, Welcome, decode, encode, send_report};
use mlip_ranks::{Channel, Communicator, Pause};
use mlip_store::cache::CacheFolder;
use mlip_store::journal::JournalFile;
use mlip_store::ledger::scan_journal;
use mlip_store::{RunId, StoreError};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What all ranks know of an attempt: decided by the root, given to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The run folder.
    pub run_dir: PathBuf,
    /// The settings in force.
    pub config: RunConfig,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// When it began, seconds since 1970.
    pub started_unix_s: u64,
    /// Entries of the input list.
    pub(crate) n_entries: u64,
    /// Journals of earlier attempts: on the root all of them before they are shared, then those that this rank reads.
    journals: Vec<EarlierJournal>,
    /// What other runs have computed.
    pub(crate) cache: Option<CacheFolder>,
    /// On the root: what was found in the run folder and is worth a warning.
    #[serde(skip)]
    pub(crate) remarks: Vec<String>,
}

/// A journal of an earlier attempt. Where it lies follows from its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct EarlierJournal {
    attempt: u32,
    rank: u32,
    bytes: u64,
}

impl Setup {
    /// A new attempt in this run folder, over this many entries.
    ///
    /// # Errors
    /// When the journals of earlier attempts, or the results of other runs, cannot be listed.
    pub fn new(run_dir: PathBuf, config: RunConfig, n_entries: u64) -> Result<Self, StoreError> {
        let attempts = mlip_store::journal::Attempts::list(&run_dir)?;
        let stranger = |path: &PathBuf| format!("`{}` is not a journal; left alone", path.display());
        let remarks = attempts.unknown.iter().map(stranger).collect();
        let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let attempt = attempts.next();
        let earlier = |file: JournalFile| EarlierJournal { attempt: file.attempt, rank: file.rank, bytes: file.bytes };
        let journals = attempts.files.into_iter().map(earlier).collect();
        let cache = match &config.resources.cache {
            Some(folder) => {
                Some(CacheFolder::open(folder, env!("CARGO_PKG_VERSION"), &config.physics.potential_ids())?)
            }
            None => None,
        };
        Ok(Self { run_dir, config, attempt, started_unix_s, n_entries, journals, cache, remarks })
    }

    /// Gives everybody the root's setup; `None` on the other ranks. A root that has no setup to give says why and
    /// [dismisses](mlip_ranks::dismiss) the others.
    ///
    /// # Errors
    /// When the job has ended.
    pub fn share(self_at_root: Option<&Self>, ranks: &mut dyn Communicator) -> Result<Self, RunError> {
        let parts = self_at_root.map(|setup| setup.parts(ranks.size())).transpose()?.unwrap_or_default();
        let mut setup: Self = decode(&ranks.scatter(parts)?)?;
        setup.remarks = self_at_root.map(|setup| setup.remarks.clone()).unwrap_or_default();
        Ok(setup)
    }

    /// What each rank is given: the same for all, but for the journals that it is to read.
    fn parts(&self, size: usize) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let mut journals = vec![Vec::new(); size];
        let bytes = self.journals.iter().map(|journal| journal.bytes);
        for (journal, rank) in self.journals.iter().zip(even_parts(bytes, size)) {
            journals[rank].push(*journal);
        }
        let mut common = Self { journals: Vec::new(), ..self.clone() };
        let part = |journals| {
            common.journals = journals;
            encode(&common)
        };
        journals.into_iter().map(part).collect()
    }

    pub(crate) fn run_id(&self) -> Result<RunId, RunError> {
        RunId::parse(&self.config.run)
            .ok_or_else(|| RunError::Broken(format!("`{}` in run.toml is not the identity of a run", self.config.run)))
    }

    /// Reads this rank's part of the earlier journals.
    fn scan_journals(&self, ranks: &mut dyn Communicator, known: &mut Known) -> Result<(), RunError> {
        let run = self.run_id()?;
        for EarlierJournal { attempt, rank, bytes } in &self.journals {
            let file = JournalFile::of(&self.run_dir, *attempt, *rank, *bytes);
            scan_journal(&file, run, |part| {
                ranks.check_end()?;
                match ranks.is_root() {
                    true => Ok(known.ledger.absorb(part)?),
                    false => send_report(ranks, Report::Noted(part)).map_err(RunError::from),
                }
            })?;
        }
        Ok(())
    }

    /// Reads this rank's part of the results of other runs. Gives what is worth a warning.
    fn scan_cache(&self, ranks: &mut dyn Communicator, known: &mut Known) -> Result<Vec<String>, RunError> {
        let mut remarks = Vec::new();
        let Some(cache) = &self.cache else { return Ok(remarks) };
        let owners = even_parts(cache.segments().iter().map(|segment| segment.bytes), ranks.size());
        let own = owners.into_iter().enumerate().filter(|(_, owner)| *owner == ranks.rank().index());
        let own: Vec<usize> = own.map(|(number, _)| number).collect();
        let mut places = Vec::new();
        for number in own {
            ranks.check_end()?;
            let remark = cache.scan(number, |key, place| -> Result<(), RunError> {
                if ranks.is_root() {
                    return Ok(known.cached.insert(key, place)?);
                }
                places.push((key, place));
                if places.len() >= PLACES_PER_MESSAGE {
                    send_report(ranks, Report::Cached(std::mem::take(&mut places)))?;
                }
                Ok(())
            })?;
            remarks.extend(remark);
        }
        if !places.is_empty() {
            send_report(ranks, Report::Cached(places))?;
        }
        Ok(remarks)
    }

    /// Reads this rank's part of what was computed before; on the root `known` is complete then.
    /// A rank that cannot take part reads nothing.
    fn scan(&self, ranks: &mut dyn Communicator, takes_part: bool, known: &mut Known) -> Result<Vec<String>, RunError> {
        let own = match takes_part {
            true => self.scan_journals(ranks, known).and_then(|()| self.scan_cache(ranks, known)),
            false => Ok(Vec::new()),
        };
        if !ranks.is_root() {
            send_report(ranks, Report::Scanned)?;
            return own;
        }
        // One message of each is under way at a time: who sends waits until it is taken.
        let mut open = ranks.size() - 1;
        let mut taken = Ok(());
        let mut pause = Pause::new();
        while open > 0 {
            let Some((_, bytes)) = ranks.try_receive(Channel::Work) else {
                ranks.check_end()?;
                pause.sleep();
                continue;
            };
            pause.reset();
            match decode(&bytes)? {
                Message::Report(Report::Scanned) => open -= 1,
                Message::Report(Report::Noted(part)) if taken.is_ok() => taken = known.ledger.absorb(part),
                Message::Report(Report::Cached(places)) => {
                    for (key, place) in places {
                        taken = taken.and_then(|()| known.cached.insert(key, place));
                    }
                }
                _ => {}
            }
        }
        taken?;
        own
    }
}

/// Results of other runs that ranks report to the root at a time.
const PLACES_PER_MESSAGE: usize = 4096;

/// Who of this many ranks reads each file, so that all read about as much.
fn even_parts(bytes: impl Iterator<Item = u64>, size: usize) -> Vec<usize> {
    let mut loads: BinaryHeap<Reverse<(u64, usize)>> = (0..size).map(|rank| Reverse((0, rank))).collect();
    let owner = |bytes: u64| {
        let Reverse((load, rank)) = loads.pop()?;
        // Opening a file takes time as well.
        loads.push(Reverse((load + bytes + 4096, rank)));
        Some(rank)
    };
    bytes.map_while(owner).collect()
}

/// What the greeting brought together.
pub(crate) struct Greeting {
    /// This rank's share of its machine.
    pub(crate) share: Share,
    /// On the root: what was computed before.
    pub(crate) known: Known,
    /// On the root: the host of each rank.
    pub(crate) hosts: Vec<String>,
    /// On the root: what ranks found worth a warning in the results of other runs.
    pub(crate) remarks: Vec<String>,
}

/// Everybody introduces itself, and reads its part of the earlier journals and of the results of other runs for the root.
pub(crate) fn greet(
    ranks: &mut dyn Communicator,
    setup: &Setup,
    trouble: Option<&String>,
) -> Result<Greeting, RunError> {
    let mut known = Known::new(&setup.run_dir);
    let scanned = match setup.scan(ranks, trouble.is_none(), &mut known) {
        Err(RunError::Ended(ended)) => return Err(ended.into()),
        scanned => scanned.map_err(|error| with_causes(&error)),
    };
    let (remarks, of_scan) = scanned.map_or_else(|message| (Vec::new(), Some(message)), |remarks| (remarks, None));
    let hello =
        Hello { machine: Machine::of_this_process(ranks.host()), trouble: trouble.cloned().or(of_scan), remarks };
    let hellos = ranks.gather(encode(&hello)?)?;
    let (mut machines, mut remarks) = (Vec::new(), Vec::new());
    let mut trouble = None;
    for (rank, bytes) in hellos.into_iter().enumerate() {
        let hello: Hello = decode(&bytes)?;
        machines.push(hello.machine);
        remarks.extend(hello.remarks);
        if let Some(message) = hello.trouble {
            trouble.get_or_insert(format!("rank {rank}: {message}"));
        }
    }
    let welcome: Welcome = match trouble {
        Some(message) => Err(message),
        None => Ok(shares(&machines)),
    };
    let shares: Welcome = decode(&ranks.broadcast(encode(&welcome)?)?)?;
    let shares = shares.map_err(|message| elsewhere(ranks, message))?;
    let share = shares.get(ranks.rank().index()).copied();
    let share = share.ok_or_else(|| RunError::Broken("this rank was not greeted".into()))?;
    let hosts = machines.into_iter().map(|machine| machine.host).collect();
    Ok(Greeting { share, known, hosts, remarks })
}

/// The root reports an error; the others end quietly.
fn elsewhere(ranks: &dyn Communicator, message: String) -> RunError {
    if ranks.is_root() { RunError::Broken(message) } else { RunError::Elsewhere }
}

/// The structure workers of all ranks, by rank.
pub(crate) fn exchange_workers(
    ranks: &mut dyn Communicator,
    own: Result<usize, String>,
) -> Result<Vec<usize>, RunError> {
    let all = ranks.gather(encode(&own)?)?;
    let all = all.iter().enumerate().map(|(rank, bytes)| {
        decode::<Result<usize, String>>(bytes)
            .map_err(|error| with_causes(&error))
            .and_then(|own| own)
            .map_err(|message| format!("rank {rank}: {message}"))
    });
    let all: Result<Vec<usize>, String> = all.collect();
    let all: Result<Vec<usize>, String> = decode(&ranks.broadcast(encode(&all)?)?)?;
    all.map_err(|message| elsewhere(ranks, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Physics, Resources};
    use mlip_atoms::Frame;

    fn setup(journals: Vec<EarlierJournal>) -> Setup {
        let calculation = Default::default();
        let physics = Physics {
            frame: Frame::Pymatgen,
            coordinates: Default::default(),
            calculation,
            allow_overlap: false,
            forces: true,
            embeddings: Default::default(),
            potentials: Vec::new(),
        };
        let (run_dir, resources) = ("/scratch/someone/a-project/screening/RUN".into(), Resources::default());
        let config = RunConfig {
            run: "17".repeat(16),
            version: "1".into(),
            folder: "/".into(),
            physics,
            resources,
            stability: Default::default(),
            part: None,
        };
        Setup { run_dir, config, attempt: 11, started_unix_s: 0, n_entries: 10, journals, cache: None, remarks: vec![] }
    }

    #[test]
    fn a_thousand_ranks_after_ten_attempts_are_sent_little() {
        let journal = |number: u32| EarlierJournal { attempt: 1 + number / 1000, rank: number % 1000, bytes: 123_456 };
        let before: Vec<_> = (0..10_000).map(journal).collect();
        let parts = setup(before.clone()).parts(1000).unwrap();
        let bytes: usize = parts.iter().map(Vec::len).sum();
        assert!(bytes < 1_000_000, "{bytes} bytes go through the root");
        let sent = parts.iter().flat_map(|part| decode::<Setup>(part).unwrap().journals);
        let mut sent: Vec<_> = sent.map(|journal| (journal.attempt, journal.rank)).collect();
        sent.sort_unstable();
        assert_eq!(sent, before.iter().map(|journal| (journal.attempt, journal.rank)).collect::<Vec<_>>());
        assert!(parts.iter().all(|part| decode::<Setup>(part).unwrap().journals.len() == 10));
    }

    #[test]
    fn files_are_divided_by_size() {
        assert_eq!(even_parts([9_000_000, 1_000_000, 1_000_000, 1_000_000].into_iter(), 2), [0, 1, 1, 1]);
        assert_eq!(even_parts([5, 5, 5].into_iter(), 3), [0, 1, 2]);
        assert_eq!(even_parts([].into_iter(), 3), [0; 0]);
    }
}
