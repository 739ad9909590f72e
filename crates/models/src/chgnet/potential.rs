//! CHGNet as a [`Potential`].

use super::checkpoint::{self, TorchError};
use super::composite::Composite;
use super::convolution::Keep;
use super::graph::{Graph, GraphError};
use super::model::{Evaluation, Stopped, evaluate};
use super::network::Network;
use super::parameters::{N_ELEMENTS, Parameters};
use super::{Config, UnsupportedConfig};
use crate::weights::{Weights, WeightsError};
use candle_core::Device;
use mlip_atoms::engine::OneByOne;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, Potential, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_atoms::{DeviceError, Engine, EngineKind, EngineResources};
use mlip_kernels::simd::{InstructionSet, Real};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// The weights in the program: `chgnet` 0.4.2 from PyPI, `chgnet_0.3.0_e29f68s314m37.pth.tar` as safetensors.
static BUILT_IN: &[u8] = include_bytes!("../../weights/chgnet_0.3.0.safetensors");

/// Structures whose messages would take more than this are evaluated without keeping them: making them again costs such
/// a structure a tenth of its time, but memory that two cores share is no faster than that, and the peak is lower.
const KEPT_BYTES: usize = 96 << 20;

/// CHGNet with its weights.
pub struct Chgnet {
    id: PotentialId,
    parameters: Arc<Parameters>,
    model: AnyModel,
}

/// The routes to the same numbers.
enum AnyModel {
    F32(Arc<Network<f32>>),
    F64(Arc<Network<f64>>),
    Composite(Box<Composite>),
}

/// Why CHGNet cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Another architecture.
    #[error("hyperparameter {0}")]
    Config(#[from] UnsupportedConfig),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// Upstream's file cannot be used.
    #[error(transparent)]
    Torch(TorchError),
    /// The hyperparameters cannot be read.
    #[error("the hyperparameters (`model_args`) cannot be read: {0}")]
    Arguments(String),
    /// The device has no room for the weights, or is not there.
    #[error("the weights cannot be put onto the device: {0}")]
    Device(#[source] candle_core::Error),
}

impl Chgnet {
    /// The 0.3.0 weights in the program.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn built_in(precision: Precision) -> Result<Self, LoadError> {
        Self::from_safetensors(BUILT_IN, "chgnet-0.3.0 (built in)", precision)
    }

    /// From upstream's `.pth.tar`, or from a `.safetensors` file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When the file cannot be read, or is not CHGNet 0.3.0.
    pub fn from_file(path: &Path, precision: Precision) -> Result<Self, LoadError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let contents = if path.extension().is_some_and(|extension| extension == "safetensors") {
            checkpoint::from_safetensors(&std::fs::read(path)?)?
        } else {
            checkpoint::from_torch(path)?
        };
        Self::new(contents.config, &contents.weights, &name, precision)
    }

    /// From a safetensors file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When it is none, or not CHGNet 0.3.0.
    pub fn from_safetensors(bytes: &[u8], checkpoint: &str, precision: Precision) -> Result<Self, LoadError> {
        let contents = checkpoint::from_safetensors(bytes)?;
        Self::new(contents.config, &contents.weights, checkpoint, precision)
    }

    /// From hyperparameters and weights.
    ///
    /// # Errors
    /// When they do not fit each other, or are not CHGNet 0.3.0's.
    pub fn new(config: Config, weights: &Weights, checkpoint: &str, precision: Precision) -> Result<Self, LoadError> {
        config.validate()?;
        let parameters = Arc::new(Parameters::from_weights(config, weights)?);
        let set = InstructionSet::detect();
        let id = PotentialId {
            name: "chgnet".into(),
            checkpoint: checkpoint.into(),
            digest: weights.digest(),
            precision,
            settings: String::new(),
        };
        let model = match precision {
            Precision::F32 => AnyModel::F32(Arc::new(Network::new(parameters.clone(), set))),
            Precision::F64 => AnyModel::F64(Arc::new(Network::new(parameters.clone(), set))),
        };
        Ok(Self { id, parameters, model })
    }

    /// The same potential in plain candle operations: any device; the oracle of the fast route.
    ///
    /// The fast route, which is what the constructors give, runs on the CPU only. This one runs on any
    /// device with double precision (CPU, CUDA) and agrees with the fast one to rounding. On the CPU it
    /// takes more than ten times as long, and several times the memory.
    ///
    /// # Errors
    /// When the weights cannot be put onto the device.
    pub fn with_composite(mut self, device: &Device) -> Result<Self, LoadError> {
        let composite = Composite::new(&self.parameters, self.id.precision, device).map_err(LoadError::Device)?;
        self.model = AnyModel::Composite(Box::new(composite));
        crate::engine::note(&mut self.id, EngineKind::Candle);
        Ok(self)
    }

    fn evaluate(
        &self,
        structure: &Structure,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, PredictError> {
        if let Some(species) = structure.species().iter().find(|species| !self.supports(**species)) {
            return Err(PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species: *species });
        }
        deadline.check()?;
        let cutoff = self.parameters.config.atom_graph_cutoff;
        let graph = Graph::build(structure, &self.parameters.config, deadline).map_err(|error| match error {
            GraphError::Isolated(site) => PredictError::IsolatedAtom { potential: self.id.name.clone(), site, cutoff },
            GraphError::Search(error) => error,
        })?;
        let graph = Arc::new(graph);
        let outcome = match &self.model {
            AnyModel::F32(model) => self.run(model, &graph, request, deadline),
            AnyModel::F64(model) => self.run(model, &graph, request, deadline),
            AnyModel::Composite(model) => model
                .evaluate(&graph, request.forces, deadline)
                .map(|evaluation| self.prediction(&graph, &evaluation, request)),
        };
        outcome.map_err(|stopped| match stopped {
            Stopped::Predict(error) => error,
            Stopped::Tensor(error) => {
                PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() }
            }
        })
    }

    fn run<T: Real>(
        &self,
        network: &Arc<Network<T>>,
        graph: &Arc<Graph>,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, Stopped> {
        let keep = match request.forces {
            false => Keep::Nothing,
            true if kept_bytes::<T>(graph, &self.parameters.config) > KEPT_BYTES => Keep::Input,
            true => Keep::Messages,
        };
        let evaluation = evaluate(network, graph, keep, deadline)?;
        Ok(self.prediction(graph, &evaluation, request))
    }

    /// Everything that was asked for; sums in `f64`.
    fn prediction<T: Real>(&self, graph: &Graph, evaluation: &Evaluation<T>, request: Request) -> Prediction {
        let p = &self.parameters;
        let width = p.config.width();
        let sites = evaluation.sites.iter().map(|energy| energy.wide()).sum::<f64>();
        let references = graph.element.iter().map(|element| p.atom_reference[*element as usize]).sum::<f64>();
        let moment = |row: &[T]| {
            let sum = row.iter().zip(&p.site_wise.weight).map(|(x, w)| x.wide() * w).sum::<f64>();
            (p.site_wise.bias[0] + sum).abs()
        };
        let values = || evaluation.features.iter().map(|x| x.wide()).collect();
        let mut prediction = Prediction {
            energy: sites + references,
            magmoms: Some(evaluation.features.chunks_exact(width).map(moment).collect()),
            atom_features: request.atom_features.then(|| AtomFeatures { width, values: values() }),
            ..Prediction::default()
        };
        if request.forces {
            let mut gradient = PairGradient::new(graph.n_atoms());
            for (pair, g) in graph.pairs.iter().zip(evaluation.gradient.chunks_exact(3)) {
                gradient.add(pair, [g[0], g[1], g[2]]);
            }
            prediction.stress = Some(gradient.stress(graph.volume));
            prediction.forces = gradient.forces;
        }
        prediction
    }
}

