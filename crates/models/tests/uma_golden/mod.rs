//! Golden structures and predictions of UMA, as the generating script writes them.

#![allow(dead_code, reason = "compiled into several tests, each of which uses a part")]

use mlip_atoms::{Lattice, Prediction, Species, Structure};
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
    /// Upstream's own rounding is the difference.
    f32: Answer,
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

impl From<&Prediction> for Answer {
    fn from(prediction: &Prediction) -> Self {
        let [xx, yy, zz, yz, xz, xy] = prediction.stress.unwrap();
        let stress_ev_a3 = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]];
        Self { energy: prediction.energy, forces: prediction.forces.clone(), stress_ev_a3 }
    }
}

/// Largest deviations of energy per atom (eV), forces (eV/Å) and stress (eV/Å^3).
pub(crate) type Deviations = [f64; 3];

pub(crate) fn deviations(found: &Answer, expected: &Answer) -> Deviations {
    let largest = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
    };
    [
        (found.energy - expected.energy).abs() / expected.forces.len() as f64,
        largest(&found.forces.concat(), &expected.forces.concat()),
        largest(&found.stress(), &expected.stress()),
    ]
}

/// The larger of each.
pub(crate) fn worse(a: Deviations, b: Deviations) -> Deviations {
    assert!(a.iter().chain(&b).all(|x| !x.is_nan()));
    [0, 1, 2].map(|k| a[k].max(b[k]))
}

pub(crate) fn within(found: Deviations, limits: Deviations) -> bool {
    (0..3).all(|k| found[k] <= limits[k])
}

/// What rounding to single precision does to upstream's own answers, at worst: what ours is held to.
pub(crate) fn recorded_rounding<'a>(goldens: impl IntoIterator<Item = &'a Golden>) -> Deviations {
    goldens.into_iter().map(|golden| deviations(&golden.f32, &golden.f64)).fold([0.0; 3], worse)
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
