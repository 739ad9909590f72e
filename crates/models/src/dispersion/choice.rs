//! The option `dispersion`, which every potential has.

use super::damping::{Damping, PBE, R2SCAN};
use super::dispersed::Dispersed;
use crate::energies::Energies;
use crate::entry::{Entry, Selection};
use crate::options::OptionError;
use mlip_atoms::Potential;
use std::sync::Arc;

/// Its key.
pub const KEY: &str = "dispersion";

/// What it may be.
pub const NAMES: [&str; 2] = ["d3bj-pbe", "d3bj-r2scan"];

/// What is added to potentials of a selection, or nothing.
pub(crate) struct Choice(Option<&'static Damping>);

/// Takes the option out of a selection. Never twice: what was fitted to energies with dispersion gets none.
pub(crate) fn choose(entry: &Entry, selection: &Selection) -> Result<(Choice, Selection), OptionError> {
    let mut rest = selection.clone();
    let Some(value) = rest.options.remove(KEY) else { return Ok((Choice(None), rest)) };
    let model = selection.name.clone();
    let Some(damping) = Damping::named(&value) else {
        return Err(OptionError::Value { model, key: KEY.into(), value, expected: NAMES.join(" or ") });
    };
    match unusable(damping, (entry.energies)(&rest)) {
        Some(why) => Err(OptionError::Unusable { model, key: KEY.into(), value, why }),
        None => Ok((Choice(Some(damping)), rest)),
    }
}

fn unusable(damping: &'static Damping, energies: Option<Energies>) -> Option<String> {
    let energies = energies?;
    let fitting = match energies {
        Energies::MaterialsProject | Energies::MaterialsProjectCorrected | Energies::Omat24 | Energies::MatPesPbe => {
            &PBE
        }
        Energies::MaterialsProjectR2scan | Energies::MatPesR2scan => &R2SCAN,
        Energies::Omol25 | Energies::Odac23 | Energies::Omc25 => {
            return Some(format!(
                "its energies are those of {energies}, which contain dispersion already; leave it out"
            ));
        }
        Energies::Oc20 => {
            return Some(format!(
                "its energies are those of {energies} (RPBE), for which there is no damping here; leave it out"
            ));
        }
    };
    (fitting.name != damping.name)
        .then(|| format!("its energies are those of {energies}; write dispersion={}", fitting.name))
}

impl Choice {
    /// The potential, with dispersion where that was chosen.
    pub(crate) fn apply(&self, potential: Arc<dyn Potential>) -> Arc<dyn Potential> {
        match self.0 {
            Some(damping) => Arc::new(Dispersed::around(potential, damping)),
            None => potential,
        }
    }
}
