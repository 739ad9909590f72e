//! `trajectory.LABEL.extxyz`: the ways of relaxations with a potential, a frame for the end of each step.
//!
//! Frames of a structure follow each other from step 0 on. Sites are in the order of the tables, and do not jump from one
//! side of the cell to the other.

use super::extended_xyz::{self, Frame, charge_and_spin, quoted, stress};
use super::potential::LabeledPotential;
use super::row::EntryRow;
use std::fmt::Write;

/// Without its ending.
pub(super) fn name(potential: &LabeledPotential) -> String {
    format!("trajectory.{}", potential.label)
}

/// Text for some entries, by potential.
pub(super) struct Trajectories(Vec<String>);

impl Trajectories {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![String::new(); n_potentials])
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) {
        for (position, (text, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            let Some((relaxed, numbers)) = entry.relaxed(position) else { continue };
            let last = relaxed.trajectory.len().saturating_sub(1);
            for (step, frame) in relaxed.trajectory.iter().enumerate() {
                let mut said = format!("structure_id={} potential={}", quoted(entry.id), quoted(&potential.label));
                // Writing into a string cannot fail.
                let _ = write!(said, " step={step} energy={:?}", frame.energy);
                stress(&mut said, frame.stress);
                charge_and_spin(&mut said, entry);
                if step == last {
                    let _ = write!(said, " ended={}", relaxed.ended.name());
                }
                let frame = Frame {
                    lattice: &frame.lattice,
                    numbers,
                    positions: &extended_xyz::cartesian(&frame.lattice, &frame.fractional),
                    forces: &frame.forces,
                    magmoms: None,
                    said: &said,
                };
                let _ = extended_xyz::write(text, &frame);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }
}
