//! ORB's goldens, and weights that are a function of names: real-size models without a weight file.

#![allow(dead_code, clippy::unwrap_used, reason = "compiled into several tests, each of which uses a part")]

use mlip_atoms::{EngineKind, Lattice, Precision, Species, Structure};
use mlip_models::orb::Orb;
use mlip_models::weights::Weights;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A structure and upstream's answers.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) numbers: Vec<u8>,
    /// Rows, Å.
    pub(crate) cell: [[f64; 3]; 3],
    /// Cartesian, Å.
    pub(crate) positions: Vec<[f64; 3]>,
    /// Whether rounding or the k-d tree chose among equidistant neighbors.
    pub(crate) tie_at_truncation: bool,
    pub(crate) f32: Answer,
    pub(crate) f64: Answer,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) energy: f64,
    pub(crate) forces: Vec<[f64; 3]>,
    pub(crate) stress_voigt_ev_a3: [f64; 6],
    pub(crate) confidence_argmax: Vec<usize>,
    pub(crate) n_edges: usize,
}

impl Golden {
    pub(crate) fn structure(&self) -> Structure {
        let lattice = Lattice::from_vectors(self.cell).unwrap();
        let species = self.numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
        let fractional = self.positions.iter().map(|x| lattice.fractional(*x)).collect();
        Structure::new(lattice, species, fractional).unwrap()
    }
}

/// A file beside the tests.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orb").join(name)
}

/// Goldens `goldens_{name}.json`.
pub(crate) fn goldens(name: &str) -> Vec<Golden> {
    serde_json::from_slice(&std::fs::read(data(&format!("goldens_{name}.json"))).unwrap()).unwrap()
}

/// The golden of this name.
pub(crate) fn golden(set: &str, name: &str) -> Golden {
    goldens(set).into_iter().find(|golden| golden.name == name).unwrap()
}

/// The tiny model, read from the file that upstream wrote.
pub(crate) fn tiny(model: &str, precision: Precision) -> Orb {
    tiny_by(model, precision, EngineKind::Native)
}

/// The tiny model as layers of candle.
pub(crate) fn tiny_candle(model: &str, precision: Precision) -> Orb {
    tiny_by(model, precision, EngineKind::Candle)
}

/// The tiny checkpoint of a model.
pub(crate) fn tiny_file(model: &str) -> PathBuf {
    let kind = if model.contains("direct") { "direct" } else { "conservative" };
    let data_set = if model.contains("omol") { "omol_" } else { "" };
    data(&format!("orb_tiny_{data_set}{kind}.ckpt"))
}

pub(crate) fn tiny_by(model: &str, precision: Precision, engine: EngineKind) -> Orb {
    Orb::from_file(model, &tiny_file(model), precision, engine).unwrap()
}

/// The model at its real size.
pub(crate) fn real(model: &str, precision: Precision) -> Orb {
    let kind = if model.contains("direct") { "direct" } else { "conservative" };
    let weights = from_recipe(&data(&format!("orb_real_{kind}.recipe.json")));
    Orb::new(model, &Arc::new(weights), "from a recipe", precision, EngineKind::Native).unwrap()
}

#[derive(Deserialize)]
struct Recipe {
    seed: u64,
    tensors: BTreeMap<String, Entry>,
}

/// How a tensor is made: by its values, or `offset + scale · hash`.
#[derive(Deserialize)]
struct Entry {
    shape: Vec<usize>,
    dtype: String,
    values: Option<Vec<f64>>,
    #[serde(default)]
    offset: f32,
    #[serde(default)]
    scale: f32,
}

/// All floating-point tensors of a recipe, as `hashinit.py` makes them, bit by bit.
pub(crate) fn from_recipe(path: &Path) -> Weights {
    let recipe: Recipe = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut weights = Weights::default();
    for (name, entry) in recipe.tensors {
        if entry.dtype != "float32" {
            continue;
        }
        let n = entry.shape.iter().product::<usize>();
        let values = entry.values.unwrap_or_else(|| {
            let scaled = |t: f32| f64::from(entry.scale * t + entry.offset);
            hashed(&name, recipe.seed).take(n).map(scaled).collect()
        });
        assert_eq!(values.len(), n, "{name}");
        weights.insert(name, entry.shape, values);
    }
    weights
}

/// Numbers in [-1, 1) from FNV-1a of the name and splitmix64 of the index.
pub(crate) fn hashed(name: &str, seed: u64) -> impl Iterator<Item = f32> {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv) ^ seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    })
}
