//! MACE as a [`Model`].

use super::candle::CandleNetwork;
use super::file::{FileError, ModelFile};
use super::graph::Graph;
use super::network::{Descriptors, Evaluation, Network, Wanted};
use super::options::Options;
use crate::engine::{PLAIN, PrecisionError, Route, note, on_route, scalar_bytes};
use crate::graph_potential::{GraphPotential, Model, Stopped};
use candle_core::Device;
use mlip_atoms::engine::Demand;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, EngineKind, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A MACE model with its weights, as a potential.
pub type Mace = GraphPotential<MaceModel>;

/// A MACE model with its weights.
pub struct MaceModel {
    id: PotentialId,
    /// By atomic number: index into the model's elements.
    elements: Vec<Option<u16>>,
    network: Route<Network<f32>, Network<f64>, CandleNetwork>,
    shape: Shape,
}

/// What is computed on, in the precision of the network.
pub struct MaceGraph(Route<Graph<f32>, Graph<f64>, Graph<f64>>);

/// What cost and memory are estimated from.
struct Shape {
    cutoff: f64,
    channels: f64,
    /// Rows of messages of all layers, in units of channels.
    message_rows: f64,
    n_layers: f64,
}

/// Why a MACE model cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be read.
    #[error("the file {} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The head is not there, or was not chosen.
    #[error("{problem}; the file has the heads {}: choose one with head=NAME", heads.join(", "))]
    Head {
        /// What is wrong.
        problem: String,
        /// What there is.
        heads: Vec<String>,
    },
    /// The model, the engine or this processor does not have the precision.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Candle cannot take the weights: one is missing, or there is no room.
    #[error("candle cannot take the weights: {0}")]
    Candle(#[source] candle_core::Error),
}

impl Mace {
    /// From upstream's `.model`.
    ///
    /// `name`: under which it appears in results. `options`: `head` is needed where the file has several.
    ///
    /// # Errors
    /// When the file cannot be read, is not a MACE model that this program computes, or lacks the head.
    pub fn from_file(
        path: &Path,
        name: &str,
        options: &Options,
        precision: Precision,
        engine: EngineKind,
    ) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.into(), source };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path).map_err(io)?).map_err(io)?;
        let file = ModelFile::open(path)?;
        let head = choose_head(&file.config.heads, options.head.as_deref())?;
        let exact = options.exact_radial;
        let network = Route::load(
            engine,
            (precision, PLAIN),
            |with| Network::read(&file, head, exact, with.set).map_err(LoadError::File),
            |with| Network::read(&file, head, exact, with.set).map_err(LoadError::File),
            || CandleNetwork::read(&file, head, precision, &Device::Cpu).map_err(LoadError::Candle),
        )?;
        let mut settings = Vec::new();
        if file.config.heads.len() > 1 {
            settings.push(format!("head={}", file.config.heads[head]));
        }
        if exact {
            settings.push("exact_radial".to_owned());
        }
        let mut elements = vec![None; 256];
        for (index, z) in file.config.atomic_numbers.iter().enumerate() {
            elements[usize::from(*z)] = Some(index as u16);
        }
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let message_rows = file.config.layers.iter().map(|layer| {
            let paths = (layer.edge.lmax() + 1) as f64;
            paths * ((layer.target.lmax() + 1) * (layer.target.lmax() + 1)) as f64
        });
        let mut id = PotentialId {
            name: name.into(),
            checkpoint: file_name,
            digest: hasher.finalize().to_hex().to_string(),
            precision,
            settings: settings.join(" "),
        };
        note(&mut id, engine);
        let shape = Shape {
            cutoff: file.config.r_max,
            channels: file.config.layers.iter().map(|layer| layer.target.0[0]).max().unwrap_or(1) as f64,
            message_rows: message_rows.sum(),
            n_layers: file.config.layers.len() as f64,
        };
        Ok(Self::around(MaceModel { id, elements, network, shape }))
    }

    /// Energies of the atoms (eV, references of the elements included): they sum up to the energy.
    ///
    /// # Errors
    /// As for a prediction.
    pub fn site_energies(&self, structure: &Structure) -> Result<Vec<f64>, PredictError> {
        Ok(self.run(structure, Descriptors::None)?.sites)
    }

    /// Upstream's descriptors of atoms: `[n_atoms, width]`; for medium models 256 wide (scalars) or 640 (all).
    ///
    /// # Errors
    /// As for a prediction.
    pub fn descriptors(&self, structure: &Structure, which: Descriptors) -> Result<AtomFeatures, PredictError> {
        let values = self.run(structure, which)?.descriptors;
        Ok(AtomFeatures { width: self.model().descriptor_width(which), values })
    }

    /// The mean of the atoms' descriptors: a description of the whole crystal.
    ///
    /// # Errors
    /// As for a prediction.
    pub fn graph_descriptor(&self, structure: &Structure, which: Descriptors) -> Result<Vec<f64>, PredictError> {
        let AtomFeatures { width, values } = self.descriptors(structure, which)?;
        let mut mean = vec![0.0; width];
        for row in values.chunks_exact(width.max(1)) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / structure.n_atoms() as f64);
        }
        Ok(mean)
    }

    /// Evaluates, without forces.
    fn run(&self, structure: &Structure, descriptors: Descriptors) -> Result<Evaluation, PredictError> {
        let graph = self.graph(structure, &Deadline::NONE)?;
        self.model().run(&graph, Wanted { gradient: false, descriptors }, &Deadline::NONE)
    }
}

