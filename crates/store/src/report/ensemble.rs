//! `ensemble.csv`: a row for each structure, the potentials side by side.

use super::ReportPlan;
use super::columns::ColumnRows;
use super::csv_rows::Rows;
use super::format::ReportFormat;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::{EntryStability, StabilityRow};
use super::statistics::Statistics;
use crate::StoreError;
use mlip_calculations::Relaxed;

pub(super) const NAME: &str = "ensemble";

const VOIGT: [&str; 6] = ["xx", "yy", "zz", "yz", "xz", "xy"];

pub(super) struct Ensemble {
    rows: Rows,
    /// Whether structures are relaxed.
    relaxes: bool,
}

/// The columns depend on the potentials, and on what is done with the structures.
pub(super) fn columns(plan: &ReportPlan) -> Vec<String> {
    let (potentials, stability) = (&plan.potentials, plan.stability.is_asked_for());
    let mut columns = vec!["structure_id".to_owned(), "formula".to_owned(), "n_atoms".to_owned()];
    let mut quantities = vec!["energy", "max_force"];
    quantities.extend(stability.then_some(["formation_energy", "e_above_hull"]).into_iter().flatten());
    if plan.has_relaxations() {
        quantities.extend(["relaxation_energy", "relaxation_rmse", "relaxation_steps"]);
        let of_relaxed = ["relaxed_formation_energy", "relaxed_e_above_hull"];
        quantities.extend(stability.then_some(of_relaxed).into_iter().flatten());
    }
    for quantity in quantities {
        columns.extend(potentials.iter().map(|potential| format!("{quantity}_{}", potential.label)));
        columns.extend(["mean", "std", "n_mlips"].map(|statistic| format!("{quantity}_{statistic}")));
    }
    if plan.has_relaxations() {
        columns.extend(potentials.iter().map(|potential| format!("relaxation_ended_{}", potential.label)));
    }
    for component in VOIGT {
        columns.extend(["mean", "std"].map(|statistic| format!("stress_{component}_{statistic}")));
    }
    columns.push("stress_n_mlips".to_owned());
    columns
}

impl Ensemble {
    pub(super) fn new(plan: &ReportPlan) -> Self {
        let columnar = plan.writes(ReportFormat::Parquet);
        Self { rows: Rows::with_columns(NAME, &columns(plan), columnar), relaxes: plan.has_relaxations() }
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        formula: &str,
        potentials: &[LabeledPotential],
        stability: Option<&EntryStability>,
    ) -> Result<(), StoreError> {
        self.rows.text(entry.id)?;
        self.rows.text(formula)?;
        match entry.n_atoms() {
            Some(n_atoms) => self.rows.count(n_atoms)?,
            None => self.rows.empty(1)?,
        }
        let predictions: Vec<_> = (0..potentials.len()).map(|position| entry.prediction(position)).collect();
        self.side_by_side(&predictions.iter().map(|found| Some((*found)?.energy)).collect::<Vec<_>>())?;
        self.side_by_side(&predictions.iter().map(|found| (*found)?.max_force()).collect::<Vec<_>>())?;
        let n_potentials = potentials.len();
        if let Some(stability) = stability {
            self.stability(&stability.given, n_potentials)?;
        }
        if self.relaxes {
            let relaxed: Vec<_> = (0..n_potentials).map(|position| Some(entry.relaxed(position)?.0)).collect();
            let values = |of: fn(&Relaxed) -> f64| relaxed.iter().map(|relaxed| relaxed.map(of)).collect::<Vec<_>>();
            self.side_by_side(&values(|relaxed| relaxed.final_energy))?;
            self.side_by_side(&values(|relaxed| relaxed.rmse))?;
            self.side_by_side(&values(|relaxed| f64::from(relaxed.steps)))?;
            if let Some(stability) = stability {
                self.stability(&stability.relaxed, n_potentials)?;
            }
            relaxed
                .iter()
                .try_for_each(|relaxed| self.rows.text(relaxed.map_or("", |relaxed| relaxed.ended.name())))?;
        }
        let stresses = predictions.iter().map(|found| (*found)?.stress);
        let mut n_stresses = None;
        for component in 0..VOIGT.len() {
            let statistics = Statistics::of(stresses.clone().map(|stress| stress?.get(component).copied()));
            self.rows.optional(statistics.map(|statistics| statistics.mean))?;
            self.rows.optional(statistics.map(|statistics| statistics.std))?;
            n_stresses = statistics.map(|statistics| statistics.n);
        }
        match n_stresses {
            Some(n) => self.rows.count(n)?,
            None => self.rows.empty(1)?,
        }
        self.rows.end_row()
    }

    /// Formation energies, then energies above the hull.
    fn stability(&mut self, rows: &[Option<StabilityRow>], n_potentials: usize) -> Result<(), StoreError> {
        let values = |of: fn(&StabilityRow) -> Option<f64>| {
            (0..n_potentials).map(|position| rows.get(position)?.as_ref().and_then(of)).collect::<Vec<_>>()
        };
        self.side_by_side(&values(|row| row.formation_energy))?;
        self.side_by_side(&values(|row| Some(row.above.as_ref()?.energy)))
    }

    /// The value of each potential, then their statistics.
    fn side_by_side(&mut self, values: &[Option<f64>]) -> Result<(), StoreError> {
        values.iter().try_for_each(|value| self.rows.optional(*value))?;
        match Statistics::of(values.iter().copied()) {
            Some(Statistics { mean, std, n }) => {
                self.rows.float(mean)?;
                self.rows.float(std)?;
                self.rows.count(n)
            }
            None => self.rows.empty(3),
        }
    }

    pub(super) fn finish(self) -> (Vec<u8>, Option<ColumnRows>) {
        self.rows.finish_with_columns()
    }
}
