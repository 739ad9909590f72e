//! What a table says of where its energies are from.

use serde::{Deserialize, Serialize};

/// Begins the line of a CSV that holds it; the key of the metadata of a Parquet file is the word alone.
pub(super) const CSV_LINE: &str = "# mlip-batch ";
/// Key of the metadata of a Parquet file.
pub(super) const PARQUET_KEY: &str = "mlip-batch";

/// Where the energies in the column `energy` of a table are from. What is empty is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableProvenance {
    /// Name of the model: `mace`.
    pub potential: String,
    /// Which weights, in words.
    pub checkpoint: String,
    /// blake3 digest of the weights, hexadecimal.
    pub digest: String,
    /// Choices of the potential that change its numbers: `head=default`.
    pub settings: String,
    /// Precision of the evaluations: `f32`.
    pub precision: String,
    /// What was done with each structure: `as read`, or the settings of its relaxation.
    pub calculation: String,
    /// Cartesian frame of cells that were given by lengths and angles.
    pub frame: String,
    /// Identities of the runs that computed them.
    pub runs: Vec<String>,
    /// Version of the program that wrote the table.
    pub version: String,
}

impl TableProvenance {
    /// From the text that a table holds.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text that a table holds; one line.
    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
