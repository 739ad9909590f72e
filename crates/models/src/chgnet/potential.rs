//! CHGNet as a [`Model`].

use super::candle::CandleNetwork;
use super::config::Config;
use super::error::LoadError;
use super::file::{self, Contents, Named};
use super::graph::Graph;
use super::native::{KEPT_BYTES, Native};
use super::parameters::{N_ELEMENTS, Parameters};
use crate::engine::{PLAIN, Route, note, on_route, scalar_bytes};
use crate::graph_potential::{GraphPotential, Model};
use crate::weights::Weights;
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::Path;
use std::sync::Arc;

/// CHGNet with its weights, as a potential.
pub type Chgnet = GraphPotential<ChgnetModel>;

/// CHGNet with its weights.
pub struct ChgnetModel {
    id: PotentialId,
    /// Of the tensors alone.
    former_digest: String,
    config: Config,
    network: Route<Native<f32>, Native<f64>, CandleNetwork>,
}

impl Chgnet {
    /// The 0.3.0 weights in the program.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn built_in(precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        Self::named(&Named::built_in()?, precision, engine)
    }

    /// The r2SCAN weights in the program: those of 0.3.0, trained further on r2SCAN calculations of the Materials Project.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn built_in_r2scan(precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        Self::named(&Named::built_in_r2scan()?, precision, engine)
    }

    /// From upstream's `.pth.tar`, or from a `.safetensors` file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When the file cannot be read, or is neither CHGNet 0.3.0 nor 0.2.0.
    pub fn from_file(path: &Path, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        Self::named(&Named::from_file(path)?, precision, engine)
    }

    /// From a safetensors file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When it is none, or neither CHGNet 0.3.0 nor 0.2.0.
    pub fn from_safetensors(
        bytes: &[u8],
        checkpoint: &str,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        Self::named(&Named::chgnet(checkpoint, file::from_safetensors(bytes)?), precision, engine)
    }

    /// From hyperparameters and weights; `checkpoint` says in words which they are.
    ///
    /// # Errors
    /// When they do not fit each other, or are neither CHGNet 0.3.0's nor 0.2.0's.
    pub fn of(
        config: Config,
        weights: &Arc<Weights>,
        checkpoint: &str,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let contents = Contents { config, weights: weights.clone() };
        Self::named(&Named::chgnet(checkpoint, contents), precision, engine)
    }

    fn named(named: &Named, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        let (mut id, former_digest) = named.id(precision)?;
        note(&mut id, engine);
        let Contents { config, weights } = &named.contents;
        let parameters = || Ok::<_, LoadError>(Parameters::from_weights(config.clone(), weights)?);
        let network = Route::load(
            engine,
            (precision, PLAIN),
            |with| Ok(Native::new(parameters()?, with.set)),
            |with| Ok(Native::new(parameters()?, with.set)),
            || CandleNetwork::load(config, weights, precision, &Device::Cpu).map_err(LoadError::Candle),
        )?;
        Ok(Self::around(ChgnetModel { id, former_digest, config: config.clone(), network }))
    }
}

impl ChgnetModel {
    /// `spread`: the kept messages of how much larger a structure may still be kept, for `edges` and `angles` may be estimates.
    fn bytes(&self, n_atoms: f64, edges: f64, angles: f64, spread: f64) -> u64 {
        let row = 2.0 * self.config.width() as f64 * scalar_bytes(self.id.precision) as f64;
        let n_conv = self.config.n_conv as f64;
        let kept = match &self.network {
            // Candle keeps every intermediate. Measured: 24 rows an edge, 36 an angle; a quarter more, for safety.
            Route::Candle(_) => return (n_conv * row * (30.0 * edges + 45.0 * angles)) as u64,
            Route::Single(network) => network.kept_bytes(edges, angles),
            Route::Double(network) => network.kept_bytes(edges, angles),
        };
        let kept = if kept > spread * KEPT_BYTES { 0.0 } else { kept.min(KEPT_BYTES) };
        // Projections, features and gradients. Measured on one thread (tests/chgnet_memory.rs) with crystals of 27 to 1792 atoms:
        // 3.5 rows an edge, 2.75 an angle and 20 an atom; a third more, for what threads lay aside.
        let rest = row * (4.5 * edges + 3.75 * angles + 40.0 * n_atoms);
        (kept + rest) as u64
    }

    fn prediction(
        &self,
        graph: &Arc<Graph>,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, PredictError> {
        let readings = on_route!(&self.network, network => network.evaluate(graph, request.forces, deadline));
        let readings = readings.map_err(|stopped| stopped.of(&self.id.name))?;
        let features = AtomFeatures { width: self.config.width(), values: readings.features };
        let mut prediction = Prediction {
            energy: readings.energy,
            magmoms: Some(readings.moments),
            atom_features: request.atom_features.then_some(features),
            ..Prediction::default()
        };
        if request.forces {
            let gradient = PairGradient::of(graph.n_atoms(), graph.pairs.iter().zip(readings.gradient));
            prediction.stress = Some(gradient.stress(graph.volume));
            prediction.forces = gradient.forces;
        }
        Ok(prediction)
    }
}

impl Model for ChgnetModel {
    type Graph = Arc<Graph>;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn former_digest(&self) -> Option<&str> {
        Some(&self.former_digest)
    }

    fn supports(&self, species: Species) -> bool {
        usize::from(species.atomic_number()) <= N_ELEMENTS
    }

    fn has_magmoms(&self) -> bool {
        true
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.config.width())
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let (edges, angles) = Graph::expected(structure, &self.config);
        // Seconds on one core of a Zen 4, in single precision: 0.92 for 119,132 edges and 104,554 angles (docs/performance.md).
        // An angle takes 1.35 times as long as an edge: measured with crystals of few and of many angles.
        1e-4 + 3.5e-6 * edges + 4.7e-6 * angles
    }

    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes())
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        let (edges, angles) = Graph::expected(structure, &self.config);
        self.bytes(structure.n_atoms() as f64, edges, angles, 1.5)
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Arc<Graph>, PredictError> {
        Graph::build(structure, &self.config, deadline)
            .map(Arc::new)
            .map_err(|error| error.of(&self.id.name, &self.config))
    }

    fn demand(&self, graph: &Arc<Graph>) -> Demand {
        let (n_atoms, n_edges, n_angles) = (graph.n_atoms(), graph.n_edges(), graph.n_angles());
        let host_bytes = self.bytes(n_atoms as f64, n_edges as f64, n_angles as f64, 1.0);
        Demand { n_atoms, n_edges, n_angles, host_bytes, ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&Arc<Graph>],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        graphs.iter().map(|graph| self.prediction(graph, request, deadline)).collect()
    }
}
