//! CHGNet on a GPU against upstream's numbers, the native engine and itself: `make test-gpu`, on a host with one.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; figures are printed")]

mod card_support;
mod golden;

use card_support::{ALL, assert_bits_do_not_depend_on_batches, bits, crystals, off, or_skip, report};
use card_support::{prepare, strained, text, time_batches, together};
use golden::Golden;
use mlip_atoms::engine::{Engine, predict};
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request};
use mlip_atoms::{Species, Structure};
use mlip_models::chgnet::{Chgnet, CudaChgnet, CudaChgnetEngine};
use std::sync::Arc;

const REAL: &str = include_str!("chgnet/goldens_0.3.0.json");
const TINY: &str = include_str!("chgnet/goldens_tiny.json");
const R2SCAN: &str = include_str!("chgnet/goldens_r2scan.json");
const TINY_WEIGHTS: &[u8] = include_bytes!("chgnet/chgnet_tiny.safetensors");
/// Of the architecture of 0.2.0.
const BARE_WEIGHTS: &[u8] = include_bytes!("chgnet/chgnet_bare.safetensors");

/// The weights of a set of goldens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weights {
    Released,
    R2scan,
    Tiny,
}

impl Weights {
    fn engine(self) -> Option<CudaChgnetEngine> {
        let potential = match self {
            Self::Released => CudaChgnet::built_in(0),
            Self::R2scan => CudaChgnet::built_in_r2scan(0),
            Self::Tiny => CudaChgnet::from_safetensors(TINY_WEIGHTS, "tiny", 0),
        };
        or_skip(Arc::new(potential.unwrap()).engine(0))
    }

    fn native(self, precision: Precision) -> Chgnet {
        let potential = match self {
            Self::Released => Chgnet::built_in(precision, EngineKind::Native),
            Self::R2scan => Chgnet::built_in_r2scan(precision, EngineKind::Native),
            Self::Tiny => Chgnet::from_safetensors(TINY_WEIGHTS, "tiny", precision, EngineKind::Native),
        };
        potential.unwrap()
    }

    fn goldens(self) -> Vec<Golden> {
        let json = match self {
            Self::Released => REAL,
            Self::R2scan => R2SCAN,
            Self::Tiny => TINY,
        };
        golden::read(json)
    }
}

fn alone(engine: &mut CudaChgnetEngine, structure: Structure) -> Result<Prediction, PredictError> {
    predict(engine, Arc::new(structure), ALL, Deadline::NONE)
}

/// Twice what single precision rounds by elsewhere, and a floor for single structures where it was lucky: eV/atom, eV/Å,
/// eV/Å^3, features, μ_B.
const LUCK: f64 = 2.0;
const FLOOR: [f64; 5] = [2e-7, 2e-6, 5e-7, 1e-6, 1e-6];

/// What single precision may round by for any structure, as of the tests of the native engine (tests/chgnet.rs).
const ROUNDED: [f64; 5] = [1e-6, 4e-5, 2e-6, 5e-6, 5e-6];

/// Compares the largest deviations from what is exact with those of another that computes in single precision.
fn assert_rounded(what: &str, own: &[[f64; 5]], others: &[[f64; 5]]) {
    let largest = |all: &[[f64; 5]]| all.iter().fold([0.0f64; 5], |most, x| [0, 1, 2, 3, 4].map(|k| most[k].max(x[k])));
    let (own, others) = (largest(own), largest(others));
    println!("{what}: largest {}; beside {}", text(&own), text(&others));
    for k in 0..5 {
        assert!(own[k] <= LUCK * others[k], "{what} {k}: {:.2e} beside {:.2e}", own[k], others[k]);
    }
}

