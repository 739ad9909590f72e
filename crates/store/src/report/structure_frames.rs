//! `structures.extxyz`: structures as they were read with the results of a potential, for ASE.

use super::extended_xyz::{self, Frame, charge_and_spin, quoted, stress};
use super::potential::LabeledPotential;
use super::row::EntryRow;
use std::fmt::Write;

/// Without its ending: `structures`, and where there are several potentials `structures.LABEL`.
pub(super) fn name(potential: &LabeledPotential, n_potentials: usize) -> String {
    if n_potentials == 1 { "structures".to_owned() } else { format!("structures.{}", potential.label) }
}

/// Text for some entries, by potential.
pub(super) struct StructureFrames(Vec<String>);

impl StructureFrames {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![String::new(); n_potentials])
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) {
        let Some(given) = entry.given else { return };
        let structure = &given.structure;
        let numbers: Vec<u8> = structure.species().iter().map(|species| species.atomic_number()).collect();
        let mut positions = None;
        for (position, (text, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            let Some(prediction) = entry.prediction(position) else { continue };
            let positions = positions.get_or_insert_with(|| structure.cartesian());
            let mut said = format!("structure_id={} potential={}", quoted(entry.id), quoted(&potential.label));
            // Writing into a string cannot fail.
            let _ = write!(said, " energy={:?}", prediction.energy);
            stress(&mut said, prediction.stress);
            if let Some(magmoms) = &prediction.magmoms {
                let _ = write!(said, " magmom={:?}", magmoms.iter().fold(0.0, |sum, m| sum + m));
            }
            charge_and_spin(&mut said, entry);
            let frame = Frame {
                lattice: structure.lattice().vectors(),
                numbers: &numbers,
                positions,
                forces: &prediction.forces,
                magmoms: prediction.magmoms.as_deref(),
                said: &said,
            };
            let _ = extended_xyz::write(text, &frame);
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }
}
