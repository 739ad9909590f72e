//! Layer by layer against upstream's intermediate tensors.

use super::*;
use mlip_atoms::{Lattice, Species, Structure};
use std::path::{Path, PathBuf};

/// Folders of fixtures with `intermediates.safetensors`.
fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace");
    let mut folders = vec![here.join("tiny_mp0")];
    match std::env::var_os("MLIP_REFERENCE_DIR") {
        Some(reference) => {
            let all = std::fs::read_dir(Path::new(&reference).join("mace/fixtures")).unwrap();
            folders.extend(
                all.map(|entry| entry.unwrap().path()).filter(|f| f.join("intermediates.safetensors").exists()),
            );
        }
        None => eprintln!("skipped: all but one, MLIP_REFERENCE_DIR is not set"),
    }
    folders
}

/// `nacl_primitive_displaced`
fn structure() -> Structure {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace/structures.json");
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let entry = list.as_array().unwrap().iter().find(|s| s["name"] == "nacl_primitive_displaced").unwrap();
    let rows = |key: &str| -> Vec<[f64; 3]> { serde_json::from_value(entry[key].clone()).unwrap() };
    let (cell, positions) = (rows("cell"), rows("positions"));
    let numbers: Vec<u8> = serde_json::from_value(entry["numbers"].clone()).unwrap();
    let lattice = Lattice::from_vectors([cell[0], cell[1], cell[2]]).unwrap();
    let species = numbers.iter().map(|z| Species::from_atomic_number(*z).unwrap()).collect();
    let fractional = positions.iter().map(|x| lattice.fractional(*x)).collect();
    Structure::new(lattice, species, fractional).unwrap()
}

/// Channel-major numbers, as e3nn has them, of each l side by side.
fn blocks(row: &[f64], rows: &Rows, lmax: usize, channels: usize) -> Vec<f64> {
    let l_c = (0..=lmax).flat_map(|l| (0..channels).map(move |c| (l, c)));
    l_c.flat_map(|(l, c)| (0..2 * l + 1).map(move |m| row[rows.at(l, m) + c])).collect()
}

fn assert_equal(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-11 * scale, "{what}: {a} {b}");
    }
}

#[test]
fn every_layer_agrees_with_upstream() {
    let structure = structure();
    let mut compared = 0;
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(folder.join("intermediates.safetensors")).unwrap();
        let file = ModelFile::open(&folder.join(format!("{name}.model"))).unwrap();
        let network = Network::<f64>::read(&file, 0, true, InstructionSet::detect()).unwrap();
        let element = |z: u8| file.config.atomic_numbers.iter().position(|known| *known == z).unwrap() as u16;
        let elements = structure.species().iter().map(|species| element(species.atomic_number())).collect();
        let graph = Graph::<f64>::build(&structure, elements, network.basis.r_max, &Deadline::NONE).unwrap();
        let rows = BasisRows::new(&network.basis, &graph);
        let context =
            Context { graph: &graph, basis: &network.basis, rows: &rows, tables: None, deadline: &Deadline::NONE };
        let (embedded, steps, _) = network.forward(context).unwrap();

        let n = graph.n_atoms();
        let upstream = |tensor: &str, width: usize| {
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let view = tensors.tensor(tensor).unwrap_or_else(|_| panic!("{name} has no {tensor}"));
            let values: Vec<f64> = view.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            assert_eq!(values.len(), n * width, "{name}: {tensor}");
            values
        };
        let mut compare = |tensor: &str, found: &[f64], rows: &Rows, lmax: usize, channels: usize| {
            let atoms = found.chunks_exact(rows.stride);
            let found: Vec<f64> = atoms.flat_map(|row| blocks(row, rows, lmax, channels)).collect();
            assert_equal(&format!("{name}: {tensor}"), &found, &upstream(tensor, found.len() / n));
            compared += 1;
        };
        let channels = file.config.layers[0].node_feats.0[0];
        compare("node_embedding", &embedded, &network.embedded, 0, channels);
        for (number, (layer, step)) in network.layers.iter().zip(&steps).enumerate() {
            let config = &file.config.layers[number];
            let contracted = layer.product.contract(&graph.elements, &step.messages);
            let (channels, lmax) = layer.shape;
            compare(&format!("products.{number}.symmetric_contractions"), &contracted, &layer.features, lmax, channels);
            compare(&format!("products.{number}"), &step.features, &layer.features, lmax, channels);
            let sent = Rows::features(config.edge.lmax(), Channels::new(config.edge.0[0]).padded);
            let tensor = format!("interactions.{number}.linear_up");
            compare(&tensor, &step.memory.sent, &sent, config.edge.lmax(), config.edge.0[0]);
        }
    }
    assert!(compared >= 7, "{compared}");
}
