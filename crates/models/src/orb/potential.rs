//! ORB v3 as a [`Model`].

use super::candle::CandleNetwork;
use super::conditioning::{CHARGES, Condition, SPINS};
use super::error::LoadError;
use super::evaluation::{Description, Scales};
use super::file;
use super::graph::{Graph, count_edges};
use super::kind::Kind;
use super::network::Network;
use super::shape::{CUTOFF, N_HARMONICS, Shape};
use super::variant::Variant;
use super::weights::Packer;
use crate::engine::{Route, WITH_MATRIX_UNIT, note, scalar_bytes};
use crate::graph_potential::{GraphPotential, Model};
use crate::var_builder::var_builder;
use crate::weights::Weights;
use candle_core::Device;
use mlip_atoms::engine::{BatchSum, Demand};
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_kernels::simd::{InstructionSet, Real};
use std::path::Path;
use std::sync::Arc;

/// Activations beyond this are computed twice instead of being kept.
const KEPT_BYTES: usize = 256 << 20;
/// Edges up to which structures are evaluated together.
const BATCH_EDGES: usize = 1024;
/// Beyond this element upstream's repulsion has no radius.
const LAST_ELEMENT: u8 = 117;

/// ORB v3 with its weights, as a potential.
pub type Orb = GraphPotential<OrbModel>;

/// ORB v3 with its weights.
pub struct OrbModel {
    id: PotentialId,
    variant: &'static Variant,
    shape: Shape,
    scales: Scales,
    network: Route<Network<f32>, Network<f64>, CandleNetwork>,
    weight_bytes: u64,
    kept_bytes: usize,
    /// Of structures that say nothing themselves; of models that know charge and spin.
    condition: Condition,
}

impl Orb {
    /// From upstream's `.ckpt`, as the model of this name: upstream's, with hyphens or underscores, or `orb`.
    ///
    /// # Errors
    /// When there is no such model, the file cannot be read, or it holds another model.
    pub fn from_file(name: &str, path: &Path, precision: Precision, engine: EngineKind) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        variant.check_file_name(path)?;
        let checkpoint = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        Self::new(name, &Arc::new(file::read(path)?), &checkpoint, precision, engine)
    }

    /// From weights; `checkpoint` says in words which they are.
    ///
    /// # Errors
    /// When there is no such model, or the weights are those of another.
    pub fn new(
        name: &str,
        weights: &Arc<Weights>,
        checkpoint: &str,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        let (shape, kind) = (Shape::infer(weights, variant)?, variant.kind);
        let packer = |arithmetic| Packer { tensors: weights, shape, kind, arithmetic };
        let network = Route::load(
            engine,
            (precision, WITH_MATRIX_UNIT),
            |with| Ok::<_, LoadError>(Network { weights: packer(with).network()?, shape }),
            |with| Ok(Network { weights: packer(with).network()?, shape }),
            || {
                let vars = var_builder(weights.clone(), precision, &Device::Cpu);
                vars.and_then(|vars| CandleNetwork::new(&shape, kind, &vars)).map_err(LoadError::Device)
            },
        )?;
        let id = PotentialId {
            name: name.into(),
            checkpoint: checkpoint.into(),
            digest: weights.digest()?,
            precision,
            settings: String::new(),
        };
        let weight_bytes = match &network {
            Route::Single(network) => network.weights.bytes(),
            Route::Double(network) => network.weights.bytes(),
            Route::Candle(_) => {
                let numbers = weights.shapes().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
                numbers as u64 * scalar_bytes(precision)
            }
        };
        let scales = packer(InstructionSet::detect().into()).scales()?;
        // A singlet without charge, which of all is what most molecules are.
        let condition = Condition { charge: 0, spin: 1 };
        let kept_bytes = KEPT_BYTES;
        let model = OrbModel { id, variant, shape, scales, network, weight_bytes, kept_bytes, condition };
        Ok(Self::around(model.named_by(condition)))
    }

    /// The same potential with this charge (elementary charges) and spin multiplicity (0: not said) for structures that say
    /// nothing themselves, 0 and 1 before; nothing changes where the model knows neither.
    ///
    /// # Errors
    /// When they are out of the range that is computed.
    pub fn with_charge_and_spin(self, charge: i32, spin: i32) -> Result<Self, LoadError> {
        let condition = Condition { charge, spin };
        match out_of_range(condition) {
            Some((what, found, least, most)) => Err(LoadError::OutOfRange { what, found, least, most }),
            None => Ok(Self::around(self.into_model().named_by(condition))),
        }
    }

    /// Which of the published models it is.
    pub fn variant(&self) -> &'static Variant {
        self.model().variant
    }

    /// The same potential with another limit on kept activations. Results are the same to the last bit; with less
    /// memory, gradients take up to half as long again.
    #[must_use]
    pub fn with_kept_bytes(self, limit: usize) -> Self {
        Self::around(OrbModel { kept_bytes: limit, ..self.into_model() })
    }

    /// Features of atoms, their mean, and the confidence of the forces.
    ///
    /// # Errors
    /// As of a prediction.
    pub fn describe(&self, structure: &Structure, deadline: &Deadline) -> Result<Description, PredictError> {
        let graph = self.graph(structure, deadline)?;
        match &self.model().network {
            Route::Single(network) => network.describe(&graph, deadline),
            Route::Double(network) => network.describe(&graph, deadline),
            Route::Candle(network) => {
                network.describe(&graph, deadline).map_err(|stopped| stopped.of(&self.model().id.name))
            }
        }
    }
}

