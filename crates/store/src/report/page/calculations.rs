//! How relaxations ended, and how far above the hull structures lie, by potential.

use super::columns::{Table, number, text};
use crate::StoreError;
use std::collections::BTreeMap;

/// Where structures count as metastable, eV/atom.
const METASTABLE: f64 = 0.1;

/// Relaxations of a potential by how they ended.
pub(super) type Ends = BTreeMap<String, u64>;

/// From `relaxation.csv`, by potential in their order.
pub(super) fn ends(table: &Table, labels: &[&str]) -> Result<Vec<(String, Ends)>, StoreError> {
    let mut found: Vec<(String, Ends)> = labels.iter().map(|label| ((*label).to_owned(), Ends::new())).collect();
    table.visit(["potential", "ended"], |_, record, [potential, ended]| {
        let (potential, ended) = (text(record, potential), text(record, ended));
        let ends = found.iter_mut().find(|(label, _)| label == potential);
        if let (Some((_, ends)), false) = (ends, ended.is_empty()) {
            *ends.entry(ended.to_owned()).or_default() += 1;
        }
    })?;
    Ok(found)
}

/// Structures by their energy above the hull.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stability {
    pub(super) label: String,
    /// With an energy above the hull.
    pub(super) n: u64,
    /// On it or below.
    pub(super) n_stable: u64,
    /// Above it, and not more than is called metastable.
    pub(super) n_metastable: u64,
}

/// From this column of a table, by potential in their order.
pub(super) fn stability(table: &Table, column: &str, labels: &[&str]) -> Result<Vec<Stability>, StoreError> {
    let empty = |label: &&str| Stability { label: (*label).to_owned(), ..Stability::default() };
    let mut found: Vec<Stability> = labels.iter().map(empty).collect();
    table.visit(["potential", column], |_, record, [potential, above]| {
        let of = found.iter_mut().find(|of| of.label == text(record, potential));
        if let (Some(of), Some(above)) = (of, number(record, above)) {
            of.n += 1;
            of.n_stable += u64::from(above <= 0.0);
            of.n_metastable += u64::from(above > 0.0 && above <= METASTABLE);
        }
    })?;
    Ok(found)
}
