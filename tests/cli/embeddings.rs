//! Embeddings as arrays for NumPy, with the tables that name their rows.

use crate::support::{Table, crystals, run, said};
use std::fs;
use std::path::Path;

/// Shape and numbers of a `.npy` file of 8-byte numbers.
fn array(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let begin = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..begin].to_vec()).unwrap();
    assert!(header.starts_with("{'descr': '<f8', 'fortran_order': False, 'shape': ("), "{header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let shape = shape.split(',').map(|side| side.trim().parse().unwrap()).collect();
    let numbers = bytes[begin..].chunks_exact(8).map(|number| f64::from_le_bytes(number.try_into().unwrap()));
    (shape, numbers.collect())
}

#[test]
fn embeddings_of_structures_are_means_over_their_atoms() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 5, 2);
    let flags = ["run", "--cifs", "cifs", "--model", "chgnet"];
    for kept in ["graph", "node"] {
        let output = run(&[&flags[..], &["--embeddings", kept, "--out", kept]].concat(), folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    let report = |kept: &str, name: &str| folder.path().join(kept).join("report").join(name);
    let (shape, graph) = array(&report("graph", "graph_embeddings.chgnet.npy"));
    // Five crystals and a twin of one; what is broken has no row.
    assert_eq!(shape, [6, 64]);
    let index = Table::read(&report("graph", "graph_embeddings.chgnet.csv"));
    let energies = Table::read(&report("graph", "energies.csv"));
    let ids = energies.column("structure_id");
    let computed: Vec<&str> = energies.places("status", "ok").into_iter().map(|place| ids[place]).collect();
    assert_eq!(index.column("structure_id"), computed);
    assert!(!report("graph", "node_embeddings.chgnet.npy").exists());

    let (shape, node) = array(&report("node", "node_embeddings.chgnet.npy"));
    let sites = Table::read(&report("node", "node_embeddings.chgnet.csv"));
    assert_eq!(shape, [sites.rows.len(), 64]);
    assert_eq!(array(&report("node", "graph_embeddings.chgnet.npy")).1, graph);
    let structures = index.column("structure_id").into_iter().zip(index.column("n_atoms"));
    for ((id, n_atoms), mean) in structures.zip(graph.chunks_exact(64)) {
        let own = sites.places("structure_id", id);
        assert_eq!(own.len().to_string(), n_atoms);
        for (column, mean) in mean.iter().enumerate() {
            let sum: f64 = own.iter().map(|row| node[row * 64 + column]).sum();
            assert!((sum / own.len() as f64 - mean).abs() < 1e-12);
        }
    }
    // Different crystals differ, twins do not.
    assert_ne!(graph[..64], graph[64..128]);
    assert_eq!(graph[..64], graph[5 * 64..]);

    // Other embeddings are other results: a run cannot go on with them.
    let output = run(&["run", "--resume", "--out", "graph", "--embeddings", "node", "--cifs", "cifs"], folder.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("the embeddings kept were `graph` and would be `node`"), "{}", said(&output));
}

#[test]
fn a_potential_without_features_is_refused_before_work() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let flags = ["run", "--cifs", "cifs", "--model", "lennard-jones", "--embeddings", "graph", "--out", "RUN"];
    let output = run(&flags, folder.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("lennard-jones has no embeddings"), "{}", said(&output));
    assert!(!folder.path().join("RUN").exists());
}
