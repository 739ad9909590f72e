//! MatterSim as a [`Model`].

use super::candle::CandleNetwork;
use super::config::Config;
use super::error::LoadError;
use super::file::{Contents, from_torch};
use super::graph::Graph;
use super::native::Network;
use crate::engine::{PLAIN, Route, note, on_route};
use crate::graph_potential::{GraphPotential, Model};
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::weights::Weights;
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::Path;

/// MatterSim with its weights, as a potential.
pub type MatterSim = GraphPotential<MatterSimModel>;

/// MatterSim with its weights.
pub struct MatterSimModel {
    id: PotentialId,
    config: Config,
    network: Route<Network<f32>, Network<f64>, CandleNetwork>,
}

impl MatterSim {
    /// From upstream's `.pth`; `name`: under which it appears in results.
    ///
    /// # Errors
    /// When the file cannot be read, or is no MatterSim v1.
    pub fn from_file(path: &Path, name: &str, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        let checkpoint = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Contents { config, weights } = from_torch(path)?;
        config.validate()?;
        let network = Route::load(
            engine,
            (precision, PLAIN),
            |with| Network::read(&config, &weights, with.set).map_err(LoadError::Weights),
            |with| Network::read(&config, &weights, with.set).map_err(LoadError::Weights),
            || CandleNetwork::load(&config, &weights, precision, &Device::Cpu),
        )?;
        let mut id = PotentialId {
            name: name.into(),
            checkpoint,
            digest: digest(&config, &weights)?,
            precision,
            settings: String::new(),
        };
        note(&mut id, engine);
        Ok(Self::around(MatterSimModel { id, config, network }))
    }

    /// Energies of the atoms (eV, shifts of the elements included): they sum up to the energy.
    ///
    /// # Errors
    /// As for a prediction.
    pub fn site_energies(&self, structure: &Structure) -> Result<Vec<f64>, PredictError> {
        let graph = self.graph(structure, &Deadline::NONE)?;
        let wanted = Wanted { gradient: false, features: false };
        Ok(self.model().run(&graph, wanted, &Deadline::NONE)?.sites)
    }
}

/// Of hyperparameters, defaults filled in, and tensors: both change numbers.
fn digest(config: &Config, weights: &Weights) -> Result<String, LoadError> {
    let text = serde_json::to_string(config).map_err(|error| LoadError::Arguments(error.to_string()))?;
    let mut digest = blake3::Hasher::new();
    digest.update(b"mattersim hyperparameters and tensors\0");
    digest.update(text.as_bytes()).update(b"\0").update(weights.digest()?.as_bytes());
    Ok(digest.finalize().to_hex().to_string())
}

impl MatterSimModel {
    /// What the graph of a structure has: edges and angles.
    pub fn sizes(graph: &Graph) -> [usize; 2] {
        [graph.n_edges(), graph.n_angles()]
    }

    fn run(&self, graph: &Graph, wanted: Wanted, deadline: &Deadline) -> Result<Evaluation, PredictError> {
        match &self.network {
            Route::Single(network) => network.evaluate(graph, wanted, deadline),
            Route::Double(network) => network.evaluate(graph, wanted, deadline),
            Route::Candle(network) => {
                network.evaluate(graph, wanted, deadline).map_err(|stopped| stopped.of(&self.id.name))
            }
        }
    }

    fn working_bytes(&self, n_atoms: f64, n_edges: f64, n_angles: f64) -> u64 {
        on_route!(&self.network, network => network.working_bytes(n_atoms, n_edges, n_angles)) as u64
    }

    fn prediction(&self, graph: &Graph, request: Request, deadline: &Deadline) -> Result<Prediction, PredictError> {
        let evaluation = self.run(graph, request.into(), deadline)?;
        evaluation.prediction(request, &graph.pairs, (graph.volume, self.config.units), &self.id.name)
    }
}

impl Model for MatterSimModel {
    type Graph = Graph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        usize::from(species.atomic_number()) <= self.config.max_z
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.config.units)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let (edges, angles) = Graph::expected(structure, &self.config);
        let units = self.config.units as f64;
        // Seconds, as measured with widths of 128 and 256 in the profile of tests: ratios hold, a release is faster.
        1e-3 + 1.6e-9 * self.config.num_blocks as f64 * units * units * edges + 3e-7 * angles
    }

    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes())
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        let (edges, angles) = Graph::expected(structure, &self.config);
        self.working_bytes(structure.n_atoms() as f64, edges, angles)
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Graph, PredictError> {
        Graph::build(structure, &self.config, deadline)
    }

    fn demand(&self, graph: &Graph) -> Demand {
        let (n_atoms, n_edges, n_angles) = (graph.n_atoms(), graph.n_edges(), graph.n_angles());
        let host_bytes = self.working_bytes(n_atoms as f64, n_edges as f64, n_angles as f64);
        Demand { n_atoms, n_edges, n_angles, host_bytes, ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&Graph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        graphs.iter().map(|graph| self.prediction(graph, request, deadline)).collect()
    }
}
