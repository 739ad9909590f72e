//! eSEN against upstream's numbers, of seeded checkpoints in upstream's format.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod conformance;

use mlip_atoms::{
    Deadline, EngineKind, Lattice, Potential, Precision, PredictError, Prediction, Request, Species, Structure,
};
use mlip_models::esen::Esen;
use mlip_models::registry::{Selection, identify, load};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TINY: [&str; 2] = ["tiny", "tiny_few"];
/// Folder with what `make_goldens.py real` writes: the shape of eSEN-30M-OAM, 120 MB.
const REAL: &str = "MLIP_ESEN_REAL";
/// Its edges along the y axis are where upstream's forces and stress are not slopes of its energy.
const ALONG_Y: &str = "along_y";
/// Of double precision, relative to the largest number of a quantity.
const DOUBLE: f64 = 1e-9;
/// Largest numbers below this count as this: forces that are zero by symmetry.
const FLOOR: f64 = 1e-2;

#[derive(Deserialize)]
struct Golden {
    name: String,
    numbers: Vec<u8>,
    /// Rows, Å.
    cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    positions: Vec<[f64; 3]>,
    n_edges: usize,
    f64: Answer,
    /// Upstream's own rounding is the difference.
    f32: Answer,
}

#[derive(Deserialize)]
struct Answer {
    energy: f64,
    forces: Vec<[f64; 3]>,
    stress: [[f64; 3]; 3],
}

impl Answer {
    /// Energy, forces, stress (xx yy zz yz xz xy).
    fn quantities(&self) -> [Vec<f64>; 3] {
        let s = &self.stress;
        let voigt = [s[0][0], s[1][1], s[2][2], s[1][2], s[0][2], s[0][1]];
        [vec![self.energy], self.forces.concat(), voigt.to_vec()]
    }
}

impl Golden {
    fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

fn path(name: &str) -> PathBuf {
    let folder = match std::env::var_os(REAL).filter(|_| name == "real") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/esen"),
    };
    folder.join(format!("esen_{name}.pt"))
}

