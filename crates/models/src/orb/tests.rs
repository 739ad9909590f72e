//! What only the inside can compare: the network on upstream's own edges, and its steps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::evaluation::Scales;
use super::file;
use super::graph::Graph;
use super::kind::Kind;
use super::network::{Network, Plan};
use super::shape::Shape;
use super::variant::Variant;
use super::weights::Packer;
use mlip_atoms::neighbors::Pair;
use mlip_atoms::{Deadline, Lattice, Prediction, Request, Species, Structure};
use mlip_kernels::simd::{InstructionSet, Real};
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};

const INF: &str = "orb-v3-conservative-inf-omat";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orb").join(name)
}

fn network<T: Real>(name: &str, set: InstructionSet) -> (Network<T>, &'static Variant) {
    let variant = Variant::named(name).unwrap();
    let tensors = file::read(&data(&format!("orb_tiny_{}.ckpt", variant.kind.name()))).unwrap();
    let shape = Shape::infer(&tensors, variant).unwrap();
    let weights = Packer { tensors: &tensors, shape, kind: variant.kind, arithmetic: set.into() }.network().unwrap();
    (Network { weights, shape }, variant)
}

fn scales(variant: &Variant) -> Scales {
    let tensors = file::read(&data(&format!("orb_tiny_{}.ckpt", variant.kind.name()))).unwrap();
    let shape = Shape::infer(&tensors, variant).unwrap();
    Packer { tensors: &tensors, shape, kind: variant.kind, arithmetic: InstructionSet::Portable.into() }
        .scales()
        .unwrap()
}

fn goldens(set: &str) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(data(&format!("goldens_{set}.json"))).unwrap()).unwrap()
}

fn vectors(value: &Value) -> Vec<[f64; 3]> {
    serde_json::from_value(value.clone()).unwrap()
}

fn structure(golden: &Value) -> Structure {
    let cell = vectors(&golden["cell"]);
    let lattice = Lattice::from_vectors([cell[0], cell[1], cell[2]]).unwrap();
    let numbers: Vec<u8> = serde_json::from_value(golden["numbers"].clone()).unwrap();
    let species = numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
    let fractional = vectors(&golden["positions"]).iter().map(|x| lattice.fractional(*x)).collect();
    Structure::new(lattice, species, fractional).unwrap()
}

/// The numbers of a tensor, whatever their type.
fn numbers(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = file.tensor(name).unwrap();
    let bytes = view.data();
    match view.dtype() {
        safetensors::Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        safetensors::Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        safetensors::Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("{other:?}"),
    }
}

/// The edges of a structure as upstream had them.
fn stored_edges(file: &SafeTensors<'_>, prefix: &str) -> Vec<Pair> {
    let index = |name: &str| numbers(file, &format!("{prefix}{name}")).into_iter().map(|x| x as u32);
    let vectors = numbers(file, &format!("{prefix}vectors"));
    let ends = index("senders").zip(index("receivers"));
    let edge = |((i, j), vector): ((u32, u32), &[f64])| {
        let vector = [vector[0], vector[1], vector[2]];
        Pair { i, j, shift: [0; 3], vector, distance: vector.iter().map(|x| x * x).sum::<f64>().sqrt() }
    };
    ends.zip(vectors.chunks_exact(3)).map(edge).collect()
}

/// The stored edges of all structures that have them, with upstream's answers.
fn stored(edges: &str, set: &str) -> Vec<(Value, Graph)> {
    let bytes = std::fs::read(data(edges)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let known =
        |golden: &Value| file.names().contains(&format!("{}/senders", golden["name"].as_str().unwrap()).as_str());
    let goldens = goldens(set).into_iter().filter(known);
    let with_graph = goldens.map(|golden| {
        let mut graph = Graph::default();
        graph.push(&structure(&golden), stored_edges(&file, &format!("{}/", golden["name"].as_str().unwrap())));
        (golden, graph)
    });
    with_graph.collect()
}

fn predict<T: Real>(network: &Network<T>, variant: &Variant, graph: &Graph) -> Prediction {
    let request = Request { forces: true, atom_features: true };
    let plan = Plan { gradient: variant.kind == Kind::Conservative, kept: 99 };
    let outputs = network.evaluate(graph, plan, &Deadline::NONE).unwrap();
    scales(variant).predictions(graph, &outputs, request).remove(0)
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / scale).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max)
}

