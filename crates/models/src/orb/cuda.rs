//! ORB v3, conservative, on an NVIDIA GPU: batches of graphs, made on the host and computed on the device.
//!
//! Elements are encoded, edges are found and results are scaled by the same code as on CPUs; the network between them is
//! `mlip-gpu`'s. A structure has the same bits alone, in any batch and in any order.

use super::error::LoadError;
use super::evaluation::{HeadOutputs, Outputs, Scales};
use super::file;
use super::graph::Graph;
use super::kind::Kind;
use super::shape::{CUTOFF, N_HARMONICS, Shape};
use super::variant::Variant;
use super::weights::Packer;
use crate::weights::Weights;
use mlip_atoms::engine::{Answer, BatchError, BatchSum, Demand, Job, JobId, Prepared, Preparer, Ticket};
use mlip_atoms::{
    Deadline, DeviceError, Engine, EngineResources, Potential, PotentialId, Precision, PredictError, Prediction,
    Request, Species, Structure,
};
use mlip_gpu::orb::{Flight, Head, Layer, Linear, Needs, OrbComputer, OrbGraph, OrbWeights, Perceptron, Wanted};
use mlip_gpu::{Device, GpuError, Products, devices};
use mlip_kernels::simd::InstructionSet;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Edges of a batch at most: the card is busy with fewer, and a batch takes some tens of milliseconds.
const BATCH_EDGES: usize = 131_072;
/// Of the memory that is free once weights are there, so much may be used.
const USABLE: f64 = 0.9;
/// Beyond this element upstream's repulsion has no radius.
const LAST_ELEMENT: u8 = 117;

/// ORB v3 with its weights, for a GPU.
pub struct CudaOrb {
    id: PotentialId,
    variant: &'static Variant,
    shape: Shape,
    scales: Scales,
    weights: OrbWeights,
    products: Products,
    /// Which device; none: that of the number of the process among those of its run on its host.
    ordinal: Option<usize>,
}

/// Reads weights as the device wants them: in `f32`, as files have them.
struct Reader<'a> {
    tensors: &'a Weights,
    shape: Shape,
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

impl Reader<'_> {
    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, LoadError> {
        Ok(Linear {
            weight: narrow(&self.tensors.get(&format!("{name}.weight"), &[outputs, inputs])?),
            bias: narrow(&self.tensors.get(&format!("{name}.bias"), &[outputs])?),
        })
    }

    fn perceptron(&self, name: &str, inputs: usize) -> Result<Perceptron, LoadError> {
        let Shape { latent, hidden, .. } = self.shape;
        Ok(Perceptron {
            first: self.linear(&format!("{name}.mlp.NN-0"), hidden, inputs)?,
            second: self.linear(&format!("{name}.mlp.NN-1"), hidden, hidden)?,
            third: self.linear(&format!("{name}.mlp.NN-2"), latent, hidden)?,
            scale: narrow(&self.tensors.get(&format!("{name}.layer_norm.weight"), &[latent])?),
        })
    }

    fn layer(&self, index: usize) -> Result<Layer, LoadError> {
        let (latent, name) = (self.shape.latent, |part: &str| format!("model.gnn_stacks.{index}.{part}"));
        Ok(Layer {
            edges: self.perceptron(&name("_edge_mlp"), 3 * latent)?,
            atoms: self.perceptron(&name("_node_mlp"), 3 * latent)?,
            send: self.linear(&name("_send_attn"), 1, latent)?,
            receive: self.linear(&name("_receive_attn"), 1, latent)?,
        })
    }

    fn head(&self, deviation: f64) -> Result<Head, LoadError> {
        let Shape { latent, head_hidden: hidden, .. } = self.shape;
        let get = |part: &str, shape: &[usize]| {
            Ok::<_, LoadError>(self.tensors.get(&format!("heads.energy.mlp.{part}"), shape)?.into_owned())
        };
        Ok(Head {
            first: get("NN-0.weight", &[hidden, latent])?,
            first_bias: get("NN-0.bias", &[hidden])?,
            second: get("NN-1.weight", &[1, hidden])?,
            second_bias: get("NN-1.bias", &[1])?[0],
            deviation,
        })
    }

    fn weights(&self, atoms: Vec<f32>, deviation: f64) -> Result<OrbWeights, LoadError> {
        let Shape { latent, hidden, n_radial, n_layers, .. } = self.shape;
        Ok(OrbWeights {
            latent,
            hidden,
            atoms,
            frequencies: self.tensors.get("model.rbf_transform.bessel_weights", &[n_radial])?.into_owned(),
            prefactor: self.tensors.get("model.rbf_transform.prefactor", &[])?[0],
            reach: CUTOFF,
            epsilon: f32::EPSILON,
            encoder: self.perceptron("model._encoder._edge_fn", n_radial * N_HARMONICS)?,
            layers: (0..n_layers).map(|index| self.layer(index)).collect::<Result<_, _>>()?,
            head: self.head(deviation)?,
        })
    }
}

