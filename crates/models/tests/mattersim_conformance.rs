//! What every potential must satisfy, for MatterSim.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use conformance::{checks, crystal, on_the_crystal};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Request};
use mlip_models::mattersim::MatterSim;
use std::path::Path;

fn tiny(name: &str, precision: Precision, engine: EngineKind) -> MatterSim {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/mattersim/{name}.pth"));
    MatterSim::from_file(&path, "mattersim", precision, engine).unwrap()
}

/// In double precision, by both engines.
fn potentials() -> Vec<MatterSim> {
    let both = |name| [EngineKind::Native, EngineKind::Candle].map(|engine| tiny(name, Precision::F64, engine));
    ["tiny", "tiny_old", "tiny_few"].into_iter().flat_map(both).collect()
}

checks! {
    on_the_crystal(potentials()) =>
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
    a_rotation_turns_forces_and_stress,
    an_inversion_turns_forces_round,
    translations_change_nothing,
    a_permutation_permutes_the_results,
    a_supercell_is_its_cell_twice,
    the_choice_of_lattice_vectors_changes_nothing,
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    for engine in [EngineKind::Native, EngineKind::Candle] {
        let potential = tiny("tiny", Precision::F32, engine);
        let request = Request { forces: true, atom_features: true };
        let predict = || potential.predict(&[&crystal()], request, &Deadline::NONE).remove(0).unwrap();
        let alone = predict();
        for threads in [2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(predict), alone);
        }
    }
}
