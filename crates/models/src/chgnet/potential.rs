//! CHGNet as a [`Model`].

use super::candle::CandleNetwork;
use super::config::Config;
use super::error::LoadError;
use super::file;
use super::graph::{Graph, GraphError};
use super::native::{KEPT_BYTES, Native};
use super::parameters::{N_ELEMENTS, Parameters};
use crate::engine::{Route, note, on_route, scalar_bytes};
use crate::graph_potential::{GraphPotential, Model};
use crate::weights::Weights;
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::Path;
use std::sync::Arc;

/// The weights in the program: `chgnet` 0.4.2 from PyPI, `chgnet_0.3.0_e29f68s314m37.pth.tar` as safetensors.
static BUILT_IN: &[u8] = include_bytes!("../../weights/chgnet_0.3.0.safetensors");

/// The same of `chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar`.
static BUILT_IN_R2SCAN: &[u8] = include_bytes!("../../weights/chgnet_r2scan.safetensors");

/// CHGNet with its weights, as a potential.
pub type Chgnet = GraphPotential<ChgnetModel>;

/// Name of the potential with r2SCAN weights.
pub(super) const R2SCAN: &str = "chgnet-r2scan";

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
        Self::from_safetensors(BUILT_IN, "chgnet-0.3.0 (built in)", precision, engine)
    }

    /// The r2SCAN weights in the program: those of 0.3.0, trained further on r2SCAN calculations of the Materials Project.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn built_in_r2scan(precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        let contents = file::from_safetensors(BUILT_IN_R2SCAN)?;
        let names = (R2SCAN, "chgnet-r2scan (built in)");
        Self::named(contents.config, &contents.weights, names, precision, engine)
    }

    /// From upstream's `.pth.tar`, or from a `.safetensors` file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When the file cannot be read, or is neither CHGNet 0.3.0 nor 0.2.0.
    pub fn from_file(path: &Path, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let contents = if path.extension().is_some_and(|extension| extension == "safetensors") {
            file::from_safetensors(&std::fs::read(path)?)?
        } else {
            file::from_torch(path)?
        };
        Self::of(contents.config, &contents.weights, &name, precision, engine)
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
        let contents = file::from_safetensors(bytes)?;
        Self::of(contents.config, &contents.weights, checkpoint, precision, engine)
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
        Self::named(config, weights, ("chgnet", checkpoint), precision, engine)
    }

    fn named(
        mut config: Config,
        weights: &Arc<Weights>,
        (name, checkpoint): (&str, &str),
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        config.validate()?;
        // Files of 0.2.0 have it and do not say so; upstream goes by their name.
        config.mlp_out_bias |= weights.shapes().any(|(name, _)| name == "atom_conv_layers.0.mlp_out.layers.1.bias");
        let text = serde_json::to_string(&config).map_err(|error| LoadError::Arguments(error.to_string()))?;
        let former_digest = weights.digest()?;
        let mut id = PotentialId {
            name: name.into(),
            checkpoint: checkpoint.into(),
            digest: digest(&text, &former_digest),
            precision,
            settings: String::new(),
        };
        note(&mut id, engine);
        let parameters = || Ok::<_, LoadError>(Parameters::from_weights(config.clone(), weights)?);
        let network = Route::load(
            engine,
            precision,
            || parameters().map(Native::new),
            || parameters().map(Native::new),
            || CandleNetwork::load(&config, weights, precision, &Device::Cpu).map_err(LoadError::Candle),
        )?;
        Ok(Self::around(ChgnetModel { id, former_digest, config, network }))
    }
}

/// Of hyperparameters, defaults filled in, and tensors: both change numbers.
fn digest(config: &str, tensors: &str) -> String {
    let mut digest = blake3::Hasher::new();
    digest.update(b"chgnet hyperparameters and tensors\0");
    digest.update(config.as_bytes()).update(b"\0").update(tensors.as_bytes());
    digest.finalize().to_hex().to_string()
}

impl ChgnetModel {
    /// Edges and angles to expect from the density of the structure.
    fn expected(&self, structure: &Structure) -> (f64, f64) {
        let n_atoms = structure.n_atoms() as f64;
        let density = n_atoms / structure.lattice().volume();
        let within = |cutoff: f64| density * 4.0 / 3.0 * std::f64::consts::PI * cutoff.powi(3);
        let (near, bonds) = (within(self.config.atom_graph_cutoff), within(self.config.bond_graph_cutoff));
        (n_atoms * near, n_atoms * bonds * bonds)
    }

    fn bytes(&self, n_atoms: f64, edges: f64, angles: f64) -> u64 {
        let row = 2.0 * self.config.width() as f64 * scalar_bytes(self.id.precision) as f64;
        let n_conv = self.config.n_conv as f64;
        if let Route::Candle(_) = self.network {
            // Candle keeps every intermediate. Measured: 24 rows an edge, 36 an angle; a quarter more, for safety.
            return (n_conv * row * (30.0 * edges + 45.0 * angles)) as u64;
        }
        let kept = n_conv * row * (edges + 3.0 * angles);
        // Projections and gradients of bonds, of angles, and of atoms.
        let rest = row * (12.0 * edges + 6.0 * angles + 40.0 * n_atoms);
        (kept.min(KEPT_BYTES as f64) + rest) as u64
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
            let mut gradient = PairGradient::new(graph.n_atoms());
            for (pair, g) in graph.pairs.iter().zip(readings.gradient.chunks_exact(3)) {
                gradient.add(pair, [g[0], g[1], g[2]]);
            }
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
        let (edges, angles) = self.expected(structure);
        // Seconds: measured on one core of a 2024 server, in single precision.
        1e-4 + 2.5e-6 * edges + 2.5e-6 * angles
    }

    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes())
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        let (edges, angles) = self.expected(structure);
        self.bytes(structure.n_atoms() as f64, edges, angles)
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Arc<Graph>, PredictError> {
        let (potential, cutoff) = (self.id.name.clone(), self.config.atom_graph_cutoff);
        Graph::build(structure, &self.config, deadline).map(Arc::new).map_err(|error| match error {
            GraphError::Isolated(site) => PredictError::IsolatedAtom { potential, site, cutoff },
            GraphError::Search(error) => error,
        })
    }

    fn demand(&self, graph: &Arc<Graph>) -> Demand {
        let (n_atoms, n_edges, n_angles) = (graph.n_atoms(), graph.n_edges(), graph.n_angles());
        let host_bytes = self.bytes(n_atoms as f64, n_edges as f64, n_angles as f64);
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
