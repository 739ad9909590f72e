//! What is asked about a total energy: formation energy and energy above the hull, together.

use crate::composition::{Composition, EnergyError};
use crate::hull::{AboveHull, Hull, HullError};
use crate::reference::{MissingReferences, ReferenceEnergies};
use thiserror::Error;

/// What energies are measured by: a hull, reference energies of the elements, or both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measures<'m> {
    /// For energies above the hull.
    pub hull: Option<&'m Hull>,
    /// For formation energies; without them the elements of the hull, if there is one.
    pub references: Option<&'m ReferenceEnergies>,
}

/// The quantities of a composition and a total energy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stability {
    /// eV/atom.
    pub formation_energy: Option<f64>,
    /// The energy above the hull, and what the hull consists of.
    pub above: Option<AboveHull>,
    /// Why a quantity that was asked for is not there: a reason each, none twice.
    pub errors: Vec<StabilityError>,
}

/// Why a quantity is not there.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StabilityError {
    /// No energy per atom, so no quantity at all.
    #[error(transparent)]
    Energy(#[from] EnergyError),
    /// No energy above the hull.
    #[error(transparent)]
    Hull(#[from] HullError),
    /// No formation energy.
    #[error(transparent)]
    References(#[from] MissingReferences),
}

impl Measures<'_> {
    /// Of the total energy of the atoms in `composition`, eV. Elements that the hull has no entry for are named once, also
    /// where the formation energy is to be counted from them.
    pub fn of(&self, composition: &Composition, energy_ev: f64) -> Stability {
        let mut found = Stability::default();
        if self.hull.is_none() && self.references.is_none() {
            return found;
        }
        if let Err(error) = composition.energy_per_atom(energy_ev) {
            found.errors.push(error.into());
            return found;
        }
        if let Some(hull) = self.hull {
            match hull.elements().formation_energy(composition, energy_ev) {
                Ok(formation_energy) => {
                    found.formation_energy = Some(formation_energy).filter(|_| self.references.is_none());
                    match hull.above_of_formation(composition, formation_energy) {
                        Ok(above) => found.above = Some(above),
                        Err(error) => found.errors.push(error.into()),
                    }
                }
                Err(missing) => found.errors.push(HullError::from(missing).into()),
            }
        }
        match self.references.map(|references| references.formation_energy(composition, energy_ev)) {
            Some(Ok(formation_energy)) => found.formation_energy = Some(formation_energy),
            Some(Err(error)) => found.errors.push(error.into()),
            None => {}
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composition::parse_composition;
    use crate::entries::EntriesBuilder;

    #[test]
    fn both_quantities_and_their_errors_are_those_of_each_alone() {
        let mut entries = EntriesBuilder::default();
        for (id, formula, energy) in [("iron", "Fe2", -16.5), ("oxygen", "O8", -39.5), ("hematite", "Fe4 O6", -67.0)] {
            entries.add(&parse_composition(formula).unwrap(), energy, id).unwrap();
        }
        let hull = Hull::new(entries.finish());
        let genbench = ReferenceEnergies::genbench().unwrap();
        let (oxide, foreign) = (parse_composition("FeO").unwrap(), parse_composition("FePo").unwrap());
        let said = |measures: Measures<'_>, composition: &Composition, energy| {
            let found = measures.of(composition, energy);
            found.errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for references in [None, Some(&genbench)] {
            let measures = Measures { hull: Some(&hull), references };
            let found = measures.of(&oxide, -14.5);
            assert_eq!(found.above, Some(hull.above(&oxide, -14.5).unwrap()));
            let counted_from = references.unwrap_or(hull.elements());
            assert_eq!(found.formation_energy, Some(counted_from.formation_energy(&oxide, -14.5).unwrap()));
            assert!(found.errors.is_empty());
            assert_eq!(said(measures, &oxide, f64::NAN), ["the total energy NaN eV is not finite"]);
        }
        let no_entry = "the hull has no elemental entry for Po";
        assert_eq!(said(Measures { hull: Some(&hull), references: None }, &foreign, -9.0), [no_entry]);
        let both = Measures { hull: Some(&hull), references: Some(&genbench) };
        assert_eq!(said(both, &foreign, -9.0), [no_entry, "no reference energy for Po"]);
        let alone = Measures { hull: None, references: Some(&genbench) };
        assert_eq!(alone.of(&oxide, -14.5).above, None);
        assert!(alone.of(&oxide, -14.5).formation_energy.is_some());
        assert_eq!(Measures::default().of(&oxide, f64::NAN), Stability::default());
    }
}