/// What is out of its range: which, its value, and the range.
fn out_of_range(Condition { charge, spin }: Condition) -> Option<(&'static str, i32, i32, i32)> {
    let all = [("charge", charge, CHARGES), ("spin", spin, SPINS)];
    let wrong = all.into_iter().find(|(_, found, range)| !range.contains(found));
    wrong.map(|(what, found, range)| (what, found, *range.start(), *range.end()))
}

impl OrbModel {
    /// With this charge and spin, and the settings that tell its results from those of others.
    fn named_by(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self.id.settings = format!("model={}", self.variant.name);
        if self.variant.conditioned {
            self.id.settings.push_str(&format!(" charge={} spin={}", condition.charge, condition.spin));
        }
        let engine = match &self.network {
            Route::Candle(_) => EngineKind::Candle,
            Route::Single(_) | Route::Double(_) => EngineKind::Native,
        };
        note(&mut self.id, engine);
        self
    }

    /// Charge and spin of a structure, or those of the potential. A spin beyond all ranges stays beyond.
    fn condition(&self, structure: &Structure) -> Condition {
        let spin = |spin: u32| i32::try_from(spin).unwrap_or(i32::MAX);
        Condition {
            charge: structure.charge().unwrap_or(self.condition.charge),
            spin: structure.spin().map_or(self.condition.spin, spin),
        }
    }

    fn run(&self, graph: &Graph, request: Request, deadline: &Deadline) -> Result<Vec<Prediction>, PredictError> {
        let gradient = request.forces && self.variant.kind == Kind::Conservative;
        let n_edges = graph.n_edges();
        let outputs = match &self.network {
            Route::Single(network) => network.evaluate(
                graph,
                Network::<f32>::plan(&self.shape, n_edges, gradient, self.kept_bytes),
                deadline,
            )?,
            Route::Double(network) => network.evaluate(
                graph,
                Network::<f64>::plan(&self.shape, n_edges, gradient, self.kept_bytes),
                deadline,
            )?,
            Route::Candle(network) => {
                let predictions = network.predictions(graph, request, deadline);
                return predictions.map_err(|stopped| stopped.of(&self.id.name));
            }
        };
        Ok(self.scales.predictions(graph, &outputs, request))
    }

