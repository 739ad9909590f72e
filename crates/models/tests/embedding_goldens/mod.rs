//! Embeddings of upstream, as `embeddings/make_goldens.py` writes them.

#![allow(dead_code, clippy::unwrap_used, reason = "compiled into several tests, each of which uses a part")]

use mlip_atoms::{Deadline, Lattice, Potential, Request, Species, Structure};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest deviation of a number, as a part of the largest of all numbers of the structure's atoms, in `f64`.
pub(crate) const EXACT: f64 = 1e-9;

/// Goldens of a model.
#[derive(Deserialize)]
pub(crate) struct Goldens {
    structures: Vec<Crystal>,
    /// By the name of the checkpoint, then by that of the structure.
    models: BTreeMap<String, BTreeMap<String, Embedding>>,
}

#[derive(Deserialize)]
struct Crystal {
    name: String,
    numbers: Vec<u8>,
    /// Rows, Å.
    cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    positions: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct Embedding {
    /// `[width]`
    graph: Vec<f64>,
    /// `[n_atoms, width]`
    nodes: Vec<Vec<f64>>,
}

impl Goldens {
    pub(crate) fn read(name: &str) -> Self {
        let path = format!("{}/tests/embeddings/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Names of structures that a checkpoint was computed for.
    pub(crate) fn names(&self, model: &str) -> impl Iterator<Item = &String> {
        self.models[model].keys()
    }

    /// The largest deviation of embeddings of atoms and of the structure, as a part of the largest number.
    pub(crate) fn deviation(&self, model: &str, structure: &str, width: usize, potential: &dyn Potential) -> f64 {
        let crystal = self.structures.iter().find(|crystal| crystal.name == structure).unwrap();
        let expected = &self.models[model][structure];
        let request = Request { forces: false, atom_features: true };
        let prediction = potential.predict(&[&crystal.structure()], request, &Deadline::NONE).remove(0).unwrap();
        let found = prediction.atom_features.unwrap();
        assert_eq!((found.width, potential.feature_width()), (width, Some(width)), "{model}");
        let nodes = expected.nodes.concat();
        assert_eq!((nodes.len(), expected.graph.len()), (width * crystal.numbers.len(), width), "{model} {structure}");
        relative(&found.values, &nodes).max(relative(&found.mean(), &expected.graph))
    }

    /// All structures of a checkpoint to [`EXACT`]; their number and the largest deviation.
    pub(crate) fn compare(&self, model: &str, width: usize, potential: &dyn Potential) -> (usize, f64) {
        let mut worst = 0.0;
        for structure in self.names(model) {
            let off = self.deviation(model, structure, width, potential);
            assert!(off <= EXACT, "{} {model} {structure}: {off:e}", potential.id().settings);
            worst = off.max(worst);
        }
        eprintln!("{model} ({}), {width} wide: {worst:.1e}", potential.id().settings);
        (self.models[model].len(), worst)
    }
}

impl Crystal {
    fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

fn relative(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}
