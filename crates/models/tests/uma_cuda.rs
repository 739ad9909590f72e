//! UMA on a GPU against upstream's numbers, the native engine and itself: `make test-gpu`, on a host with one.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; figures are printed")]

mod card_support;
mod hashinit;
mod torch_writer;
mod uma_golden;
mod uma_seeded;

use card_support::{
    ALL, assert_bits_do_not_depend_on_batches, bits, crystals, or_skip, prepare, report, strained, text,
};
use card_support::{time_batches_of, together};
use mlip_atoms::engine::{Engine, predict};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_gpu::Products;
use mlip_models::registry::{self, Selection};
use mlip_models::uma::{CudaUma, CudaUmaEngine, Options, Uma};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uma_golden::{Answer, Deviations, Golden, deviations, read, recorded_rounding, within, worse};

/// With one head for all tasks, and with one for each and balanced channels.
const TINY: [(&str, &str); 2] = [
    ("uma_tiny_s1p1.pt", include_str!("uma/goldens_tiny_s1p1.json")),
    ("uma_tiny_s1p2p1.pt", include_str!("uma/goldens_tiny_s1p2p1.json")),
];

/// How products are computed, unless one way is asked for: the emulator of a card has no matrix units.
fn ways() -> Vec<Products> {
    let all = [Products::F32, Products::F16x3];
    let named = std::env::var("MLIP_TEST_WAY").ok();
    let ways: Vec<_> =
        all.into_iter().filter(|products| named.as_ref().is_none_or(|name| name == products.name())).collect();
    assert!(!ways.is_empty(), "MLIP_TEST_WAY is f32 or f16x3, not {named:?}");
    ways
}

fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("MLIP_UMA_TESTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uma"), PathBuf::from);
    folder.join(name)
}

fn options(golden: &Golden) -> Options {
    Options {
        task: Some(golden.task.clone()),
        charge: Some(golden.charge),
        spin: Some(golden.spin),
        ..Options::default()
    }
}

fn engine(path: &Path, options: &Options, products: Products) -> Option<CudaUmaEngine> {
    or_skip(Arc::new(CudaUma::from_file("uma", path, options, products, 0).unwrap()).engine(0))
}

fn alone(engine: &mut CudaUmaEngine, structure: Structure) -> Result<Prediction, PredictError> {
    predict(engine, Arc::new(structure), ALL, Deadline::NONE)
}

/// As far from double precision as twice upstream's own single precision, at the worst of a set.
const LUCK: f64 = 2.0;

/// How far goldens are off at worst; an engine for each task, charge and spin.
fn compare(path: &Path, goldens: &[Golden], products: Products) -> Option<Deviations> {
    let mut worst = [0.0; 3];
    // One card's memory at a time.
    let mut last: Option<(Options, CudaUmaEngine)> = None;
    for golden in goldens {
        let options = options(golden);
        if last.as_ref().is_some_and(|(known, _)| *known != options) {
            drop(last.take());
        }
        if last.is_none() {
            last = Some((options.clone(), engine(path, &options, products)?));
        }
        let found = alone(&mut last.as_mut().unwrap().1, golden.structure()).unwrap();
        let found = deviations(&Answer::from(&found), &golden.f64);
        if std::env::var_os("MLIP_TEST_VERBOSE").is_some() {
            println!("{} {}: {}", golden.name, golden.task, text(&found));
        }
        worst = worse(worst, found);
    }
    Some(worst)
}

fn assert_rounded(what: &str, found: Deviations, upstream: Deviations) {
    println!("{what}: largest {}; upstream {}", text(&found), text(&upstream));
    assert!(within(found, upstream.map(|x| LUCK * x)), "{what}: {found:?} beyond twice {upstream:?}");
}

#[test]
fn goldens_of_all_tasks_and_generations_are_upstreams() {
    for products in ways() {
        for (name, json) in TINY {
            let goldens = read(json);
            let Some(found) = compare(&file(name), &goldens, products) else { return };
            assert_rounded(&format!("{name} {}", products.name()), found, recorded_rounding(&goldens));
        }
    }
}

#[test]
fn the_real_size_equals_upstream() {
    let Some(folder) = uma_seeded::reference() else { return };
    let (_scratch, path) = seeded(&folder);
    let goldens = read(&std::fs::read_to_string(folder.join("goldens_real_s1p1.json")).unwrap());
    assert_eq!(goldens.len(), 12);
    for products in ways() {
        let Some(found) = compare(&path, &goldens, products) else { return };
        assert_rounded(&format!("real size {}", products.name()), found, recorded_rounding(&goldens));
    }
}

