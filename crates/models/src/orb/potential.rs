//! ORB v3 as a [`Potential`].

use super::candle::{CandleNetwork, Stopped};
use super::error::LoadError;
use super::evaluation::{Description, Scales};
use super::graph::{Graph, count_edges};
use super::kind::Kind;
use super::network::Network;
use super::shape::{CUTOFF, N_HARMONICS, Shape};
use super::tensors::Tensors;
use super::variant::Variant;
use super::weights::Packer;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use mlip_atoms::engine::OneByOne;
use mlip_atoms::{Deadline, Potential, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_atoms::{DeviceError, Engine, EngineKind, EngineResources};
use mlip_kernels::simd::{InstructionSet, Real};
use std::path::Path;
use std::sync::Arc;

/// Activations beyond this are computed twice instead of being kept.
const KEPT_BYTES: usize = 256 << 20;
/// Structures are evaluated together up to so many edges: small ones read the weights from memory once for all.
const BATCH_EDGES: usize = 1024;
/// Beyond this element upstream's repulsion has no radius.
const LAST_ELEMENT: u8 = 117;

/// ORB v3 with its weights.
pub struct Orb {
    id: PotentialId,
    variant: &'static Variant,
    shape: Shape,
    scales: Scales,
    model: AnyModel,
    kept_bytes: usize,
}

enum AnyModel {
    F32(Network<f32>),
    F64(Network<f64>),
    Candle { network: Box<CandleNetwork>, bytes: u64 },
}

impl Orb {
    /// From upstream's `.ckpt`, as the model of this name: upstream's, with hyphens or underscores, or `orb`.
    ///
    /// # Errors
    /// When there is no such model, the file cannot be read, or it holds another model.
    pub fn from_file(name: &str, path: &Path, precision: Precision) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        variant.check_file_name(path)?;
        let checkpoint = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        Self::new(name, &Tensors::open(path)?, &checkpoint, precision)
    }

    /// From tensors; `checkpoint` says in words which they are.
    ///
    /// # Errors
    /// When there is no such model, or the tensors are those of another.
    pub fn new(name: &str, tensors: &Tensors<'_>, checkpoint: &str, precision: Precision) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        let shape = Shape::infer(tensors, variant)?;
        let packer = Packer { tensors, shape, kind: variant.kind, set: InstructionSet::detect() };
        let model = match precision {
            Precision::F32 => AnyModel::F32(Network { weights: packer.network()?, shape }),
            Precision::F64 => AnyModel::F64(Network { weights: packer.network()?, shape }),
        };
        let id = PotentialId {
            name: name.into(),
            checkpoint: checkpoint.into(),
            digest: tensors.digest()?,
            precision,
            settings: format!("model={}", variant.name),
        };
        Ok(Self { id, variant, shape, scales: packer.scales()?, model, kept_bytes: KEPT_BYTES })
    }

    /// The same potential as layers of candle, differentiated by candle: any device; independent of the kernels.
    /// `tensors` are those that it was made from.
    ///
    /// The native engine, which is what the constructors give, runs on the CPU only. This one runs on any device with
    /// double precision (CPU, CUDA) and agrees with the native one to rounding. On the CPU it takes several times as long,
    /// and much more memory.
    ///
    /// # Errors
    /// When the weights cannot be read or put onto the device.
    pub fn with_candle(mut self, tensors: &Tensors<'_>, device: &Device) -> Result<Self, LoadError> {
        let dtype = match self.id.precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        let (mut named, mut bytes) = (std::collections::HashMap::new(), 0);
        for name in tensors.names() {
            let shape = tensors.shape(name)?;
            let values = tensors.get(name, shape)?;
            bytes += (values.len() * dtype.size_in_bytes()) as u64;
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu).map_err(LoadError::Device)?;
            named.insert(name.to_owned(), tensor);
        }
        let vb = VarBuilder::from_tensors(named, dtype, device);
        let network = CandleNetwork::new(&self.shape, self.variant.kind, &vb).map_err(LoadError::Device)?;
        self.model = AnyModel::Candle { network: Box::new(network), bytes };
        crate::engine::note(&mut self.id, EngineKind::Candle);
        Ok(self)
    }

    /// Which of the published models it is.
    pub fn variant(&self) -> &'static Variant {
        self.variant
    }

    /// The same potential with another limit on kept activations. Results are the same to the last bit; with less
    /// memory, gradients take up to half as long again.
    pub fn with_kept_bytes(mut self, limit: usize) -> Self {
        self.kept_bytes = limit;
        self
    }

    /// Features of atoms, their mean, and the confidence of the forces.
    ///
    /// # Errors
    /// As of [`Potential::predict`].
    pub fn describe(&self, structure: &Structure, deadline: &Deadline) -> Result<Description, PredictError> {
        let graph = self.graph(structure, deadline)?;
        match &self.model {
            AnyModel::F32(network) => network.describe(&graph, deadline),
            AnyModel::F64(network) => network.describe(&graph, deadline),
            AnyModel::Candle { network, .. } => network.describe(&graph, deadline).map_err(|s| self.stopped(s)),
        }
    }

    fn stopped(&self, stopped: Stopped) -> PredictError {
        match stopped {
            Stopped::Predict(error) => error,
            Stopped::Tensor(error) => {
                PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() }
            }
        }
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Graph, PredictError> {
        if let Some(species) = structure.species().iter().find(|species| !self.supports(**species)) {
            return Err(PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species: *species });
        }
        deadline.check()?;
        Graph::build(structure, self.variant.max_neighbors, deadline)
    }

    fn run(&self, graph: &Graph, request: Request, deadline: &Deadline) -> Result<Vec<Prediction>, PredictError> {
        let gradient = request.forces && self.variant.kind == Kind::Conservative;
        let n_edges = graph.n_edges();
        let outputs = match &self.model {
            AnyModel::F32(network) => network.evaluate(
                graph,
                Network::<f32>::plan(&self.shape, n_edges, gradient, self.kept_bytes),
                deadline,
            )?,
            AnyModel::F64(network) => network.evaluate(
                graph,
                Network::<f64>::plan(&self.shape, n_edges, gradient, self.kept_bytes),
                deadline,
            )?,
            AnyModel::Candle { network, .. } => {
                return network.predictions(graph, request, deadline).map_err(|stopped| self.stopped(stopped));
            }
        };
        Ok(self.scales.predictions(graph, &outputs, request))
    }

    /// Bytes of an evaluation with gradients.
    fn evaluation_bytes<T: Real>(&self, n_atoms: usize, n_edges: usize) -> usize {
        let Shape { latent, hidden, n_layers, n_radial, .. } = self.shape;
        let conservative = self.variant.kind == Kind::Conservative;
        let plan = Network::<T>::plan(&self.shape, n_edges, conservative, self.kept_bytes);
        let kept = plan.kept * n_edges * Network::<T>::kept_bytes_an_edge(&self.shape);
        // Input of the layers that are computed twice, features and gradients of edges, and what a graph takes.
        let twice = if conservative { (n_layers + 1).saturating_sub(plan.kept) } else { 0 };
        let edges = n_edges * ((latent * (twice + 2) + 4 * n_layers) * size_of::<T>() + 400);
        // An atom: activations of the layers, projections and their gradients, joined features.
        let an_atom = n_layers * (2 * hidden + 2 * latent) + 4 * hidden + 12 * latent;
        let block = super::activations::BLOCK * (4 * hidden + 2 * latent + 2 * n_radial * N_HARMONICS);
        kept + edges + (n_atoms * an_atom + block) * size_of::<T>()
    }

    /// Bytes of an evaluation by layers of candle, which keeps every intermediate, and gradients beside them.
    /// Measured at the real size: 100 MB for 64 edges, 800 MB for 1628; some more, for safety.
    fn candle_bytes(&self, n_atoms: usize, n_edges: usize) -> usize {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let scalar = if self.id.precision == Precision::F32 { 4 } else { 8 };
        let rows = (n_layers + 1) * (n_edges + n_atoms) * (16 * hidden + 24 * latent) * scalar;
        rows + self.weight_bytes() as usize
    }
}

