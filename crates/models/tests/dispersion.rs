//! D3(BJ) against the package dftd3, and as an addition to potentials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;

use mlip_atoms::engine::predict;
use mlip_atoms::{Deadline, EngineResources, Lattice, Precision, Request, Species, Structure};
use mlip_models::dispersion::{Correction, Damping, correction};
use mlip_models::registry::{Selection, load};
use serde_json::Value;
use std::sync::Arc;

/// eV/atom, eV/Å, eV/Å^3; differences are those of rounding, but for pairs that are at the cutoff to the last digit.
const EXACT: f64 = 1e-10;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<[f64; 3]> {
    value.as_array().unwrap().iter().map(|row| numbers(row).try_into().unwrap()).collect()
}

fn goldens() -> Vec<(Value, Structure)> {
    let goldens: Vec<Value> = serde_json::from_str(include_str!("dispersion/goldens.json")).unwrap();
    let structure = |golden: &Value| {
        let cell: [[f64; 3]; 3] = rows(&golden["cell"]).try_into().unwrap();
        let species = golden["numbers"].as_array().unwrap().iter();
        let species = species.map(|z| Species::from_atomic_number(z.as_u64().unwrap() as u8).unwrap()).collect();
        Structure::new(Lattice::from_vectors(cell).unwrap(), species, rows(&golden["fractional"])).unwrap()
    };
    goldens
        .into_iter()
        .map(|golden| (structure(&golden), golden))
        .map(|(structure, golden)| (golden, structure))
        .collect()
}

fn found(structure: &Structure, name: &str) -> Correction {
    correction(structure, Damping::named(name).unwrap(), true, &Deadline::NONE).unwrap()
}

