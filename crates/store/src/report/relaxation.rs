//! `relaxation.csv`: a row for each (structure, potential) of a run that relaxes.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::StabilityRow;
use crate::StoreError;
use mlip_calculations::Relaxed;

pub(super) const NAME: &str = "relaxation";

const COLUMNS: [&str; 26] = [
    "structure_id",
    "path",
    "formula",
    "n_atoms",
    "potential",
    "status",
    "converged",
    "ended",
    "steps",
    "evaluations",
    "energy_initial_ev",
    "energy_final_ev",
    "energy_final_per_atom_ev",
    "fmax_final_ev_per_a",
    "max_force_final_ev_per_a",
    "max_stress_final_ev_per_a3",
    "volume_initial_a3",
    "volume_final_a3",
    "volume_change",
    "relaxation_rmse_a",
    "rms_displacement_a",
    "message",
    "spacegroup_initial",
    "spacegroup_final",
    "spacegroup_symbol_initial",
    "spacegroup_symbol_final",
];

/// Beside them, where there is something to measure stability by.
const STABILITY: [&str; 2] = ["relaxed_formation_energy_ev_per_atom", "relaxed_e_above_hull_ev_per_atom"];

/// Those of a run that measures stability, or not.
pub(super) fn columns(stability: bool) -> Vec<String> {
    let more = STABILITY.iter().take(if stability { STABILITY.len() } else { 0 });
    COLUMNS.iter().chain(more).map(|column| (*column).to_owned()).collect()
}

pub(super) struct RelaxationTable(Rows);

impl RelaxationTable {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    /// `stability`: of the relaxed structures, if that is measured.
    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
        stability: Option<&[Option<StabilityRow>]>,
    ) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            self.0.head(entry, formula, &potential.label)?;
            self.0.text(&entry.status(position).to_string())?;
            match entry.relaxed(position) {
                Some((relaxed, numbers)) => self.numbers(relaxed, numbers.len())?,
                None => self.0.empty(20)?,
            }
            if let Some(rows) = stability {
                let row = rows.get(position).and_then(Option::as_ref);
                self.0.optional(row.and_then(|row| row.formation_energy))?;
                self.0.optional(row.and_then(|row| Some(row.above.as_ref()?.energy)))?;
            }
            self.0.end_row()?;
        }
        Ok(())
    }

    fn numbers(&mut self, relaxed: &Relaxed, n_atoms: usize) -> Result<(), StoreError> {
        self.0.text(if relaxed.converged() { "true" } else { "false" })?;
        self.0.text(relaxed.ended.name())?;
        self.0.count(relaxed.steps)?;
        self.0.count(relaxed.evaluations)?;
        self.0.float(relaxed.initial_energy)?;
        self.0.float(relaxed.final_energy)?;
        self.0.optional((n_atoms > 0).then(|| relaxed.final_energy / n_atoms as f64))?;
        self.0.float(relaxed.fmax)?;
        self.0.float(relaxed.max_force)?;
        self.0.optional(relaxed.max_stress)?;
        self.0.float(relaxed.initial_volume)?;
        self.0.float(relaxed.final_volume)?;
        self.0.float(relaxed.final_volume / relaxed.initial_volume - 1.0)?;
        self.0.float(relaxed.rmse)?;
        self.0.float(relaxed.rms_displacement)?;
        self.0.text(relaxed.message.as_deref().unwrap_or_default())?;
        let groups = [relaxed.space_groups.initial, relaxed.space_groups.relaxed];
        for group in groups {
            self.0.text(&group.map_or_else(String::new, |group| group.number().to_string()))?;
        }
        groups.into_iter().try_for_each(|group| self.0.text(&group.map_or_else(String::new, |group| group.symbol())))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}