impl Potential for Orb {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        species.atomic_number() <= LAST_ELEMENT
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let n_atoms = structure.n_atoms() as f64;
        let density = n_atoms / structure.lattice().volume();
        let around = density * 4.0 / 3.0 * std::f64::consts::PI * CUTOFF.powi(3);
        let edges = n_atoms * around.min(self.variant.max_neighbors as f64);
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        // Products of one pass over an edge; an atom costs a little more. Weights are read from memory once.
        let layer = (hidden * (2 * latent + hidden)) as f64;
        let products = n_layers as f64 * (layer * (edges + 1.5 * n_atoms)) + layer * edges;
        let passes = if self.variant.kind == Kind::Conservative { 2.0 } else { 1.0 };
        // Seconds: measured on one core of a 2024 server, in single precision.
        passes * (2e-3 + products * 1e-11)
    }

    fn weight_bytes(&self) -> u64 {
        match &self.model {
            AnyModel::F32(network) => network.weights.bytes(),
            AnyModel::F64(network) => network.weights.bytes(),
            AnyModel::Candle { bytes, .. } => *bytes,
        }
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        // What cannot be searched has an error of its own once it is evaluated.
        let Ok(n_edges) = count_edges(structure, self.variant.max_neighbors) else { return 0 };
        let n_atoms = structure.n_atoms();
        let bytes = match (&self.model, self.id.precision) {
            (AnyModel::Candle { .. }, _) => self.candle_bytes(n_atoms, n_edges),
            (_, Precision::F32) => self.evaluation_bytes::<f32>(n_atoms, n_edges),
            (_, Precision::F64) => self.evaluation_bytes::<f64>(n_atoms, n_edges),
        };
        bytes as u64
    }

    fn open(self: Arc<Self>, _resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(OneByOne::new(move |structure: &Structure, request, deadline: &Deadline| {
            Potential::predict(self.as_ref(), &[structure], request, deadline).remove(0)
        })))
    }

    /// Small structures are evaluated together. Every number of a structure is computed from its own rows in its own
    /// order, so the result is the same as alone.
    fn predict(
        &self,
        structures: &[&Structure],
        request: Request,
        deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let mut results = Vec::with_capacity(structures.len());
        let (mut batch, mut members) = (Graph::default(), Vec::new());
        let flush = |batch: &mut Graph, members: &mut Vec<usize>, results: &mut Vec<_>| {
            if members.is_empty() {
                return;
            }
            let outcome = self.run(&std::mem::take(batch), request, deadline);
            for (place, member) in members.drain(..).enumerate() {
                results[member] = outcome.as_ref().map(|all| all[place].clone()).map_err(Clone::clone);
            }
        };
        for (index, structure) in structures.iter().enumerate() {
            results.push(Ok(Prediction::default()));
            match self.graph(structure, deadline) {
                Ok(graph) => {
                    if batch.n_edges() + graph.n_edges() > BATCH_EDGES {
                        flush(&mut batch, &mut members, &mut results);
                    }
                    batch.append(graph);
                    members.push(index);
                }
                Err(error) => results[index] = Err(error),
            }
        }
        flush(&mut batch, &mut members, &mut results);
        results
    }
}