fn goldens(name: &str) -> Vec<Golden> {
    let path = path(name).with_file_name(format!("goldens_{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn named(name: &str) -> Golden {
    goldens("tiny").into_iter().find(|golden| golden.name == name).unwrap()
}

fn tiny(name: &str, precision: Precision) -> Esen {
    Esen::from_file(&path(name), "esen", precision, EngineKind::Candle).unwrap()
}

const ALL: Request = Request { forces: true, atom_features: true };

fn predict(potential: &Esen, structure: &Structure) -> Prediction {
    potential.predict(&[structure], ALL, &Deadline::NONE).remove(0).unwrap()
}

fn quantities(prediction: &Prediction) -> [Vec<f64>; 3] {
    [vec![prediction.energy], prediction.forces.concat(), prediction.stress.unwrap().to_vec()]
}

/// The largest difference, relative to the largest number where that is above `floor`.
fn relative(found: &[f64], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(floor, |scale: f64, x| scale.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale);
    differences.inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

#[test]
fn double_precision_equals_upstreams() {
    for name in TINY {
        let (potential, mut beyond) = (tiny(name, Precision::F64), Vec::new());
        let goldens = goldens(name);
        assert_eq!(goldens.len(), if name == "tiny" { 16 } else { 4 });
        for golden in &goldens {
            let structure = golden.structure();
            assert_eq!(potential.graph(&structure, &Deadline::NONE).unwrap().n_edges(), golden.n_edges);
            let (found, expected) = (quantities(&predict(&potential, &structure)), golden.f64.quantities());
            let n_compared = if golden.name == ALONG_Y { 1 } else { 3 };
            for k in 0..n_compared {
                let difference = relative(&found[k], &expected[k], FLOOR);
                beyond.extend((difference > DOUBLE).then(|| format!("{} [{k}]: {difference:e}", golden.name)));
            }
        }
        assert!(beyond.is_empty(), "{name}: {}", beyond.join(", "));
    }
}

/// At most twice as badly as upstream's own, the worst of all structures: both are sums in another order, so single structures
/// fall out differently.
#[test]
fn single_precision_rounds_as_upstreams_does() {
    for name in TINY {
        let (potential, [mut ours, mut theirs]) = (tiny(name, Precision::F32), [[0.0f64; 3]; 2]);
        for golden in goldens(name).iter().filter(|golden| golden.name != ALONG_Y) {
            let found = quantities(&predict(&potential, &golden.structure()));
            let (single, double) = (golden.f32.quantities(), golden.f64.quantities());
            for k in 0..3 {
                ours[k] = ours[k].max(relative(&found[k], &double[k], 1.0));
                theirs[k] = theirs[k].max(relative(&single[k], &double[k], 1.0));
            }
        }
        eprintln!("{name}: {ours:?}, upstream {theirs:?}");
        for k in 0..3 {
            assert!(ours[k] <= 2.0 * theirs[k], "{name} [{k}]: {ours:?}, upstream {theirs:?}");
        }
    }
}

/// Structures of few edges: candle keeps gigabytes of others.
#[test]
fn the_released_shape_equals_upstreams() {
    if std::env::var_os(REAL).is_none() {
        eprintln!("skipped: {REAL} names no folder");
        return;
    }
    let (double, single) = (tiny("real", Precision::F64), tiny("real", Precision::F32));
    let [mut exact, mut ours, mut theirs] = [[0.0f64; 3]; 3];
    for golden in goldens("real").iter().filter(|golden| golden.n_edges < 100 && golden.name != ALONG_Y) {
        let structure = golden.structure();
        let expected = golden.f64.quantities();
        let [found, rounded] = [&double, &single].map(|potential| quantities(&predict(potential, &structure)));
        let upstream = golden.f32.quantities();
        for k in 0..3 {
            exact[k] = exact[k].max(relative(&found[k], &expected[k], FLOOR));
            ours[k] = ours[k].max(relative(&rounded[k], &expected[k], 1.0));
            theirs[k] = theirs[k].max(relative(&upstream[k], &expected[k], 1.0));
        }
    }
    eprintln!("double {exact:?}; single {ours:?}, upstream {theirs:?}");
    for k in 0..3 {
        assert!(exact[k] <= DOUBLE && ours[k] <= 2.0 * theirs[k]);
    }
}

/// There upstream takes the slope of the frame for zero. What is given here is the slope of the energy, which is the same.
#[test]
fn forces_and_stress_are_slopes_also_of_edges_along_y_where_upstreams_are_not() {
    let (potential, golden) = (tiny("tiny", Precision::F64), named(ALONG_Y));
    let structure = golden.structure();
    conformance::forces_are_slopes_of_the_energy(&potential, &structure);
    conformance::stress_is_the_slope_of_the_energy(&potential, &structure);
    let (found, upstream) = (quantities(&predict(&potential, &structure)), golden.f64.quantities());
    assert!(relative(&upstream[1], &found[1], FLOOR) > 1e-3, "{found:?}, {upstream:?}");
}

#[test]
fn an_energy_alone_is_the_same_and_deadlines_hold() {
    let (potential, structure) = (tiny("tiny", Precision::F64), named("srtio3_rattled").structure());
    let request = Request { forces: false, atom_features: false };
    let alone = potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
    assert!(alone.forces.is_empty() && alone.stress.is_none() && alone.atom_features.is_none());
    let all = predict(&potential, &structure);
    assert_eq!(alone.energy, all.energy);
    assert_eq!(all.atom_features.map(|features| (features.width, features.values.len())), Some((6, 6 * 5)));
    let late = potential.predict(&[&structure], ALL, &Deadline::after(Duration::ZERO)).remove(0);
    assert!(matches!(late, Err(PredictError::Timeout { .. })), "{late:?}");
}

#[test]
fn the_registry_knows_files_published_names_and_the_one_engine() {
    let esen = |name: &str| Selection::named("esen").with_file(path(name)).with_engine(EngineKind::Candle);
    let potential = load(&esen("tiny")).unwrap();
    assert_eq!((potential.id().settings.as_str(), potential.feature_width()), ("engine=candle", Some(6)));
    let few = load(&esen("tiny_few")).unwrap();
    assert_ne!(potential.id().digest, few.id().digest);
    let species = |z: u8| Species::from_atomic_number(z).unwrap();
    assert!(potential.supports(species(99)) && !potential.supports(species(100)));
    let cause = |selection: &Selection| {
        let error = load(selection).err().unwrap();
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_else(|| error.to_string())
    };
    let native = esen("tiny").with_engine(EngineKind::Native);
    assert!(cause(&native).contains("say engine=candle"), "{}", cause(&native));
    assert!(cause(&Selection::named("esen")).contains("esen-30m-oam"));
    let other = Selection::named("esen").with_engine(EngineKind::Candle);
    let other = other.with_file(path("tiny").with_file_name("../uma/uma_tiny_s1p1.pt"));
    assert!(cause(&other).contains("MLIPInferenceCheckpoint"), "{}", cause(&other));
    for text in ["esen-30m-oam", "checkpoints/esen_30m_oam.pt"] {
        assert_eq!(identify(text), Ok(("esen".into(), Some(text.into()))));
    }
}
