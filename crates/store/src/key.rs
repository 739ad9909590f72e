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

/// The first half of the digest of these bytes.
fn digest_of(bytes: &[u8]) -> [u8; 16] {
    let digest = blake3::hash(bytes);
    std::array::from_fn(|k| digest.as_bytes()[k])
}

impl StructureDigest {
    /// Of a structure: atomic numbers, lattice vectors and fractional coordinates, little-endian; then charge and spin
    /// where they are set, so that structures without have the digests that they always had.
    pub fn of(structure: &mlip_atoms::Structure) -> Self {
        // One text for all of it: added number by number a digest takes twice as long.
        let mut text = Vec::with_capacity(128 + 25 * structure.n_atoms());
        text.extend_from_slice(b"mlip-batch structure 1");
        text.extend_from_slice(&(structure.n_atoms() as u64).to_le_bytes());
        text.extend(structure.species().iter().map(|species| species.atomic_number()));
        for value in structure.lattice().vectors().iter().chain(structure.fractional()).flatten() {
            text.extend_from_slice(&value.to_le_bytes());
        }
        if let Some(charge) = structure.charge() {
            text.extend_from_slice(b"charge");
            text.extend_from_slice(&charge.to_le_bytes());
        }
        if let Some(spin) = structure.spin() {
            text.extend_from_slice(b"spin");
            text.extend_from_slice(&spin.to_le_bytes());
        }
        Self(digest_of(&text))
    }
}

impl TaskKey {
    /// `settings` is the canonical text of all that changes the result beside structure and potential.
    pub fn new(structure: StructureDigest, potential: &PotentialId, settings: &str) -> Self {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"mlip-batch task 2");
        text.extend_from_slice(&structure.0);
        let precision = potential.precision.to_string();
        for part in [potential.name.as_str(), &potential.digest, &precision, &potential.settings, settings] {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        Self(digest_of(&text))
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
