//! UMA as a [`Model`].

use super::answer::Evaluation;
use super::cache::Cache;
use super::candle::CandleNetwork;
use super::checkpoint::{self, Contents};
use super::choice::{Choice, check_generation};
use super::config::Backbone;
use super::error::LoadError;
use super::experts::Experts;
use super::merged::Merged;
use super::network::Network;
use super::options::Options;
use super::packed::narrow;
use super::routing::{Composition, Router};
use super::tasks::Task;
use crate::engine::{Route, WITH_MATRIX_UNIT, note, on_route, scalar_bytes};
use crate::escn::graph::{Graph, expected_edges};
use crate::graph_potential::{GraphPotential, Model};
use candle_core::{DType, Device};
use mlip_atoms::engine::Demand;
use mlip_atoms::{
    Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Preparation, Request, Species, Structure,
};
use mlip_kernels::simd::Real;
use mlip_kernels::tiles::Arithmetic;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Memory for mixtures of experts, bytes: three of the real models' in single precision.
const CACHE_BYTES: u64 = 160 << 20;

/// Structures whose intermediate results would take more than this compute them twice instead of keeping them.
const KEPT_BYTES: usize = 256 << 20;

/// UMA for one task, as a potential.
pub type Uma = GraphPotential<UmaModel>;

/// UMA for one task; with a charge and spin for structures that have none of their own.
pub struct UmaModel {
    id: PotentialId,
    /// What earlier versions called these weights.
    former_digest: String,
    choice: Choice,
    backbone: Backbone,
    router: Router,
    experts: Experts,
    cutoff: f64,
    max_neighbors: usize,
    max_elements: usize,
    channels: usize,
    sizes: Sizes,
    network: Route<Native<f32>, Native<f64>, Candle>,
}

/// For estimates.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    layers: usize,
    /// Numbers of an atom's features.
    atom: usize,
    /// Numbers that are kept of an edge in a layer.
    kept: usize,
    /// Numbers of an edge beside them: frames, Gaussians and their gradients.
    edge: usize,
}

/// What is computed on: a structure's edges, and what decides about its mixture of experts.
pub struct UmaGraph {
    graph: Graph,
    composition: Composition,
}

/// The network and the mixtures of experts that were used last.
struct Native<T> {
    network: Network<T>,
    cache: Cache<T>,
}

/// With its own copy of what turns outputs into physical units.
struct Candle {
    network: CandleNetwork,
    task: Task,
}

impl Uma {
    /// From upstream's `.pt`. `name`: under which it appears in results.
    ///
    /// # Errors
    /// When the file cannot be read, is not a UMA that this port covers, or does not know the task.
    pub fn from_file(
        name: &str,
        path: &Path,
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let contents = checkpoint::read(path)?;
        check_generation(name, &contents)?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        UmaModel::new(name, &file, &contents, options, precision, engine).map(Self::around)
    }
}

impl UmaModel {
    fn new(
        name: &str,
        file: &str,
        contents: &Contents,
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let config = &contents.config;
        let b = &config.backbone;
        let choice = Choice::new(contents, options)?;
        let (dataset, expert) = (&choice.dataset, choice.expert);
        let router = Router::new(&contents.weights, config, dataset)?;
        let rows = mlip_kernels::spherical::Layout::new(b.lmax, b.mmax);
        let experts = Experts::new(contents, &rows)?;
        let network = Route::load(
            engine,
            (precision, WITH_MATRIX_UNIT),
            |with| Native::new(contents, expert, with),
            |with| Native::new(contents, expert, with),
            || {
                let vars = contents.var_builder(DType::F64, &Device::Cpu)?;
                let network = CandleNetwork::new(config, dataset, expert, precision, &vars);
                Ok(Candle { network: network.map_err(LoadError::Device)?, task: choice.task.clone() })
            },
        )?;
        let mut id = PotentialId {
            name: name.into(),
            checkpoint: format!("{file} ({})", config.generation.name()),
            digest: contents.digest.clone(),
            precision,
            settings: choice.settings(),
        };
        note(&mut id, engine);
        let sizes = Sizes {
            layers: b.num_layers,
            atom: rows.n_components() * b.sphere_channels,
            kept: (b.lmax + rows.n_rows()) * b.hidden_channels + rows.n_rows() * b.sphere_channels,
            edge: rows.wigner_len() + 2 * b.num_distance_basis + 24,
        };
        Ok(Self {
            id,
            former_digest: contents.former_digest.clone(),
            choice,
            backbone: b.clone(),
            router,
            experts,
            cutoff: b.cutoff,
            max_neighbors: b.max_neighbors,
            max_elements: b.max_num_elements,
            channels: b.sphere_channels,
            sizes,
            network,
        })
    }

