//! MACE as a [`Potential`].

use super::composite::{Composite, Failure, Stopped};
use super::file::{FileError, ModelFile};
use super::graph::Graph;
use super::network::{Descriptors, Evaluation, Network, Wanted};
use super::options::Options;
use candle_core::Device;
use mlip_atoms::engine::OneByOne;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, Potential, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_atoms::{DeviceError, Engine, EngineKind, EngineResources};
use mlip_kernels::simd::{InstructionSet, Real};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A MACE model with its weights.
pub struct Mace {
    id: PotentialId,
    /// By atomic number: index into the model's elements.
    elements: Vec<Option<u16>>,
    network: AnyNetwork,
    shape: Shape,
    /// Where the weights come from.
    file: ModelFile,
    head: usize,
}

/// The routes to the same numbers.
enum AnyNetwork {
    F32(Network<f32>),
    F64(Network<f64>),
    Composite(Box<Composite>),
}

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
    /// The device has no room for the weights, or is not there.
    #[error("the weights cannot be put onto the device: {0}")]
    Device(#[source] candle_core::Error),
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::File(error) => Self::File(error),
            Failure::Device(error) => Self::Device(error),
        }
    }
}

impl Mace {
    /// From upstream's `.model`.
    ///
    /// `name`: under which it appears in results. `options`: `head` is needed where the file has several.
    ///
    /// # Errors
    /// When the file cannot be read, is not a MACE model that this program computes, or lacks the head.
    pub fn from_file(path: &Path, name: &str, options: &Options, precision: Precision) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.into(), source };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path).map_err(io)?).map_err(io)?;
        let file = ModelFile::open(path)?;
        let head = choose_head(&file.config.heads, options.head.as_deref())?;
        let set = InstructionSet::detect();
        let exact = options.exact_radial;
        let network = match precision {
            Precision::F32 => AnyNetwork::F32(Network::read(&file, head, exact, set)?),
            Precision::F64 => AnyNetwork::F64(Network::read(&file, head, exact, set)?),
        };
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
        Ok(Self {
            id: PotentialId {
                name: name.into(),
                checkpoint: file_name,
                digest: hasher.finalize().to_hex().to_string(),
                precision,
                settings: settings.join(" "),
            },
            elements,
            shape: Shape {
                cutoff: file.config.r_max,
                channels: file.config.layers.iter().map(|layer| layer.target.0[0]).max().unwrap_or(1) as f64,
                message_rows: message_rows.sum(),
                n_layers: file.config.layers.len() as f64,
            },
            network,
            file,
            head,
        })
    }

    /// The same potential in plain candle operations: any device; the oracle of the fast route.
    ///
    /// The fast route, which is what [`Mace::from_file`] gives, runs on the CPU only. This one runs on any device with
    /// double precision (CPU, CUDA), never tabulates radial functions, and agrees with the fast one to rounding.
    /// It takes many times the time and the memory.
    ///
    /// # Errors
    /// When the file can no longer be read, or the weights cannot be put onto the device.
    pub fn with_composite(mut self, device: &Device) -> Result<Self, LoadError> {
        let composite = Composite::read(&self.file, self.head, self.id.precision, device)?;
        self.network = AnyNetwork::Composite(Box::new(composite));
        crate::engine::note(&mut self.id, EngineKind::Candle);
        Ok(self)
    }

    /// Energies of the atoms (eV, references of the elements included): they sum up to the energy.
    ///
    /// # Errors
    /// As for a prediction.
    pub fn site_energies(&self, structure: &Structure) -> Result<Vec<f64>, PredictError> {
        let wanted = Wanted { gradient: false, descriptors: Descriptors::None };
        Ok(self.run(structure, wanted, &Deadline::NONE)?.0.sites)
    }

    /// Upstream's descriptors of atoms: `[n_atoms, width]`; for medium models 256 wide (scalars) or 640 (all).
    ///
    /// # Errors
    /// As for a prediction.
    pub fn descriptors(&self, structure: &Structure, which: Descriptors) -> Result<AtomFeatures, PredictError> {
        let wanted = Wanted { gradient: false, descriptors: which };
        let values = self.run(structure, wanted, &Deadline::NONE)?.0.descriptors;
        Ok(AtomFeatures { width: self.descriptor_width(which), values })
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

    fn descriptor_width(&self, which: Descriptors) -> usize {
        match &self.network {
            AnyNetwork::F32(network) => network.descriptor_width(which),
            AnyNetwork::F64(network) => network.descriptor_width(which),
            AnyNetwork::Composite(network) => network.descriptor_width(which),
        }
    }

    /// Evaluates, and gives the pairs with it.
    fn run(
        &self,
        structure: &Structure,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> Result<(Evaluation, Option<PairGradient>), PredictError> {
        deadline.check()?;
        let element = |species: &Species| {
            self.elements[usize::from(species.atomic_number())]
                .ok_or_else(|| PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species: *species })
        };
        let elements = structure.species().iter().map(element).collect::<Result<Vec<_>, _>>()?;
        match &self.network {
            AnyNetwork::F32(network) => run(network, structure, elements, wanted, deadline),
            AnyNetwork::F64(network) => run(network, structure, elements, wanted, deadline),
            AnyNetwork::Composite(network) => {
                let graph = Graph::build(structure, elements, self.shape.cutoff, deadline)?;
                let evaluation = network.evaluate(&graph, wanted, deadline).map_err(|stopped| match stopped {
                    Stopped::Predict(error) => error,
                    Stopped::Tensor(error) => {
                        PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() }
                    }
                })?;
                let gradient = pair_gradient(&graph, &evaluation, wanted);
                Ok((evaluation, gradient))
            }
        }
    }

    fn evaluate(
        &self,
        structure: &Structure,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Prediction, PredictError> {
        let descriptors = if request.atom_features { Descriptors::Invariant } else { Descriptors::None };
        let wanted = Wanted { gradient: request.forces, descriptors };
        let (evaluation, gradient) = self.run(structure, wanted, deadline)?;
        let mut prediction = Prediction { energy: evaluation.sites.iter().sum(), ..Prediction::default() };
        if request.atom_features {
            let width = self.descriptor_width(descriptors);
            prediction.atom_features = Some(AtomFeatures { width, values: evaluation.descriptors });
        }
        if let Some(gradient) = gradient {
            prediction.stress = Some(gradient.stress(structure.lattice().volume()));
            prediction.forces = gradient.forces;
        }
        if prediction.is_finite() { Ok(prediction) } else { Err(PredictError::NotFinite { what: "energy or forces" }) }
    }

    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        let density = structure.n_atoms() as f64 / structure.lattice().volume();
        structure.n_atoms() as f64 * density * 4.0 / 3.0 * std::f64::consts::PI * self.shape.cutoff.powi(3)
    }
}

