//! Potentials are loaded: those that were chosen now, and those of a run.

use crate::error::Complaint;
use crate::potentials::Chosen;
use mlip_atoms::Potential;
use mlip_driver::{PotentialConfig, RunConfig};
use mlip_models::registry::{self, Selection};
use std::sync::Arc;

/// Potentials, and how `run.toml` describes them.
pub(crate) type Loaded = (Vec<Arc<dyn Potential>>, Vec<PotentialConfig>);

fn load(selection: &Selection) -> Result<Arc<dyn Potential>, Complaint> {
    registry::load(selection).map_err(|error| {
        Complaint::from_error(&error).hint("`mlip-batch models` lists the potentials that this program knows").usage()
    })
}

/// Loads what was chosen. Two labels for one computation are a mistake.
pub(crate) fn load_chosen(chosen: &[Chosen]) -> Result<Loaded, Complaint> {
    let mut potentials: Vec<Arc<dyn Potential>> = Vec::with_capacity(chosen.len());
    let mut configs: Vec<PotentialConfig> = Vec::with_capacity(chosen.len());
    for Chosen { label, selection } in chosen {
        let potential = load(selection)?;
        let file = selection.file.as_ref().map(std::path::absolute).transpose()?;
        let config =
            PotentialConfig::new(label.clone(), potential.id(), file, selection.engine, selection.options.clone());
        if let Some(same) = configs.iter().find(|other| other.id() == config.id()) {
            return Err(Complaint::new(format!("`{}` and `{label}` are the same computation", same.label))
                .hint("leave one out, or give it another checkpoint, precision, engine or option")
                .usage());
        }
        potentials.push(potential);
        configs.push(config);
    }
    Ok((potentials, configs))
}

/// The potentials of a run, as its settings name them.
pub(crate) fn load_all(config: &RunConfig) -> Result<Vec<Arc<dyn Potential>>, Complaint> {
    let selection = |potential: &PotentialConfig| Selection {
        name: potential.name.clone(),
        file: potential.file.clone(),
        options: potential.options.clone(),
        precision: potential.precision,
        engine: potential.engine,
    };
    config.physics.potentials.iter().map(|potential| load(&selection(potential))).collect()
}
