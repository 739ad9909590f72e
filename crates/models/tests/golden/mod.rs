//! Golden structures and predictions of upstream, as the generating scripts write them.

#![allow(dead_code, reason = "compiled into several tests and a benchmark, each of which uses a part")]

use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::units::GPA_PER_EV_PER_A3;
use mlip_atoms::{Lattice, Prediction, Species, Structure};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) numbers: Vec<u8>,
    /// Rows, Å.
    pub(crate) cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    pub(crate) positions: Vec<[f64; 3]>,
    /// Sizes of upstream's graphs; none where upstream refuses the structure.
    pub(crate) n_directed: Option<usize>,
    pub(crate) n_undirected: Option<usize>,
    pub(crate) n_angles: Option<usize>,
    pub(crate) f32: Answer,
    pub(crate) f64: Answer,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) energy: f64,
    #[serde(default)]
    pub(crate) forces: Vec<[f64; 3]>,
    #[serde(default)]
    pub(crate) stress_gpa: [[f64; 3]; 3],
    #[serde(default)]
    pub(crate) magmoms: Vec<f64>,
    #[serde(default)]
    pub(crate) atom_fea: Vec<Vec<f64>>,
}

impl Answer {
    pub(crate) fn as_prediction(&self) -> Prediction {
        let s = self.stress_gpa;
        let stress = [s[0][0], s[1][1], s[2][2], s[1][2], s[0][2], s[0][1]].map(|x| x / GPA_PER_EV_PER_A3);
        let width = self.atom_fea.first().map_or(0, Vec::len);
        Prediction {
            energy: self.energy,
            forces: self.forces.clone(),
            stress: Some(stress),
            magmoms: Some(self.magmoms.clone()),
            atom_features: Some(AtomFeatures { width, values: self.atom_fea.concat() }),
        }
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

/// The golden of this name.
pub(crate) fn named(json: &str, name: &str) -> Golden {
    read(json).into_iter().find(|golden| golden.name == name).unwrap()
}

pub(crate) fn read(json: &str) -> Vec<Golden> {
    serde_json::from_str(json).unwrap()
}
