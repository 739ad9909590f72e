//! CHGNet against upstream's numbers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod golden;

use golden::{Answer, Golden};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, PredictError, Prediction, Request};
use mlip_models::chgnet::{Chgnet, Config};
use mlip_models::weights::Weights;
use std::sync::Arc;

const REAL: &str = include_str!("chgnet/goldens_0.3.0.json");
const TINY: &str = include_str!("chgnet/goldens_tiny.json");
const TINY_WEIGHTS: &[u8] = include_bytes!("chgnet/chgnet_tiny.safetensors");
const ALL: Request = Request { forces: true, atom_features: true };

fn tiny(precision: Precision) -> Chgnet {
    Chgnet::from_safetensors(TINY_WEIGHTS, "tiny", precision, EngineKind::Native).unwrap()
}

fn predict(potential: &Chgnet, golden: &Golden) -> Result<Prediction, PredictError> {
    potential.predict(&[&golden.structure()], ALL, &Deadline::NONE).remove(0)
}

/// Largest deviations: energy per atom (eV), forces (eV/Å), stress (eV/Å^3), magnetic moments and features,
/// each relative to the largest such number of the golden where that is above 1.
#[derive(Debug, Default, Clone, Copy)]
struct Deviation {
    energy: f64,
    forces: f64,
    stress: f64,
    magmoms: f64,
    features: f64,
}

fn relative(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let scale = pairs.clone().map(|(_, expected)| expected.abs()).fold(1.0, f64::max);
    pairs.map(|(got, expected)| (got - expected).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

fn deviation(got: &Prediction, expected: &Answer) -> Deviation {
    let expected = expected.as_prediction();
    let flat = |forces: &[[f64; 3]]| forces.concat();
    let between = |a: &[f64], b: &[f64]| relative(a.iter().copied().zip(b.iter().copied()));
    let (got_features, features) = (got.atom_features.as_ref().unwrap(), expected.atom_features.as_ref().unwrap());
    Deviation {
        energy: ((got.energy - expected.energy) / expected.forces.len() as f64).abs(),
        forces: between(&flat(&got.forces), &flat(&expected.forces)),
        stress: between(&got.stress.unwrap(), &expected.stress.unwrap()),
        magmoms: between(got.magmoms.as_ref().unwrap(), expected.magmoms.as_ref().unwrap()),
        features: between(&got_features.values, &features.values),
    }
}

impl Deviation {
    fn within(&self, limit: &Self) -> bool {
        self.energy <= limit.energy
            && self.forces <= limit.forces
            && self.stress <= limit.stress
            && self.magmoms <= limit.magmoms
            && self.features <= limit.features
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            energy: self.energy + other.energy,
            forces: self.forces + other.forces,
            stress: self.stress + other.stress,
            magmoms: self.magmoms + other.magmoms,
            features: self.features + other.features,
        }
    }
}

/// Compares all goldens of a set; returns how many were numbers (the others are refusals).
///
/// In single precision a deviation from upstream's single precision may be as large as `limit` plus
/// upstream's own rounding, its deviation from its double precision.
fn compare(potential: &Chgnet, json: &str, limit: Deviation) -> usize {
    let mut compared = 0;
    for golden in golden::read(json) {
        if golden.f64.error.is_some() {
            let error = predict(potential, &golden).unwrap_err();
            assert!(matches!(error, PredictError::IsolatedAtom { .. }), "{}: {error}", golden.name);
            continue;
        }
        let prediction = predict(potential, &golden).unwrap();
        let exact = deviation(&prediction, &golden.f64);
        assert!(exact.within(&limit), "{}: {exact:?}", golden.name);
        if potential.id().precision == Precision::F32 {
            let rounding = deviation(&golden.f32.as_prediction(), &golden.f64);
            let single = deviation(&prediction, &golden.f32);
            assert!(single.within(&limit.plus(&rounding)), "{}: {single:?}, upstream {rounding:?}", golden.name);
        }
        compared += 1;
    }
    compared
}

const EXACT: Deviation = Deviation { energy: 1e-10, forces: 1e-9, stress: 1e-10, magmoms: 1e-9, features: 1e-9 };
/// Rounding of `f32`. Upstream's own reaches 2e-6 eV/atom and 8e-5 eV/Å on these structures.
const ROUNDED: Deviation = Deviation { energy: 1e-6, forces: 4e-5, stress: 2e-6, magmoms: 5e-6, features: 5e-6 };

#[test]
fn double_precision_equals_upstream_to_the_last_digits() {
    assert_eq!(compare(&Chgnet::built_in(Precision::F64, EngineKind::Native).unwrap(), REAL, EXACT), 23);
    assert_eq!(compare(&tiny(Precision::F64), TINY, EXACT), 12);
}

#[test]
fn single_precision_equals_upstream_to_its_rounding() {
    assert_eq!(compare(&Chgnet::built_in(Precision::F32, EngineKind::Native).unwrap(), REAL, ROUNDED), 23);
    assert_eq!(compare(&tiny(Precision::F32), TINY, ROUNDED), 12);
}

/// Crystals of the JARVIS database: what upstream gives, to the digits that it has.
fn compare_without_features(potential: &Chgnet, json: &str, limit: Deviation) -> usize {
    let goldens = golden::read(json);
    let computed = goldens.iter().filter(|golden| golden.f64.error.is_none());
    for golden in computed.clone() {
        let mut prediction = predict(potential, golden).unwrap();
        prediction.atom_features = golden.f64.as_prediction().atom_features;
        let exact = deviation(&prediction, &golden.f64);
        assert!(exact.within(&limit), "{}: {exact:?}", golden.name);
        if potential.id().precision == Precision::F32 {
            let rounding = deviation(&golden.f32.as_prediction(), &golden.f64);
            let single = deviation(&prediction, &golden.f32);
            assert!(single.within(&limit.plus(&rounding)), "{}: {single:?}, upstream {rounding:?}", golden.name);
        }
    }
    computed.count()
}

#[test]
fn the_r2scan_weights_give_upstreams_numbers_for_fifty_crystals() {
    for (precision, limit) in [(Precision::F64, EXACT), (Precision::F32, ROUNDED)] {
        let potential = Chgnet::built_in_r2scan(precision, EngineKind::Native).unwrap();
        assert_eq!(potential.id().name, "chgnet-r2scan");
        assert!(compare_without_features(&potential, include_str!("chgnet/goldens_r2scan.json"), limit) > 45);
    }
}

/// No norms, biases behind sums, other cutoffs: the architecture of 0.2.0 with seeded weights.
#[test]
fn a_small_model_without_norms_gives_upstreams_numbers() {
    let weights = include_bytes!("chgnet/chgnet_bare.safetensors");
    for engine in [EngineKind::Native, EngineKind::Candle] {
        for (precision, limit) in [(Precision::F64, EXACT), (Precision::F32, ROUNDED)] {
            let potential = Chgnet::from_safetensors(weights, "bare", precision, engine).unwrap();
            assert_eq!(compare_without_features(&potential, include_str!("chgnet/goldens_bare.json"), limit), 11);
        }
    }
}

/// The released file, where it is on this machine.
#[test]
fn the_weights_of_0_2_0_give_upstreams_numbers_for_fifty_crystals() {
    let release = &mlip_models::released::CHGNET[0];
    let Some(path) = mlip_models::released::Places::of_this_machine().find(release) else {
        eprintln!("skipped: {0} is not on this machine (mlip-batch models get {0})", release.name);
        return;
    };
    let goldens = include_str!("chgnet/goldens_0.2.0.json");
    for engine in [EngineKind::Native, EngineKind::Candle] {
        for (precision, limit) in [(Precision::F64, EXACT), (Precision::F32, ROUNDED)] {
            let potential = Chgnet::from_file(&path, precision, engine).unwrap();
            assert_eq!(compare_without_features(&potential, goldens, limit), 50);
        }
    }
}

/// Upstream's own file and its conversion hold the same weights.
#[test]
fn upstreams_file_and_safetensors_are_the_same_potential() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chgnet/chgnet_tiny.pth.tar");
    let native = Chgnet::from_file(&path, Precision::F64, EngineKind::Native).unwrap();
    assert_eq!(native.id().digest, tiny(Precision::F64).id().digest);
    assert_eq!(native.id().checkpoint, "chgnet_tiny.pth.tar");
    assert_eq!(compare(&native, TINY, EXACT), 12);
}