impl CudaOrb {
    /// From upstream's `.ckpt`, as the model of this name; it will run on the device of this number, or, without one, each
    /// process of a host will take a device of its own.
    ///
    /// # Errors
    /// When there is no such model, the file cannot be read, or it holds another model or a direct one.
    pub fn from_file(
        name: &str,
        path: &Path,
        products: Products,
        ordinal: impl Into<Option<usize>>,
    ) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        variant.check_file_name(path)?;
        let checkpoint = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        Self::new(name, &file::read(path)?, &checkpoint, products, ordinal)
    }

    /// From weights; `checkpoint` says in words which they are.
    ///
    /// # Errors
    /// As of [`from_file`](Self::from_file).
    pub fn new(
        name: &str,
        tensors: &Weights,
        checkpoint: &str,
        products: Products,
        ordinal: impl Into<Option<usize>>,
    ) -> Result<Self, LoadError> {
        let variant = Variant::named(name).ok_or_else(|| LoadError::Name(name.into()))?;
        if variant.kind != Kind::Conservative {
            return Err(LoadError::Architecture {
                what: "models on a GPU",
                expected: "a conservative one".into(),
                found: variant.name.into(),
            });
        }
        let shape = Shape::infer(tensors, variant)?;
        let packer = Packer { tensors, shape, kind: variant.kind, set: InstructionSet::detect() };
        let scales = packer.scales()?;
        let weights = Reader { tensors, shape }.weights(packer.atoms()?, scales.energy.deviation)?;
        let id = PotentialId {
            name: name.into(),
            checkpoint: checkpoint.into(),
            digest: tensors.digest()?,
            precision: Precision::F32,
            settings: format!(
                "model={},device=cuda,products={},kernels={}",
                variant.name,
                products.name(),
                &mlip_gpu::kernels_digest()[..16]
            ),
        };
        Ok(Self { id, variant, shape, scales, weights, products, ordinal: ordinal.into() })
    }

    /// What one card computes with, for the process of this number among those of its run on its host.
    ///
    /// # Errors
    /// When the device cannot be used, or has no room for the weights.
    pub fn engine(self: Arc<Self>, rank_on_host: usize) -> Result<CudaEngine, DeviceError> {
        let ordinal = match self.ordinal {
            Some(ordinal) => ordinal,
            // Without any, opening the first says so.
            None => rank_on_host % devices().map_err(failure)?.len().max(1),
        };
        let device = Device::open(ordinal).map_err(failure)?;
        let computer = OrbComputer::new(&device, &self.weights, self.products).map_err(failure)?;
        let (free, _) = device.memory().map_err(failure)?;
        let capacity = (free as f64 * USABLE) as u64;
        let preparer = Arc::new(CudaPreparer { potential: self, needs: computer.needs(), capacity });
        Ok(CudaEngine { preparer, computer, n_submitted: 0, flights: VecDeque::new() })
    }
}

/// What the device said, as those who form batches understand it.
fn failure(error: GpuError) -> DeviceError {
    match error {
        GpuError::OutOfMemory { .. } | GpuError::NoTransferMemory { .. } => DeviceError::OutOfMemory(error.to_string()),
        other => DeviceError::Lost(other.to_string()),
    }
}

