//! Crystal structures.

use crate::{Lattice, Species};
use thiserror::Error;

/// A crystal: lattice and sites. Every site holds exactly one atom.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    lattice: Lattice,
    species: Vec<Species>,
    /// As given by the source, not wrapped into the cell.
    fractional: Vec<[f64; 3]>,
    /// Elementary charges, where the source says so.
    charge: Option<i32>,
    /// Multiplicity, where the source says so.
    spin: Option<u32>,
}

/// Why sites and lattice are not a structure.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StructureError {
    /// There is nothing to compute.
    #[error("the structure has no atoms")]
    Empty,
    /// The two lists differ in length.
    #[error("{species} species for {positions} positions")]
    Ragged {
        /// Number of species.
        species: usize,
        /// Number of positions.
        positions: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error("site {site} has a coordinate that is not a finite number")]
    NotFinite {
        /// Index from 0.
        site: usize,
    },
}

impl Structure {
    /// From fractional coordinates, which are kept as they are (not wrapped).
    ///
    /// # Errors
    /// When there are no atoms, the lists differ in length or a coordinate is not finite.
    pub fn new(lattice: Lattice, species: Vec<Species>, fractional: Vec<[f64; 3]>) -> Result<Self, StructureError> {
        if species.is_empty() {
            return Err(StructureError::Empty);
        }
        if species.len() != fractional.len() {
            return Err(StructureError::Ragged { species: species.len(), positions: fractional.len() });
        }
        if let Some(site) = fractional.iter().position(|x| x.iter().any(|value| !value.is_finite())) {
            return Err(StructureError::NotFinite { site });
        }
        Ok(Self { lattice, species, fractional, charge: None, spin: None })
    }

    /// The same structure with this total charge, elementary charges. It counts for potentials that know charges, and
    /// there more than what was said for all structures.
    #[must_use]
    pub fn with_charge(self, charge: Option<i32>) -> Self {
        Self { charge, ..self }
    }

    /// The same structure with this spin multiplicity, as [`with_charge`](Self::with_charge).
    #[must_use]
    pub fn with_spin(self, spin: Option<u32>) -> Self {
        Self { spin, ..self }
    }

    /// Total charge, elementary charges, where the source of the structure says so.
    pub fn charge(&self) -> Option<i32> {
        self.charge
    }

    /// Spin multiplicity, where the source of the structure says so.
    pub fn spin(&self) -> Option<u32> {
        self.spin
    }

    /// The same sites, at the same fractional positions, in another cell.
    #[must_use]
    pub fn with_lattice(&self, lattice: Lattice) -> Self {
        Self { lattice, ..self.clone() }
    }

    /// The same sites in the same cell, at other fractional positions, which are kept as they are (not wrapped).
    ///
    /// # Errors
    /// When there are more or fewer than sites, or a coordinate is not finite.
    pub fn with_positions(&self, fractional: Vec<[f64; 3]>) -> Result<Self, StructureError> {
        let moved = Self::new(self.lattice.clone(), self.species.clone(), fractional)?;
        Ok(moved.with_charge(self.charge).with_spin(self.spin))
    }

    /// The unit cell.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// One element a site.
    pub fn species(&self) -> &[Species] {
        &self.species
    }

    /// `[n_atoms]` fractional positions, not wrapped.
    pub fn fractional(&self) -> &[[f64; 3]] {
        &self.fractional
    }

    /// `[n_atoms]` Cartesian positions in Å, not wrapped.
    pub fn cartesian(&self) -> Vec<[f64; 3]> {
        self.fractional.iter().map(|x| self.lattice.cartesian(*x)).collect()
    }

    /// Number of sites in the cell.
    pub fn n_atoms(&self) -> usize {
        self.species.len()
    }

    /// Composition of the cell, `CaO3Ti`: symbols in alphabetical order, not reduced.
    pub fn formula(&self) -> String {
        formula(&self.species)
    }
}

/// Composition of these species: symbols in alphabetical order, counts of one left out.
pub fn formula(species: &[Species]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for s in species {
        *counts.entry(s.symbol()).or_insert(0usize) += 1;
    }
    let mut text = String::new();
    for (symbol, count) in counts {
        text.push_str(symbol);
        if count > 1 {
            text.push_str(&count.to_string());
        }
    }
    text
}
