//! What tensors of a checkpoint mean, seen where they are altered.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

use super::file::{self, Contents};
use super::network::Network;
use crate::escn::graph::Graph;
use crate::pair_evaluation::Wanted;
use candle_core::Device;
use mlip_atoms::{Deadline, Lattice, Precision, Species, Structure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/esen")
}

/// A strongly skewed cell: nothing in it is its own mirror image. With upstream's energy.
fn skewed() -> (Structure, f64) {
    let goldens: Value = serde_json::from_slice(&std::fs::read(folder().join("goldens_tiny.json")).unwrap()).unwrap();
    let golden = goldens.as_array().unwrap().iter().find(|golden| golden["name"] == "tio2_triclinic").unwrap();
    let rows = |name: &str| serde_json::from_value::<Vec<[f64; 3]>>(golden[name].clone()).unwrap();
    let lattice = Lattice::from_vectors(rows("cell").try_into().unwrap()).unwrap();
    let numbers = serde_json::from_value::<Vec<u8>>(golden["numbers"].clone()).unwrap();
    let species = numbers.into_iter().map(|z| Species::from_atomic_number(z).unwrap()).collect();
    let fractional = rows("positions").into_iter().map(|x| lattice.fractional(x)).collect();
    (Structure::new(lattice, species, fractional).unwrap(), golden["f64"]["energy"].as_f64().unwrap())
}

/// The energy with one tensor altered: each number and its place go through `alter`.
fn energy(contents: &Contents, name: &str, alter: impl Fn(usize, f64) -> f64) -> f64 {
    let mut weights = (*contents.weights).clone();
    let shape = weights.shape(name).unwrap().to_vec();
    let values = weights.values(name).unwrap().iter().enumerate().map(|(k, x)| alter(k, *x)).collect();
    weights.insert(name.to_owned(), shape, values);
    let (config, scales) = (&contents.config, &contents.scales);
    let network = Network::load(config, scales, &Arc::new(weights), Precision::F64, &Device::Cpu).unwrap();
    let graph = Graph::build(&skewed().0, config.backbone.cutoff, 300, &Deadline::NONE).unwrap();
    let wanted = Wanted { gradient: false, features: false };
    network.evaluate(&graph, wanted, &Deadline::NONE).ok().unwrap().sites.iter().sum()
}

/// The second half of these rows are imaginary parts: a wrong sign is the mirror image of the message.
#[test]
fn one_wrong_sign_of_an_imaginary_part_is_seen() {
    let contents = file::read(&folder().join("esen_tiny.pt")).unwrap();
    let expected = skewed().1;
    let maps = contents.weights.names().filter(|name| name.contains("so2_m_conv")).collect::<Vec<_>>();
    assert_eq!(maps.len(), 2 * 2 * 2, "layers, convolutions and orders: {maps:?}");
    for name in maps {
        let same = energy(&contents, name, |_, x| x);
        assert!((same - expected).abs() < 1e-9 * expected.abs(), "{name}: {same}, {expected}");
        let n = contents.weights.shape(name).unwrap().iter().product::<usize>();
        let turned = energy(&contents, name, |k, x| if k < n / 2 { x } else { -x });
        assert!((turned - expected).abs() > 1e-6 * expected.abs(), "{name}: {turned}, {expected}");
    }
}

/// No tensor is read past: each changes the energy.
#[test]
fn every_tensor_of_a_file_counts() {
    let contents = file::read(&folder().join("esen_tiny.pt")).unwrap();
    let expected = skewed().1;
    for name in contents.weights.names() {
        let altered = energy(&contents, name, |_, x| 1.3 * x + 0.1);
        assert!((altered - expected).abs() > 1e-9 * expected.abs(), "{name}: {altered}");
    }
}
