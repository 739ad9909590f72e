//! ORB's forces, stress and symmetries. It is not rotation invariant, so rotations are not among them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod orb_support;

use conformance::checks;
use mlip_atoms::{Deadline, Potential, Precision, Request, Structure};
use mlip_models::orb::Orb;
use orb_support::{golden, real, tiny, tiny_candle};

const INF: &str = "orb-v3-conservative-inf-omat";
const TWENTY: &str = "orb-v3-conservative-20-omat";
const DIRECT: &str = "orb-v3-direct-20-omat";

/// Off their symmetric places, so that no two neighbors are equidistant: the number of edges is the same on both sides.
const SLOPES: &[&str] = &["srtio3_rattled", "triclinic_skewed", "diamond_rattled", "h2o_box"];
/// Also crystals whose truncation cuts through equidistant neighbors.
const SYMMETRIES: &[&str] = &[
    "srtio3_rattled",
    "triclinic_skewed",
    "tio2_outside_cell",
    "cu_fcc_1atom",
    "mg_hcp",
    "nacl_prim",
    "hbn_slab",
    "h2o_box",
    "ar_isolated",
];

fn structure(name: &str) -> Structure {
    golden("tiny_conservative_inf", name).structure()
}

type Cases = Vec<(Orb, Vec<Structure>)>;

/// These models, each with the structures of these names.
fn cases(models: &[&str], names: &[&str]) -> Cases {
    let structures = || names.iter().map(|name| structure(name)).collect();
    models.iter().map(|model| (tiny(model, Precision::F64), structures())).collect()
}

fn slopes() -> Cases {
    [cases(&[INF], SLOPES), cases(&[TWENTY], &["srtio3_rattled", "diamond_rattled"])].into_iter().flatten().collect()
}

fn supercells() -> Cases {
    let without_repulsion = &["cu_fcc_1atom", "mg_hcp", "nacl_prim", "ar_isolated"];
    [cases(&[INF, TWENTY], without_repulsion), cases(&[DIRECT], SYMMETRIES)].into_iter().flatten().collect()
}

checks! {
    slopes() =>
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
}

checks! {
    cases(&[INF, TWENTY, DIRECT], SYMMETRIES) =>
    translations_change_nothing,
    a_permutation_permutes_the_results,
    the_choice_of_lattice_vectors_changes_nothing,
}

checks! {
    supercells() =>
    /// A conservative model adds the mean of the repulsion over atoms, not its sum, as upstream does: where atoms are so
    /// near that there is repulsion, two cells have less than twice the energy.
    a_supercell_is_its_cell_twice,
}

#[test]
fn the_real_models_forces_are_slopes_of_its_energy() {
    let potential = real(INF, Precision::F64);
    conformance::forces_are_slopes_of_the_energy(&potential, &structure("h2o_box"));
    conformance::stress_is_the_slope_of_the_energy(&potential, &structure("h2o_box"));
}

/// What the documentation says: the energy depends on how the crystal is turned.
#[test]
fn a_rotation_changes_the_energy() {
    let energy = |structure: &Structure| {
        let request = Request { forces: false, atom_features: false };
        tiny(INF, Precision::F64).predict(&[structure], request, &Deadline::NONE).remove(0).unwrap().energy
    };
    let before = structure("srtio3_rattled");
    let vectors = before.lattice().vectors().map(|[x, y, z]| [z, x, y]);
    let lattice = mlip_atoms::Lattice::from_vectors(vectors).unwrap();
    let turned = Structure::new(lattice, before.species().to_vec(), before.fractional().to_vec()).unwrap();
    assert!((energy(&before) - energy(&turned)).abs() > 1e-6);
}

#[test]
fn the_candle_engine_has_exact_slopes_and_the_symmetries() {
    let structure = structure("srtio3_rattled");
    for model in [INF, TWENTY] {
        let potential = tiny_candle(model, Precision::F64);
        conformance::forces_are_slopes_of_the_energy(&potential, &structure);
        conformance::stress_is_the_slope_of_the_energy(&potential, &structure);
    }
    for model in [INF, DIRECT] {
        let potential = tiny_candle(model, Precision::F64);
        conformance::translations_change_nothing(&potential, &structure);
        conformance::a_permutation_permutes_the_results(&potential, &structure);
    }
}

/// Atoms nearer than covalent radii: the repulsion of either engine is its own.
#[test]
fn engines_agree_where_atoms_repel_each_other() {
    let before = structure("nacl_prim");
    let vectors = before.lattice().vectors().map(|row| row.map(|x| 0.2 * x));
    let lattice = mlip_atoms::Lattice::from_vectors(vectors).unwrap();
    let structure = Structure::new(lattice, before.species().to_vec(), before.fractional().to_vec()).unwrap();
    let wide = Request { forces: true, atom_features: false };
    for model in [INF, DIRECT] {
        let [native, candle] = [tiny(model, Precision::F64), tiny_candle(model, Precision::F64)]
            .map(|potential| potential.predict(&[&structure], wide, &Deadline::NONE).remove(0).unwrap());
        assert!(native.energy > 50.0, "{model}: no repulsion in {}", native.energy);
        conformance::assert_close("energy", &[candle.energy], &[native.energy], 1e-10);
        conformance::assert_close("forces", &candle.forces.concat(), &native.forces.concat(), 1e-10);
        conformance::assert_close("stress", &candle.stress.unwrap(), &native.stress.unwrap(), 1e-10);
    }
}
