//! Rows of a database of ASE: structures as they were read with the results of a potential.

use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::EntryStability;
use mlip_atoms::{Prediction, Structure};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A structure and its results. Arrays are as ASE has them: little-endian, `i32` or `f64`, row by row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DatabaseRow {
    /// 32 hexadecimal digits: the number of the entry, then a digest of what is computed and of what it is called. Rows are
    /// added in ascending order of it, so that indices grow at their end.
    pub(super) unique_id: String,
    /// `[n_atoms]` atomic numbers.
    pub(super) numbers: ByteBuf,
    /// How often each atomic number stands there, in the order in which they come first.
    pub(super) species: Vec<(u8, u32)>,
    /// `[n_atoms, 3]`, Å.
    pub(super) positions: ByteBuf,
    /// `[3, 3]`, Å; rows are the lattice vectors.
    pub(super) cell: ByteBuf,
    /// What the user calls the potential.
    pub(super) label: String,
    /// eV.
    pub(super) energy: f64,
    /// `[n_atoms, 3]`, eV/Å; `None` where there are none.
    pub(super) forces: Option<ByteBuf>,
    /// `[6]`, eV/Å³: xx, yy, zz, yz, xz, xy.
    pub(super) stress: Option<ByteBuf>,
    /// `[n_atoms]`, μ_B.
    pub(super) magmoms: Option<ByteBuf>,
    /// Their sum.
    pub(super) magmom: Option<f64>,
    /// Largest norm of a force.
    pub(super) fmax: Option<f64>,
    /// Largest absolute component of the stress.
    pub(super) smax: Option<f64>,
    /// Å³.
    pub(super) volume: f64,
    /// Atomic masses, summed.
    pub(super) mass: f64,
    /// Charge that the structure came with.
    pub(super) charge: Option<i32>,
    /// What rows can be selected by.
    pub(super) texts: Vec<(String, String)>,
    /// The same, of numbers.
    pub(super) values: Vec<(String, f64)>,
}

/// Rows for some entries, by potential.
pub(super) struct DatabaseRows(Vec<Vec<DatabaseRow>>);

impl DatabaseRows {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![Vec::new(); n_potentials])
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        potentials: &[LabeledPotential],
        stability: Option<&EntryStability>,
    ) {
        let Some(given) = entry.given else { return };
        let structure = &given.structure;
        let mut shared = None;
        for (position, (rows, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            let (Some(prediction), Some(fetched)) = (entry.prediction(position), entry.record(position)) else {
                continue;
            };
            let (numbers, species, positions, cell) = &*shared.get_or_insert_with(|| of_structure(structure));
            let n_atoms = structure.n_atoms() as f64;
            let mut values = vec![("energy_per_atom_ev".to_owned(), prediction.energy / n_atoms)];
            values.push(("density_g_per_cm3".to_owned(), given.density));
            let group = given.space_group.map(|group| f64::from(group.number()));
            let stability = stability.and_then(|stability| stability.given.get(position)?.as_ref());
            let formation_energy = stability.and_then(|stability| stability.formation_energy);
            let above = stability.and_then(|stability| Some(stability.above.as_ref()?.energy));
            let named = [
                ("space_group", group),
                ("formation_energy_ev_per_atom", formation_energy),
                ("e_above_hull_ev_per_atom", above),
                ("total_charge", structure.charge().map(f64::from)),
                ("spin", structure.spin().map(f64::from)),
            ];
            values.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            let texts = [
                ("structure_id", entry.id.to_owned()),
                ("path", entry.path.to_owned()),
                ("potential", potential.label.clone()),
                ("checkpoint", potential.id.weights()),
            ];
            let Prediction { energy, forces, stress, magmoms, .. } = prediction;
            rows.push(DatabaseRow {
                unique_id: unique_id(entry, &fetched.record.key.0, &potential.label),
                numbers: numbers.clone(),
                species: species.clone(),
                positions: positions.clone(),
                cell: cell.clone(),
                label: potential.label.clone(),
                energy: *energy,
                forces: (!forces.is_empty()).then(|| floats(forces.iter().flatten())),
                stress: stress.as_ref().map(|stress| floats(stress.iter())),
                magmoms: magmoms.as_ref().map(|magmoms| floats(magmoms.iter())),
                magmom: magmoms.as_ref().map(|magmoms| magmoms.iter().fold(0.0, |sum, m| sum + m)),
                fmax: prediction.max_force(),
                smax: stress.map(|stress| stress.iter().fold(0.0, |most: f64, s| most.max(s.abs()))),
                volume: given.volume(),
                mass: structure.species().iter().map(|species| species.mass()).sum(),
                charge: structure.charge(),
                texts: texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
                values,
            });
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<DatabaseRow>> {
        self.0
    }
}

/// Numbers, species, positions and cell.
fn of_structure(structure: &Structure) -> (ByteBuf, Vec<(u8, u32)>, ByteBuf, ByteBuf) {
    let (mut numbers, mut species) = (Vec::new(), Vec::<(u8, u32)>::new());
    for number in structure.species().iter().map(|species| species.atomic_number()) {
        numbers.extend(i32::from(number).to_le_bytes());
        match species.iter_mut().find(|(known, _)| *known == number) {
            Some((_, count)) => *count += 1,
            None => species.push((number, 1)),
        }
    }
    let positions = floats(structure.cartesian().iter().flatten());
    let cell = floats(structure.lattice().vectors().iter().flatten());
    (numbers.into(), species, positions, cell)
}

fn floats<'a>(values: impl Iterator<Item = &'a f64>) -> ByteBuf {
    values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
}

fn unique_id(entry: &EntryRow<'_>, key: &[u8; 16], label: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key);
    for text in [entry.id, label] {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    let digest = hasher.finalize().to_hex();
    format!("{:010x}{}", entry.number, &digest[..22])
}