    fn predict_one(
        &self,
        UmaGraph { graph, composition }: &UmaGraph,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, PredictError> {
        let (task, evaluation) = match &self.network {
            Route::Single(native) => (&self.choice.task, self.run(native, graph, composition, request, deadline)?),
            Route::Double(native) => (&self.choice.task, self.run(native, graph, composition, request, deadline)?),
            Route::Candle(Candle { network, task }) => {
                let found = network.evaluate(graph, [composition.charge, composition.spin], request.forces, deadline);
                (task, found.map_err(|stopped| stopped.of(&self.id.name))?)
            }
        };
        Ok(evaluation.prediction(task, graph, self.channels, request))
    }

    fn run<T: Real>(
        &self,
        native: &Native<T>,
        graph: &Graph,
        composition: &Composition,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Evaluation, PredictError> {
        let merge = |composition: &Composition| self.merge(&native.network, composition, deadline);
        let merged = native.cache.get(composition.clone(), merge)?;
        let keep = graph.n_edges() * native.network.kept_bytes(&merged) <= KEPT_BYTES;
        native.network.evaluate(graph, &merged, request.forces, keep, deadline)
    }

    pub(super) fn merge<T: Real>(
        &self,
        network: &Network<T>,
        composition: &Composition,
        deadline: &Deadline,
    ) -> Result<Merged<T>, PredictError> {
        let system = self.router.system(composition);
        let coefficients = self.router.coefficients(composition, &system);
        let layers = self.experts.merge(&coefficients, &network.rows.layout, network.arithmetic, deadline)?;
        let balanced = self.backbone.balanced(composition.charge, composition.spin);
        Ok(Merged::new(layers, narrow(&system), balanced))
    }

    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        expected_edges(structure, self.cutoff, self.max_neighbors)
    }
}

impl<T: Real> Native<T> {
    fn new(contents: &Contents, expert: Option<(usize, usize)>, arithmetic: Arithmetic) -> Result<Self, LoadError> {
        Ok(Self { network: Network::new(contents, expert, arithmetic)?, cache: Cache::new(CACHE_BYTES) })
    }

    fn bytes(&self) -> u64 {
        self.network.bytes()
    }
}

impl Candle {
    fn bytes(&self) -> u64 {
        self.network.bytes()
    }
}

impl Model for UmaModel {
    type Graph = UmaGraph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn uses_charge(&self) -> bool {
        true
    }

    fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
        Some(self.choice.charge_and_spin(structure))
    }

    /// It covered neither hyperparameters nor tasks.
    fn former_digest(&self) -> Option<&str> {
        Some(&self.former_digest)
    }

    fn supports(&self, species: Species) -> bool {
        let element = species.atomic_number();
        usize::from(element) < self.max_elements && self.choice.task.reference(u32::from(element)).is_some()
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.channels)
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // Seconds on one core of a 2024 server in single precision; matrix units take 0.6 of them.
        let product = if self.id.precision == Precision::Int8x6 { 7e-12 } else { 1.2e-11 };
        let edge = product * (self.sizes.layers * self.sizes.kept * self.channels) as f64 * 10.0;
        edge * self.expected_edges(structure)
    }

    /// A pass over the experts, for all structures of a composition.
    fn preparation(&self, structure: &Structure) -> Option<Preparation> {
        let mut key = DefaultHasher::new();
        self.choice.composition(&self.router, structure).hash(&mut key);
        // Packing what comes out into digits takes 5 ns a number: as long again.
        let packing = if self.id.precision == Precision::Int8x6 { 2.0 } else { 1.0 };
        Some(Preparation { key: key.finish(), cost: packing * self.experts.bytes() as f64 / 12e9 })
    }

    /// The experts are not among them: they are pages of the file that all processes of a host share.
    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes()) + CACHE_BYTES
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        self.bytes(structure.n_atoms() as f64, self.expected_edges(structure))
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<UmaGraph, PredictError> {
        let graph = Graph::build(structure, self.cutoff, self.max_neighbors, deadline)?;
        let composition = self.choice.composition(&self.router, structure);
        composition.check(&self.id.name)?;
        Ok(UmaGraph { graph, composition })
    }

    fn demand(&self, UmaGraph { graph, .. }: &UmaGraph) -> Demand {
        let (n_atoms, n_edges) = (graph.n_atoms(), graph.n_edges());
        Demand { n_atoms, n_edges, host_bytes: self.bytes(n_atoms as f64, n_edges as f64), ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&UmaGraph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        graphs.iter().map(|graph| self.predict_one(graph, request, deadline)).collect()
    }
}

impl UmaModel {
    fn bytes(&self, n_atoms: f64, edges: f64) -> u64 {
        let Sizes { layers, atom, kept, edge } = self.sizes;
        let scalar = scalar_bytes(self.id.precision) as f64;
        if let Route::Candle(_) = self.network {
            // Candle keeps every intermediate, and gradients beside them.
            return ((layers * 40 * atom) as f64 * (edges + n_atoms) * scalar) as u64;
        }
        let kept = (layers * kept) as f64 * edges * scalar;
        let atoms = ((2 * layers + 12) * atom) as f64 * n_atoms * scalar;
        // A block of edges in flight, and what lists of pairs take.
        let block = 48.0 * 16.0 * atom as f64 * scalar;
        (1.2 * (kept.min(KEPT_BYTES as f64) + atoms + block + edges * (edge as f64 * scalar + 300.0))) as u64
    }
}

/// Shared by all evaluations with one task; for tests.
#[cfg(test)]
impl UmaModel {
    pub(super) fn f64_parts(&self) -> Option<(&Network<f64>, &Router)> {
        match &self.network {
            Route::Double(native) => Some((&native.network, &self.router)),
            _ => None,
        }
    }

    pub(super) fn compositions_held(&self) -> usize {
        match &self.network {
            Route::Single(native) => native.cache.len(),
            Route::Double(native) => native.cache.len(),
            Route::Candle(_) => 0,
        }
    }
}