#[test]
fn goldens_are_upstreams() {
    for (weights, n) in [(Weights::Tiny, 12), (Weights::Released, 23)] {
        let Some(mut engine) = weights.engine() else { return };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for golden in weights.goldens() {
            let found = alone(&mut engine, golden.structure());
            if golden.f64.error.is_some() {
                assert!(matches!(found, Err(PredictError::IsolatedAtom { .. })), "{}", golden.name);
                continue;
            }
            let (found, exact) = (found.unwrap(), golden.f64.as_prediction());
            let (own, rounding) = (off(&found, &exact), off(&golden.f32.as_prediction(), &exact));
            for k in 0..5 {
                let limit = LUCK * rounding[k] + FLOOR[k];
                assert!(own[k] <= limit, "{} {k}: {:.2e} beyond {limit:.2e}", golden.name, own[k]);
            }
            ours.push(own);
            theirs.push(rounding);
        }
        assert_eq!(ours.len(), n);
        assert_rounded(&format!("{weights:?}, beside upstream"), &ours, &theirs);
    }
}

/// Nearer to the native engine in double precision than twice what that engine rounds by in single.
#[test]
fn cards_round_as_single_precision_does() {
    for (weights, n) in [(Weights::Tiny, 12), (Weights::Released, 23), (Weights::R2scan, 50)] {
        let Some(mut engine) = weights.engine() else { return };
        let [double, single] = [Precision::F64, Precision::F32].map(|precision| weights.native(precision));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for golden in weights.goldens() {
            let structure = golden.structure();
            let of = |potential: &Chgnet| potential.predict(&[&structure], ALL, &Deadline::NONE).remove(0);
            let Ok(exact) = of(&double) else { continue };
            ours.push(off(&alone(&mut engine, golden.structure()).unwrap(), &exact));
            theirs.push(off(&of(&single).unwrap(), &exact));
        }
        assert_eq!(ours.len(), n);
        assert_rounded(&format!("{weights:?}, beside cores"), &ours, &theirs);
    }
}

/// Structures with angles and without, small and skewed.
fn base() -> Vec<Structure> {
    let with_numbers = |golden: &Golden| golden.f64.error.is_none() && golden.numbers.len() <= 24;
    golden::read(REAL).iter().filter(|golden| with_numbers(golden)).map(Golden::structure).collect()
}

#[test]
fn a_structure_has_the_same_bits_alone_in_any_batch_and_in_any_order() {
    for weights in [Weights::Tiny, Weights::Released] {
        let Some(mut engine) = weights.engine() else { return };
        assert_bits_do_not_depend_on_batches(&format!("{weights:?}"), &mut engine, &strained(&base(), 52));
    }
}

#[test]
fn an_energy_alone_is_that_with_forces_and_two_batches_do_not_disturb_each_other() {
    let structures = strained(&base(), 40);
    let Some(mut engine) = Weights::Released.engine() else { return };
    let with_forces = together(&mut engine, &structures, ALL);
    let alone = Request { forces: false, atom_features: false };
    for (alone, with_forces) in together(&mut engine, &structures, alone).iter().zip(&with_forces) {
        assert_eq!(alone.energy.to_bits(), with_forces.energy.to_bits());
        assert_eq!(alone.magmoms, with_forces.magmoms);
        assert!(alone.forces.is_empty() && alone.stress.is_none() && alone.atom_features.is_none());
    }
    let parts = [&structures[..15], &structures[15..]].map(|part| prepare(&mut engine, part, ALL));
    let tickets = parts.map(|batch| engine.submit(batch).map_err(|e| e.error).unwrap());
    // The second first.
    for (ticket, from) in [(tickets[1], 15), (tickets[0], 0)] {
        let answers = engine.collect(ticket).map_err(|e| e.error).unwrap();
        for ((_, answer), expected) in answers.into_iter().zip(&with_forces[from..]) {
            assert_eq!(bits(&answer.unwrap()), bits(expected));
        }
    }
}

