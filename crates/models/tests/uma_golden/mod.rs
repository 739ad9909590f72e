//! Golden structures and predictions of UMA, as the generating script writes them.

#![allow(dead_code, reason = "compiled into several tests, each of which uses a part")]

use mlip_atoms::{Lattice, Species, Structure};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) task: String,
    pub(crate) charge: i32,
    pub(crate) spin: i32,
    pub(crate) numbers: Vec<u8>,
    /// Rows, Å.
    pub(crate) cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    pub(crate) positions: Vec<[f64; 3]>,
    pub(crate) f64: Answer,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) energy: f64,
    pub(crate) forces: Vec<[f64; 3]>,
    stress_ev_a3: [[f64; 3]; 3],
}

impl Answer {
    /// Voigt.
    pub(crate) fn stress(&self) -> [f64; 6] {
        let s = &self.stress_ev_a3;
        [s[0][0], s[1][1], s[2][2], s[1][2], s[0][2], s[0][1]]
    }
}

impl Golden {
    pub(crate) fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

/// The golden of this name, the first with several tasks.
pub(crate) fn named(json: &str, name: &str) -> Golden {
    read(json).into_iter().find(|golden| golden.name == name).unwrap()
}

pub(crate) fn read(json: &str) -> Vec<Golden> {
    serde_json::from_str(json).unwrap()
}
