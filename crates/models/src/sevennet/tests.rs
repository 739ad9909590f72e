//! What needs more than the public interface.

use super::file::{Contents, from_torch};
use super::irreps::Irreps;
use super::layers::layers;
use super::options::Options;
use super::potential::SevenNet;
use crate::weights::Weights;
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, Prediction, Request, Species, Structure};
use std::path::Path;
use std::sync::Arc;

fn contents(name: &str) -> Contents {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sevennet/{name}/{name}.pth"));
    from_torch(&path).unwrap()
}

fn predict(contents: Contents, modal: Option<&str>, engine: EngineKind) -> Prediction {
    let options = Options { modal: modal.map(str::to_owned) };
    let potential = SevenNet::of(contents, ("tiny", ""), &options, Precision::F64, engine).unwrap();
    let lattice = Lattice::from_vectors([[3.9, 0.1, -0.2], [0.3, 4.0, 0.15], [-0.1, 0.25, 3.8]]).unwrap();
    let species = [38, 22, 8, 8, 8].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
    let sites =
        vec![[0.01, -0.02, 0.03], [0.52, 0.49, 0.47], [0.5, 0.53, 0.02], [0.48, 0.01, 0.51], [-0.03, 0.5, 0.46]];
    let structure = Structure::new(lattice, species, sites).unwrap();
    potential.predict(&[&structure], Request { forces: true, atom_features: true }, &Deadline::NONE).remove(0).unwrap()
}

/// Files carry couplings in single precision; what is computed where they do not is the same to its rounding, signs of odd
/// sums up to l = 3 included.
#[test]
fn couplings_that_a_file_does_not_carry_are_computed() {
    for (name, modal) in [("tiny_modal_l3", Some("b")), ("tiny_o3_nequip_poly", None), ("tiny_so3_linear_xplor", None)]
    {
        let with = contents(name);
        let stored = |name: &&str| name.contains("_w3j_");
        assert!(with.weights.names().filter(stored).count() > 3);
        let mut weights = Weights::default();
        for name in with.weights.names().filter(|name| !stored(name)) {
            let values = with.weights.values(name).unwrap().into_owned();
            weights.insert(name.to_owned(), with.weights.shape(name).unwrap().to_vec(), values);
        }
        for engine in [EngineKind::Native, EngineKind::Candle] {
            let without =
                Contents { config: with.config.clone(), text: with.text.clone(), weights: Arc::new(weights.clone()) };
            let same = Contents { weights: with.weights.clone(), config: with.config.clone(), text: with.text.clone() };
            let [found, expected] = [without, same].map(|contents| predict(contents, modal, engine));
            let difference = (found.energy - expected.energy).abs();
            assert!(difference > 0.0 && difference < 1e-5, "{name} {engine}: {difference:e}");
            for (a, b) in found.forces.iter().flatten().zip(expected.forces.iter().flatten()) {
                assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{name} {engine}: {a} {b}");
            }
        }
    }
}

/// As e3nn and upstream's `infer_irreps_out` have it: sevenn 0.13.0.
#[test]
fn irreps_are_inferred_where_the_file_says_none() {
    let plan = layers(&contents("tiny_o3_nequip_poly").config);
    let text = |irreps: &Irreps| irreps.to_string();
    assert_eq!(text(&plan[0].output), "6x0e+6x1o+6x2e");
    assert_eq!(text(&plan[0].gate_input), "18x0e+6x1o+6x2e");
    assert_eq!(text(&plan[1].output), "6x0e+6x1o+6x1e+6x2o+6x2e");
    assert_eq!(text(&plan[2].output), "6x0e");
    let paths = plan[0].paths.iter().map(|path| (path.from, path.l2, path.to.l, path.column)).collect::<Vec<_>>();
    assert_eq!(paths, [(0, 0, 0, 0), (0, 1, 1, 6), (0, 2, 2, 12)]);
}
