//! A prediction has the same bits on any number of threads. UMA's tiny models are too small to be spread: `uma_real`
//! compares those of the real size.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod golden;
mod orb_support;

use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request, Structure};
use mlip_models::chgnet::Chgnet;
use mlip_models::mace::{Mace, Options};
use std::path::Path;
use std::time::Duration;

/// Lithium iron phosphate, `[a, b, c]` cells of 28 atoms; no two cells are alike.
fn supercell([a, b, c]: [usize; 3]) -> Structure {
    let cell = golden::named(include_str!("chgnet/goldens_0.3.0.json"), "lifepo4").structure();
    let counts = [a, b, c];
    let vectors = *cell.lattice().vectors();
    let lattice = Lattice::from_vectors([0, 1, 2].map(|k| vectors[k].map(|x| x * counts[k] as f64))).unwrap();
    let (mut species, mut fractional) = (Vec::new(), Vec::new());
    for index in 0..a * b * c {
        let offset = [index / (b * c), index / c % b, index % c];
        for (site, x) in cell.cartesian().iter().enumerate() {
            let number = species.len();
            species.push(cell.species()[site]);
            let moved = [0, 1, 2].map(|axis| {
                let image = (0..3).map(|k| offset[k] as f64 * vectors[k][axis]).sum::<f64>();
                x[axis] + image + 0.05 * ((number * (7 + axis)) as f64).sin()
            });
            fractional.push(lattice.fractional(moved));
        }
    }
    Structure::new(lattice, species, fractional).unwrap()
}

/// Compares predictions outside of a pool with those in pools.
fn check(potential: &dyn Potential, structure: &Structure) {
    let request = Request { forces: true, atom_features: true };
    let predict = || potential.predict(&[structure], request, &Deadline::NONE).remove(0).unwrap();
    let bits = |prediction: &Prediction| {
        let stress = prediction.stress.unwrap();
        let numbers = prediction.forces.iter().flatten().chain(&stress).chain([&prediction.energy]);
        let features = prediction.atom_features.iter().flat_map(|features| &features.values);
        numbers.chain(features).chain(prediction.magmoms.iter().flatten()).map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    let alone = predict();
    for threads in [2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let together = pool.install(predict);
        assert!(bits(&together) == bits(&alone), "{}: {threads} threads", potential.id().name);
    }
    // Threads stop at a deadline too.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let deadline = Deadline::after(Duration::from_millis(1));
    let late = pool.install(|| potential.predict(&[structure], request, &deadline).remove(0));
    assert!(matches!(late, Err(PredictError::Timeout { .. })), "{late:?}");
}

#[test]
fn threads_change_no_bit_of_chgnet() {
    check(&Chgnet::built_in(Precision::F32, EngineKind::Native).unwrap(), &supercell([1, 3, 4]));
    check(&Chgnet::built_in(Precision::F64, EngineKind::Native).unwrap(), &supercell([1, 2, 3]));
}

#[test]
fn threads_change_no_bit_of_mace() {
    for (name, head) in [("tiny_mp0", None), ("density_zbl_agnesi", None), ("mh1_style", None), ("plain_l012", None)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/mace/{name}/{name}.model"));
        let options = Options { head, ..Options::default() };
        let potential = Mace::from_file(&path, "mace", &options, Precision::F32, EngineKind::Native).unwrap();
        check(&potential, &elements_of(&potential, supercell([2, 3, 4])));
    }
}

/// The same places with elements that the potential knows.
fn elements_of(potential: &dyn Potential, structure: Structure) -> Structure {
    let known = (1..=118).filter_map(mlip_atoms::Species::from_atomic_number);
    let known = known.filter(|species| potential.supports(*species)).collect::<Vec<_>>();
    let species = (0..structure.n_atoms()).map(|site| known[site % known.len()]).collect();
    Structure::new(structure.lattice().clone(), species, structure.fractional().to_vec()).unwrap()
}

#[test]
fn threads_change_no_bit_of_orb() {
    check(&orb_support::tiny("orb-v3-conservative-inf-omat", Precision::F32), &supercell([2, 2, 3]));
    check(&orb_support::tiny("orb-v3-direct-20-omat", Precision::F64), &supercell([2, 2, 3]));
}
