//! Makes one run of the runs over all parts of a list.

use crate::folder::{is_run, lock, manifest_path, read_config, read_manifest, run_id, spool_path};
use crate::parts::{Parts, runs_in};
use crate::report::{ReportWishes, RunReport, report};
use crate::status::status;
use crate::{Error, RunConfig, RunState};
use mlip_driver::PartOf;
use mlip_inputs::joined;
use mlip_store::journal::JournalFile;
use mlip_store::report::StabilitySources;
use mlip_store::{Attempts, Frame, JournalHeader, JournalReader, JournalWriter, RunId, write_run_file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Is there while a merge is under way: what lies beside it without a run.toml was left by one that was stopped.
const UNDER_WAY: &str = "merging";

/// A run that was made of parts.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedRun {
    /// Its folder.
    pub run_dir: PathBuf,
    /// Parts that it was made of.
    pub parts: usize,
    /// Its report.
    pub report: RunReport,
}

/// A part that came to its end.
struct Finished {
    folder: PathBuf,
    config: RunConfig,
    part: PartOf,
}

/// Makes one run of all parts of a list, and its report: the tables are those of one run over the whole list, byte for
/// byte. `paths` are folders of parts, or the runs themselves. Without `out` the run lies in the only folder that was
/// named.
///
/// # Errors
/// When parts are missing, are there twice, do not belong together or have not come to their end, and when there is a
/// run already where this one is to be.
pub fn merge(paths: &[PathBuf], out: Option<&Path>, wishes: &ReportWishes) -> Result<MergedRun, Error> {
    let parts = finished_parts(paths)?;
    let (Some(first), Some(out)) = (parts.first(), out.or(paths.first().map(PathBuf::as_path))) else {
        return Err(Error::NoInputs);
    };
    let out = std::path::absolute(out).map_err(Error::io("find the current folder for", out))?;
    if is_run(&out) {
        return Err(Error::Exists { folder: out });
    }
    std::fs::create_dir_all(&out).map_err(Error::io("create the run folder", &out))?;
    let lock = lock(&out, false)?;
    let mark = out.join(UNDER_WAY);
    if mark.exists() {
        clear(&out)?;
    }
    std::fs::write(&mark, "").map_err(Error::io("write", &mark))?;
    let run = RunId::draw();
    copy_journals(&parts, &out, run, || Ok(lock.refresh()?))?;
    let lists = parts.iter().map(|part| read_manifest(&part.folder)).collect::<Result<Vec<_>, _>>()?;
    joined(&lists, &spool_path(&out))?.write(&manifest_path(&out))?;
    let config = RunConfig { run: run.to_string(), part: None, ..first.config.clone() };
    // Last: a folder with this file is a run.
    write_run_file(&out, &config)?;
    std::fs::remove_file(&mark).map_err(Error::io("remove", &mark))?;
    drop(lock);
    let report = report(&out, wishes, &StabilitySources::default())?;
    Ok(MergedRun { run_dir: out, parts: parts.len(), report })
}

/// Removes what a merge that was stopped has left.
fn clear(out: &Path) -> Result<(), Error> {
    let journals = out.join("journal");
    match std::fs::remove_dir_all(&journals) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &journals)(error)),
        _ => Ok(()),
    }
}

