//! What a model says of itself to the registry.

use crate::energies::Energies;
pub use crate::engine::{PLAIN, WITH_MATRIX_UNIT};
use crate::options::{OptionError, OptionInfo, Options};
use mlip_atoms::{EngineKind, Potential, Precision};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// A potential that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The name as it was typed: an entry's own or an alias.
    pub name: String,
    /// The checkpoint; without one, the weights in the program.
    pub file: Option<PathBuf>,
    /// Options of the model.
    pub options: Options,
    /// Precision of the evaluation.
    pub precision: Precision,
    /// How the potential is computed.
    pub engine: EngineKind,
}

impl Selection {
    /// A potential by name, as it comes without anything else.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// From a checkpoint.
    #[must_use]
    pub fn with_file(self, file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// With one more option.
    #[must_use]
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// In this precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Computed by this engine.
    #[must_use]
    pub fn with_engine(self, engine: EngineKind) -> Self {
        Self { engine, ..self }
    }
}

/// Why a model cannot be loaded, in its own words.
pub type LoadCause = Box<dyn Error + Send + Sync>;

/// A potential that this program can compute.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name on the command line and in the CSVs.
    pub name: &'static str,
    /// Other names that users type; the CSVs show the one that was typed.
    pub aliases: &'static [&'static str],
    /// Options that it has.
    pub options: &'static [OptionInfo],
    /// Precisions in which cores compute it.
    pub precisions: &'static [Precision],
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What weights it runs with when no file is named; `None` where a file is needed.
    pub built_in: Option<&'static str>,
    /// Files that it reads, and where upstream publishes them.
    pub files: &'static str,
    /// How names of such files end: `.ckpt`.
    pub endings: &'static [&'static str],
    /// The name under which it takes every file with such an ending, whatever the file is called; none where files must
    /// be told apart by name.
    pub any_file: Option<&'static str>,
    /// Published checkpoints that can be named instead of a file.
    pub published: &'static [&'static str],
    /// Licence of the weights.
    pub licence: &'static str,
    /// What the energies of what is asked for are energies of, where its name says so.
    pub energies: fn(&Selection) -> Option<Energies>,
    /// Whether options can be used, before any file is read.
    pub check: fn(&Selection) -> Result<(), OptionError>,
    /// Loads it.
    pub load: fn(&Selection) -> Result<Arc<dyn Potential>, LoadCause>,
}

impl Entry {
    /// Whether it is called so, by its own name or an alias.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}
