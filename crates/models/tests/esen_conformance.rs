//! What every potential must satisfy, for eSEN.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod conformance;

use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, Request, Species, Structure};
use mlip_models::esen::Esen;
use std::path::Path;

fn tiny(name: &str, precision: Precision) -> Esen {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/esen/esen_{name}.pt"));
    Esen::from_file(&path, "esen", precision, EngineKind::Candle).unwrap()
}

/// Strontium titanate without any symmetry left, in a skewed cell.
fn crystal() -> Structure {
    let lattice = Lattice::from_vectors([[3.9, 0.1, -0.2], [0.3, 4.0, 0.15], [-0.1, 0.25, 3.8]]).unwrap();
    let species = [38, 22, 8, 8, 8].map(|z| Species::from_atomic_number(z).unwrap()).to_vec();
    let fractional =
        vec![[0.01, -0.02, 0.03], [0.52, 0.49, 0.47], [0.5, 0.53, 0.02], [0.48, 0.01, 0.51], [-0.03, 0.5, 0.46]];
    Structure::new(lattice, species, fractional).unwrap()
}

macro_rules! checks {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            for name in ["tiny", "tiny_few"] {
                conformance::$name(&tiny(name, Precision::F64), &crystal());
            }
        }
    )*};
}

checks! {
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