/// All parts, in the order of the list.
fn finished_parts(paths: &[PathBuf]) -> Result<Vec<Finished>, Error> {
    let (mut folders, mut expected) = (Vec::new(), None);
    for path in paths {
        let path = &std::path::absolute(path).map_err(Error::io("find the current folder for", path))?;
        match Parts::read(path)? {
            Some(parts) => {
                folders.extend(runs_in(path)?);
                expected.get_or_insert(parts);
            }
            None if is_run(path) => folders.push(path.clone()),
            None => return Err(Error::NoParts { folder: path.clone() }),
        }
    }
    let mut parts: BTreeMap<u32, Finished> = BTreeMap::new();
    for folder in folders {
        let config = read_config(&folder)?;
        let Some(part) = config.part.clone() else { return Err(Error::NoPart { folder }) };
        let number = part.number;
        let expected = expected.get_or_insert_with(|| Parts::of(&part));
        let foreign = |difference| Error::ForeignPart { number, folder: folder.clone(), difference };
        if let Some(difference) = expected.difference(&Parts::of(&part)) {
            return Err(foreign(difference));
        }
        if let Some(Finished { config: other, .. }) = parts.values().next() {
            if let Some(changes) = other.physics.changes(&config.physics) {
                return Err(foreign(changes));
            }
            if other.folder != config.folder {
                let (one, two) = (other.folder.display(), config.folder.display());
                return Err(foreign(format!(
                    "relative paths of the one start from `{one}`, of the other from `{two}`"
                )));
            }
            if other.stability != config.stability {
                return Err(foreign("stability is measured by other energies".into()));
            }
        }
        if let Some(known) = parts.get(&number) {
            return Err(Error::DoubledPart { number, first: known.folder.clone(), second: folder });
        }
        parts.insert(number, Finished { folder, config, part });
    }
    let Some(expected) = expected else { return Err(Error::NoInputs) };
    let missing: Vec<u32> = (1..=expected.of).filter(|number| !parts.contains_key(number)).collect();
    if !missing.is_empty() {
        return Err(Error::MissingParts { numbers: missing, of: expected.of });
    }
    let mut unfinished = Vec::new();
    for (number, part) in &parts {
        if status(&part.folder)?.state != RunState::Complete {
            unfinished.push((*number, part.folder.clone()));
        }
    }
    if let Some((_, folder)) = unfinished.first().cloned() {
        let numbers = unfinished.into_iter().map(|(number, _)| number).collect();
        return Err(Error::UnfinishedParts { numbers, of: expected.of, folder });
    }
    Ok(parts.into_values().collect())
}

/// A journal of a part, and whose it is in the run that is made.
struct Source<'a> {
    file: JournalFile,
    header: JournalHeader,
    part: &'a Finished,
    rank: u32,
}

/// Writes the journals of all parts as those of one run: ranks are counted on, entries too.
fn copy_journals(
    parts: &[Finished],
    out: &Path,
    run: RunId,
    mut still_mine: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut sources, mut n_ranks) = (Vec::new(), 0);
    let mut of_attempt: BTreeMap<u32, u32> = BTreeMap::new();
    for part in parts {
        let own = run_id(&part.config)?;
        let before = n_ranks;
        let mut launched: BTreeMap<u32, u32> = BTreeMap::new();
        for file in Attempts::list(&part.folder)?.files {
            n_ranks = n_ranks.max(before + file.rank + 1);
            // One without a header holds nothing; one of another run is none of ours.
            let Some(header) = JournalReader::open(&file.path)?.header().cloned().filter(|header| header.run == own)
            else {
                continue;
            };
            launched.insert(file.attempt, header.n_ranks);
            sources.push(Source { rank: before + file.rank, file, header, part });
        }
        for (attempt, ranks) in launched {
            *of_attempt.entry(attempt).or_default() += ranks;
        }
    }
    for Source { file, header, part, rank } in sources {
        still_mine()?;
        let n_ranks = of_attempt.get(&file.attempt).copied().unwrap_or(header.n_ranks);
        let mut writer = JournalWriter::create(out, &JournalHeader { run, rank, n_ranks, ..header })?;
        let mut reader = JournalReader::open(&file.path)?;
        let mut is_closed = false;
        while let Some((frame, _)) = reader.next_frame()? {
            match frame {
                Frame::Surveyed(mut entries) => {
                    entries.iter_mut().for_each(|surveyed| surveyed.entry += part.part.first);
                    writer.append(&Frame::Surveyed(entries))?;
                }
                Frame::Structures(mut surveyed) => {
                    surveyed.first += part.part.first;
                    surveyed.last += part.part.first;
                    surveyed.structures.iter_mut().for_each(|one| one.entry += part.part.first);
                    writer.append(&Frame::Structures(surveyed))?;
                }
                Frame::Finished(_) | Frame::Memory(_) => {
                    writer.append(&frame)?;
                }
                Frame::Closed => is_closed = true,
                // What only says how a run that is not at its end goes on.
                Frame::Started { .. } | Frame::Fatal { .. } | Frame::Draining | Frame::Answered(_) => {}
                Frame::MemoryKills(_) | Frame::Pressed { .. } => {}
            }
        }
        match is_closed {
            true => writer.close()?,
            false => writer.sync()?,
        }
    }
    Ok(())
}
