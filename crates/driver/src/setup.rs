//! How ranks come together at the begin of an attempt.

use crate::budget::{Machine, Share, shares};
use crate::config::RunConfig;
use crate::coordinator::Known;
use crate::error::RunError;
use crate::error::with_causes;
use crate::protocol::{Hello, Message, Report, Welcome, decode, encode, tell};
use mlip_ranks::{Channel, Communicator, Pause, Rank};
use mlip_store::cache::CacheFolder;
use mlip_store::journal::JournalFile;
use mlip_store::ledger::scan_journal;
use mlip_store::{RunId, StoreError};
use serde::{Deserialize, Serialize};
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
    /// Journals of earlier attempts: attempt, rank, file, bytes.
    journals: Vec<(u32, u32, PathBuf, u64)>,
    /// What other runs have computed.
    pub(crate) cache: Option<CacheFolder>,
    /// On the root: what was found in the run folder and is worth a warning.
    #[serde(skip)]
    pub(crate) remarks: Vec<String>,
}

impl Setup {
    /// A new attempt in this run folder, over so many entries.
    ///
    /// # Errors
    /// When the journals of earlier attempts, or the results of other runs, cannot be listed.
    pub fn new(run_dir: PathBuf, config: RunConfig, n_entries: u64) -> Result<Self, StoreError> {
        let attempts = mlip_store::journal::Attempts::list(&run_dir)?;
        let stranger = |path: &PathBuf| format!("`{}` is not a journal; left alone", path.display());
        let remarks = attempts.unknown.iter().map(stranger).collect();
        let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let attempt = attempts.next();
        let journals =
            attempts.files.into_iter().map(|file| (file.attempt, file.rank, file.path, file.bytes)).collect();
        let cache = match &config.resources.cache {
            Some(folder) => {
                Some(CacheFolder::open(folder, env!("CARGO_PKG_VERSION"), &config.physics.potential_ids())?)
            }
            None => None,
        };
        Ok(Self { run_dir, config, attempt, started_unix_s, n_entries, journals, cache, remarks })
    }

    /// Gives everybody the root's setup; `None` on the other ranks. A root that has no setup to give
    /// says so with [`Setup::call_off`].
    ///
    /// # Errors
    /// When the root has called the run off.
    pub fn share(self_at_root: Option<&Self>, ranks: &mut dyn Communicator) -> Result<Self, RunError> {
        let word: Vec<u8> = match self_at_root {
            Some(setup) => encode(&Some(setup))?,
            None => Vec::new(),
        };
        let mut setup = decode::<Option<Self>>(&ranks.broadcast(word))?.ok_or(RunError::Elsewhere)?;
        setup.remarks = self_at_root.map(|setup| setup.remarks.clone()).unwrap_or_default();
        Ok(setup)
    }

    /// Tells everybody that there will be no run.
    pub fn call_off(ranks: &mut dyn Communicator) {
        if let Ok(word) = encode(&None::<Self>) {
            ranks.broadcast(word);
        }
    }

    pub(crate) fn run_id(&self) -> Result<RunId, RunError> {
        RunId::parse(&self.config.run)
            .ok_or_else(|| RunError::Broken(format!("`{}` in run.toml is not the identity of a run", self.config.run)))
    }

    /// Reads this rank's part of the earlier journals: by size, so that all ranks read about as much.
    fn scan_journals(&self, ranks: &mut dyn Communicator, known: &mut Known) -> Result<(), RunError> {
        let run = self.run_id()?;
        let sizes: Vec<u64> = self.journals.iter().map(|(.., bytes)| *bytes).collect();
        for number in own_part(&sizes, ranks.rank(), ranks.size()) {
            let Some((attempt, writer, path, bytes)) = self.journals.get(number) else { continue };
            let file = JournalFile { attempt: *attempt, rank: *writer, path: path.clone(), bytes: *bytes };
            scan_journal(&file, run, |part| match ranks.is_root() {
                true => Ok(known.ledger.absorb(part)?),
                false => tell(ranks, Report::Noted(part)).map_err(RunError::from),
            })?;
        }
        Ok(())
    }

