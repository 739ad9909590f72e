//! All potentials, and how one is loaded.

use crate::engine::{PrecisionError, PrecisionObstacle, arithmetic};
use crate::entry::{Entry, LoadCause, Selection};
use crate::options::{OptionError, most_similar};
use crate::released::published_as;
use crate::{chgnet, dispersion, esen, lennard_jones, mace, mattersim, orb, sevennet, uma};
use mlip_atoms::Potential;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// The models in this program: a line for each folder.
pub static REGISTRY: &[&[Entry]] = &[
    chgnet::ENTRIES,
    orb::ENTRIES,
    mace::ENTRIES,
    sevennet::ENTRIES,
    mattersim::ENTRIES,
    lennard_jones::ENTRIES,
    uma::ENTRIES,
    esen::ENTRIES,
];

/// Models by name: those in this program, and what is added to them.
#[derive(Debug, Clone)]
pub struct Registry {
    families: Vec<&'static [Entry]>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { families: REGISTRY.to_vec() }
    }
}

/// Why a potential cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No such name.
    #[error("there is no potential `{name}`{}; known are {}", question(.suggestion), known.join(", "))]
    Unknown {
        /// As it was typed.
        name: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// An option cannot be used.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The checkpoint cannot be used.
    #[error("`{name}` cannot be loaded{}", file.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default())]
    Checkpoint {
        /// Of the potential.
        name: String,
        /// The checkpoint, where one was named.
        file: Option<PathBuf>,
        /// Why.
        #[source]
        cause: LoadCause,
    },
}

/// `: did you mean chgnet?`
pub(super) fn question(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(": did you mean {name}?")).unwrap_or_default()
}

impl Registry {
    /// With another model.
    #[must_use]
    pub fn with(mut self, family: &'static [Entry]) -> Self {
        self.families.push(family);
        self
    }

    /// All entries, in the order in which they are listed.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + Clone + '_ {
        self.families.iter().flat_map(|family| family.iter())
    }

    /// The entry of this name or alias.
    pub fn find(&self, name: &str) -> Option<&'static Entry> {
        self.entries().find(|entry| entry.is_called(name))
    }

    /// The name or alias that is spelled most like this one.
    pub(super) fn suggestion(&self, text: &str) -> Option<String> {
        let names = self.entries().flat_map(|entry| {
            std::iter::once(entry.name).chain(entry.aliases.iter().copied()).chain(entry.published.iter().copied())
        });
        most_similar(text, names).map(str::to_owned)
    }

    /// Whether the precision can be had, before any file is read. Here models that have it can be named.
    fn check_precision(&self, entry: &Entry, selection: &Selection) -> Result<(), OptionError> {
        let refused = arithmetic(selection.precision, selection.engine, entry.precisions).err();
        let Some(PrecisionError { precision, why }) = refused else { return Ok(()) };
        let why = match why {
            PrecisionObstacle::Model(_) => {
                let able = self.entries().filter(|entry| entry.precisions.contains(&precision)).map(|entry| entry.name);
                format!("models computed so are {}", able.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        };
        let (model, key, value) = (selection.name.clone(), "precision".into(), precision.to_string());
        Err(OptionError::Unusable { model, key, value, why })
    }

    /// Loads a potential, from its file or with the weights in the program.
    ///
    /// # Errors
    /// When there is no such potential, an option cannot be used, or the checkpoint cannot.
    pub fn load(&self, selection: &Selection) -> Result<Arc<dyn Potential>, LoadError> {
        let entry = self.find(&selection.name).ok_or_else(|| LoadError::Unknown {
            name: selection.name.clone(),
            suggestion: self.suggestion(&selection.name),
            known: self.entries().map(|entry| entry.name).collect(),
        })?;
        let (dispersion, selection) = dispersion::choose(entry, selection)?;
        // The device first: whoever wants a card is not helped by the precisions of cores.
        (entry.check)(&selection)?;
        self.check_precision(entry, &selection)?;
        let loaded = (entry.load)(&selection);
        loaded.map(|potential| dispersion.apply(potential)).map_err(|cause| LoadError::Checkpoint {
            name: selection.name.clone(),
            file: selection.file.clone(),
            cause,
        })
    }
}

/// The entries of the models in this program.
pub fn entries() -> impl Iterator<Item = &'static Entry> + Clone {
    REGISTRY.iter().flat_map(|family| family.iter())
}

/// The entry of this name or alias, among the models in this program.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.is_called(name))
}

/// Where a file of a potential lies that is named from a folder on. The bare name of a published checkpoint of it stays what
/// it is, unless there is such a file.
pub fn file_from(folder: &Path, name: &str, file: &Path) -> PathBuf {
    let path = folder.join(file);
    let is_published = find(name).is_some_and(|entry| published_as(entry.name, file).is_some());
    if is_published && !path.exists() { file.to_owned() } else { path }
}

/// Loads one of the models in this program, see [`Registry::load`].
///
/// # Errors
/// As there.
pub fn load(selection: &Selection) -> Result<Arc<dyn Potential>, LoadError> {
    Registry::default().load(selection)
}
