//! `relaxed.LABEL.extxyz`: the relaxed structures of a potential, as extended XYZ.
//!
//! Sites are in the order of the tables. The comment line names the structure and says how its relaxation ended.

use super::extended_xyz::{self, charge_and_spin, quoted};
use super::potential::LabeledPotential;
use super::row::EntryRow;
use mlip_calculations::Relaxed;

/// Without its ending.
pub(super) fn name(potential: &LabeledPotential) -> String {
    format!("relaxed.{}", potential.label)
}

/// Text for some entries, by potential.
pub(super) struct RelaxedStructures(Vec<String>);

impl RelaxedStructures {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![String::new(); n_potentials])
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) {
        for (position, (text, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            if let Some((relaxed, numbers)) = entry.relaxed(position) {
                // Writing into a string cannot fail.
                let mut of_structure = String::new();
                charge_and_spin(&mut of_structure, entry);
                let _ = frame(text, entry.id, numbers, &potential.label, relaxed, &of_structure);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }
}

fn frame(
    text: &mut String,
    id: &str,
    numbers: &[u8],
    label: &str,
    relaxed: &Relaxed,
    of_structure: &str,
) -> std::fmt::Result {
    let lattice = &relaxed.lattice;
    let positions = extended_xyz::cartesian(lattice, &relaxed.fractional);
    let said = format!(
        "structure_id={} potential={} energy={:?} converged={} ended={} steps={} fmax={:?}{of_structure}",
        quoted(id),
        quoted(label),
        relaxed.final_energy,
        if relaxed.converged() { "T" } else { "F" },
        relaxed.ended.name(),
        relaxed.steps,
        relaxed.fmax
    );
    let frame =
        extended_xyz::Frame { lattice, numbers, positions: &positions, forces: &[], magmoms: None, said: &said };
    extended_xyz::write(text, &frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_calculations::{Ended, SpaceGroups};

    #[test]
    fn a_frame_is_extended_xyz() {
        let relaxed = Relaxed {
            ended: Ended::Steps,
            message: None,
            steps: 3,
            evaluations: 4,
            initial_energy: -1.0,
            final_energy: -1.5,
            fmax: 0.25,
            max_force: 0.2,
            max_stress: None,
            initial_volume: 8.0,
            final_volume: 8.0,
            lattice: [[2.0, 0.0, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 2.0]],
            fractional: vec![[0.0; 3], [0.5, 0.5, 0.25]],
            rmse: 0.0,
            rms_displacement: 0.0,
            space_groups: SpaceGroups::default(),
            trajectory: Vec::new(),
        };
        let mut text = String::new();
        frame(&mut text, "a \"b\"", &[11, 17], "mine", &relaxed, " charge=-1").unwrap();
        let expected = "2\nLattice=\"2.0 0.0 0.0 0.5 2.0 0.0 0.0 0.0 2.0\" Properties=species:S:1:pos:R:3 pbc=\"T T T\" \
                        structure_id=\"a \\\"b\\\"\" potential=\"mine\" energy=-1.5 converged=F ended=steps steps=3 \
                        fmax=0.25 charge=-1\nNa 0.0 0.0 0.0\nCl 1.25 1.0 0.5\n";
        assert_eq!(text, expected);
    }
}