impl Potential for CudaOrb {
    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        species.atomic_number() <= LAST_ELEMENT
    }

    fn cost(&self, structure: &Structure) -> f64 {
        let n_atoms = structure.n_atoms() as f64;
        let around = n_atoms / structure.lattice().volume() * 4.0 / 3.0 * std::f64::consts::PI * CUTOFF.powi(3);
        // Seconds of an edge on an H100 (docs/gpu.md).
        let edge = if self.products == Products::F32 { 1.0e-6 } else { 3.3e-7 };
        n_atoms * around.min(self.variant.max_neighbors as f64) * edge
    }

    fn weight_bytes(&self) -> u64 {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let perceptron = hidden * (3 * latent + hidden + latent);
        ((2 * n_layers + 1) * perceptron * size_of::<f32>()) as u64
    }

    fn working_bytes(&self, structure: &Structure) -> u64 {
        (structure.n_atoms() * self.variant.max_neighbors * 200) as u64
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.shape.latent)
    }

    fn device(&self) -> Option<String> {
        Some(self.ordinal.map_or_else(|| "cuda".into(), |ordinal| format!("cuda:{ordinal}")))
    }

    fn find_device(&self) -> Result<(), DeviceError> {
        let (ordinal, count) = (self.ordinal.unwrap_or(0), devices().map_err(failure)?.len());
        if count <= ordinal {
            return Err(failure(GpuError::NoDevice { ordinal, count }));
        }
        Ok(())
    }

    fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
        Ok(Box::new(self.engine(resources.rank_on_host)?))
    }

    /// Nobody computes a batch on a device without an engine.
    fn predict(
        &self,
        structures: &[&Structure],
        _request: Request,
        _deadline: &Deadline,
    ) -> Vec<Result<Prediction, PredictError>> {
        let error = DeviceError::Lost("a potential on a GPU computes through its engine".into());
        structures.iter().map(|_| Err(PredictError::Device(error.clone()))).collect()
    }
}

/// A structure's graph, as results and as the device need it.
struct Content {
    graph: Graph,
    edges: OrbGraph,
}

/// A batch on the device.
struct Under {
    ticket: Ticket,
    flight: Flight,
    batch: Vec<Prepared>,
}

/// Makes graphs for one card, on any thread.
struct CudaPreparer {
    potential: Arc<CudaOrb>,
    needs: Needs,
    /// Bytes of the device that batches may take.
    capacity: u64,
}

/// Computes on one card.
pub struct CudaEngine {
    preparer: Arc<CudaPreparer>,
    computer: OrbComputer,
    n_submitted: u64,
    flights: VecDeque<Under>,
}

impl CudaPreparer {
    fn content(&self, job: &Job) -> Result<Content, PredictError> {
        let potential = &*self.potential;
        let structure = &*job.structure;
        if let Some(species) = structure.species().iter().find(|species| !potential.supports(**species)) {
            return Err(PredictError::UnsupportedSpecies { potential: potential.id.name.clone(), species: *species });
        }
        job.deadline.check()?;
        let graph = Graph::build(structure, potential.variant.max_neighbors, &job.deadline)?;
        let elements = graph.elements.iter().map(|element| u32::from(*element)).collect();
        let edges = graph.pairs.iter().map(|pair| (pair.i, pair.j, pair.vector));
        let edges = OrbGraph::new(elements, edges).map_err(|error| PredictError::Internal {
            potential: potential.id.name.clone(),
            message: error.to_string(),
        })?;
        Ok(Content { graph, edges })
    }

    fn demand(&self, content: &Content, request: Request) -> Demand {
        let (n_atoms, n_edges) = (content.edges.n_atoms(), content.edges.n_edges());
        let held = (n_edges * 128 + n_atoms * 16) as u64;
        Demand {
            n_atoms,
            n_edges,
            host_bytes: held + self.needs.host_bytes(n_atoms, n_edges, request.forces),
            device_bytes: self.needs.device_bytes(n_atoms, n_edges, request.forces),
            ..Demand::default()
        }
    }
}

impl Preparer for CudaPreparer {
    fn prepare(&self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        let content = self.content(&job).map_err(|error| (job.id, error))?;
        let demand = self.demand(&content, job.request);
        if demand.device_bytes > self.capacity {
            let (needed_bytes, limit_bytes) = (demand.device_bytes, self.capacity);
            return Err((job.id, PredictError::TooLarge { needed_bytes, limit_bytes }));
        }
        Ok(Prepared { job, demand, content: Box::new(content) })
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        let sum = batch.and(next).demand;
        batch.n_jobs == 0 || (sum.n_edges <= BATCH_EDGES && sum.device_bytes <= self.capacity)
    }
}