/// A lattice that is made of pairs longer than bonds, and two atoms with one bond and no angle.
#[test]
fn structures_without_bonds_or_angles_are_those_of_cores() {
    let Some(mut engine) = Weights::Released.engine() else { return };
    let native = Weights::Released.native(Precision::F64);
    let cell = |a: f64| Lattice::from_vectors([[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]).unwrap();
    let atoms = |lattice: Lattice, places: &[[f64; 3]]| {
        let species = vec![Species::from_atomic_number(3).unwrap(); places.len()];
        Structure::new(lattice, species, places.to_vec()).unwrap()
    };
    let sparse = [atoms(cell(4.5), &[[0.0; 3]]), atoms(cell(12.0), &[[0.0; 3], [0.2, 0.0, 0.05]])];
    for structure in sparse {
        let exact = native.predict(&[&structure], ALL, &Deadline::NONE).remove(0).unwrap();
        let found = off(&alone(&mut engine, structure).unwrap(), &exact);
        assert!(found.iter().zip(ROUNDED).all(|(found, limit)| *found <= limit), "{found:?}");
    }
}

#[test]
fn what_the_model_has_no_numbers_for_is_refused() {
    let Some(mut engine) = Weights::Released.engine() else { return };
    let atom = |z: u8, a: f64| {
        let lattice = Lattice::from_vectors([[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]).unwrap();
        Structure::new(lattice, vec![Species::from_atomic_number(z).unwrap()], vec![[0.0; 3]]).unwrap()
    };
    let isolated = alone(&mut engine, atom(8, 30.0));
    assert!(matches!(isolated, Err(PredictError::IsolatedAtom { .. })), "{isolated:?}");
    let unknown = alone(&mut engine, atom(95, 4.0));
    assert!(matches!(unknown, Err(PredictError::UnsupportedSpecies { .. })), "{unknown:?}");
}

#[test]
fn files_of_the_older_architecture_are_refused_by_name() {
    let error = CudaChgnet::from_safetensors(BARE_WEIGHTS, "bare", 0).err().unwrap().to_string();
    assert!(error.contains("`gMLP_norm` is none") && error.contains("device=cpu computes this file"), "{error}");
}

/// Not a test of anything: structures/s for docs/gpu.md, two batches under way, graphs made before.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let mut engine = Weights::Released.engine().unwrap();
    for (name, structure) in crystals("MLIP_TIMED_CRYSTALS") {
        let (n, edges, seconds, prepare_s) = time_batches(&mut engine, &structure);
        println!(
            "speed {name}: {n} structures, {edges} edges in a batch, {:.2} ms, {:.0} structures/s, {:.1} ns an edge; prepare {:.0} us",
            seconds * 1e3,
            n as f64 / seconds,
            seconds / edges as f64 * 1e9,
            prepare_s * 1e6,
        );
    }
}

/// Not a test of anything: deviations from the native engine in double precision, for docs/gpu.md.
#[test]
#[ignore = "a measurement"]
fn deviations_on_crystals() {
    use rayon::prelude::*;
    let [double, single] = [Precision::F64, Precision::F32].map(|precision| Weights::Released.native(precision));
    let (names, structures): (Vec<_>, Vec<_>) = crystals("MLIP_CRYSTALS").into_iter().unzip();
    let of = |potential: &Chgnet| {
        let one = |structure: &Arc<Structure>| potential.predict(&[structure], ALL, &Deadline::NONE).remove(0).unwrap();
        structures.par_iter().map(one).collect::<Vec<_>>()
    };
    let exact = of(&double);
    println!("{} crystals, {} atoms", names.len(), exact.iter().map(|x| x.forces.len()).sum::<usize>());
    report("native f32", &names, &exact, &of(&single));
    let mut engine = Weights::Released.engine().unwrap();
    let found = structures.iter().map(|s| predict(&mut engine, s.clone(), ALL, Deadline::NONE).unwrap());
    report("cuda f32", &names, &exact, &found.collect::<Vec<_>>());
}
