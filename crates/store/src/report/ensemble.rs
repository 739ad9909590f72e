//! `ensemble.csv`: a row for each structure, the potentials side by side.

use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::StabilityRow;
use super::statistics::Statistics;
use super::table::Rows;
use crate::{EntryState, StoreError};

pub(super) const NAME: &str = "ensemble";

const VOIGT: [&str; 6] = ["xx", "yy", "zz", "yz", "xz", "xy"];

pub(super) struct Ensemble(Rows);

/// The columns depend on the potentials.
pub(super) fn columns(potentials: &[LabeledPotential], stability: bool) -> Vec<String> {
    let mut columns = vec!["structure_id".to_owned(), "formula".to_owned(), "n_atoms".to_owned()];
    let quantities = ["energy", "max_force", "formation_energy", "e_above_hull"];
    for quantity in quantities.into_iter().take(if stability { 4 } else { 2 }) {
        columns.extend(potentials.iter().map(|potential| format!("{quantity}_{}", potential.label)));
        columns.extend(["mean", "std", "n_mlips"].map(|statistic| format!("{quantity}_{statistic}")));
    }
    for component in VOIGT {
        columns.extend(["mean", "std"].map(|statistic| format!("stress_{component}_{statistic}")));
    }
    columns.push("stress_n_mlips".to_owned());
    columns
}

impl Ensemble {
    pub(super) fn new() -> Self {
        Self(Rows::new(NAME))
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
        stability: Option<&[Option<StabilityRow>]>,
    ) -> Result<(), StoreError> {
        self.0.text(entry.id)?;
        self.0.text(formula)?;
        match entry.state {
            Some(EntryState::Structure { n_atoms, .. }) => self.0.count(n_atoms)?,
            _ => self.0.empty(1)?,
        }
        let predictions: Vec<_> = (0..potentials.len()).map(|position| entry.prediction(position)).collect();
        self.side_by_side(&predictions.iter().map(|found| Some((*found)?.energy)).collect::<Vec<_>>())?;
        self.side_by_side(&predictions.iter().map(|found| (*found)?.max_force()).collect::<Vec<_>>())?;
        if let Some(rows) = stability {
            let values = |of: fn(&StabilityRow) -> Option<f64>| {
                (0..potentials.len()).map(|position| rows.get(position)?.as_ref().and_then(of)).collect::<Vec<_>>()
            };
            self.side_by_side(&values(|row| row.formation_energy))?;
            self.side_by_side(&values(|row| Some(row.above.as_ref()?.energy)))?;
        }
        let stresses = predictions.iter().map(|found| (*found)?.stress);
        let mut n_stresses = None;
        for component in 0..VOIGT.len() {
            let statistics = Statistics::of(stresses.clone().map(|stress| stress?.get(component).copied()));
            self.0.optional(statistics.map(|statistics| statistics.mean))?;
            self.0.optional(statistics.map(|statistics| statistics.std))?;
            n_stresses = statistics.map(|statistics| statistics.n);
        }
        match n_stresses {
            Some(n) => self.0.count(n)?,
            None => self.0.empty(1)?,
        }
        self.0.end_row()
    }

    /// The value of each potential, then their statistics.
    fn side_by_side(&mut self, values: &[Option<f64>]) -> Result<(), StoreError> {
        values.iter().try_for_each(|value| self.0.optional(*value))?;
        match Statistics::of(values.iter().copied()) {
            Some(Statistics { mean, std, n }) => {
                self.0.float(mean)?;
                self.0.float(std)?;
                self.0.count(n)
            }
            None => self.0.empty(3),
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, StoreError> {
        self.0.finish()
    }
}