    /// Reads this rank's part of the results of other runs. Gives what is worth a warning.
    fn scan_cache(&self, ranks: &mut dyn Communicator, known: &mut Known) -> Result<Vec<String>, RunError> {
        let mut remarks = Vec::new();
        let Some(cache) = &self.cache else { return Ok(remarks) };
        let sizes: Vec<u64> = cache.segments().iter().map(|segment| segment.bytes).collect();
        let mut places = Vec::new();
        for number in own_part(&sizes, ranks.rank(), ranks.size()) {
            let remark = cache.scan(number, |key, place| -> Result<(), RunError> {
                if ranks.is_root() {
                    return Ok(known.cached.insert(key, place)?);
                }
                places.push((key, place));
                if places.len() >= PLACES_A_MESSAGE {
                    tell(ranks, Report::Cached(std::mem::take(&mut places)))?;
                }
                Ok(())
            })?;
            remarks.extend(remark);
        }
        if !places.is_empty() {
            tell(ranks, Report::Cached(places))?;
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
            tell(ranks, Report::Scanned)?;
            return own;
        }
        // One message of each is under way at a time: who sends waits until it is taken.
        let mut open = ranks.size() - 1;
        let mut heard = Ok(());
        let mut pause = Pause::new();
        while open > 0 {
            let Some((_, bytes)) = ranks.try_receive(Channel::Work) else {
                pause.sleep();
                continue;
            };
            pause.reset();
            match decode(&bytes)? {
                Message::Report(Report::Scanned) => open -= 1,
                Message::Report(Report::Noted(part)) if heard.is_ok() => heard = known.ledger.absorb(part),
                Message::Report(Report::Cached(places)) => {
                    for (key, place) in places {
                        heard = heard.and_then(|()| known.cached.insert(key, place));
                    }
                }
                _ => {}
            }
        }
        heard?;
        own
    }
}

/// Results of other runs that ranks tell the root of at a time.
const PLACES_A_MESSAGE: usize = 4096;

/// Positions of the files that a rank scans, so that all ranks read about as much.
fn own_part(bytes: &[u64], rank: Rank, size: usize) -> Vec<usize> {
    let mut loads = vec![0u64; size];
    let mut own = Vec::new();
    for (number, bytes) in bytes.iter().enumerate() {
        let lightest = (0..size).min_by_key(|index| loads.get(*index).copied()).unwrap_or(0);
        loads[lightest] += bytes + 4096;
        if lightest == rank.index() {
            own.push(number);
        }
    }
    own
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
    let scanned = setup.scan(ranks, trouble.is_none(), &mut known).map_err(|error| with_causes(&error));
    let (remarks, of_scan) = scanned.map_or_else(|message| (Vec::new(), Some(message)), |remarks| (remarks, None));
    let hello = Hello { machine: Machine::look(ranks.host()), trouble: trouble.cloned().or(of_scan), remarks };
    let hellos = ranks.gather(encode(&hello)?);
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
    let shares: Welcome = decode(&ranks.broadcast(encode(&welcome)?))?;
    let shares = shares.map_err(|message| elsewhere(ranks, message))?;
    let share = shares.get(ranks.rank().index()).copied();
    let share = share.ok_or_else(|| RunError::Broken("this rank was not greeted".into()))?;
    let hosts = machines.into_iter().map(|machine| machine.host).collect();
    Ok(Greeting { share, known, hosts, remarks })
}

/// The root tells of an error; the others end quietly.
fn elsewhere(ranks: &dyn Communicator, message: String) -> RunError {
    if ranks.is_root() { RunError::Broken(message) } else { RunError::Elsewhere }
}

/// The structure workers of all ranks, by rank.
pub(crate) fn exchange_workers(
    ranks: &mut dyn Communicator,
    own: Result<usize, String>,
) -> Result<Vec<usize>, RunError> {
    let all = ranks.gather(encode(&own)?);
    let all = all.iter().enumerate().map(|(rank, bytes)| {
        decode::<Result<usize, String>>(bytes)
            .map_err(|error| with_causes(&error))
            .and_then(|own| own)
            .map_err(|message| format!("rank {rank}: {message}"))
    });
    let all: Result<Vec<usize>, String> = all.collect();
    let all: Result<Vec<usize>, String> = decode(&ranks.broadcast(encode(&all)?))?;
    all.map_err(|message| elsewhere(ranks, message))
}