fn kept_bytes<T>(graph: &Graph, config: &Config) -> usize {
    let row = 2 * config.width() * size_of::<T>();
    // An edge keeps one row a layer, an angle two for the bonds and one for itself.
    config.n_conv * row * (graph.n_edges() + 3 * graph.n_angles())
}

impl Potential for Chgnet {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        usize::from(species.atomic_number()) <= N_ELEMENTS
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let (edges, angles) = self.expected(structure);
        // Seconds: measured on one core of a 2024 server, in single precision.
        1e-4 + 2.5e-6 * edges + 2.5e-6 * angles
    }

    fn weight_bytes(&self) -> u64 {
        match &self.model {
            AnyModel::F32(model) => model.bytes(),
            AnyModel::F64(model) => model.bytes(),
            AnyModel::Composite(model) => model.bytes(),
        }
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        let (edges, angles) = self.expected(structure);
        let scalar = match self.id.precision {
            Precision::F32 => 4.0,
            Precision::F64 => 8.0,
        };
        let row = 2.0 * self.parameters.config.width() as f64 * scalar;
        let n_conv = self.parameters.config.n_conv as f64;
        if let AnyModel::Composite(_) = self.model {
            // Candle keeps every intermediate. Measured: 24 rows an edge, 36 an angle; a quarter more, for safety.
            return (n_conv * row * (30.0 * edges + 45.0 * angles)) as u64;
        }
        let kept = n_conv * row * (edges + 3.0 * angles);
        // Projections and gradients of bonds, of angles, and of atoms.
        let rest = row * (12.0 * edges + 6.0 * angles + 40.0 * structure.n_atoms() as f64);
        (kept.min(KEPT_BYTES as f64) + rest) as u64
    }

    fn open(self: Arc<Self>, _resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(OneByOne::new(move |structure: &Structure, request, deadline: &Deadline| {
            self.evaluate(structure, request, deadline)
        })))
    }

    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        structures.iter().map(|structure| self.evaluate(structure, request, deadline)).collect()
    }
}

impl Chgnet {
    /// Edges and angles to expect from the density of the structure.
    fn expected(&self, structure: &Structure) -> (f64, f64) {
        let config = &self.parameters.config;
        let n_atoms = structure.n_atoms() as f64;
        let density = n_atoms / structure.lattice().volume();
        let within = |cutoff: f64| density * 4.0 / 3.0 * std::f64::consts::PI * cutoff.powi(3);
        let (near, bonds) = (within(config.atom_graph_cutoff), within(config.bond_graph_cutoff));
        (n_atoms * near, n_atoms * bonds * bonds)
    }
}
