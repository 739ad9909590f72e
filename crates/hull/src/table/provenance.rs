//! What a table says of where its energies are from.

use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// How rounded thirds among the coordinates of CIFs were read: `file` or `pymatgen`.
    pub coordinates: String,
    /// Identities of the runs that computed them.
    pub runs: Vec<String>,
    /// Version of the program that wrote the table.
    pub version: String,
}

impl TableProvenance {
    /// Whether these energies are of another potential than those: by digest where there is one, else by the name of the
    /// model; settings count where there is a digest, or any are named. Of what says nothing, nothing is known.
    pub fn is_of_another(&self, potential: &Self) -> bool {
        let differs = if self.digest.is_empty() {
            !self.potential.is_empty() && self.potential != potential.potential
        } else {
            // Who writes a digest by hand may shorten it.
            self.digest.len() < 8 || !potential.digest.starts_with(&self.digest)
        };
        let knows_settings = !self.digest.is_empty() || !self.settings.is_empty();
        differs || (knows_settings && self.settings != potential.settings)
    }

    /// From the text that a table holds.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text that a table holds; one line.
    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// For people: `mace (medium-0b3, digest 0123456789abcdef, head=default)`.
impl fmt::Display for TableProvenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.get(..16).unwrap_or(&self.digest);
        let digest = if digest.is_empty() { String::new() } else { format!("digest {digest}") };
        let more = [&self.checkpoint, &digest, &self.settings].map(String::as_str);
        let more: Vec<&str> = more.into_iter().filter(|word| !word.is_empty()).collect();
        f.write_str(if self.potential.is_empty() { "another potential" } else { &self.potential })?;
        if more.is_empty() { Ok(()) } else { write!(f, " ({})", more.join(", ")) }
    }
}
