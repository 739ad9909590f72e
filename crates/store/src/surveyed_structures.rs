//! Structures as they were read, in the form in which a journal keeps them.

use mlip_atoms::{Lattice, Species, Structure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

/// What a journal keeps of entries that were surveyed: whoever has the run folder needs no other file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyedStructures {
    /// The first entry that was looked at.
    pub first: u64,
    /// The last one; entries between that are not among the structures could not be read.
    pub last: u64,
    /// In the order of the entries.
    pub structures: Vec<SurveyedStructure>,
}

/// An entry that is a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyedStructure {
    /// Position in the input list, from 0.
    pub entry: u64,
    /// As it was read.
    pub structure: Arc<Structure>,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    entry: u64,
    species: Vec<u8>,
    lattice: [[f64; 3]; 3],
    fractional: Cow<'a, [[f64; 3]]>,
    charge: Option<i32>,
    spin: Option<u32>,
}

impl Serialize for SurveyedStructure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let structure = &self.structure;
        Stored {
            entry: self.entry,
            species: structure.species().iter().map(|species| species.atomic_number()).collect(),
            lattice: *structure.lattice().vectors(),
            fractional: Cow::Borrowed(structure.fractional()),
            charge: structure.charge(),
            spin: structure.spin(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SurveyedStructure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { entry, species, lattice, fractional, charge, spin } = Stored::deserialize(deserializer)?;
        let element = |number: u8| {
            Species::from_atomic_number(number).ok_or_else(|| D::Error::custom("an element that does not exist"))
        };
        let species = species.into_iter().map(element).collect::<Result<_, _>>()?;
        let lattice = Lattice::from_vectors(lattice).map_err(D::Error::custom)?;
        let structure = Structure::new(lattice, species, fractional.into_owned()).map_err(D::Error::custom)?;
        Ok(Self { entry, structure: Arc::new(structure.with_charge(charge).with_spin(spin)) })
    }
}
