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

use mlip_atoms::{Deadline, Lattice, Precision, Prediction, Request, Species, Structure};
use mlip_models::registry::{self, Selection};

#[derive(serde::Deserialize)]
struct Crystal {
    name: String,
    numbers: Vec<u8>,
    cell: [[f64; 3]; 3],
    positions: Vec<[f64; 3]>,
}

impl Crystal {
    fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

/// Bits of a prediction.
fn bits(prediction: &Prediction) -> Vec<u64> {
    let numbers = std::iter::once(&prediction.energy).chain(prediction.forces.iter().flatten());
    numbers.chain(prediction.stress.iter().flatten()).map(|x| x.to_bits()).collect()
}

fn main() {
    mlip_kernels::tiles::allow_emulation();
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [model, precision, crystals] = &arguments[..] else {
        panic!("usage: deviations NAME[=FILE] PRECISION CRYSTALS.json")
    };
    let precision: Precision = serde_json::from_value(precision.as_str().into()).unwrap();
    let selection = match model.split_once('=') {
        Some((name, file)) => Selection::named(name).with_file(file),
        None => Selection::named(model),
    };
    let load = |precision| registry::load(&selection.clone().with_precision(precision)).unwrap();
    let (exact, rounded) = (load(Precision::F64), load(precision));
    let crystals: Vec<Crystal> = serde_json::from_slice(&std::fs::read(crystals).unwrap()).unwrap();
    let structures = crystals.iter().map(Crystal::structure).collect::<Vec<_>>();
    let all = structures.iter().collect::<Vec<_>>();
    let predict = |structures: &[&Structure]| -> Vec<Prediction> {
        let found = rounded.predict(structures, Request::default(), &Deadline::NONE);
        found.into_iter().map(Result::unwrap).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (together, threaded) = (predict(&all), pool.install(|| predict(&all)));
    let mut largest = [0f64; 3];
    for (at, crystal) in crystals.iter().enumerate() {
        let expected = exact.predict(&[all[at]], Request::default(), &Deadline::NONE).remove(0).unwrap();
        let found = predict(&[all[at]]).remove(0);
        let same = [&together[at], &threaded[at]].map(|other| bits(other) == bits(&found));
        let n = crystal.numbers.len();
        let energy = (found.energy - expected.energy).abs() / n as f64;
        let forces = found.forces.iter().flatten().zip(expected.forces.iter().flatten());
        let force = forces.fold(0f64, |most, (a, b)| most.max((a - b).abs()));
        let scale = expected.forces.iter().flatten().fold(0f64, |most, x| most.max(x.abs()));
        let stress = found.stress.iter().flatten().zip(expected.stress.iter().flatten());
        let stress = stress.fold(0f64, |most, (a, b)| most.max((a - b).abs()));
        println!(
            "{} ({n} atoms): energy {energy:.2e}, forces {force:.2e} (of {scale:.2}), stress {stress:.2e}; same bits in a batch and on threads: {same:?}",
            crystal.name
        );
        [energy, force, stress].iter().zip(&mut largest).for_each(|(x, most)| *most = most.max(*x));
    }
    println!("largest: energy {:.2e}, forces {:.2e}, stress {:.2e}", largest[0], largest[1], largest[2]);
}
