//! What only the inside can compare: graphs, gradients by pairs, routes through the same network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../tests/golden/mod.rs"]
mod golden;

use super::candle::CandleNetwork;
use super::convolution::Keep;
use super::file;
use super::graph::Graph;
use super::model::{Evaluation, evaluate};
use super::native::Native;
use super::network::Network;
use super::parameters::Parameters;
use super::readings::Readings;
use candle_core::Device;
use golden::Golden;
use mlip_atoms::{Deadline, Precision};
use mlip_kernels::simd::{InstructionSet, Real};
use std::sync::Arc;

const REAL: &str = include_str!("../../tests/chgnet/goldens_0.3.0.json");
const TINY: &str = include_str!("../../tests/chgnet/goldens_tiny.json");
const REAL_WEIGHTS: &[u8] = include_bytes!("../../weights/chgnet_0.3.0.safetensors");
const TINY_WEIGHTS: &[u8] = include_bytes!("../../tests/chgnet/chgnet_tiny.safetensors");

fn parameters(bytes: &[u8]) -> Arc<Parameters> {
    let contents = file::from_safetensors(bytes).unwrap();
    Arc::new(Parameters::from_weights(contents.config, &contents.weights).unwrap())
}

fn graph(golden: &Golden, parameters: &Parameters) -> Arc<Graph> {
    Arc::new(Graph::build(&golden.structure(), &parameters.config, &Deadline::NONE).unwrap())
}

/// Both sets of weights with some structures each: with angles and without, small, skewed, straight bonds.
fn cases() -> Vec<(Arc<Parameters>, Golden)> {
    let (real, tiny) = (parameters(REAL_WEIGHTS), parameters(TINY_WEIGHTS));
    let of_real = ["srtio3_rattled", "mg_hcp", "triclinic_skewed", "cu_fcc_1atom", "h2o_box", "licoo2"];
    let of_tiny = ["nacl_prim", "srtio3_rattled", "mg_hcp", "nio_8_strained", "hbn_slab"];
    let of_real = of_real.map(|name| (real.clone(), golden::named(REAL, name)));
    of_real.into_iter().chain(of_tiny.map(|name| (tiny.clone(), golden::named(TINY, name)))).collect()
}

fn fast<T: Real>(parameters: &Arc<Parameters>, golden: &Golden, keep: Keep, set: InstructionSet) -> Evaluation<T> {
    let network = Arc::new(Network::new(parameters.clone(), set));
    evaluate(&network, &graph(golden, parameters), keep, &Deadline::NONE).unwrap()
}

/// Largest difference, relative to the largest number where that is above 1.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

fn wide<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.wide()).collect()
}

/// Sites, features and gradient agree within `limits`.
fn assert_same<T: Real, U: Real>(name: &str, a: &Evaluation<T>, b: &Evaluation<U>, limits: [f64; 3]) {
    let found = [
        difference(&wide(&a.sites), &wide(&b.sites)),
        difference(&wide(&a.features), &wide(&b.features)),
        difference(a.gradient.as_flattened(), b.gradient.as_flattened()),
    ];
    assert!(b.gradient.as_flattened().iter().any(|g| g.abs() > 1e-3), "{name}: nothing to compare");
    assert!(found.iter().zip(limits).all(|(found, limit)| *found <= limit), "{name}: {found:?}, limits {limits:?}");
}

#[test]
fn graphs_are_as_large_as_upstreams() {
    let mut compared = 0;
    for (bytes, json) in [(REAL_WEIGHTS, REAL), (TINY_WEIGHTS, TINY)] {
        let parameters = parameters(bytes);
        for golden in golden::read(json) {
            let Some(n_directed) = golden.n_directed else { continue };
            let graph = graph(&golden, &parameters);
            let sizes = (graph.n_edges(), Some(graph.pairs.len()), Some(graph.n_angles()));
            assert_eq!(sizes, (n_directed, golden.n_undirected, golden.n_angles), "{}", golden.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 35);
}

/// Energy, features, moments and gradient agree within `limits`.
fn assert_alike(name: &str, a: &Readings, b: &Readings, limits: [f64; 4]) {
    let found = [
        (a.energy - b.energy).abs() / b.moments.len() as f64,
        difference(&a.features, &b.features),
        difference(&a.moments, &b.moments),
        difference(a.gradient.as_flattened(), b.gradient.as_flattened()),
    ];
    assert!(b.gradient.as_flattened().iter().any(|g| g.abs() > 1e-3), "{name}: nothing to compare");
    assert!(found.iter().zip(limits).all(|(found, limit)| *found <= limit), "{name}: {found:?}, limits {limits:?}");
}

#[test]
fn the_native_network_and_its_gradient_equal_the_layers_of_candle() {
    let of_real = ["srtio3_rattled", "mg_hcp", "triclinic_skewed", "cu_fcc_1atom", "h2o_box", "licoo2"];
    let of_tiny = ["nacl_prim", "srtio3_rattled", "mg_hcp", "nio_8_strained", "hbn_slab"];
    for (bytes, json, names) in [(REAL_WEIGHTS, REAL, &of_real[..]), (TINY_WEIGHTS, TINY, &of_tiny[..])] {
        let contents = file::from_safetensors(bytes).unwrap();
        let candle =
            |precision| CandleNetwork::load(&contents.config, &contents.weights, precision, &Device::Cpu).unwrap();
        let (double, single) = (candle(Precision::F64), candle(Precision::F32));
        let parameters = parameters(bytes);
        let native = Native::<f64>::new(Parameters::clone(&parameters), InstructionSet::detect());
        for name in names {
            let graph = graph(&golden::named(json, name), &parameters);
            let expected = double.evaluate(&graph, true, &Deadline::NONE).unwrap();
            let found = native.evaluate(&graph, true, &Deadline::NONE).unwrap();
            assert_alike(name, &found, &expected, [1e-10, 1e-10, 1e-10, 1e-9]);
            let single = single.evaluate(&graph, true, &Deadline::NONE).unwrap();
            assert_alike(name, &single, &expected, [2e-5, 2e-5, 2e-5, 1e-4]);
        }
    }
}

#[test]
fn messages_made_again_give_the_same_bits_as_messages_kept() {
    fn check<T: Real>(parameters: &Arc<Parameters>, golden: &Golden) {
        let set = InstructionSet::detect();
        let [kept, again] = [Keep::Messages, Keep::Input].map(|keep| fast::<T>(parameters, golden, keep, set));
        assert_eq!(kept.gradient, again.gradient, "{}", golden.name);
        assert!(kept.sites == again.sites && kept.features == again.features, "{}", golden.name);
        let energy = fast::<T>(parameters, golden, Keep::Nothing, set);
        assert!(energy.sites == kept.sites && energy.gradient.is_empty(), "{}", golden.name);
    }
    for (parameters, golden) in cases() {
        check::<f32>(&parameters, &golden);
        check::<f64>(&parameters, &golden);
    }
}

#[test]
fn all_instruction_sets_agree_to_rounding() {
    for (parameters, golden) in cases() {
        let exact = fast::<f64>(&parameters, &golden, Keep::Messages, InstructionSet::Portable);
        for set in InstructionSet::available() {
            let name = format!("{} {set:?}", golden.name);
            let double = fast::<f64>(&parameters, &golden, Keep::Messages, set);
            assert_same(&name, &double, &exact, [1e-12, 1e-12, 1e-11]);
            let single = fast::<f32>(&parameters, &golden, Keep::Messages, set);
            assert_same(&name, &single, &exact, [2e-5, 2e-5, 1e-4]);
        }
    }
}
