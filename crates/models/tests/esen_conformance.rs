//! What every potential must satisfy, for eSEN.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use conformance::{checks, crystal, on_the_crystal};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Request};
use mlip_models::esen::Esen;
use std::path::Path;

fn tiny(name: &str, precision: Precision) -> Esen {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/esen/esen_{name}.pt"));
    Esen::from_file(&path, "esen", precision, EngineKind::Candle).unwrap()
}

fn potentials() -> Vec<Esen> {
    ["tiny", "tiny_few"].map(|name| tiny(name, Precision::F64)).into()
}

checks! {
    on_the_crystal(potentials()) =>
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
    a_rotation_turns_forces_and_stress,
    translations_change_nothing,
    a_permutation_permutes_the_results,
    a_supercell_is_its_cell_twice,
    the_choice_of_lattice_vectors_changes_nothing,
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    let potential = tiny("tiny", Precision::F32);
    let request = Request { forces: true, atom_features: true };
    let predict = || potential.predict(&[&crystal()], request, &Deadline::NONE).remove(0).unwrap();
    let alone = predict();
    for threads in [2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(predict), alone);
    }
}
