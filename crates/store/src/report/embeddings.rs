//! Embeddings: arrays for NumPy, and beside each a table that names its rows.
//!
//! `graph_embeddings.LABEL.npy` has a row for each result of a potential, `node_embeddings.LABEL.npy` a row for each of
//! its atoms; row k belongs to row k of the table of the same name.

use super::csv_rows::Rows;
use super::potential::LabeledPotential;
use super::row::EntryRow;
use crate::StoreError;
use mlip_atoms::Species;
use mlip_atoms::prediction::AtomFeatures;
use mlip_calculations::Embeddings;
use serde::{Deserialize, Serialize};

const GRAPH: [&str; 3] = ["structure_id", "path", "n_atoms"];
const NODE: [&str; 3] = ["structure_id", "site", "element"];

/// Rows of an array: `[n_rows × width]` numbers of 8 bytes, little-endian.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ArrayRows {
    /// Numbers of a row; zero while there is none.
    pub(super) width: u64,
    #[serde(with = "serde_bytes")]
    pub(super) bytes: Vec<u8>,
}

impl ArrayRows {
    fn add(&mut self, width: usize, numbers: &[f64]) {
        self.width = width as u64;
        self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
}

/// Names and columns of the tables; an array of the same name belongs to each.
pub(super) fn tables(kept: Embeddings, potentials: &[LabeledPotential]) -> Vec<(String, Vec<String>)> {
    let table = |what: &str, columns: [&str; 3]| {
        let of = |potential: &LabeledPotential| {
            (format!("{what}_embeddings.{}", potential.label), columns.map(str::to_owned).to_vec())
        };
        potentials.iter().map(of).collect::<Vec<_>>()
    };
    match kept {
        Embeddings::None => Vec::new(),
        Embeddings::Graph => table("graph", GRAPH),
        Embeddings::Node => [table("graph", GRAPH), table("node", NODE)].concat(),
    }
}

/// Rows for some entries.
pub(super) struct EmbeddingRows {
    kept: Embeddings,
    n_potentials: usize,
    /// In the order of [`tables`].
    rows: Vec<(Rows, ArrayRows)>,
}

impl EmbeddingRows {
    pub(super) fn new(kept: Embeddings, potentials: &[LabeledPotential]) -> Self {
        let rows = tables(kept, potentials).into_iter().map(|(name, _)| (Rows::new(&name), ArrayRows::default()));
        Self { kept, n_potentials: potentials.len(), rows: rows.collect() }
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>) -> Result<(), StoreError> {
        for position in 0..self.rows.len().min(self.n_potentials) {
            let features = entry.prediction(position).and_then(|prediction| prediction.atom_features.as_ref());
            let (Some(features), Some(fetched)) = (features, entry.record(position)) else { continue };
            let species = &fetched.record.species;
            self.write_graph(position, entry, features, species.len())?;
            if self.kept == Embeddings::Node {
                self.write_nodes(self.n_potentials + position, entry, features, species)?;
            }
        }
        Ok(())
    }

    fn write_graph(
        &mut self,
        place: usize,
        entry: &EntryRow<'_>,
        features: &AtomFeatures,
        n_atoms: usize,
    ) -> Result<(), StoreError> {
        let Some((index, array)) = self.rows.get_mut(place) else { return Ok(()) };
        index.text(entry.id)?;
        index.text(entry.path)?;
        index.count(n_atoms)?;
        index.end_row()?;
        // Where only that was kept it is the mean already.
        array.add(features.width, &features.mean());
        Ok(())
    }

    fn write_nodes(
        &mut self,
        place: usize,
        entry: &EntryRow<'_>,
        features: &AtomFeatures,
        species: &[u8],
    ) -> Result<(), StoreError> {
        let Some((index, array)) = self.rows.get_mut(place) else { return Ok(()) };
        for (site, row) in features.values.chunks_exact(features.width.max(1)).enumerate() {
            let species = species.get(site).and_then(|number| Species::from_atomic_number(*number));
            index.text(entry.id)?;
            index.count(site)?;
            index.text(species.map_or("", Species::symbol))?;
            index.end_row()?;
            array.add(features.width, row);
        }
        Ok(())
    }

    /// The rows of the tables, and those of their arrays.
    pub(super) fn finish(self) -> (Vec<Vec<u8>>, Vec<ArrayRows>) {
        self.rows.into_iter().map(|(rows, array)| (rows.finish(), array)).unzip()
    }
}