fn run<T: Real>(
    network: &Network<T>,
    structure: &Structure,
    elements: Vec<u16>,
    wanted: Wanted,
    deadline: &Deadline,
) -> Result<(Evaluation, Option<PairGradient>), PredictError> {
    let graph = Graph::<T>::build(structure, elements, network.cutoff(), deadline)?;
    let evaluation = network.evaluate(&graph, wanted, deadline)?;
    let gradient = pair_gradient(&graph, &evaluation, wanted);
    Ok((evaluation, gradient))
}

/// Forces and strain derivative, if they are wanted.
fn pair_gradient<T>(graph: &Graph<T>, evaluation: &Evaluation, wanted: Wanted) -> Option<PairGradient> {
    wanted.gradient.then(|| {
        let mut gradient = PairGradient::new(graph.elements.len());
        for (pair, g) in graph.pairs.iter().zip(&evaluation.gradient) {
            gradient.add(pair, *g);
        }
        gradient
    })
}

/// The index of the head that is meant.
fn choose_head(heads: &[String], wanted: Option<&str>) -> Result<usize, LoadError> {
    let fail = |problem: String| LoadError::Head { problem, heads: heads.to_vec() };
    match wanted {
        Some(wanted) => {
            heads.iter().position(|head| head == wanted).ok_or_else(|| fail(format!("there is no head `{wanted}`")))
        }
        None if heads.len() <= 1 => Ok(0),
        None => Err(fail("no head was chosen".into())),
    }
}

impl Potential for Mace {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        self.elements[usize::from(species.atomic_number())].is_some()
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let Shape { channels, message_rows, .. } = self.shape;
        // Seconds: measured on one core of a 2024 server, in single precision.
        let edge = 2.5e-6 * channels / 128.0 * message_rows / 48.0;
        2e-5 + edge * self.expected_edges(structure) + 6e-5 * channels / 128.0 * structure.n_atoms() as f64
    }

    fn weight_bytes(&self) -> u64 {
        match &self.network {
            AnyNetwork::F32(network) => network.bytes(),
            AnyNetwork::F64(network) => network.bytes(),
            AnyNetwork::Composite(network) => network.bytes(),
        }
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        if let AnyNetwork::Composite(network) = &self.network {
            return network.working_bytes(structure.n_atoms() as f64, self.expected_edges(structure)) as u64;
        }
        let Shape { channels, message_rows, n_layers, .. } = self.shape;
        let scalar = match self.id.precision {
            Precision::F32 => 4.0,
            Precision::F64 => 8.0,
        };
        // Messages of one layer and their gradient; of each layer features, messages and contractions.
        let atom = scalar * channels.max(16.0) * (2.0 * message_rows + 80.0 * n_layers);
        // A pair, its harmonics, its basis functions, its derivatives.
        let edge = 0.5 * (48.0 + 16.0 * (8.0 + scalar) + 24.0 * scalar + 40.0);
        (4e6 + atom * structure.n_atoms() as f64 + edge * self.expected_edges(structure)) as u64
    }

    fn open(self: Arc<Self>, _resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(OneByOne::new(move |structure: &Structure, request, deadline: &Deadline| {
            Potential::predict(self.as_ref(), &[structure], request, deadline).remove(0)
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
