//! Features of atoms as an embedding of their structure.

use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Prediction, Request};
use serde::{Deserialize, Serialize};

/// Which embeddings are kept of each structure as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Embeddings {
    /// None.
    #[default]
    None,
    /// One vector a structure: the mean over its atoms.
    Graph,
    /// One vector an atom; that of the structure follows from them.
    Node,
}

impl Embeddings {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Graph => "graph",
            Self::Node => "node",
        }
    }

    /// What must be asked for.
    pub fn request(self, forces: bool) -> Request {
        Request { forces, atom_features: self != Self::None }
    }

    /// What a task key says of them: nothing where there are none, so that results of before are found.
    pub(crate) fn key(self) -> String {
        match self {
            Self::None => String::new(),
            kept => format!(" embeddings={}", kept.name()),
        }
    }

    /// Leaves of the features what is to be kept.
    pub(crate) fn reduce(self, mut prediction: Prediction) -> Prediction {
        if self == Self::Graph {
            prediction.atom_features = prediction
                .atom_features
                .map(|features| AtomFeatures { width: features.width, values: features.mean() });
        }
        prediction
    }
}
