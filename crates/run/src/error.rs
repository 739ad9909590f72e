//! Why a run cannot begin, go on or be looked at.

use mlip_driver::{ImpossibleSetting, NoThreads, RunError};
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
    /// A potential cannot be had.
    #[error(transparent)]
    Load(#[from] LoadError),
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

impl Error {
    /// For `map_err`.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
