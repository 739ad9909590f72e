//! The native engine: the network on kernels, and what is read off it.

use super::convolution::Keep;
use super::graph::Graph;
use super::model::evaluate;
use super::network::Network;
use super::parameters::Parameters;
use super::readings::Readings;
use crate::graph_potential::Stopped;
use mlip_atoms::Deadline;
use mlip_kernels::simd::{InstructionSet, Real};
use std::sync::Arc;

/// Structures whose messages would take more than this are evaluated without keeping them: making them again costs such
/// a structure a tenth of its time, but memory that two cores share is no faster than that, and the peak is lower.
pub(super) const KEPT_BYTES: f64 = 32e6;

/// The network in one precision.
pub(super) struct Native<T> {
    parameters: Arc<Parameters>,
    network: Arc<Network<T>>,
}

impl<T: Real> Native<T> {
    pub(super) fn new(parameters: Parameters, set: InstructionSet) -> Self {
        let parameters = Arc::new(parameters);
        Self { network: Arc::new(Network::new(parameters.clone(), set)), parameters }
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        self.network.bytes()
    }

    /// Bytes that messages of so large a structure take, if they are kept.
    pub(super) fn kept_bytes(&self, n_edges: f64, n_angles: f64) -> f64 {
        self.network.kept_bytes(n_edges, n_angles)
    }

    pub(super) fn evaluate(
        &self,
        graph: &Arc<Graph>,
        with_gradient: bool,
        deadline: &Deadline,
    ) -> Result<Readings, Stopped> {
        let p = &self.parameters;
        let kept_bytes = self.kept_bytes(graph.n_edges() as f64, graph.n_angles() as f64);
        let keep = match with_gradient {
            false => Keep::Nothing,
            true if kept_bytes > KEPT_BYTES => Keep::Input,
            true => Keep::Messages,
        };
        let evaluation = evaluate(&self.network, graph, keep, deadline)?;
        let sites = evaluation.sites.iter().sum::<f64>();
        let references = graph.element.iter().map(|element| p.atom_reference[*element as usize]).sum::<f64>();
        let moment = |row: &[T]| {
            let sum = row.iter().zip(&p.site_wise.weight).map(|(x, w)| x.wide() * w).sum::<f64>();
            (p.site_wise.bias[0] + sum).abs()
        };
        Ok(Readings {
            energy: sites + references,
            moments: evaluation.features.chunks_exact(p.config.width()).map(moment).collect(),
            features: evaluation.features.iter().map(|x| x.wide()).collect(),
            gradient: evaluation.gradient,
        })
    }
}
