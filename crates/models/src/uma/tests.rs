//! Intermediate results, layer by layer, against upstream's; the cache.

use super::{Options, Uma};
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, Request, Species, Structure};
use safetensors::SafeTensors;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

const TINY: [(&str, &str, &[u8]); 2] = [
    (
        "uma_tiny_s1p1.pt",
        include_str!("../../tests/uma/goldens_tiny_s1p1.json"),
        include_bytes!("../../tests/uma/intermediates_tiny_s1p1_triclinic_skewed.safetensors"),
    ),
    (
        "uma_tiny_s1p2p1.pt",
        include_str!("../../tests/uma/goldens_tiny_s1p2p1.json"),
        include_bytes!("../../tests/uma/intermediates_tiny_s1p2p1_triclinic_skewed.safetensors"),
    ),
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uma").join(name)
}

fn load(name: &str) -> Uma {
    Uma::from_file("uma", &file(name), &Options::default(), Precision::F64, EngineKind::Native).unwrap()
}

fn structure(json: &str, name: &str) -> Structure {
    let goldens: Json = serde_json::from_str(json).unwrap();
    let golden = goldens.as_array().unwrap().iter().find(|golden| golden["name"] == name).unwrap();
    let vector = |row: &Json| [0, 1, 2].map(|k| row[k].as_f64().unwrap());
    let lattice = Lattice::from_vectors([0, 1, 2].map(|k| vector(&golden["cell"][k]))).unwrap();
    let numbers = golden["numbers"].as_array().unwrap().iter();
    let species = numbers.map(|z| Species::from_atomic_number(z.as_u64().unwrap() as u8).unwrap()).collect();
    let positions = golden["positions"].as_array().unwrap().iter();
    let fractional = positions.map(|x| lattice.fractional(vector(x))).collect();
    Structure::new(lattice, species, fractional).unwrap()
}

/// Largest difference, and it must be within rounding of double precision.
fn same(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst =
        found.iter().zip(expected).map(|(a, b)| (a - b).abs()).inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max);
    assert!(worst < 1e-12, "{what}: {worst:e}");
}

#[test]
fn intermediate_results_equal_upstreams_layer_by_layer() {
    for (name, goldens, intermediates) in TINY {
        let expected = Intermediates(SafeTensors::deserialize(intermediates).unwrap());
        let uma = load(name);
        let (network, router) = uma.model().f64_parts().unwrap();
        let structure = structure(goldens, "triclinic_skewed");
        let composition = router.composition(structure.species().iter().map(|s| s.atomic_number()), 0, 0);
        let system = router.system(&composition);
        let coefficients = router.coefficients(&composition, &system);
        same("csd_mixed", &system, &expected.get("csd_mixed", &[1, 8]));
        same("expert_coefficients", &coefficients, &expected.get("expert_coefficients", &[1, 4]));
        let merged = uma.model().merge(network, &composition, &Deadline::NONE).unwrap();

        let graph = crate::escn::graph::Graph::build(&structure, 6.0, 300, &Deadline::NONE).unwrap();
        assert_eq!(graph.n_edges(), 226);
        let prepared = network.prepare(&graph);
        // Edges come in another order: sums over all of them compare the Gaussians.
        let x_edge = expected.get("x_edge", &[226, 24]);
        for k in 0..8 {
            let sum = |values: &[f64], stride| values.chunks_exact(stride).map(|row| row[k]).sum::<f64>();
            same("Gaussians", &[sum(&prepared.edges.basis, 8)], &[sum(&x_edge, 24)]);
        }
        let features = |key: &str| expected.get(key, &[4, 9, 8]);
        let mut x = network.first_features(&prepared.edges, &merged);
        same("after_edge_degree", &x, &features("after_edge_degree"));
        for layer in 0..2 {
            // Upstream adds charge, spin and task to the result of the norm in place.
            let y = network.message_input(layer, &merged, &x);
            let added = |channel: usize| if channel < 8 { system[channel] } else { 0.0 };
            let normal = y.iter().enumerate().map(|(k, y)| y - added(k % 72)).collect::<Vec<_>>();
            same("norm_1", &normal, &features(&format!("block{layer}/norm_1")));
            let before = x.clone();
            network.add_messages(layer, &prepared.edges, &merged, &mut x, false);
            let messages = x.iter().zip(&before).map(|(x, before)| x - before).collect::<Vec<_>>();
            same("edgewise", &messages, &features(&format!("block{layer}/edgewise")));
            network.add_atomwise(layer, &merged, &mut x);
            if name == "uma_tiny_s1p1.pt" {
                same("block", &x, &features(&format!("block{layer}")));
            }
        }
        let last = features("node_embedding");
        let scalars = last.chunks_exact(72).flat_map(|atom| &atom[..8]).copied().collect::<Vec<_>>();
        same("node_embedding", &network.last_features(&x), &scalars);
    }
}

