//! From what the network gives for a structure to a prediction.

use super::tasks::Task;
use crate::escn::graph::Graph;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Prediction, Request};

/// What an evaluation gives.
#[derive(Debug)]
pub(super) struct Evaluation {
    /// Sum over the atoms, in the network's units.
    pub(super) energy: f64,
    /// `[atoms, channels]`: degree 0 of the last features.
    pub(super) features: Vec<f64>,
    /// `[edges]`: by the vectors of the edges, from target to source; empty where it was not asked for.
    pub(super) gradient: Vec<[f64; 3]>,
}

impl Evaluation {
    /// In the units of a task; `channels` numbers of features an atom.
    pub(super) fn prediction(self, task: &Task, graph: &Graph, channels: usize, request: Request) -> Prediction {
        let references = graph.elements.iter().filter_map(|z| task.reference(*z));
        let mut prediction = Prediction {
            energy: task.energy_scale * self.energy + task.energy_shift + references.sum::<f64>(),
            ..Prediction::default()
        };
        if request.forces {
            let mut gradient = PairGradient::new(graph.n_atoms());
            for (edge, g) in graph.edges.iter().zip(&self.gradient) {
                gradient.add(&graph.pairs[edge.pair as usize], g.map(|g| edge.sign * g));
            }
            prediction.stress = Some(gradient.stress(graph.volume).map(|x| task.stress_scale * x));
            prediction.forces = gradient.forces.iter().map(|f| f.map(|f| task.force_scale * f)).collect();
        }
        if request.atom_features {
            prediction.atom_features = Some(AtomFeatures { width: channels, values: self.features });
        }
        prediction
    }
}
