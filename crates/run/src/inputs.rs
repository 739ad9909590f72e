//! The structures of a run.

use crate::filter::Filter;
use crate::finished::FinishedRun;
use crate::folder::{is_run, manifest_path, read_config, start_of_paths};
use crate::taken::taken;
use crate::{Error, RunConfig};
use mlip_calculations::CalculationConfig;
use mlip_driver::PartOf;
use mlip_inputs::{Blocks, Enumeration, Manifest, Source, enumerate};
use std::path::{Path, PathBuf};

/// What the structures of a run are taken from.
#[derive(Debug, Clone, Default)]
pub struct RunInputs {
    /// In the order of the tables. A folder that holds a run stands for the structures of its list.
    pub sources: Vec<Source>,
    /// Which CIFs are looked into for several structures.
    pub blocks: Blocks,
    /// Only the first structures, up to this number.
    pub limit: Option<usize>,
    /// Of runs, the relaxed structures of converged relaxations.
    pub relaxed: Option<RelaxedBy>,
    /// Of runs, the structures that satisfy this.
    pub filter: Option<Filter>,
}

/// By which potential of a run structures were relaxed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelaxedBy {
    /// The only one that it has.
    Only,
    /// That of this label.
    Label(String),
}

/// All entries, and what people should know of them.
#[derive(Debug)]
pub struct Listed {
    /// The entries.
    pub manifest: Manifest,
    /// How many of the structures of each run were taken.
    pub notes: Vec<String>,
    /// Which part of a longer list they are.
    pub part: Option<PartOf>,
}

impl RunInputs {
    /// All entries; relative sources start from `folder`, compressed archives are unpacked into `spool`.
    ///
    /// # Errors
    /// When nothing is named, a source cannot be listed, or a run does not have what is asked of it.
    pub fn list(&self, folder: &Path, spool: PathBuf) -> Result<Listed, Error> {
        if self.sources.is_empty() {
            return Err(Error::NoInputs);
        }
        let (mut sources, mut notes) = (Vec::with_capacity(self.sources.len()), Vec::new());
        for source in &self.sources {
            sources.push(match source {
                Source::Directory { path } if is_run(&folder.join(path)) => {
                    let path = std::path::absolute(folder.join(path));
                    self.of_run(&path.map_err(Error::io("find the current folder for", folder))?, &mut notes)?
                }
                other => self.of_no_run(other)?,
            });
        }
        let how = Enumeration { folder: folder.into(), blocks: self.blocks, spool, limit: self.limit };
        Ok(Listed { manifest: enumerate(&sources, &how)?, notes, part: None })
    }

    /// Only runs have relaxed structures and tables.
    fn of_no_run(&self, source: &Source) -> Result<Source, Error> {
        let flag = match (&self.relaxed, &self.filter) {
            (Some(_), _) => "--relaxed",
            (_, Some(_)) => "--where",
            (None, None) => return Ok(source.clone()),
        };
        let what = match source {
            Source::List { path, .. }
            | Source::Directory { path }
            | Source::File { path }
            | Source::Archive { path }
            | Source::Csv { path, .. } => format!("`{}`", path.display()),
            _ => "standard input".into(),
        };
        Err(Error::NotOfRuns { flag, what })
    }

    fn of_run(&self, folder: &Path, notes: &mut Vec<String>) -> Result<Source, Error> {
        let list = |config: &RunConfig, taken: Option<Vec<bool>>| Source::Manifest {
            path: manifest_path(folder),
            folder: std::path::absolute(start_of_paths(config)).unwrap_or_else(|_| config.folder.clone()),
            taken: taken.map(Into::into),
        };
        if self.relaxed.is_none() && self.filter.is_none() {
            return Ok(list(&read_config(folder)?, None));
        }
        let run = FinishedRun::open(folder)?;
        let mut note = format!("of the {} structures of `{}`", run.n_entries(), folder.display());
        let is_taken = match &self.filter {
            None => None,
            Some(filter) => {
                let taken = taken(&run, filter)?;
                let n = taken.is_taken.iter().filter(|is_taken| **is_taken).count();
                note.push_str(&format!(", {n} satisfy `{filter}`"));
                if taken.n_without > 0 {
                    note.push_str(&format!(" and {} of the others lack a value", taken.n_without));
                }
                Some(taken.is_taken)
            }
        };
        let source = match &self.relaxed {
            None => list(run.config(), is_taken),
            Some(by) => {
                let label = match by {
                    RelaxedBy::Only => None,
                    RelaxedBy::Label(label) => Some(label.as_str()),
                };
                let relaxed = relaxed(&run, label, is_taken.as_deref())?;
                let n = relaxed.ids.iter().flatten().count();
                note.push_str(&format!(", {n} relaxed and converged"));
                if relaxed.n_unconverged > 0 {
                    note.push_str(&format!(", {} did not converge and are left out", relaxed.n_unconverged));
                }
                if relaxed.n_without > 0 {
                    note.push_str(&format!(", {} have no relaxation", relaxed.n_without));
                }
                Source::Frames { path: relaxed.path, ids: relaxed.ids.into() }
            }
        };
        notes.push(note);
        Ok(source)
    }
}

