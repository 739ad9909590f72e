//! `ensemble.csv`: a row for each structure, the potentials side by side.

use super::table::Table;
use super::{EntryRow, ReportOptions};
use crate::{EntryState, StoreError};
use mlip_atoms::PotentialId;
use mlip_tasks::Outcome;
use std::path::{Path, PathBuf};

pub(super) struct Ensemble(Table);

/// Mean and population standard deviation over the potentials that succeeded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Statistics {
    mean: f64,
    std: f64,
    n: usize,
}

/// `None` where nothing succeeded. Sums run in the order of the potentials, so they are reproducible.
fn statistics(energies: &[Option<f64>]) -> Option<Statistics> {
    let n = energies.iter().flatten().count();
    if n == 0 {
        return None;
    }
    let mean = energies.iter().flatten().sum::<f64>() / n as f64;
    let variance = energies.iter().flatten().map(|energy| (energy - mean) * (energy - mean)).sum::<f64>() / n as f64;
    Some(Statistics { mean, std: variance.sqrt(), n })
}

impl Ensemble {
    pub(super) fn create(
        folder: &Path,
        options: ReportOptions,
        potentials: &[PotentialId],
    ) -> Result<Self, StoreError> {
        let mut columns = vec!["structure_id".to_owned(), "formula".to_owned(), "n_atoms".to_owned()];
        columns.extend(potentials.iter().map(|potential| format!("energy_{}", potential.name)));
        columns.extend(["energy_mean", "energy_std", "energy_n_mlips"].map(str::to_owned));
        Table::create(folder, "ensemble", options.compress, columns).map(Self)
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[PotentialId],
    ) -> Result<(), StoreError> {
        let energy = |position| match &entry.record(position)?.record.outcome {
            Outcome::Done(prediction) => Some(prediction.energy),
            Outcome::Failed(_) => None,
        };
        let energies: Vec<Option<f64>> = (0..potentials.len()).map(energy).collect();
        self.0.text(entry.id)?;
        self.0.text(formula)?;
        match entry.state {
            Some(EntryState::Structure { n_atoms, .. }) => self.0.count(n_atoms)?,
            _ => self.0.empty(1)?,
        }
        energies.iter().try_for_each(|energy| self.0.optional(*energy))?;
        match statistics(&energies) {
            Some(statistics) => {
                self.0.float(statistics.mean)?;
                self.0.float(statistics.std)?;
                self.0.count(statistics.n)?;
            }
            None => self.0.empty(3)?,
        }
        self.0.end_row()
    }

    pub(super) fn commit(self) -> Result<PathBuf, StoreError> {
        self.0.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_the_population_that_succeeded() {
        let found = statistics(&[Some(1.0), None, Some(3.0)]).unwrap();
        assert_eq!(found, Statistics { mean: 2.0, std: 1.0, n: 2 });
        assert_eq!(statistics(&[Some(-4.5)]).unwrap(), Statistics { mean: -4.5, std: 0.0, n: 1 });
        assert_eq!(statistics(&[None, None]), None);
    }
}
