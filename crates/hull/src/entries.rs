//! Entries that a hull may be made of, kept small.
//!
//! Of the rows of a table only those stay that can lie on a hull: for each reduced composition the one with the lowest
//! energy per atom, and of these, beside the elements, only what is more stable than its elements. The rest lies on no
//! hull, so no answer changes. A row takes 40 bytes.

use crate::composition::{Composition, ElementSet};
use crate::packed::Row;
use crate::reference::ReferenceEnergies;
use crate::table::{RowError, TableError, TableReader};
use mlip_atoms::Species;
use std::collections::HashMap;
use std::path::Path;
use thiserror::Error;

/// A system of elements is sorted, and its duplicates go, when it has grown by this many rows and to twice its size.
const COMPACT_FROM: usize = 16;

/// Why entries cannot be had from a table.
#[derive(Debug, Error)]
pub enum EntriesError {
    /// The table, or a row of it.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No row has an energy.
    #[error("the table `{}` has {n_rows} rows, and none has an energy in the column `{column}`", path.display())]
    NoEnergy {
        /// The file.
        path: std::path::PathBuf,
        /// The column of energies.
        column: String,
        /// Rows that were read.
        n_rows: u64,
    },
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryCounts {
    /// Rows of the table.
    pub n_rows: u64,
    /// Those without energy, which are no entries.
    pub n_without_energy: u64,
}

/// Entries of a table, and how many rows it had.
#[derive(Debug)]
pub struct ReadEntries {
    /// The entries.
    pub entries: Entries,
    /// The rows.
    pub counts: EntryCounts,
}

/// Entries while they come in.
#[derive(Debug, Default)]
pub struct EntriesBuilder {
    systems: HashMap<ElementSet, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    rows: Vec<Row>,
    /// Rows at the front that are in order and without duplicates.
    n_compact: usize,
}

/// Entries by the elements that they hold; the same for the same rows in any order.
#[derive(Debug)]
pub struct Entries {
    /// Energies of the elements themselves, eV/atom.
    elements: ReferenceEnergies,
    /// What the elements' entries are called.
    element_ids: HashMap<Species, String>,
    /// Compounds of each system of elements that has all its elements, ordered by their amounts; with formation energies.
    systems: HashMap<ElementSet, Collected>,
    n_entries: usize,
}

impl EntriesBuilder {
    /// Takes an entry: its composition, the total energy of that composition in eV, and what it is called.
    ///
    /// An energy that is not finite lies on no hull and is refused.
    ///
    /// # Errors
    /// When the energy, or the energy per atom, is not finite.
    pub fn add(&mut self, composition: &Composition, energy_ev: f64, id: &str) -> Result<(), RowError> {
        let energy = composition.energy_per_atom(energy_ev)?;
        let system = self.systems.entry(composition.elements()).or_default();
        if system.rows.len() == system.rows.capacity() {
            // Most systems have a row or two: a vector would begin with four.
            system.rows.reserve_exact(1 + system.rows.len() / 2);
        }
        system.rows.push(Row::new(composition, energy, id));
        if system.rows.len() >= COMPACT_FROM + 2 * system.n_compact {
            system.compact();
        }
        Ok(())
    }

