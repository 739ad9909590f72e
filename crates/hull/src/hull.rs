//! Energy above the hull.

use crate::columns::{Cache, Member};
use crate::composition::{Composition, ElementSet, EnergyError};
use crate::entries::Entries;
use crate::reference::{MissingReferences, ReferenceEnergies};
use std::fmt;
use thiserror::Error;

/// Memory for the columns of systems of elements, unless the caller says otherwise.
const CACHE_BYTES: usize = 256 << 20;

/// Why a composition has no energy above the hull.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HullError {
    /// The hull has no entry for elements: it does not reach the composition.
    #[error("the hull has no elemental entry for {elements}")]
    MissingTerminals {
        /// These.
        elements: ElementSet,
    },
    /// The total energy, or that of an atom, is infinite or not a number.
    #[error(transparent)]
    Energy(#[from] EnergyError),
    /// Rounding errors kept the search from an end.
    #[error("the hull at {composition} could not be computed for rounding errors")]
    Unsolved {
        /// The composition.
        composition: String,
    },
}

impl From<MissingReferences> for HullError {
    /// Of the elements of the hull.
    fn from(missing: MissingReferences) -> Self {
        Self::MissingTerminals { elements: missing.elements }
    }
}

/// The lower convex hull of the energies of entries, over all compositions.
///
/// The entries that count for a composition are those whose elements are all among its own: the same that pymatgen's
/// `PhaseDiagram` of that chemical system is made of. May be asked from several threads at once; what was made for a
/// system of elements is kept for the next question, within a bound of memory.
#[derive(Debug)]
pub struct Hull {
    entries: Entries,
    cache: Cache,
}

/// How far an energy is from the hull.
#[derive(Debug, Clone, PartialEq)]
pub struct AboveHull {
    /// Energy per atom minus the energy of the hull at the composition, eV/atom; negative below the hull.
    pub energy: f64,
    /// What the hull consists of there. Where several mixtures have the same energy it is always the same one.
    pub decomposition: Vec<Phase>,
}

/// A phase of a decomposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What the entry is called.
    pub id: String,
    /// Its reduced composition.
    pub composition: Composition,
    /// Its part of the atoms, 0 to 1. (As in pymatgen: amounts are of compositions of one atom.)
    pub part: f64,
}

impl Hull {
    /// Of these entries.
    pub fn new(entries: Entries) -> Self {
        Self::with_cache(entries, CACHE_BYTES)
    }

    /// With another bound for the memory of what is kept between questions, bytes.
    pub fn with_cache(entries: Entries, max_bytes: usize) -> Self {
        Self { entries, cache: Cache::new(max_bytes) }
    }

    /// The entries.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Energies of the elements on the hull, eV/atom: reference energies of the same potential.
    pub fn elements(&self) -> &ReferenceEnergies {
        self.entries.elements()
    }

    /// The energy above the hull of `energy_ev`, the total energy of the atoms in `composition` in eV.
    ///
    /// The structure that is asked about is not an entry by that: the answer is negative if it is more stable than all of
    /// them. What is an entry itself is never below the hull; if no mixture is lower by more than 1e-11 eV/atom it is on it,
    /// exactly zero, and its own decomposition.
    ///
    /// # Errors
    /// When elements have no entry of their own, the energy (or that of an atom) is not finite, or rounding errors kept
    /// the search from an end.
    pub fn above(&self, composition: &Composition, energy_ev: f64) -> Result<AboveHull, HullError> {
        composition.energy_per_atom(energy_ev)?;
        let formation_energy = self.elements().formation_energy(composition, energy_ev).map_err(HullError::from)?;
        self.above_of_formation(composition, formation_energy)
    }

    /// Of an energy that is counted from the elements of the hull, eV/atom.
    pub(crate) fn above_of_formation(
        &self,
        composition: &Composition,
        formation_energy: f64,
    ) -> Result<AboveHull, HullError> {
        let unsolved = || HullError::Unsolved { composition: composition.to_string() };
        let system = self.cache.system(&self.entries, composition.elements());
        let fractions: Vec<f64> = composition.fractions().collect();
        let mixture = system.columns.cheapest(&fractions).ok_or_else(unsolved)?;
        let phases = mixture.columns.iter().map(|(column, part)| {
            let member = system.member(&self.entries, *column)?;
            self.phase(&member, *part)
        });
        let decomposition = phases.collect::<Option<Vec<_>>>().ok_or_else(unsolved)?;
        Ok(AboveHull { energy: formation_energy - mixture.energy, decomposition })
    }

    fn phase(&self, member: &Member<'_>, part: f64) -> Option<Phase> {
        let (id, composition) = match member {
            Member::Element(element) => (self.entries.element_id(*element), Composition::from_species([*element])?),
            Member::Compound(system, row) => (row.id(), row.composition(*system)?),
        };
        Some(Phase { id: id.to_owned(), composition, part })
    }
}

/// `0.25 Fe (mp-13) + 0.75 Fe2O3 (mp-19770)`.
impl fmt::Display for AboveHull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, phase) in self.decomposition.iter().enumerate() {
            let between = if position > 0 { " + " } else { "" };
            write!(f, "{between}{phase}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digits beyond these are those of rounding errors.
        let part = (self.part * 1e9).round() / 1e9;
        write!(f, "{part} {} ({})", self.composition, self.id)
    }
}