/// Ties at the truncation and neighbors that upstream misses are out of the picture here.
#[test]
fn on_upstreams_own_edges_the_network_equals_upstream() {
    for (edges, sets) in [
        ("graphs_inf.safetensors", [(INF, "tiny_conservative_inf"), ("orb-v3-direct-inf-mpa", "tiny_direct_inf")]),
        (
            "graphs_20.safetensors",
            [("orb-v3-conservative-20-mpa", "tiny_conservative_20"), ("orb-v3-direct-20-omat", "tiny_direct_20")],
        ),
    ] {
        for (name, set) in sets {
            let (network, variant) = network::<f64>(name, InstructionSet::detect());
            let stored = stored(edges, set);
            assert_eq!(stored.len(), 12);
            for (golden, graph) in stored {
                let (found, expected) = (predict(&network, variant, &graph), &golden["f64"]);
                let stress: Vec<f64> = serde_json::from_value(expected["stress_voigt_ev_a3"].clone()).unwrap();
                let what = format!("{set} {}", golden["name"]);
                assert!((found.energy - expected["energy"].as_f64().unwrap()).abs() < 1e-9, "{what}: {}", found.energy);
                assert!(difference(&found.forces.concat(), &vectors(&expected["forces"]).concat()) < 1e-9, "{what}");
                assert!(difference(&found.stress.unwrap(), &stress) < 1e-9, "{what}");
            }
        }
    }
}

/// Edges are upstream's where neither ties nor skewed cells leave a choice, and as many as upstream's elsewhere.
#[test]
fn graphs_are_upstreams() {
    for (edges, set, name) in [
        ("graphs_inf.safetensors", "tiny_conservative_inf", INF),
        ("graphs_20.safetensors", "tiny_conservative_20", "orb-v3-conservative-20-omat"),
    ] {
        let max_neighbors = Variant::named(name).unwrap().max_neighbors;
        for (golden, expected) in stored(edges, set) {
            if golden["name"] == "triclinic_skewed" {
                continue;
            }
            let found = Graph::build(&structure(&golden), max_neighbors, &Deadline::NONE).unwrap();
            assert_eq!(found.n_edges(), expected.n_edges(), "{set} {}", golden["name"]);
            if golden["tie_at_truncation"] == Value::Bool(true) {
                continue;
            }
            for edge in &expected.pairs {
                let same = |pair: &&Pair| (0..3).all(|axis| (pair.vector[axis] - edge.vector[axis]).abs() < 1e-9);
                let matches = found.pairs.iter().filter(|pair| (pair.i, pair.j) == (edge.i, edge.j)).filter(same);
                assert_eq!(matches.count(), 1, "{set} {}: {edge:?}", golden["name"]);
            }
        }
    }
}

#[test]
fn a_skewed_cell_has_the_edges_of_the_reduced_one() {
    let all = goldens("tiny_conservative_inf");
    let n_edges = |name: &str| {
        let golden = all.iter().find(|golden| golden["name"] == name).unwrap();
        Graph::build(&structure(golden), 120, &Deadline::NONE).unwrap().n_edges()
    };
    assert_eq!((n_edges("triclinic_skewed"), n_edges("triclinic_reduced")), (226, 226));
}

#[test]
fn all_instruction_sets_agree_to_rounding() {
    for (golden, graph) in stored("graphs_inf.safetensors", "tiny_conservative_inf").iter().skip(1).step_by(3) {
        let predictions = |set: InstructionSet| {
            let ((double, variant), (single, _)) = (network::<f64>(INF, set), network::<f32>(INF, set));
            (predict(&double, variant, graph), predict(&single, variant, graph))
        };
        let (exact, _) = predictions(InstructionSet::Portable);
        for set in InstructionSet::available() {
            let (double, single) = predictions(set);
            for (found, limit) in [(double, 1e-11), (single, 2e-5)] {
                assert!((found.energy - exact.energy).abs() < 10.0 * limit, "{} {set:?}", golden["name"]);
                assert!(
                    difference(&found.forces.concat(), &exact.forces.concat()) < limit,
                    "{} {set:?}",
                    golden["name"]
                );
            }
        }
    }
}

/// Every step of a forward pass, from a large file beside the other references.
#[test]
fn features_of_atoms_equal_upstreams() {
    let Some(folder) = std::env::var_os("MLIP_REFERENCE_DIR") else {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
        return;
    };
    let bytes = std::fs::read(Path::new(&folder).join("orb/intermediates_tiny_triclinic.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let all = goldens("tiny_conservative_inf");
    let golden = all.iter().find(|golden| golden["name"] == "triclinic_skewed").unwrap();
    let mut graph = Graph::default();
    graph.push(&structure(golden), stored_edges(&file, ""));
    let (network, variant) = network::<f64>(INF, InstructionSet::detect());
    let found = predict(&network, variant, &graph).atom_features.unwrap();
    assert!(difference(&found.values, &numbers(&file, "layer1/nodes")) < 1e-12);
    let encoded = graph.elements.iter().flat_map(|z| &network.weights.atoms[usize::from(*z) * 16..][..16]);
    let encoded = encoded.copied().collect::<Vec<_>>();
    assert!(difference(&encoded, &numbers(&file, "encoder/nodes")) < 1e-12);
}
