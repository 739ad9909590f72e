//! ORB v3 against upstream's numbers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod orb_support;

use mlip_atoms::{Deadline, EngineKind, Potential, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_models::orb::{Orb, VARIANTS};
use mlip_models::weights::Weights;
use orb_support::{Answer, Golden, data, from_recipe, golden, goldens, hashed, real, tiny, tiny_candle};

use std::sync::Arc;

const ALL: Request = Request { forces: true, atom_features: true };
const ENERGY: Request = Request { forces: false, atom_features: false };

fn predict(potential: &Orb, structure: &Structure) -> Prediction {
    potential.predict(&[structure], ALL, &Deadline::NONE).remove(0).unwrap()
}

/// Largest deviations: energy per atom (eV), forces (eV/Å) and stress (eV/Å^3), the last two relative to the largest
/// such number of the golden where that is above 1.
#[derive(Debug, Default, Clone, Copy)]
struct Deviation {
    energy: f64,
    forces: f64,
    stress: f64,
}

fn relative(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

fn deviation(energy: f64, forces: &[[f64; 3]], stress: &[f64; 6], expected: &Answer) -> Deviation {
    Deviation {
        energy: ((energy - expected.energy) / forces.len() as f64).abs(),
        forces: relative(&forces.concat(), &expected.forces.concat()),
        stress: relative(stress, &expected.stress_voigt_ev_a3),
    }
}

impl Deviation {
    fn of(found: &Prediction, expected: &Answer) -> Self {
        deviation(found.energy, &found.forces, &found.stress.unwrap(), expected)
    }

    fn within(&self, limit: &Self) -> bool {
        self.energy <= limit.energy && self.forces <= limit.forces && self.stress <= limit.stress
    }
}

/// Rounding of `f64`, relative: energies are up to 10 eV an atom, forces up to 30 eV/Å.
const EXACT: Deviation = Deviation { energy: 1e-9, forces: 1e-9, stress: 1e-9 };
/// Rounding of `f32`: upstream's own, its deviation from its double precision, reaches this on these structures.
const ROUNDED: Deviation = Deviation { energy: 1e-5, forces: 2e-5, stress: 1e-5 };

/// Compares all goldens of a set that do not depend on chance; returns how many.
///
/// Upstream misses neighbors of `triclinic_skewed`; the answer for it is that of `triclinic_reduced`, which is the same
/// crystal.
fn compare(potential: &Orb, set: &str, limit: Deviation) -> usize {
    let all = goldens(set);
    let mut compared = 0;
    for golden in all.iter().filter(|golden| !golden.tie_at_truncation) {
        let name = if golden.name == "triclinic_skewed" { "triclinic_reduced" } else { &golden.name };
        let expected = all.iter().find(|golden| golden.name == name).unwrap();
        let found = Deviation::of(&predict(potential, &golden.structure()), &expected.f64);
        assert!(found.within(&limit), "{set} {}: {found:?}", golden.name);
        compared += 1;
    }
    compared
}

const TINY: [(&str, &str, usize); 4] = [
    ("orb-v3-conservative-inf-omat", "tiny_conservative_inf", 13),
    ("orb-v3-conservative-20-omat", "tiny_conservative_20", 7),
    ("orb-v3-direct-inf-omat", "tiny_direct_inf", 13),
    ("orb-v3-direct-20-mpa", "tiny_direct_20", 7),
];
const REAL: [(&str, &str, usize); 3] = [
    ("orb-v3-conservative-inf-omat", "real_conservative_inf", 13),
    ("orb-v3-conservative-20-omat", "real_conservative_20", 7),
    ("orb-v3-direct-inf-omat", "real_direct_inf", 13),
];

#[test]
fn the_tiny_models_equal_upstream_in_double_precision() {
    for (model, set, n) in TINY {
        assert_eq!(compare(&tiny(model, Precision::F64), set, EXACT), n, "{set}");
    }
}

#[test]
fn the_tiny_models_equal_upstream_to_its_rounding_in_single_precision() {
    for (model, set, n) in TINY {
        assert_eq!(compare(&tiny(model, Precision::F32), set, ROUNDED), n, "{set}");
    }
}

#[test]
fn the_candle_engine_equals_upstream_too() {
    for (model, set, n) in TINY {
        assert_eq!(compare(&tiny_candle(model, Precision::F64), set, EXACT), n, "{set}");
        assert_eq!(compare(&tiny_candle(model, Precision::F32), set, ROUNDED), n, "{set}");
    }
}

#[test]
fn the_candle_engine_gives_what_the_native_engine_gives() {
    for (model, set, _) in TINY {
        let (native, candle) = (tiny(model, Precision::F64), tiny_candle(model, Precision::F64));
        assert_eq!(candle.id().settings, format!("{} engine=candle", native.id().settings));
        assert_eq!(candle.id().digest, native.id().digest);
        let structures = goldens(set).iter().map(Golden::structure).collect::<Vec<_>>();
        let together = candle.predict(&structures.iter().collect::<Vec<_>>(), ALL, &Deadline::NONE);
        for (structure, found) in structures.iter().zip(together) {
            let (found, expected) = (found.unwrap(), predict(&native, structure));
            assert!((found.energy - expected.energy).abs() < 1e-10 * structure.n_atoms() as f64);
            assert!(relative(&found.forces.concat(), &expected.forces.concat()) < 1e-9);
            assert!(relative(&found.stress.unwrap(), &expected.stress.unwrap()) < 1e-9);
            assert!(relative(&found.atom_features.unwrap().values, &expected.atom_features.unwrap().values) < 1e-10);
        }
        let describe = |potential: &Orb| potential.describe(&structures[1], &Deadline::NONE).unwrap();
        let (found, expected) = (describe(&candle), describe(&native));
        assert!(relative(&found.confidence.unwrap().values, &expected.confidence.unwrap().values) < 1e-10);
        assert!(relative(&found.graph, &expected.graph) < 1e-10);
    }
}

#[test]
fn the_candle_engine_computes_the_energy_alone_and_ends_at_its_deadline() {
    let (candle, golden) = (tiny_candle("orb", Precision::F64), golden(TINY[0].1, "srtio3_rattled"));
    let run = |deadline: &Deadline| candle.predict(&[&golden.structure()], ENERGY, deadline).remove(0);
    let energy = run(&Deadline::NONE).unwrap();
    assert!(energy.forces.is_empty() && (energy.energy - golden.f64.energy).abs() < 1e-9);
    let late = run(&Deadline::after(std::time::Duration::ZERO));
    assert!(matches!(late, Err(PredictError::Timeout { .. })), "{late:?}");
}

#[test]
fn the_real_models_equal_upstream_in_double_precision() {
    for (model, set, n) in REAL {
        assert_eq!(compare(&real(model, Precision::F64), set, EXACT), n, "{set}");
    }
}

#[test]
fn the_real_models_equal_upstream_to_its_rounding_in_single_precision() {
    for (model, set, n) in REAL {
        assert_eq!(compare(&real(model, Precision::F32), set, ROUNDED), n, "{set}");
    }
}

#[test]
fn hashed_weights_are_those_of_the_generating_script() {
    let found = hashed("model.atom_emb.embeddings.weight", 7).take(4).collect::<Vec<_>>();
    let expected =
        [0.439_893_841_743_469_24f64, 0.519_409_894_943_237_3, 0.977_873_921_394_348_1, 0.704_304_337_501_525_9];
    assert_eq!(found, expected.map(|x| x as f32));
}

#[test]
fn confidence_and_embedding_describe_a_structure() {
    for (model, set, _) in [TINY[0], TINY[2]] {
        let potential = tiny(model, Precision::F64);
        for golden in goldens(set).iter().filter(|golden| golden.name != "triclinic_skewed") {
            let description = potential.describe(&golden.structure(), &Deadline::NONE).unwrap();
            let confidence = description.confidence.unwrap();
            let largest = |row: &[f64]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
            let found = confidence.values.chunks_exact(50).map(largest).collect::<Vec<_>>();
            assert_eq!(found, golden.f64.confidence_argmax, "{}", golden.name);
            let atoms = predict(&potential, &golden.structure()).atom_features.unwrap();
            assert_eq!(atoms, description.atoms);
            assert_eq!((atoms.width, description.graph.len()), (16, 16));
            let mean = (0..golden.numbers.len()).map(|atom| atoms.values[atom * 16 + 3]).sum::<f64>();
            assert!((mean / golden.numbers.len() as f64 - description.graph[3]).abs() < 1e-12);
        }
    }
}

#[test]
fn a_result_does_not_depend_on_what_is_in_the_batch() {
    for (model, set) in [(TINY[0].0, TINY[0].1), (TINY[3].0, TINY[3].1)] {
        let potential = tiny(model, Precision::F32);
        let structures = goldens(set).iter().map(Golden::structure).collect::<Vec<_>>();
        let together = potential.predict(&structures.iter().collect::<Vec<_>>(), ALL, &Deadline::NONE);
        for (structure, expected) in structures.iter().zip(together) {
            assert_eq!(predict(&potential, structure), expected.unwrap());
        }
    }
}

#[test]
fn activations_made_again_give_the_same_bits_as_activations_kept() {
    let structure = golden(TINY[0].1, "nio_8_strained").structure();
    for precision in [Precision::F32, Precision::F64] {
        let expected = predict(&tiny(TINY[0].0, precision), &structure);
        // A perceptron keeps 57.6 kB in single precision: room for none of three, for one, for two.
        for limit in [0, 400_000, 700_000] {
            assert_eq!(predict(&tiny(TINY[0].0, precision).with_kept_bytes(limit), &structure), expected, "{limit}");
        }
    }
}

#[test]
fn what_was_not_asked_for_is_not_computed() {
    for (model, set, _) in [TINY[0], TINY[2]] {
        let golden = golden(set, "srtio3_rattled");
        let found =
            tiny(model, Precision::F64).predict(&[&golden.structure()], ENERGY, &Deadline::NONE).remove(0).unwrap();
        assert_eq!((found.forces.len(), found.stress, found.atom_features), (0, None, None));
        assert!((found.energy - golden.f64.energy).abs() < 1e-9);
    }
}

#[test]
fn an_evaluation_ends_at_its_deadline() {
    let structure = golden(TINY[0].1, "mgo_64_rattled").structure();
    let deadline = Deadline::after(std::time::Duration::from_millis(3));
    let error = tiny(TINY[0].0, Precision::F64).predict(&[&structure], ALL, &deadline).remove(0);
    assert!(matches!(error, Err(PredictError::Timeout { .. })), "{error:?}");
}

#[test]
fn an_element_without_a_radius_costs_its_structure_only() {
    let mut golden = golden(TINY[0].1, "nacl_prim");
    let good = golden.structure();
    golden.numbers[0] = 118;
    let potential = tiny("orb", Precision::F32);
    let mut results = potential.predict(&[&good, &golden.structure(), &good], ALL, &Deadline::NONE);
    assert_eq!(results.pop().unwrap().unwrap(), predict(&potential, &good));
    assert_eq!(results.pop().unwrap().unwrap_err().to_string(), "orb does not cover the element Og");
    assert!(potential.supports(Species::from_symbol("Ts").unwrap()));
}

#[test]
fn working_memory_is_estimated_upwards_and_grows_with_the_structure() {
    let potential = tiny("orb", Precision::F32);
    let bytes = |name: &str| potential.working_bytes(&golden(TINY[0].1, name).structure());
    // 720 edges keep three times (2 · 32 + 16) numbers each.
    assert!(bytes("nio_8_strained") > 720 * 3 * 80 * 4);
    assert!(bytes("mgo_64_rattled") > 5 * bytes("nio_8_strained"));
    assert!(potential.cost(&golden(TINY[0].1, "mgo_64_rattled").structure()) > 0.0);
}

#[test]
fn names_are_known_with_hyphens_and_with_underscores() {
    for variant in VARIANTS {
        for name in [variant.name.to_owned(), variant.name.replace('-', "_")] {
            let potential = tiny(&name, Precision::F32);
            assert_eq!((potential.variant(), &potential.id().name), (variant, &name));
            let condition = if variant.name.ends_with("-omol") { " charge=0 spin=1" } else { "" };
            assert_eq!(potential.id().settings, format!("model={}{condition}", variant.name));
        }
    }
    assert_eq!(tiny("orb", Precision::F32).variant().name, "orb-v3-conservative-inf-omat");
    assert!(Orb::from_file("orb-v2", &data("orb_tiny_direct.ckpt"), Precision::F32, EngineKind::Native).is_err());
}

/// The message of a refusal.
fn refused(model: &str, weights: Weights) -> String {
    Orb::new(model, &Arc::new(weights), "test", Precision::F32, EngineKind::Native).err().unwrap().to_string()
}

#[test]
fn a_file_that_is_another_model_is_refused_with_what_differs() {
    let other_kind = Orb::from_file(
        "orb-v3-direct-inf-omat",
        &data("orb_tiny_conservative.ckpt"),
        Precision::F32,
        EngineKind::Native,
    );
    let message = other_kind.err().unwrap().to_string();
    assert!(
        message.contains("holds a conservative model") && message.contains("no tensors `heads.forces.*`"),
        "{message}"
    );
    let folder = std::env::temp_dir().join(format!("orb-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let named = folder.join("orb-v3-conservative-20-omat-20250404.ckpt");
    std::fs::copy(data("orb_tiny_conservative.ckpt"), &named).unwrap();
    let message = Orb::from_file("orb", &named, Precision::F32, EngineKind::Native).err().unwrap().to_string();
    assert!(message.contains("named after `orb-v3-conservative-20-omat`"), "{message}");
    assert!(Orb::from_file("orb_v3_conservative_20_omat", &named, Precision::F32, EngineKind::Native).is_ok());
    std::fs::remove_dir_all(&folder).unwrap();

    let recipe = || from_recipe(&data("orb_real_conservative.recipe.json"));
    let mut weights = recipe();
    weights.insert("model.conditioner.charge.weight".into(), vec![1], vec![0.0]);
    let message = refused("orb", weights);
    assert!(message.contains("with charge and spin") && message.contains("orb-v3-conservative-omol"), "{message}");
    let mut weights = recipe();
    weights.insert("model.gnn_stacks.2._gate.weight".into(), vec![1], vec![0.0]);
    assert!(refused("orb", weights).contains("`model.gnn_stacks.2._gate.weight` does not belong to ORB v3"));
    let mut weights = recipe();
    weights.insert("model.rbf_transform.r_max".into(), vec![], vec![5.0]);
    assert!(refused("orb", weights).contains("expected 6, got [5.0]"));
    let mut weights = recipe();
    weights.insert("model.gnn_stacks.3._edge_mlp.mlp.NN-1.weight".into(), vec![1024, 512], vec![0.0; 1024 * 512]);
    assert!(refused("orb", weights).contains("expected shape [1024, 1024], got [1024, 512]"));
    let mut weights = recipe();
    weights.insert("model.gnn_stacks.5._edge_mlp.layer_norm.weight".into(), vec![256], vec![0.0; 256]);
    assert!(refused("orb", weights).contains("`model.gnn_stacks.5._edge_mlp.mlp.NN-0.weight` is missing"));
    let mut weights = recipe();
    weights.insert("heads.magmoms.mlp.NN-0.weight".into(), vec![1], vec![0.0]);
    assert!(
        Orb::new("orb", &Arc::new(weights), "test", Precision::F32, EngineKind::Native).is_ok(),
        "upstream is lenient with heads"
    );
}
