//! Why a run cannot begin, go on or be looked at.

use mlip_atoms::DeviceError;
use mlip_driver::{ImpossibleSetting, NoThreads, RunError, SampleError};
use mlip_inputs::InputError;
use mlip_models::registry::LoadError;
use mlip_store::StoreError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a run cannot begin, go on or be looked at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no run in this folder.
    #[error("`{}` is not the folder of a run: it has no run.toml", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },
    /// There is one already.
    #[error("`{}` holds a run already", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// Nothing was named.
    #[error("no structures were named")]
    NoInputs,
    /// What stability is to be measured by cannot be used.
    #[error(transparent)]
    Stability(Box<mlip_store::StoreError>),
    /// A sample of the structures could not be computed.
    #[error("no sample of the structures can be computed")]
    Sample(#[from] SampleError),
    /// Embeddings of a potential that has none.
    #[error("{potential} has no embeddings")]
    NoEmbeddings {
        /// Its name.
        potential: String,
    },
    /// With `strict`: some entries cannot be read.
    #[error("{missing} of {entries} entries cannot be read, and --strict is set: {first}")]
    Unreadable {
        /// Entries that cannot be read.
        missing: u64,
        /// All entries.
        entries: u64,
        /// What is wrong with the first.
        first: String,
    },
    /// A run is one computation.
    #[error("the run cannot go on with other physics: {changes}")]
    OtherPhysics {
        /// What would change.
        changes: String,
    },
    /// A run has one list of structures.
    #[error("the run has other structures than those named now: {difference}")]
    OtherInputs {
        /// How they differ: what was, and what would be.
        difference: String,
    },
    /// The same, with more entries behind those that it had.
    #[error("the list of structures has grown: {difference}")]
    LongerInputs {
        /// How they differ: what was, and what would be.
        difference: String,
    },
    /// A list cannot be divided so.
    #[error("{entries} entries cannot be divided into {of} parts: each part has at least one")]
    TooManyParts {
        /// Entries of the list.
        entries: usize,
        /// Parts that were asked for.
        of: u32,
    },
    /// The parts in a folder are those of another list, or others of the same.
    #[error("the parts in `{}` are others: {difference}", folder.display())]
    OtherParts {
        /// The folder of the parts.
        folder: PathBuf,
        /// In what they differ: what was, and what would be.
        difference: String,
    },
    /// A folder without parts.
    #[error("`{}` holds no parts of a list: it has no parts.toml, and is no run", folder.display())]
    NoParts {
        /// The folder.
        folder: PathBuf,
    },
    /// Runs of which one was not begun as a part of a list.
    #[error("the run in `{}` is no part of a list: it was begun without --part", folder.display())]
    NoPart {
        /// Its folder.
        folder: PathBuf,
    },
    /// A part stands in two folders.
    #[error("part {number} is there twice: in `{}` and in `{}`", first.display(), second.display())]
    DoubledPart {
        /// Its number.
        number: u32,
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Some of the parts of a list were never begun, or are not named.
    #[error("of {of} parts {} missing: {}", if numbers.len() == 1 { "one is" } else { "some are" }, in_words(numbers))]
    MissingParts {
        /// Their numbers.
        numbers: Vec<u32>,
        /// All parts.
        of: u32,
    },
    /// Some of the parts of a list have not come to their end.
    #[error("of {of} parts {} not finished: {}", if numbers.len() == 1 { "one is" } else { "some are" }, in_words(numbers))]
    UnfinishedParts {
        /// Their numbers.
        numbers: Vec<u32>,
        /// All parts.
        of: u32,
        /// Folder of the first of them.
        folder: PathBuf,
    },
    /// A run is a part of something else.
    #[error("part {number} in `{}` does not belong to the others: {difference}", folder.display())]
    ForeignPart {
        /// Its number.
        number: u32,
        /// Its folder.
        folder: PathBuf,
        /// In what it differs.
        difference: String,
    },
    /// Two potentials would have the same name in the tables.
    #[error("two potentials are labeled `{label}`")]
    SameLabel {
        /// Of both.
        label: String,
    },
    /// Two potentials are the same computation.
    #[error("`{first}` and `{second}` are the same computation")]
    SamePotential {
        /// Label of the one.
        first: String,
        /// Label of the other.
        second: String,
    },
    /// A label that the run does not have.
    #[error("`{label}` is not a potential of this run")]
    NoSuchPotential {
        /// As it was given.
        label: String,
        /// Those of the run.
        known: Vec<String>,
    },
    /// A run of which results are taken has to be at its end.
    #[error("the run in `{}` is not finished: {why}", folder.display())]
    NotFinished {
        /// Its folder.
        folder: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A potential has to be chosen.
    #[error("the run in `{}` has several potentials: {}", folder.display(), labels.join(", "))]
    SeveralPotentials {
        /// Its folder.
        folder: PathBuf,
        /// Their labels.
        labels: Vec<String>,
    },
    /// A label that another run does not have.
    #[error("no potential of the run in `{}` is called `{label}`; there are {}", folder.display(), known.join(", "))]
    NoSuchPotentialOf {
        /// Its folder.
        folder: PathBuf,
        /// As it was given.
        label: String,
        /// Those of the run.
        known: Vec<String>,
    },
    /// Energies of these runs do not belong into one table.
    #[error("the runs in `{}` and `{}` do not go together: {difference}", first.display(), second.display())]
    DifferentRuns {
        /// Folder of the one.
        first: PathBuf,
        /// Folder of the other.
        second: PathBuf,
        /// In what they differ.
        difference: String,
    },
    /// A run was named twice.
    #[error("the run in `{}` is named twice", folder.display())]
    SameRun {
        /// Its folder.
        folder: PathBuf,
    },
    /// A run has no results.
    #[error("no structure of `{}` has an energy", folder.display())]
    NoEnergies {
        /// Its folder.
        folder: PathBuf,
    },
    /// Reference energies are asked of a run that did not compute them with this potential.
    #[error("the run in `{}` has no energies of the elements by {potential}; its potentials are {}", folder.display(), known.join(", "))]
    NoElementEnergies {
        /// Its folder.
        folder: PathBuf,
        /// The potential that needs them.
        potential: String,
        /// Those of the run.
        known: Vec<String>,
    },
    /// Reference energies are asked of a run without a crystal of an element alone.
    #[error("no structure of the run in `{}` consists of one element and has an energy", folder.display())]
    NoElements {
        /// Its folder.
        folder: PathBuf,
    },
    /// Relaxed structures, or those that satisfy a condition, are asked of what is no run.
    #[error("{flag} takes structures of runs, and {what} is none")]
    NotOfRuns {
        /// What asks for it.
        flag: &'static str,
        /// Among the structures that were named.
        what: String,
    },
    /// Relaxed structures are asked of a run that has none.
    #[error("the run in `{}` relaxed nothing", folder.display())]
    NotRelaxed {
        /// Its folder.
        folder: PathBuf,
    },
    /// A table of a run is not there.
    #[error("the run in `{}` has no table {table}.csv", folder.display())]
    NoTable {
        /// Its folder.
        folder: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// A table of a run is not as this program writes it.
    #[error("`{}` has no column `{column}`", path.display())]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A table of a run has rows of another list.
    #[error("{table}.csv of the run in `{}` has {rows} rows of a potential, and the run {n_entries} entries", folder.display())]
    OtherRows {
        /// Its folder.
        folder: PathBuf,
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: usize,
        /// Entries of the run.
        n_entries: usize,
    },
    /// A field that is to be compared is no number.
    #[error("the column `{column}` of `{}` holds `{found}` for {id}, which is no number", path.display())]
    NoNumber {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
        /// Of which structure.
        id: String,
        /// What stands there.
        found: String,
    },
    /// A column that no table of the run has.
    #[error("no table of the run in `{}` has a column `{column}`; it has {}", folder.display(), tables.join(", "))]
    UnknownColumn {
        /// Its folder.
        folder: PathBuf,
        /// As it was given.
        column: String,
        /// Columns with similar names.
        like: Vec<String>,
        /// Tables that were looked through.
        tables: Vec<String>,
    },
    /// A column that has a value for each potential.
    #[error("`{column}` has a value for each potential of the run")]
    ManyValues {
        /// As it was given.
        column: String,
        /// How one of them is named.
        like: Vec<String>,
    },
    /// A condition that no structure satisfies.
    #[error("none of the {n_entries} structures of the run in `{}` satisfies `{filter}`; {n_without} lack a value", folder.display())]
    NothingTaken {
        /// Its folder.
        folder: PathBuf,
        /// The condition.
        filter: String,
        /// Structures of the run.
        n_entries: usize,
        /// Those without a value that is compared.
        n_without: usize,
    },
    /// None of the relaxations of a run converged.
    #[error("none of the relaxations that are asked of the run in `{}` converged", folder.display())]
    NoneConverged {
        /// Its folder.
        folder: PathBuf,
    },
    /// A hull of which nothing can be compared.
    #[error(
        "none of the structures that {label} can evaluate is an entry of the hull `{}`: same name and composition",
        file.display()
    )]
    NothingToCheck {
        /// The hull.
        file: PathBuf,
        /// The potential.
        label: String,
    },
    /// A table of entries cannot be written.
    #[error(transparent)]
    TableWrite(#[from] mlip_hull::table::TableWriteError),
    /// A potential cannot be had.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The device of a potential is not there.
    #[error("{label} cannot be computed here")]
    NoDevice {
        /// Label of the potential.
        label: String,
        /// Why not.
        source: DeviceError,
    },
    /// A setting with which nothing can be computed.
    #[error(transparent)]
    Setting(#[from] ImpossibleSetting),
    /// No threads were granted.
    #[error(transparent)]
    Threads(#[from] NoThreads),
    /// The structures cannot be listed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The attempt did not come to its end.
    #[error(transparent)]
    Attempt(#[from] RunError),
    /// A file or folder cannot be used.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With this.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Numbers for people, consecutive ones as ranges, as arrays of Slurm are written: `3,7-9`.
fn in_words(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let say = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(say).collect::<Vec<_>>().join(",")
}

/// Tasks of an array that counts from 0, of parts that count from 1: `2,6-8`.
pub fn tasks_of_parts(parts: &[u32]) -> String {
    let tasks: Vec<u32> = parts.iter().map(|part| part.saturating_sub(1)).collect();
    in_words(&tasks)
}

impl Error {
    /// For `map_err`.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
