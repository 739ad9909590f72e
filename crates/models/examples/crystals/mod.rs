//! What measurements take from their command lines.

use mlip_atoms::{Lattice, Species, Structure};
use mlip_models::registry::Selection;

/// An entry of CRYSTALS.json: `{"name", "numbers", "cell", "positions"}`.
#[derive(serde::Deserialize)]
pub(crate) struct Crystal {
    pub(crate) name: String,
    numbers: Vec<u8>,
    /// Rows, Å.
    cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    positions: Vec<[f64; 3]>,
}

impl Crystal {
    pub(crate) fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

/// All of a file.
pub(crate) fn read(path: &str) -> Vec<Crystal> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// `NAME[=FILE]`
pub(crate) fn selection(text: &str) -> Selection {
    match text.split_once('=') {
        Some((name, file)) => Selection::named(name).with_file(file),
        None => Selection::named(text),
    }
}