    /// Bytes of an evaluation with gradients.
    fn evaluation_bytes<T: Real>(&self, n_atoms: usize, n_edges: usize) -> usize {
        let Shape { latent, hidden, n_layers, n_radial, .. } = self.shape;
        let conservative = self.variant.kind == Kind::Conservative;
        let plan = Network::<T>::plan(&self.shape, n_edges, conservative, self.kept_bytes);
        let kept = plan.kept * n_edges * Network::<T>::kept_bytes_per_edge(&self.shape);
        // Input of the layers that are computed twice, features and gradients of edges, and what a graph takes.
        let twice = if conservative { (n_layers + 1).saturating_sub(plan.kept) } else { 0 };
        let edges = n_edges * ((latent * (twice + 2) + 4 * n_layers) * size_of::<T>() + 400);
        // An atom: activations of the layers, projections and their gradients, joined features.
        let an_atom = n_layers * (2 * hidden + 2 * latent) + 4 * hidden + 12 * latent;
        let block = super::activations::BLOCK * (4 * hidden + 2 * latent + 2 * n_radial * N_HARMONICS);
        kept + edges + (n_atoms * an_atom + block) * size_of::<T>()
    }

    /// Bytes of an evaluation by candle, which keeps every intermediate, and gradients beside them. Measured at the real
    /// size: 100 MB for 64 edges, 800 MB for 1628; some more, for safety.
    fn candle_bytes(&self, n_atoms: usize, n_edges: usize) -> usize {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let scalar = scalar_bytes(self.id.precision) as usize;
        let rows = (n_layers + 1) * (n_edges + n_atoms) * (16 * hidden + 24 * latent) * scalar;
        rows + self.weight_bytes as usize
    }

    fn bytes(&self, n_atoms: usize, n_edges: usize) -> u64 {
        let bytes = match &self.network {
            Route::Single(_) => self.evaluation_bytes::<f32>(n_atoms, n_edges),
            Route::Double(_) => self.evaluation_bytes::<f64>(n_atoms, n_edges),
            Route::Candle(_) => self.candle_bytes(n_atoms, n_edges),
        };
        bytes as u64
    }
}

impl Model for OrbModel {
    type Graph = Graph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        species.atomic_number() <= LAST_ELEMENT
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.shape.latent)
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
        // Matrix units take half the time.
        let product = if self.id.precision == Precision::Int8x6 { 5e-12 } else { 1e-11 };
        // Seconds: measured on one core of a 2024 server, in single precision.
        passes * (2e-3 + products * product)
    }

    fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        // A structure without a list of neighbors has its answer before it takes memory.
        let Ok(n_edges) = count_edges(structure, self.variant.max_neighbors) else { return 0 };
        self.bytes(structure.n_atoms(), n_edges)
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<Graph, PredictError> {
        let graph = Graph::build(structure, self.variant.max_neighbors, deadline)?;
        if !self.variant.conditioned {
            return Ok(graph);
        }
        let condition = self.condition(structure);
        if let Some((what, found, least, most)) = out_of_range(condition) {
            let potential = self.id.name.clone();
            return Err(PredictError::OutOfRange { potential, what, found: found.into(), least, most });
        }
        Ok(graph.with_condition(condition))
    }

    fn uses_charge(&self) -> bool {
        self.variant.conditioned
    }

    fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
        let Condition { charge, spin } = self.condition(structure);
        self.variant.conditioned.then_some((charge, spin))
    }

    fn demand(&self, graph: &Graph) -> Demand {
        let (n_atoms, n_edges) = (graph.n_atoms(), graph.n_edges());
        Demand { n_atoms, n_edges, host_bytes: self.bytes(n_atoms, n_edges), ..Demand::default() }
    }

    /// Small structures are evaluated together: they read the weights from memory once for all.
    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        batch.demand.n_edges + next.n_edges <= BATCH_EDGES
    }

    /// Every number of a structure is computed from its own rows in its own order, so the result is the same as alone.
    fn evaluate(
        &self,
        graphs: &[&Graph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        if let [graph] = graphs {
            return self.run(graph, request, deadline);
        }
        let mut all = Graph::default();
        graphs.iter().for_each(|graph| all.append(graph));
        self.run(&all, request, deadline)
    }
}
