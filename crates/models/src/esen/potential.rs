//! eSEN as a [`Model`].

use super::config::Backbone;
use super::error::LoadError;
use super::file::{self, Contents};
use super::network::Network;
use super::scales::Scales;
use crate::engine::{PLAIN, arithmetic, note, scalar_bytes};
use crate::escn::graph::{Graph, expected_edges};
use crate::graph_potential::{GraphPotential, Model};
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::Path;

/// eSEN with its weights, as a potential.
pub type Esen = GraphPotential<EsenModel>;

/// eSEN with its weights.
pub struct EsenModel {
    id: PotentialId,
    backbone: Backbone,
    scales: Scales,
    network: Network,
}

/// A structure's atoms and edges.
pub struct EsenGraph(Graph);

impl EsenGraph {
    /// Directed edges.
    pub fn n_edges(&self) -> usize {
        self.0.n_edges()
    }
}

/// Numbers that are kept of an edge in each layer, in those of its features of both widths, with their gradients. Measured with the
/// shape of eSEN-30M-OAM in single precision: 21.1.
const KEPT_PER_EDGE: f64 = 22.0;
/// What there is besides, in bytes of weights: 4.8 there.
const COPIES_OF_WEIGHTS: f64 = 5.0;
/// And whatever the weights, bytes.
const OVERHEAD: f64 = 12e6;

impl Esen {
    /// From upstream's `.pt`; `name`: under which it appears in results.
    ///
    /// # Errors
    /// When the file cannot be read, or is no eSEN that this port covers; when another engine than candle is asked for.
    pub fn from_file(path: &Path, name: &str, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        if engine != EngineKind::Candle {
            return Err(LoadError::Engine);
        }
        arithmetic(precision, engine, PLAIN)?;
        let checkpoint = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Contents { config, scales, weights, digest } = file::read(path)?;
        let network = Network::load(&config, &scales, &weights, precision, &Device::Cpu)?;
        let mut id = PotentialId { name: name.into(), checkpoint, digest, precision, settings: String::new() };
        note(&mut id, engine);
        Ok(Self::around(EsenModel { id, backbone: config.backbone, scales, network }))
    }
}

impl EsenModel {
    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        expected_edges(structure, self.backbone.cutoff, self.backbone.max_neighbors)
    }

    /// Numbers of an edge in a layer.
    fn per_edge(&self) -> f64 {
        let b = &self.backbone;
        let rows = (b.lmax + 1) * (b.lmax + 1);
        (b.num_layers * rows * (b.sphere_channels + b.hidden_channels)) as f64
    }

    fn bytes(&self, edges: f64) -> u64 {
        let kept = KEPT_PER_EDGE * self.per_edge() * edges * scalar_bytes(self.id.precision) as f64;
        (OVERHEAD + COPIES_OF_WEIGHTS * self.network.bytes() as f64 + kept) as u64
    }
}

impl Model for EsenModel {
    type Graph = EsenGraph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        let element = species.atomic_number();
        usize::from(element) < self.backbone.max_num_elements && self.scales.reference(u32::from(element)).is_some()
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.backbone.sphere_channels)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // Seconds, as measured with the shape of eSEN-30M-OAM in single precision on one core of a Zen 4.
        let width = (self.backbone.sphere_channels + self.backbone.hidden_channels) as f64;
        1e-3 + 8e-9 * self.network.bytes() as f64 + 8e-10 * width * self.per_edge() * self.expected_edges(structure)
    }

    fn weight_bytes(&self) -> u64 {
        self.network.bytes()
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        self.bytes(self.expected_edges(structure))
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<EsenGraph, PredictError> {
        Graph::build(structure, self.backbone.cutoff, self.backbone.max_neighbors, deadline).map(EsenGraph)
    }

    fn demand(&self, EsenGraph(graph): &EsenGraph) -> Demand {
        let (n_atoms, n_edges) = (graph.n_atoms(), graph.n_edges());
        Demand { n_atoms, n_edges, host_bytes: self.bytes(n_edges as f64), ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&EsenGraph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        let one = |EsenGraph(graph): &EsenGraph| {
            let evaluation = self.network.evaluate(graph, request.into(), deadline);
            let evaluation = evaluation.map_err(|stopped| stopped.of(&self.id.name))?;
            let sizes = (graph.volume, self.backbone.sphere_channels);
            evaluation.prediction(request, &graph.pairs, sizes, &self.id.name)
        };
        graphs.iter().map(|graph| one(graph)).collect()
    }
}