    /// Takes all rows of a table that have an energy in the column, eV a cell.
    ///
    /// # Errors
    /// When the table cannot be read, or at the first row that has an energy and is no entry.
    pub fn add_table(&mut self, path: &Path, energy_column: &str) -> Result<EntryCounts, TableError> {
        let mut counts = EntryCounts::default();
        for row in TableReader::open(path, energy_column)? {
            let row = row?;
            counts.n_rows += 1;
            let added = match row.content {
                Ok(Some((composition, energy))) => self.add(&composition, energy, &row.id),
                Ok(None) => {
                    counts.n_without_energy += 1;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            added.map_err(|source| TableError::Row {
                path: path.into(),
                place: row.place,
                id: row.id,
                source: Box::new(source),
            })?;
        }
        Ok(counts)
    }

    /// All that was taken.
    pub fn finish(mut self) -> Entries {
        let (mut elements, mut element_ids) = (Vec::new(), HashMap::new());
        for element in (1..=118).filter_map(Species::from_atomic_number) {
            let Some(mut system) = self.systems.remove(&ElementSet::default().with(element)) else { continue };
            system.compact();
            if let Some(row) = system.rows.first() {
                elements.push((element, row.energy));
                element_ids.insert(element, row.id().to_owned());
            }
        }
        let elements = ReferenceEnergies::from_energies(elements);
        let mut n_entries = element_ids.len();
        // In place: there may be as many systems as entries.
        self.systems.retain(|of, system| {
            // Without one of its elements a system has no hull, nor has any that it is part of.
            if !of.is_subset_of(elements.elements()) {
                return false;
            }
            system.compact();
            system.keep_stable(*of, &elements);
            n_entries += system.rows.len();
            !system.rows.is_empty()
        });
        self.systems.shrink_to_fit();
        Entries { elements, element_ids, systems: self.systems, n_entries }
    }
}

impl Collected {
    /// Orders the rows and leaves the lowest of each composition.
    fn compact(&mut self) {
        self.rows.sort_unstable_by(Row::cmp);
        self.rows.dedup_by(|later, earlier| later.is_like(earlier));
        self.n_compact = self.rows.len();
    }

    /// Makes formation energies of the energies, and leaves those below zero.
    fn keep_stable(&mut self, of: ElementSet, elements: &ReferenceEnergies) {
        self.rows.retain_mut(|row| {
            let references = of.iter().filter_map(|element| elements.of(element));
            let reference: f64 = row.fractions().zip(references).map(|(part, energy)| part * energy).sum();
            row.energy -= reference;
            row.energy < 0.0
        });
        self.rows.shrink_to_fit();
    }
}

impl Entries {
    /// Of a table: see [`TableReader`]. Rows without energy are no entries.
    ///
    /// # Errors
    /// When the table cannot be read, has a row that is no entry, or no energy at all.
    pub fn read(path: &Path, energy_column: &str) -> Result<ReadEntries, EntriesError> {
        let mut builder = EntriesBuilder::default();
        let counts = builder.add_table(path, energy_column)?;
        if counts.n_rows == counts.n_without_energy {
            let (path, column) = (path.to_owned(), energy_column.to_owned());
            return Err(EntriesError::NoEnergy { path, column, n_rows: counts.n_rows });
        }
        Ok(ReadEntries { entries: builder.finish(), counts })
    }

    /// Energies of the elements' own entries, eV/atom.
    pub fn elements(&self) -> &ReferenceEnergies {
        &self.elements
    }

    /// Number of entries that are kept, elements included.
    pub fn n_entries(&self) -> usize {
        self.n_entries
    }

    /// What the entry of an element is called.
    pub(crate) fn element_id(&self, element: Species) -> &str {
        self.element_ids.get(&element).map_or("", String::as_str)
    }

    /// Compounds of exactly these elements.
    pub(crate) fn rows(&self, system: ElementSet) -> &[Row] {
        self.systems.get(&system).map_or(&[], |system| &system.rows)
    }

    /// Compounds of these elements or some of them, system by system, in an order that depends on nothing else.
    pub(crate) fn compounds_within(&self, elements: ElementSet) -> Vec<(ElementSet, &[Row])> {
        // With many elements there are more subsets than systems that are known.
        let n_subsets = 1usize.checked_shl(u32::try_from(elements.len()).unwrap_or(u32::MAX));
        if n_subsets.is_some_and(|n| n < self.systems.len()) {
            let known = elements.subsets().filter_map(|part| Some((part, self.systems.get(&part)?.rows.as_slice())));
            return known.collect();
        }
        let within = self.systems.iter().filter(|(of, _)| of.is_subset_of(elements));
        let mut within: Vec<_> = within.map(|(of, system)| (*of, system.rows.as_slice())).collect();
        within.sort_unstable_by_key(|(of, _)| *of);
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composition::parse_composition;

    fn entries(rows: &[(&str, f64, &str)]) -> Entries {
        let mut builder = EntriesBuilder::default();
        for (formula, energy, id) in rows {
            builder.add(&parse_composition(formula).unwrap(), *energy, id).unwrap();
        }
        builder.finish()
    }

    fn within(entries: &Entries, formula: &str) -> Vec<(String, String, f64)> {
        let of = entries.compounds_within(parse_composition(formula).unwrap().elements());
        let rows = of.iter().flat_map(|(system, rows)| rows.iter().map(move |row| (system, row)));
        rows.map(|(system, row)| (row.composition(*system).unwrap().to_string(), row.id().to_owned(), row.energy))
            .collect()
    }

    #[test]
    fn only_what_can_lie_on_a_hull_is_kept() {
        let mut rows = vec![
            ("Fe2", -16.0, "iron"),
            ("O2", -10.0, "oxygen"),
            ("O8", -39.0, "ozone"),
            ("O0.5", -1.0, "half an atom"),
            ("Fe2O3", -36.0, "alpha"),
            ("Fe4O6", -73.0, "beta"),
            ("FeO", -12.9, "unstable"),
            ("Fe0.5O0.5", -7.5, "fractions"),
            ("Fe600O", -4900.0, "a name of more than fifteen bytes"),
            ("FeXe", -100.0, "without its element"),
        ];
        let kept = entries(&rows);
        assert_eq!(kept.n_entries(), 5);
        let found = within(&kept, "FeXeO");
        let names: Vec<&str> = found.iter().map(|(_, id, _)| id.as_str()).collect();
        assert_eq!(names, ["beta", "fractions", "a name of more than fifteen bytes"]);
        assert!((found[0].2 - (-73.0 + 4.0 * 8.0 + 6.0 * 5.0) / 10.0).abs() < 1e-14);
        assert_eq!(found[0].0, "Fe2O3");
        assert_eq!(found[2].0, "Fe600O");
        assert_eq!(kept.element_id(Species::from_symbol("O").unwrap()), "oxygen");
        rows.reverse();
        assert_eq!(within(&entries(&rows), "FeXeO"), found);
    }

    #[test]
    fn equal_energies_leave_the_first_name() {
        let mut rows: Vec<(String, f64)> = (0..200).map(|n| (format!("id-{}", (n * 37) % 200 + 100), -16.0)).collect();
        let kept = |rows: &[(String, f64)]| {
            let mut builder = EntriesBuilder::default();
            rows.iter().for_each(|(id, energy)| builder.add(&parse_composition("Fe2").unwrap(), *energy, id).unwrap());
            builder.finish().element_id(Species::from_symbol("Fe").unwrap()).to_owned()
        };
        assert_eq!(kept(&rows), "id-100");
        rows.reverse();
        assert_eq!(kept(&rows), "id-100");
    }

    #[test]
    fn an_energy_that_is_not_finite_is_refused() {
        let iron = parse_composition("Fe").unwrap();
        assert!(EntriesBuilder::default().add(&iron, f64::NAN, "x").is_err());
        let little = parse_composition("Fe0.0001").unwrap();
        assert!(EntriesBuilder::default().add(&little, 1e306, "x").is_err());
    }
}