/// The cutoff changes numbers as weights do.
#[test]
fn other_hyperparameters_have_another_digest() {
    let (weights, metadata) = Weights::from_safetensors(TINY_WEIGHTS).unwrap();
    let weights = Arc::new(weights);
    let potential = |config: Config| Chgnet::of(config, &weights, "tiny", Precision::F64, EngineKind::Native).unwrap();
    let config = serde_json::from_str::<Config>(&metadata["model_args"]).unwrap();
    let shorter = Config { atom_graph_cutoff: 4.5, ..config.clone() };
    let (one, other) = (potential(config), potential(shorter));
    assert_ne!(one.id().digest, other.id().digest);
    assert_eq!(one.former_digest(), other.former_digest());
    assert_eq!(one.former_digest(), Some(weights.digest().unwrap().as_str()));
}

#[test]
fn a_result_does_not_depend_on_what_is_in_the_batch() {
    let potential = Chgnet::built_in(Precision::F32, EngineKind::Native).unwrap();
    let structures =
        golden::read(REAL).iter().filter(|g| g.f64.error.is_none()).map(Golden::structure).collect::<Vec<_>>();
    let together = potential.predict(&structures.iter().collect::<Vec<_>>(), ALL, &Deadline::NONE);
    for (structure, expected) in structures.iter().zip(together).step_by(5) {
        assert_eq!(potential.predict(&[structure], ALL, &Deadline::NONE).remove(0), expected);
    }
}

#[test]
fn what_was_not_asked_for_is_not_computed() {
    let potential = tiny(Precision::F64);
    let golden = &golden::read(TINY)[1];
    let request = Request { forces: false, atom_features: false };
    let energy = potential.predict(&[&golden.structure()], request, &Deadline::NONE).remove(0).unwrap();
    assert_eq!((energy.forces.len(), energy.stress, energy.atom_features), (0, None, None));
    assert!((energy.energy - golden.f64.energy).abs() < 1e-9);
}

#[test]
fn an_evaluation_ends_at_its_deadline() {
    let golden = &golden::read(REAL)[7];
    let deadline = Deadline::after(std::time::Duration::from_micros(200));
    let error = Chgnet::built_in(Precision::F64, EngineKind::Native)
        .unwrap()
        .predict(&[&golden.structure()], ALL, &deadline)
        .remove(0);
    assert!(matches!(error, Err(PredictError::Timeout { .. })), "{error:?}");
}

#[test]
fn elements_beyond_the_embedding_are_refused() {
    let mut golden = golden::read(REAL).remove(0);
    golden.numbers[0] = 95;
    let error = predict(&tiny(Precision::F32), &golden).unwrap_err();
    assert_eq!(error.to_string(), "chgnet does not cover the element Am");
}
