//! Total energies that a finished run found.

use crate::Error;
use crate::finished::FinishedRun;
use mlip_calculations::{CalculationConfig, Embeddings};
use mlip_store::StoreError;
use std::collections::HashMap;
use std::path::Path;

/// The energy of a structure, relaxed if the run relaxed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunEnergy {
    pub(crate) id: String,
    pub(crate) path: String,
    /// Atoms of the cell: `O4Ti2`.
    pub(crate) formula: String,
    pub(crate) n_atoms: u32,
    /// Of the cell, eV.
    pub(crate) energy: f64,
}

/// What became of the entries of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnergyCounts {
    /// With an energy.
    pub taken: u64,
    /// Unreadable, or failed.
    pub failed: u64,
    /// Relaxations that did not converge: their energies are left out.
    pub unconverged: u64,
}

/// How the energies of a calculation are worded where they are compared.
pub(crate) fn calculation_text(calculation: &CalculationConfig) -> String {
    match calculation {
        CalculationConfig::Relaxation(_) => calculation.build(true, Embeddings::None).key(),
        // The middle volume of several is the structure as it was read.
        CalculationConfig::SinglePoint | CalculationConfig::EnergyVolume(_) => "as read".into(),
    }
}

/// Gives all energies of a potential, in the order of the list: as read, or those of relaxations that converged.
pub(crate) fn energies(
    run: &FinishedRun,
    label: &str,
    mut visit: impl FnMut(RunEnergy) -> Result<(), Error>,
) -> Result<EnergyCounts, Error> {
    let is_relaxed = matches!(run.config().physics.calculation, CalculationConfig::Relaxation(_));
    let (name, energy) = if is_relaxed { ("relaxation", "energy_final_ev") } else { ("energies", "energy_ev") };
    let missing = || Error::NoTable { folder: run.folder().into(), table: name };
    let mut table = run.table(name)?.ok_or_else(missing)?;
    let path = table.path().to_owned();
    let places: HashMap<String, usize> = table.columns()?.into_iter().zip(0..).collect();
    let place = |column: &'static str| {
        places.get(column).copied().ok_or_else(|| Error::NoColumn { path: path.clone(), column: column.into() })
    };
    let [id, file, formula, n_atoms, potential, status] =
        ["structure_id", "path", "formula", "n_atoms", "potential", "status"].map(place);
    let (id, file, formula, n_atoms, potential, status) = (id?, file?, formula?, n_atoms?, potential?, status?);
    let (energy, converged) = (place(energy)?, if is_relaxed { Some(place("converged")?) } else { None });
    let mut counts = EnergyCounts::default();
    for row in table.rows() {
        let row = row?;
        let text = |place: usize| row.get(place).unwrap_or_default();
        if text(potential) != label {
            continue;
        }
        if text(status) != "ok" {
            counts.failed += 1;
            continue;
        }
        if converged.is_some_and(|place| text(place) != "true") {
            counts.unconverged += 1;
            continue;
        }
        counts.taken += 1;
        visit(RunEnergy {
            id: text(id).to_owned(),
            path: text(file).to_owned(),
            formula: text(formula).to_owned(),
            n_atoms: number(&path, "n_atoms", text(id), text(n_atoms))?,
            energy: number(&path, "energy", text(id), text(energy))?,
        })?;
    }
    Ok(counts)
}

fn number<T: std::str::FromStr>(path: &Path, column: &str, id: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::NoNumber {
        path: path.into(),
        column: column.into(),
        id: id.into(),
        found: text.into(),
    })
}

impl From<mlip_hull::CompositionError> for Error {
    fn from(error: mlip_hull::CompositionError) -> Self {
        Self::Stability(Box::new(StoreError::Stability { what: "a composition", source: Box::new(error) }))
    }
}