impl CudaEngine {
    /// What it computes.
    pub fn potential(&self) -> &CudaOrb {
        &self.preparer.potential
    }

    /// Answers of a batch, in its order.
    fn answers(&self, batch: &[Prepared], outputs: &mlip_gpu::orb::Outputs) -> Vec<Answer> {
        let (mut atom, mut edge) = (0, 0);
        let potential = self.potential();
        let width = potential.shape.latent;
        let answer = |(prepared, energy): (&Prepared, &f64)| {
            let (job, n_atoms, n_edges) = (&prepared.job, prepared.demand.n_atoms, prepared.demand.n_edges);
            let slopes = outputs.slopes.get(edge..edge + n_edges).unwrap_or_default();
            let atoms = outputs.atoms.get(atom * width..(atom + n_atoms) * width).unwrap_or_default();
            (atom, edge) = (atom + n_atoms, edge + n_edges);
            let Some(content) = prepared.content.downcast_ref::<Content>() else { return foreign(job.id) };
            let heads = HeadOutputs { energy: *energy, forces: Vec::new(), stress: Vec::new() };
            let own = Outputs {
                atoms: if job.request.atom_features {
                    atoms.iter().map(|x| f64::from(*x)).collect()
                } else {
                    Vec::new()
                },
                heads: vec![heads],
                slopes: if job.request.forces { slopes.to_vec() } else { Vec::new() },
            };
            let mut predictions = potential.scales.predictions(&content.graph, &own, job.request);
            (job.id, predictions.pop().ok_or(PredictError::NotFinite { what: "energy" }))
        };
        batch.iter().zip(&outputs.energies).map(answer).collect()
    }
}

/// The answer to a job that another engine prepared.
fn foreign(id: JobId) -> Answer {
    let message = "the job was prepared by another engine".into();
    (id, Err(PredictError::Internal { potential: "orb".into(), message }))
}

impl Engine for CudaEngine {
    fn prepare(&mut self, job: Job) -> Result<Prepared, (JobId, PredictError)> {
        self.preparer.prepare(job)
    }

    fn fits(&self, batch: &BatchSum, next: &Demand) -> bool {
        self.preparer.fits(batch, next)
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer>> {
        Some(self.preparer.clone())
    }

    fn is_done(&mut self, ticket: Ticket) -> bool {
        self.flights
            .iter()
            .find(|under| under.ticket == ticket)
            .is_none_or(|under| self.computer.is_done(&under.flight))
    }

    fn submit(&mut self, batch: Vec<Prepared>) -> Result<Ticket, BatchError> {
        let graphs = batch.iter().filter_map(|prepared| prepared.content.downcast_ref::<Content>());
        let graphs = graphs.map(|content| &content.edges).collect::<Vec<_>>();
        if graphs.len() != batch.len() {
            let error = DeviceError::Lost("a job of the batch was prepared by another engine".into());
            return Err(BatchError { error, batch });
        }
        let wanted = Wanted {
            gradient: batch.iter().any(|prepared| prepared.job.request.forces),
            features: batch.iter().any(|prepared| prepared.job.request.atom_features),
        };
        match self.computer.submit(&graphs, wanted) {
            Err(error) => Err(BatchError { error: failure(error), batch }),
            Ok(flight) => {
                let ticket = Ticket(self.n_submitted);
                self.n_submitted += 1;
                self.flights.push_back(Under { ticket, flight, batch });
                Ok(ticket)
            }
        }
    }

    fn collect(&mut self, ticket: Ticket) -> Result<Vec<Answer>, BatchError> {
        let place = self.flights.iter().position(|under| under.ticket == ticket);
        // A ticket is collected once; a second time there is nothing left.
        let Some(Under { flight, batch, .. }) = place.and_then(|place| self.flights.remove(place)) else {
            return Ok(Vec::new());
        };
        match self.computer.collect(flight) {
            Ok(outputs) => Ok(self.answers(&batch, &outputs)),
            Err(error) => Err(BatchError { error: failure(error), batch }),
        }
    }
}
