//! How far a potential in one precision is from itself in double precision, crystal by crystal, and whether its bits are
//! those of every batch and number of threads.
//!
//! usage: deviations NAME[=FILE] PRECISION CRYSTALS.json
//!
//! CRYSTALS.json as for `time_potential`. Prints a line for each crystal, eV/atom and eV/Å, and the largest of all. A
//! matrix unit that is not there is emulated.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on fails; its output is data"
)]

mod crystals;

use crystals::{Crystal, read, selection};
use mlip_atoms::{Deadline, Precision, Prediction, Request, Structure};
use mlip_models::registry;

/// Bits of a prediction.
fn bits(prediction: &Prediction) -> Vec<u64> {
    let numbers = std::iter::once(&prediction.energy).chain(prediction.forces.iter().flatten());
    numbers.chain(prediction.stress.iter().flatten()).map(|x| x.to_bits()).collect()
}

/// The largest difference, which has to be a number.
fn largest(crystal: &str, found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len(), "{crystal}: as many numbers were expected");
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.inspect(|x| assert!(!x.is_nan(), "{crystal}: no number")).fold(0.0, f64::max)
}

fn main() {
    mlip_kernels::tiles::allow_emulation();
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [model, precision, crystals] = &arguments[..] else {
        panic!("usage: deviations NAME[=FILE] PRECISION CRYSTALS.json")
    };
    let precision: Precision = serde_json::from_value(precision.as_str().into()).unwrap();
    let selection = selection(model);
    let load = |precision| registry::load(&selection.clone().with_precision(precision)).unwrap();
    let (exact, rounded) = (load(Precision::F64), load(precision));
    let crystals = read(crystals);
    let structures = crystals.iter().map(Crystal::structure).collect::<Vec<_>>();
    let all = structures.iter().collect::<Vec<_>>();
    let predict = |structures: &[&Structure]| -> Vec<Prediction> {
        let found = rounded.predict(structures, Request::default(), &Deadline::NONE);
        found.into_iter().map(Result::unwrap).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (together, threaded) = (predict(&all), pool.install(|| predict(&all)));
    let mut of_all = [0f64; 3];
    for (at, crystal) in crystals.iter().enumerate() {
        let expected = exact.predict(&[all[at]], Request::default(), &Deadline::NONE).remove(0).unwrap();
        let found = predict(&[all[at]]).remove(0);
        let same = [&together[at], &threaded[at]].map(|other| bits(other) == bits(&found));
        let n = all[at].n_atoms();
        let energy = largest(&crystal.name, &[found.energy], &[expected.energy]) / n as f64;
        let [forces, expected_forces] = [&found, &expected].map(|prediction| prediction.forces.as_flattened());
        let force = largest(&crystal.name, forces, expected_forces);
        let scale = expected_forces.iter().fold(0f64, |most, x| most.max(x.abs()));
        let [stress, expected_stress] =
            [&found, &expected].map(|prediction| prediction.stress.as_slice().as_flattened());
        let stress = largest(&crystal.name, stress, expected_stress);
        println!(
            "{} ({n} atoms): energy {energy:.2e}, forces {force:.2e} (of {scale:.2}), stress {stress:.2e}; same bits in a batch and on threads: {same:?}",
            crystal.name
        );
        [energy, force, stress].iter().zip(&mut of_all).for_each(|(x, most)| *most = most.max(*x));
    }
    println!("largest: energy {:.2e}, forces {:.2e}, stress {:.2e}", of_all[0], of_all[1], of_all[2]);
}
