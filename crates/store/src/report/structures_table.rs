//! `structures.csv`: a row for each entry, with its cell.

use super::columns::ColumnRows;
use super::csv_rows::Rows;
use super::row::EntryRow;
use crate::StoreError;

pub(super) const NAME: &str = "structures";

pub(super) const COLUMNS: [&str; 22] = [
    "structure_id",
    "path",
    "formula",
    "n_atoms",
    "a",
    "b",
    "c",
    "alpha",
    "beta",
    "gamma",
    "ax",
    "ay",
    "az",
    "bx",
    "by",
    "bz",
    "cx",
    "cy",
    "cz",
    "volume_a3",
    "density_g_per_cm3",
    "space_group",
];

pub(super) struct StructuresTable(Rows);

impl StructuresTable {
    pub(super) fn new(columnar: bool) -> Self {
        Self(Rows::with_columns(NAME, &COLUMNS, columnar))
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, formula: &str) -> Result<(), StoreError> {
        for text in [entry.id, entry.path, formula] {
            self.0.text(text)?;
        }
        match entry.n_atoms() {
            Some(n_atoms) => self.0.count(n_atoms)?,
            None => self.0.empty(1)?,
        }
        match entry.given {
            Some(given) => {
                let lattice = given.structure.lattice();
                let (lengths, angles) = lattice.parameters();
                let components = lengths.iter().chain(&angles).chain(lattice.vectors().iter().flatten());
                components.copied().try_for_each(|number| self.0.float(number))?;
            }
            None => self.0.empty(15)?,
        }
        self.0.cell(entry)?;
        self.0.end_row()
    }

    pub(super) fn finish(self) -> (Vec<u8>, Option<ColumnRows>) {
        self.0.finish_with_columns()
    }
}