struct Intermediates<'a>(SafeTensors<'a>);

impl Intermediates<'_> {
    fn get(&self, name: &str, shape: &[usize]) -> Vec<f64> {
        let tensor = self.0.tensor(name).unwrap();
        assert_eq!(tensor.shape(), shape, "{name}");
        tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    }
}

#[test]
fn what_is_computed_again_is_what_would_have_been_kept() {
    for (name, goldens, _) in TINY {
        let uma = load(name);
        let (network, router) = uma.model().f64_parts().unwrap();
        let structure = structure(goldens, "nio_8_strained");
        let composition = router.composition(structure.species().iter().map(|s| s.atomic_number()), 0, 0);
        let merged = uma.model().merge(network, &composition, &Deadline::NONE).unwrap();
        let graph = crate::escn::graph::Graph::build(&structure, 6.0, 300, &Deadline::NONE).unwrap();
        let [kept, again] =
            [true, false].map(|keep| network.evaluate(&graph, &merged, true, keep, &Deadline::NONE).unwrap());
        assert_eq!((kept.energy, kept.gradient), (again.energy, again.gradient));
    }
}

#[test]
fn a_mixture_is_made_once_a_composition() {
    let (name, goldens, _) = TINY[0];
    let uma = load(name);
    let predict = |name: &str| {
        let structure = structure(goldens, name);
        uma.predict(&[&structure], Request { forces: false, atom_features: false }, &Deadline::NONE).remove(0).unwrap()
    };
    let first = predict("triclinic_skewed");
    predict("triclinic_skewed");
    assert_eq!(uma.model().compositions_held(), 1);
    predict("nacl_prim");
    predict("mg_hcp");
    assert_eq!(uma.model().compositions_held(), 3);
    assert_eq!(predict("triclinic_skewed"), first);
    assert_eq!(uma.model().compositions_held(), 3);
}

#[test]
fn the_least_recently_used_mixture_is_dropped_first() {
    use super::cache::Cache;
    use super::merged::Merged;
    let uma = load(TINY[0].0);
    let (network, router) = uma.model().f64_parts().unwrap();
    let composition = |z: u8| router.composition([z].into_iter(), 0, 0);
    let mut merges = 0;
    let mut get = |cache: &Cache<f64>, z: u8| {
        let merge = |composition: &_| {
            merges += 1;
            uma.model().merge(network, composition, &Deadline::NONE)
        };
        let merged: std::sync::Arc<Merged<f64>> = cache.get(composition(z), merge).unwrap();
        (merged.bytes(), merges)
    };
    let bytes = get(&Cache::new(0), 1).0;
    let cache = Cache::new(2 * bytes);
    // 1 2 | 1 is used again, so 3 drops 2, and 2 has to be made once more.
    let counts = [1, 2, 1, 3, 1, 2].map(|z| get(&cache, z).1);
    assert_eq!(counts, [2, 3, 3, 4, 4, 5]);
    assert_eq!(cache.len(), 2);
}

#[test]
fn atoms_with_too_many_neighbors_keep_the_nearest() {
    let lattice = Lattice::from_vectors([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).unwrap();
    let species = vec![Species::from_atomic_number(1).unwrap()];
    let structure = Structure::new(lattice, species, vec![[0.0; 3]]).unwrap();
    let all = crate::escn::graph::Graph::build(&structure, 6.0, 1000, &Deadline::NONE).unwrap();
    let some = crate::escn::graph::Graph::build(&structure, 6.0, 300, &Deadline::NONE).unwrap();
    assert_eq!(all.n_edges(), 924);
    // The 301st neighbor of a simple cubic lattice is in the shell of square 17, with all its mates.
    let shells = all.edges.iter().filter(|edge| edge.distance.powi(2) < 17.5).count();
    assert_eq!(some.n_edges(), shells);
    assert!(some.n_edges() > 300);
}
