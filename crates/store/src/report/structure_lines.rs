//! `structures.jsonl`: structures as they were read with the results of a potential, for pymatgen; a line each.

use super::potential::LabeledPotential;
use super::pymatgen;
use super::row::EntryRow;
use mlip_atoms::Prediction;
use serde_json::{Map, Value, json};

/// Lines for some entries, by potential.
pub(super) struct StructureLines(Vec<String>);

impl StructureLines {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![String::new(); n_potentials])
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) {
        let Some(given) = entry.given else { return };
        let structure = &given.structure;
        let numbers: Vec<u8> = structure.species().iter().map(|species| species.atomic_number()).collect();
        for (position, (lines, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            let Some(prediction) = entry.prediction(position) else { continue };
            let mut properties = of_structure(entry, potential, prediction);
            properties.insert("density_g_per_cm3".to_owned(), json!(given.density));
            if let Some(group) = given.space_group {
                properties.insert("space_group".to_owned(), json!(group.number()));
            }
            let mut of_sites = Vec::new();
            if !prediction.forces.is_empty() {
                of_sites.push(("forces", prediction.forces.iter().map(|force| json!(force)).collect()));
            }
            if let Some(magmoms) = &prediction.magmoms {
                of_sites.push(("magmom", magmoms.iter().map(|magmom| json!(magmom)).collect()));
            }
            let (lattice, fractional) = (structure.lattice(), structure.fractional());
            let whole = pymatgen::structure(lattice, &numbers, fractional, structure.charge(), &of_sites, properties);
            lines.push_str(&whole.to_string());
            lines.push('\n');
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }
}

/// Named as the columns of `energies.csv`; what has no value has no key.
fn of_structure(entry: &EntryRow<'_>, potential: &LabeledPotential, prediction: &Prediction) -> Map<String, Value> {
    let n_atoms = entry.n_atoms().filter(|n_atoms| *n_atoms > 0);
    let numbers = [
        ("energy_ev", Some(json!(prediction.energy))),
        ("energy_per_atom_ev", n_atoms.map(|n_atoms| json!(prediction.energy / f64::from(n_atoms)))),
        ("max_force_ev_per_a", prediction.max_force().map(|force| json!(force))),
        // Voigt order: xx, yy, zz, yz, xz, xy.
        ("stress_ev_per_a3", prediction.stress.map(|stress| json!(stress))),
        (
            "total_magmom_mu_b",
            prediction.magmoms.as_ref().map(|magmoms| json!(magmoms.iter().fold(0.0, |sum, m| sum + m))),
        ),
    ];
    let texts = [
        ("structure_id", entry.id.to_owned()),
        ("path", entry.path.to_owned()),
        ("potential", potential.label.clone()),
        ("checkpoint", potential.id.weights()),
    ];
    let texts = texts.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text)));
    texts.chain(numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))).collect()
}