/// The real size in a file: that of `MLIP_UMA_REAL`, which is written once, or one for this test.
fn seeded(folder: &Path) -> (Option<tempfile::TempDir>, PathBuf) {
    if let Some(path) = std::env::var_os("MLIP_UMA_REAL").map(PathBuf::from) {
        if !path.exists() {
            uma_seeded::write_checkpoint(folder, &path);
        }
        return (None, path);
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("uma-s-1p1.pt");
    uma_seeded::write_checkpoint(folder, &path);
    (Some(scratch), path)
}

/// Structures of one task, small and skewed, with an isolated atom among them.
fn base() -> Vec<Structure> {
    let of_task = |golden: &Golden| golden.task == "omat" && golden.numbers.len() <= 24;
    read(TINY[0].1).iter().filter(|golden| of_task(golden)).map(Golden::structure).collect()
}

#[test]
fn a_structure_has_the_same_bits_alone_in_any_batch_and_in_any_order() {
    for products in ways() {
        for (name, _) in TINY {
            let Some(mut engine) = engine(&file(name), &Options::default(), products) else { return };
            let what = format!("{name} {}", products.name());
            assert_bits_do_not_depend_on_batches(&what, &mut engine, &strained(&base(), 52));
        }
    }
}

/// The same compositions again and again, as a relaxation has them, and others between.
#[test]
fn neighbors_that_share_a_mixture_have_the_same_bits_as_alone() {
    for products in ways() {
        let Some(mut engine) = engine(&file(TINY[0].0), &Options::default(), products) else { return };
        let base = base();
        let structures = [0usize, 0, 1, 0, 2, 2, 2, 1, 3, 3].iter().enumerate().map(|(number, which)| {
            let charge = if number == 5 { Some(1) } else { None };
            Arc::new(base[*which].clone().with_charge(charge))
        });
        let structures = structures.collect::<Vec<_>>();
        let found = together(&mut engine, &structures, ALL);
        for (structure, found) in structures.iter().zip(&found) {
            let alone = predict(&mut engine, structure.clone(), ALL, Deadline::NONE).unwrap();
            assert_eq!(bits(found), bits(&alone), "{}", products.name());
        }
        // A charge makes another mixture of the same composition.
        assert!((found[4].energy - found[5].energy).abs() > 1e-6 && bits(&found[4]) == bits(&found[6]));
    }
}

#[test]
fn an_energy_alone_is_that_with_forces_and_two_batches_do_not_disturb_each_other() {
    let structures = strained(&base(), 40);
    for products in ways() {
        let Some(mut engine) = engine(&file(TINY[1].0), &Options::default(), products) else { return };
        let with_forces = together(&mut engine, &structures, ALL);
        let alone = Request { forces: false, atom_features: false };
        for (alone, with_forces) in together(&mut engine, &structures, alone).iter().zip(&with_forces) {
            assert_eq!(alone.energy.to_bits(), with_forces.energy.to_bits());
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
}

/// Features are those of cores, and so is what charges and spins of structures do.
#[test]
fn cards_compute_what_cores_do() {
    for products in ways() {
        for (name, json) in TINY {
            let mut worst = [0.0f64; 3];
            for golden in read(json).iter().filter(|golden| golden.task == "omol") {
                let other = Options { charge: Some(-3), spin: Some(4), ..options(golden) };
                let Some(mut engine) = engine(&file(name), &other, products) else { return };
                let native = Uma::from_file("uma", &file(name), &other, Precision::F64, EngineKind::Native).unwrap();
                let structure = golden.structure().with_charge(Some(golden.charge)).with_spin(Some(golden.spin as u32));
                let exact = native.predict(&[&structure], ALL, &Deadline::NONE).remove(0).unwrap();
                let found = alone(&mut engine, structure).unwrap();
                let features = |p: &Prediction| p.atom_features.clone().unwrap().values;
                let of = card_support::differences(&features(&found), &features(&exact))
                    .inspect(|x| assert!(!x.is_nan()))
                    .fold(0.0, f64::max);
                assert!(of < 2e-5, "{name} {}: features {of:.1e}", golden.name);
                worst = worse(worst, deviations(&Answer::from(&found), &Answer::from(&exact)));
            }
            println!("{name} {} beside cores: {}", products.name(), text(&worst));
            assert!(within(worst, recorded_rounding(&read(json)).map(|x| LUCK * x)), "{name} {worst:?}");
        }
    }
}

#[test]
fn an_isolated_atom_has_an_energy_and_no_force() {
    for products in ways() {
        let Some(mut engine) = engine(&file(TINY[0].0), &Options::default(), products) else { return };
        let golden = uma_golden::named(TINY[0].1, "ar_isolated");
        let found = alone(&mut engine, golden.structure()).unwrap();
        assert_eq!((&found.forces, found.stress), (&vec![[0.0; 3]], Some([0.0; 6])));
        assert!((found.energy - golden.f64.energy).abs() < 1e-5, "{} {}", found.energy, golden.f64.energy);
    }
}

#[test]
fn what_cards_do_not_compute_is_refused_by_name() {
    let medium = file("uma_tiny_m1p1.pt");
    let error = CudaUma::from_file("uma", &medium, &Options::default(), Products::F32, 0).err().unwrap().to_string();
    assert!(error.contains("`lmax` is 4") && error.contains("device=cpu computes this file"), "{error}");
    let Some(mut engine) = engine(&file(TINY[0].0), &Options::default(), Products::F32) else { return };
    let golden = uma_golden::named(TINY[0].1, "mg_hcp");
    let error = alone(&mut engine, golden.structure().with_charge(Some(101))).unwrap_err().to_string();
    assert_eq!(error, "uma knows charges from -100 to 100, and the structure has 101");
    assert!(alone(&mut engine, golden.structure().with_charge(Some(-100)).with_spin(Some(100))).is_ok());
}

#[test]
fn the_registry_knows_cards() {
    let selection = Selection::named("uma").with_file(file(TINY[0].0)).with_option("device", "cuda:1");
    let potential = registry::load(&selection).unwrap();
    let settings = &potential.id().settings;
    assert!(settings.starts_with("task=omat charge=0 spin=0 device=cuda,products=f16x3,kernels="), "{settings}");
    assert!(potential.uses_charge() && potential.device() == Some("cuda:1".into()));
}

/// The same atoms at the same places, of other elements for each number: none has the composition of its neighbors.
fn of_other_elements(structure: &Structure, number: usize) -> Arc<Structure> {
    let mut species = structure.species().to_vec();
    let element = |k: usize| Species::from_atomic_number(1 + (k % 89) as u8).unwrap();
    species[0] = element(number);
    species[1] = element(number / 89);
    let (lattice, places) = (structure.lattice().clone(), structure.fractional().to_vec());
    Arc::new(Structure::new(lattice, species, places).unwrap())
}

/// Not a test of anything: structures/s for docs/gpu.md, two batches under way, graphs made before, all compositions different.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let (_scratch, path) = seeded(&uma_seeded::reference().unwrap());
    for products in ways() {
        let mut engine = engine(&path, &Options::default(), products).unwrap();
        for (name, structure) in crystals("MLIP_TIMED_CRYSTALS") {
            let (n, edges, seconds, prepare_s) =
                time_batches_of(&mut engine, |number| of_other_elements(&structure, number));
            println!(
                "speed {} {name}: {n} structures, {edges} edges in a batch, {:.2} ms, {:.0} structures/s, {:.1} ns an edge; prepare {:.0} us",
                products.name(),
                seconds * 1e3,
                n as f64 / seconds,
                seconds / edges as f64 * 1e9,
                prepare_s * 1e6,
            );
        }
    }
}

/// Not a test of anything: deviations from the native engine in double precision, for docs/gpu.md.
#[test]
#[ignore = "a measurement"]
fn deviations_on_crystals() {
    use rayon::prelude::*;
    let (_scratch, path) = seeded(&uma_seeded::reference().unwrap());
    let native = |precision| Uma::from_file("uma", &path, &Options::default(), precision, EngineKind::Native).unwrap();
    let n = std::env::var("MLIP_CRYSTALS_COUNT").map_or(usize::MAX, |n| n.parse().unwrap());
    let (names, structures): (Vec<_>, Vec<_>) = crystals("MLIP_CRYSTALS").into_iter().take(n).unzip();
    let of = |potential: &Uma| {
        let one = |structure: &Arc<Structure>| potential.predict(&[structure], ALL, &Deadline::NONE).remove(0).unwrap();
        structures.par_iter().map(one).collect::<Vec<_>>()
    };
    let exact = of(&native(Precision::F64));
    println!("{} crystals, {} atoms", names.len(), exact.iter().map(|x| x.forces.len()).sum::<usize>());
    report("native f32", &names, &exact, &of(&native(Precision::F32)));
    for products in ways() {
        let mut engine = engine(&path, &Options::default(), products).unwrap();
        let found = structures.iter().map(|s| predict(&mut engine, s.clone(), ALL, Deadline::NONE).unwrap());
        report(&format!("cuda {}", products.name()), &names, &exact, &found.collect::<Vec<_>>());
    }
}