impl MaceModel {
    fn descriptor_width(&self, which: Descriptors) -> usize {
        on_route!(&self.network, network => network.descriptor_width(which))
    }

    fn run(&self, graph: &MaceGraph, wanted: Wanted, deadline: &Deadline) -> Result<Evaluation, PredictError> {
        let evaluation = match (&self.network, &graph.0) {
            (Route::Single(network), Route::Single(graph)) => network.evaluate(graph, wanted, deadline)?,
            (Route::Double(network), Route::Double(graph)) => network.evaluate(graph, wanted, deadline)?,
            (Route::Candle(network), Route::Candle(graph)) => {
                network.evaluate(graph, wanted, deadline).map_err(|stopped: Stopped| stopped.of(&self.id.name))?
            }
            _ => {
                let message = "the graph was made for another precision".to_owned();
                return Err(PredictError::Internal { potential: self.id.name.clone(), message });
            }
        };
        Ok(evaluation)
    }

    fn prediction(&self, graph: &MaceGraph, request: Request, deadline: &Deadline) -> Result<Prediction, PredictError> {
        let descriptors = if request.atom_features { Descriptors::All } else { Descriptors::None };
        let wanted = Wanted { gradient: request.forces, descriptors };
        let evaluation = self.run(graph, wanted, deadline)?;
        let mut prediction = Prediction { energy: evaluation.sites.iter().sum(), ..Prediction::default() };
        if request.forces {
            let gradient = on_route!(&graph.0, graph => pair_gradient(graph, &evaluation));
            prediction.stress = Some(gradient.stress(on_route!(&graph.0, graph => graph.volume)));
            prediction.forces = gradient.forces;
        }
        if request.atom_features {
            let width = self.descriptor_width(descriptors);
            prediction.atom_features = Some(AtomFeatures { width, values: evaluation.descriptors });
        }
        if prediction.is_finite() { Ok(prediction) } else { Err(PredictError::NotFinite { what: "energy or forces" }) }
    }

    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        let density = structure.n_atoms() as f64 / structure.lattice().volume();
        structure.n_atoms() as f64 * density * 4.0 / 3.0 * std::f64::consts::PI * self.shape.cutoff.powi(3)
    }

    fn bytes(&self, n_atoms: f64, n_edges: f64, n_elements: usize) -> u64 {
        if let Route::Candle(network) = &self.network {
            return network.working_bytes(n_atoms, n_edges) as u64;
        }
        let Shape { channels, message_rows, n_layers, .. } = self.shape;
        let scalar = scalar_bytes(self.id.precision) as f64;
        // Messages of one layer and their gradient; of each layer features, messages and contractions.
        let atom = scalar * channels.max(16.0) * (2.0 * message_rows + 80.0 * n_layers);
        // A pair, its harmonics, its basis functions, its derivatives.
        let edge = 0.5 * (48.0 + 16.0 * (8.0 + scalar) + 24.0 * scalar + 40.0);
        let n_kinds = n_elements * (n_elements + 1) / 2;
        let tables = match &self.network {
            Route::Single(network) => network.bytes_of_tables(n_kinds, 0.5 * n_edges),
            Route::Double(_) | Route::Candle(_) => 0.0,
        };
        (4e6 + tables + atom * n_atoms + edge * n_edges) as u64
    }
}