/// Relaxed structures of a run.
struct RelaxedFrames {
    path: PathBuf,
    /// One a frame; those without are not taken.
    ids: Vec<Option<String>>,
    /// Of those that are asked for: relaxations that did not converge, and structures without one.
    n_unconverged: usize,
    n_without: usize,
}

/// The frames of a potential, which stand in the order of its rows in the table of relaxations.
fn relaxed(run: &FinishedRun, label: Option<&str>, is_taken: Option<&[bool]>) -> Result<RelaxedFrames, Error> {
    let folder = run.folder();
    if !matches!(run.config().physics.calculation, CalculationConfig::Relaxation(_)) {
        return Err(Error::NotRelaxed { folder: folder.into() });
    }
    let label = &run.potential(label)?.label;
    let names = ["extxyz", "extxyz.zst"].map(|ending| folder.join("report").join(format!("relaxed.{label}.{ending}")));
    let path = names.into_iter().find(|path| path.is_file());
    let (Some(path), Some(mut table)) = (path, run.table("relaxation")?) else {
        return Err(Error::NoTable { folder: folder.into(), table: "relaxation" });
    };
    let columns = table.columns()?;
    let place = |name: &str| {
        let column = columns.iter().position(|column| column == name);
        column.ok_or_else(|| Error::NoColumn { path: table.path().into(), column: name.into() })
    };
    let (id, potential) = (place("structure_id")?, place("potential")?);
    let (status, converged) = (place("status")?, place("converged")?);
    let mut frames = RelaxedFrames { path, ids: Vec::new(), n_unconverged: 0, n_without: 0 };
    let mut entry = 0;
    for row in table.rows() {
        let row = row?;
        if row.get(potential) != Some(label) {
            continue;
        }
        let is_asked = is_taken.is_none_or(|taken| taken.get(entry) == Some(&true));
        entry += 1;
        match (row.get(status), row.get(converged)) {
            (Some("ok"), Some("true")) => {
                frames.ids.push(row.get(id).filter(|_| is_asked).map(str::to_owned));
            }
            (Some("ok"), _) => {
                frames.ids.push(None);
                frames.n_unconverged += usize::from(is_asked);
            }
            _ => frames.n_without += usize::from(is_asked),
        }
    }
    if frames.ids.iter().all(Option::is_none) {
        return Err(Error::NoneConverged { folder: folder.into() });
    }
    Ok(frames)
}

/// With `strict`, every entry must be there before work starts.
pub(crate) fn check_all(manifest: &Manifest, folder: &Path) -> Result<(), Error> {
    let (mut missing, mut first) = (0u64, None);
    for entry in manifest.iter() {
        if let Err(failure) = entry?.locator.check(folder) {
            missing += 1;
            first.get_or_insert(failure.message);
        }
    }
    let Some(first) = first else { return Ok(()) };
    Err(Error::Unreadable { missing, entries: manifest.len() as u64, first })
}

/// How two lists differ.
#[derive(Debug)]
pub(crate) struct ListDifference {
    /// What was, and what would be.
    pub(crate) text: String,
    /// Whether the list is what it was, with more entries behind.
    pub(crate) is_longer: bool,
}

/// A list of structures, and the folder from which its relative paths start.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) folder: &'a Path,
}

impl List<'_> {
    /// Id and place of an entry, for comparison and for people.
    fn entry(&self, position: usize) -> Result<Option<(String, PathBuf)>, Error> {
        let entry = self.manifest.get(position)?;
        Ok(entry.map(|entry| (entry.id, self.folder.join(entry.locator.to_string()))))
    }

    /// How two lists differ.
    pub(crate) fn difference(&self, wanted: &Self) -> Result<Option<ListDifference>, Error> {
        let mut position = 0;
        loop {
            let (was, would) = (self.entry(position)?, wanted.entry(position)?);
            if was.is_none() && would.is_none() {
                return Ok(None);
            }
            if was != would {
                let is_longer = was.is_none();
                let say = |entry: Option<(String, PathBuf)>| {
                    entry.map_or_else(|| "nothing".to_owned(), |(id, path)| format!("{id} ({})", path.display()))
                };
                let text = format!(
                    "it had {} entries and would have {}; entry {} was {} and would be {}",
                    self.manifest.len(),
                    wanted.manifest.len(),
                    position + 1,
                    say(was),
                    say(would)
                );
                return Ok(Some(ListDifference { text, is_longer }));
            }
            position += 1;
        }
    }
}

/// What compressed archives are unpacked to while a list is looked at; removed when dropped.
pub(crate) struct Unpacked(pub(crate) PathBuf);

impl Unpacked {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.join(format!("inputs.compared-{}", std::process::id())))
    }

    /// Where what belongs to a part of the list is put beside it.
    pub(crate) fn part(&self) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push("-part");
        path.into()
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Without compressed archives there is none.
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.part());
    }
}
