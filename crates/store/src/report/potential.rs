//! What a potential is called in the tables of one run.

use mlip_atoms::PotentialId;

/// A potential under the label that the user gave it.
///
/// The label names rows and columns and nothing else: keys of tasks are made of the identity alone, so another label
/// finds the same results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledPotential {
    /// Name in the tables, unlike that of all others of the run.
    pub label: String,
    /// What is computed.
    pub id: PotentialId,
}
