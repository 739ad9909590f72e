//! What makes two evaluations the same.

use mlip_atoms::PotentialId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Digest of a structure as it was read: species, lattice and positions to the bit.
///
/// Two files that read as the same structure share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StructureDigest(pub [u8; 16]);

/// Digest of (structure, potential, weights, precision, task settings): the identity of a result.
///
/// 128 bits: among 10^9 tasks the chance of a collision is 1e-21.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskKey(pub [u8; 16]);

fn truncated(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

impl StructureDigest {
    /// Of a structure: atomic numbers, lattice vectors and fractional coordinates, little-endian; then charge and spin
    /// where they are set, so that structures without have the digests that they always had.
    pub fn of(structure: &mlip_atoms::Structure) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mlip-batch structure 1");
        hasher.update(&(structure.n_atoms() as u64).to_le_bytes());
        for species in structure.species() {
            hasher.update(&[species.atomic_number()]);
        }
        for value in structure.lattice().vectors().iter().chain(structure.fractional()).flatten() {
            hasher.update(&value.to_le_bytes());
        }
        if let Some(charge) = structure.charge() {
            hasher.update(b"charge").update(&charge.to_le_bytes());
        }
        if let Some(spin) = structure.spin() {
            hasher.update(b"spin").update(&spin.to_le_bytes());
        }
        Self(truncated(&hasher))
    }
}

impl TaskKey {
    /// `settings` is the canonical text of all that changes the result beside structure and potential.
    pub fn new(structure: StructureDigest, potential: &PotentialId, settings: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mlip-batch task 2");
        hasher.update(&structure.0);
        let precision = potential.precision.to_string();
        for text in [potential.name.as_str(), &potential.digest, &precision, &potential.settings, settings] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self(truncated(&hasher))
    }
}

fn hexadecimal(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Debug for StructureDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

impl fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::{Lattice, Species, Structure};

    /// Digests are of the documented bytes, computed elsewhere: they stand in the journals of all older runs.
    #[test]
    fn a_structure_without_charge_and_spin_has_the_digest_of_older_versions() {
        let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [1.0, 0.0, 6.0]]).unwrap();
        let species = ["Na", "Cl"].map(|symbol| Species::from_symbol(symbol).unwrap()).to_vec();
        let salt = Structure::new(lattice, species, vec![[0.0; 3], [0.5, 0.5, -0.25]]).unwrap();
        let digest = |structure: &Structure| format!("{:?}", StructureDigest::of(structure));
        assert_eq!(digest(&salt), "4785ecd9c6a255090fa68ba3489cd81d");
        assert_eq!(digest(&salt.clone().with_charge(Some(-1))), "d821ffea5b08824db0e0fb44f58ac8b5");
        assert_eq!(digest(&salt.with_charge(Some(-1)).with_spin(Some(2))), "630a3ebd077fc3d7c3a46c8cf5d5852d");
    }
}
