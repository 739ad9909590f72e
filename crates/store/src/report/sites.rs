//! `sites.parquet`: a row for each result, its sites as lists: what `forces.csv` has, not taken apart.

use super::columns::{Column, ColumnRows, Kind};
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;

pub(super) const NAME: &str = "sites";

/// Columns of lists, after `structure_id`, `potential` and `element`; named as in `forces.csv`.
const LISTS: [&str; 7] = ["fx_ev_per_a", "fy_ev_per_a", "fz_ev_per_a", "magmom_mu_b", "frac_a", "frac_b", "frac_c"];

pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![Column::of_table("structure_id"), Column::of_table("potential")];
    columns.push(Column { name: "element".into(), kind: Kind::Elements });
    columns.extend(LISTS.map(|name| Column { name: name.into(), kind: Kind::Numbers }));
    columns
}

pub(super) struct Sites(ColumnRows);

impl Sites {
    pub(super) fn new() -> Self {
        Self(ColumnRows::new(&columns()))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        for (position, potential) in potentials.iter().enumerate() {
            let (Some(fetched), Some(prediction)) = (entry.record(position), entry.prediction(position)) else {
                continue;
            };
            self.0.field(0, entry.id)?;
            self.0.field(1, &potential.label)?;
            self.0.elements(2, &fetched.record.species);
            let component = |rows: &[[f64; 3]], axis: usize| rows.iter().map(|row| row[axis]).collect::<Vec<_>>();
            let forces = Some(&prediction.forces).filter(|forces| !forces.is_empty());
            let fractional = entry.given.map(|given| given.structure.fractional());
            for axis in 0..3 {
                self.0.numbers(3 + axis, forces.map(|forces| component(forces, axis)));
                self.0.numbers(7 + axis, fractional.map(|fractional| component(fractional, axis)));
            }
            self.0.numbers(6, prediction.magmoms.clone());
            self.0.end_row();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> ColumnRows {
        self.0
    }
}
