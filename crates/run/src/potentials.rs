//! Potentials are loaded: those that are chosen for a new run, and those of a run.

use crate::Error;
use mlip_atoms::Potential;
use mlip_driver::{Physics, PotentialConfig};
use mlip_models::registry::{self, Selection};
use std::path::Path;
use std::sync::Arc;

/// A potential of a new run, before its weights are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenPotential {
    /// Its name in all tables.
    pub label: String,
    /// What is to be loaded.
    pub selection: Selection,
}

impl ChosenPotential {
    /// A potential by the name of its model, which also labels it, as it comes without anything else.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { label: name.clone(), selection: Selection::named(name) }
    }
}

/// Potentials, and how `run.toml` describes them.
pub(crate) type LoadedPotentials = (Vec<Arc<dyn Potential>>, Vec<PotentialConfig>);

/// Loads what was chosen; files are relative to `folder`.
pub(crate) fn load_chosen(chosen: &[ChosenPotential], folder: &Path) -> Result<LoadedPotentials, Error> {
    let mut potentials: Vec<Arc<dyn Potential>> = Vec::with_capacity(chosen.len());
    let mut configs: Vec<PotentialConfig> = Vec::with_capacity(chosen.len());
    for ChosenPotential { label, selection } in chosen {
        if configs.iter().any(|other| other.label == *label) {
            return Err(Error::SameLabel { label: label.clone() });
        }
        let potential = registry::load(&in_folder(selection, folder))?;
        let Selection { file, engine, options, .. } = in_folder(selection, folder);
        let config = PotentialConfig::new(label.clone(), potential.id(), file, engine, options);
        if let Some(same) = configs.iter().find(|other| other.id() == config.id()) {
            return Err(Error::SamePotential { first: same.label.clone(), second: label.clone() });
        }
        potentials.push(potential);
        configs.push(config);
    }
    Ok((potentials, configs))
}

/// Looks for the devices of potentials on this host, before anything is written.
pub(crate) fn find_devices(potentials: &[Arc<dyn Potential>], physics: &Physics) -> Result<(), Error> {
    for (potential, config) in potentials.iter().zip(&physics.potentials) {
        let label = || config.label.clone();
        potential.find_device().map_err(|source| Error::NoDevice { label: label(), source })?;
    }
    Ok(())
}

/// The same with an absolute file: a run may go on elsewhere.
fn in_folder(selection: &Selection, folder: &Path) -> Selection {
    Selection { file: selection.file.as_ref().map(|file| folder.join(file)), ..selection.clone() }
}

/// The potentials of a run, as its settings name them.
pub(crate) fn load_configured(physics: &Physics) -> Result<Vec<Arc<dyn Potential>>, Error> {
    let selection = |config: &PotentialConfig| Selection {
        name: config.name.clone(),
        file: config.file.clone(),
        options: config.options.clone(),
        precision: config.precision,
        engine: config.engine,
    };
    physics.potentials.iter().map(|config| Ok(registry::load(&selection(config))?)).collect()
}