fn largest(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

#[test]
fn a_hundred_crystals_have_the_energies_forces_and_stresses_of_dftd3() {
    let goldens = goldens();
    assert_eq!(goldens.len(), 100);
    let mut worst = [0.0_f64; 3];
    let mut n_with_forces = [0; 2];
    for (golden, structure) in &goldens {
        for (damping, (name, key)) in [("d3bj-pbe", "pbe"), ("d3bj-r2scan", "r2scan")].into_iter().enumerate() {
            let (got, expected) = (found(structure, name), &golden[key]);
            let energy = (got.energy - expected["energy"].as_f64().unwrap()).abs() / structure.n_atoms() as f64;
            let stress = largest(got.stress.unwrap(), numbers(&expected["stress"]));
            worst = [worst[0].max(energy), worst[1], worst[2].max(stress)];
            assert!(energy < EXACT && stress < EXACT, "{} {name}: {energy} {stress}", golden["name"]);
            if let Some(expected) = expected.get("forces") {
                let expected = rows(expected);
                assert_eq!(got.forces.len(), expected.len());
                let forces = largest(got.forces.concat(), expected.concat());
                worst[1] = worst[1].max(forces);
                n_with_forces[damping] += 1;
                assert!(forces < EXACT, "{} {name}: {forces}", golden["name"]);
            }
            let alone = correction(structure, Damping::named(name).unwrap(), false, &Deadline::NONE).unwrap();
            assert_eq!((alone.energy, alone.forces.len(), alone.stress), (got.energy, 0, None));
        }
    }
    assert_eq!(n_with_forces, [100, 13]);
    eprintln!("largest differences: {worst:?} eV/atom, eV/Å, eV/Å^3");
}

fn dispersed(name: &str, damping: &str) -> Arc<dyn mlip_atoms::Potential> {
    let selection = Selection::named(name).with_option("dispersion", damping);
    load(&selection.with_precision(Precision::F64)).unwrap()
}

fn skewed() -> Structure {
    goldens().into_iter().find(|(golden, _)| golden["name"] == "skewed").unwrap().1
}

#[test]
fn forces_and_stress_with_dispersion_are_slopes_of_the_energy() {
    // Weak forces of its own, so that those of dispersion are seen.
    for damping in ["d3bj-pbe", "d3bj-r2scan"] {
        let potential = dispersed("lennard-jones", damping);
        conformance::forces_are_slopes_of_the_energy(potential.as_ref(), &skewed());
        conformance::stress_is_the_slope_of_the_energy(potential.as_ref(), &skewed());
    }
}

#[test]
fn symmetries_hold_with_dispersion() {
    let potential = dispersed("chgnet", "d3bj-pbe");
    conformance::a_rotation_turns_forces_and_stress(potential.as_ref(), &skewed());
    conformance::translations_change_nothing(potential.as_ref(), &skewed());
    conformance::a_permutation_permutes_the_results(potential.as_ref(), &skewed());
    conformance::a_supercell_is_its_cell_twice(potential.as_ref(), &skewed());
    conformance::the_choice_of_lattice_vectors_changes_nothing(potential.as_ref(), &skewed());
}

#[test]
fn it_is_added_to_what_the_potential_predicts_and_named_in_its_settings() {
    let plain = load(&Selection::named("chgnet")).unwrap();
    let with = load(&Selection::named("chgnet").with_option("dispersion", "d3bj-pbe")).unwrap();
    assert_eq!(with.id().settings, "dispersion=d3bj-pbe");
    let structure = Arc::new(skewed());
    let added = found(&structure, "d3bj-pbe");
    for forces in [true, false] {
        let request = Request { forces, atom_features: false };
        let answer = |potential: &Arc<dyn mlip_atoms::Potential>| {
            let mut engine = potential.clone().open(EngineResources::default()).unwrap();
            predict(engine.as_mut(), structure.clone(), request, Deadline::NONE).unwrap()
        };
        let (without, both) = (answer(&plain), answer(&with));
        assert_eq!(both.energy, without.energy + added.energy);
        assert_eq!(both.magmoms, without.magmoms);
        for ((both, without), added) in both.forces.iter().zip(&without.forces).zip(&added.forces) {
            assert_eq!(both[0], without[0] + added[0]);
        }
        assert_eq!(both.stress.map(|s| s[5]), without.stress.map(|s| s[5] + added.stress.unwrap()[5]));
        let direct = with.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
        assert_eq!(direct, both);
    }
}

#[test]
fn what_contains_dispersion_or_another_functional_is_refused() {
    let refusal = |selection: Selection| load(&selection).err().unwrap().to_string();
    let with = |name: &str, value: &str| Selection::named(name).with_option("dispersion", value);
    let text = refusal(with("chgnet", "d3bj-r2scan"));
    assert!(text.contains("write dispersion=d3bj-pbe"), "{text}");
    let text = refusal(with("chgnet-r2scan", "d3bj-pbe"));
    assert!(text.contains("write dispersion=d3bj-r2scan"), "{text}");
    let text = refusal(with("uma", "d3bj-pbe").with_option("task", "omc").with_file("uma.pt"));
    assert!(text.contains("OMC25, which contain dispersion already; leave it out"), "{text}");
    let text = refusal(with("chgnet", "d4"));
    assert!(text.contains("expected d3bj-pbe or d3bj-r2scan"), "{text}");
}

#[test]
fn elements_without_data_are_refused() {
    let lattice = Lattice::from_vectors([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]]).unwrap();
    let structure = Structure::new(lattice, vec![Species::from_atomic_number(99).unwrap()], vec![[0.0; 3]]).unwrap();
    let error = correction(&structure, Damping::named("d3bj-pbe").unwrap(), true, &Deadline::NONE).unwrap_err();
    assert!(error.to_string().contains("Es"), "{error}");
    assert!(!dispersed("chgnet", "d3bj-pbe").supports(structure.species()[0]));
}

#[test]
fn a_cell_with_too_many_images_is_refused() {
    let lattice = Lattice::from_vectors([[0.002, 0.0, 0.0], [0.0, 0.002, 0.0], [0.0, 0.0, 9e5]]).unwrap();
    let structure = Structure::new(lattice, vec![Species::from_atomic_number(6).unwrap()], vec![[0.0; 3]]).unwrap();
    let error = correction(&structure, Damping::named("d3bj-pbe").unwrap(), true, &Deadline::NONE).unwrap_err();
    assert!(error.to_string().contains("reaches over too many images"), "{error}");
}
