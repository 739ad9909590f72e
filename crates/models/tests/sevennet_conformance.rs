//! What every potential must satisfy, for SevenNet.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use conformance::{checks, crystal, on_the_crystal};
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, Request, Structure};
use mlip_models::sevennet::{Options, SevenNet};
use std::path::Path;

fn tiny((name, modal): &(&str, Option<&str>), engine: EngineKind) -> SevenNet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sevennet/{name}/{name}.pth"));
    let options = Options { modal: modal.map(str::to_owned) };
    SevenNet::from_file(&path, "sevennet", &options, Precision::F64, engine).unwrap()
}

/// Tiny models in double precision, by both engines.
fn potentials() -> Vec<SevenNet> {
    let models = [
        ("tiny_so3_linear_xplor", None),
        ("tiny_o3_nequip_poly", None),
        ("tiny_so3_l3", None),
        ("tiny_modal_mf", Some("r2scan")),
        ("tiny_modal_l3", Some("b")),
    ];
    let both = |model| [tiny(model, EngineKind::Native), tiny(model, EngineKind::Candle)];
    models.iter().flat_map(both).collect()
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

/// Models whose irreps have parity do not tell a crystal from its mirror image; SevenNet-0 and its kind may.
#[test]
fn an_inversion_turns_forces_round_where_irreps_have_parity() {
    for model in [("tiny_o3_nequip_poly", None), ("tiny_modal_l3", Some("b"))] {
        for engine in [EngineKind::Native, EngineKind::Candle] {
            conformance::an_inversion_turns_forces_round(&tiny(&model, engine), &crystal());
        }
    }
}

/// With XPLOR's polynomial the second derivative jumps at both of its ends. In the crystal above a pair is 1.2e-5 Å from the
/// cutoff of 5 Å, and finite differences step across it; in this one none is nearer than 1e-2 Å to an end.
#[test]
fn the_weights_in_the_program_give_forces_and_stress_that_are_slopes() {
    let crystal = crystal();
    let rows = crystal.lattice().vectors().map(|row| row.map(|x| 1.0123 * x));
    let lattice = Lattice::from_vectors(rows).unwrap();
    let crystal = Structure::new(lattice, crystal.species().to_vec(), crystal.fractional().to_vec()).unwrap();
    for engine in [EngineKind::Native, EngineKind::Candle] {
        let potential = SevenNet::built_in("7net-0", &Options::default(), Precision::F64, engine).unwrap();
        conformance::forces_are_slopes_of_the_energy(&potential, &crystal);
        conformance::stress_is_the_slope_of_the_energy(&potential, &crystal);
    }
}

#[test]
fn results_have_the_same_bits_on_any_number_of_threads() {
    for engine in [EngineKind::Native, EngineKind::Candle] {
        let potential = SevenNet::built_in("7net-0", &Options::default(), Precision::F32, engine).unwrap();
        let request = Request { forces: true, atom_features: true };
        let predict = || potential.predict(&[&crystal()], request, &Deadline::NONE).remove(0).unwrap();
        let alone = predict();
        for threads in [2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(predict), alone);
        }
    }
}