/// How many elements there are.
fn n_different(numbers: impl Iterator<Item = u8>) -> usize {
    let mut seen = [false; 256];
    numbers.for_each(|z| seen[usize::from(z)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// Forces and strain derivative.
fn pair_gradient<T>(graph: &Graph<T>, evaluation: &Evaluation) -> PairGradient {
    PairGradient::of(graph.elements.len(), graph.pairs.iter().zip(evaluation.gradient.iter().copied()))
}

/// The index of the head that is meant.
pub(super) fn choose_head(heads: &[String], wanted: Option<&str>) -> Result<usize, LoadError> {
    let fail = |problem: String| LoadError::Head { problem, heads: heads.to_vec() };
    match wanted {
        Some(wanted) => {
            heads.iter().position(|head| head == wanted).ok_or_else(|| fail(format!("there is no head `{wanted}`")))
        }
        None if heads.len() <= 1 => Ok(0),
        None => Err(fail("no head was chosen".into())),
    }
}

impl Model for MaceModel {
    type Graph = MaceGraph;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        self.elements[usize::from(species.atomic_number())].is_some()
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.descriptor_width(Descriptors::All))
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let Shape { channels, message_rows, .. } = self.shape;
        // Seconds: measured on one core of a 2024 server, in single precision.
        let edge = 2.5e-6 * channels / 128.0 * message_rows / 48.0;
        2e-5 + edge * self.expected_edges(structure) + 6e-5 * channels / 128.0 * structure.n_atoms() as f64
    }

    fn weight_bytes(&self) -> u64 {
        on_route!(&self.network, network => network.bytes())
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        let n_elements = n_different(structure.species().iter().map(|species| species.atomic_number()));
        self.bytes(structure.n_atoms() as f64, self.expected_edges(structure), n_elements)
    }

    fn graph(&self, structure: &Structure, deadline: &Deadline) -> Result<MaceGraph, PredictError> {
        let element = |species: &Species| {
            self.elements[usize::from(species.atomic_number())]
                .ok_or_else(|| PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species: *species })
        };
        let elements = structure.species().iter().map(element).collect::<Result<Vec<_>, _>>()?;
        let cutoff = self.shape.cutoff;
        Ok(MaceGraph(match &self.network {
            Route::Single(_) => Route::Single(Graph::build(structure, elements, cutoff, deadline)?),
            Route::Double(_) => Route::Double(Graph::build(structure, elements, cutoff, deadline)?),
            Route::Candle(_) => Route::Candle(Graph::build(structure, elements, cutoff, deadline)?),
        }))
    }

    fn demand(&self, graph: &MaceGraph) -> Demand {
        let (n_atoms, n_pairs) = on_route!(&graph.0, graph => (graph.n_atoms(), graph.pairs.len()));
        let n_elements = on_route!(&graph.0, graph => n_different(graph.numbers.iter().copied()));
        let n_edges = 2 * n_pairs;
        let host_bytes = self.bytes(n_atoms as f64, n_edges as f64, n_elements);
        Demand { n_atoms, n_edges, host_bytes, ..Demand::default() }
    }

    fn evaluate(
        &self,
        graphs: &[&MaceGraph],
        request: Request,
        deadline: &Deadline,
    ) -> Result<Vec<Prediction>, PredictError> {
        graphs.iter().map(|graph| self.prediction(graph, request, deadline)).collect()
    }
}
