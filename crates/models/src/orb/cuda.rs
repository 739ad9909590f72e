//! ORB v3, conservative, on an NVIDIA GPU.
//!
//! Elements are encoded, edges are found and results are scaled by the same code as on CPUs; the network between them is
//! `mlip-gpu`'s.

use super::error::LoadError;
use super::evaluation::{HeadOutputs, Outputs, Scales};
use super::file;
use super::graph::Graph;
use super::kind::Kind;
use super::shape::{CUTOFF, N_HARMONICS, Shape};
use super::variant::Variant;
use super::weights::Packer;
use crate::card::{CardEngine, CardModel, CardPotential};
use crate::weights::Weights;
use mlip_atoms::{Deadline, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_gpu::Products;
use mlip_gpu::orb::{self, Head, Layer, Linear, OrbGraph, OrbNetwork, OrbWeights, Perceptron, kernels_digest};
use mlip_kernels::simd::InstructionSet;
use std::path::Path;

/// Beyond this element upstream's repulsion has no radius.
const LAST_ELEMENT: u8 = 117;

/// ORB v3 with its weights, for a GPU.
pub type CudaOrb = CardPotential<OrbCard>;
/// It on one.
pub type CudaEngine = CardEngine<OrbCard>;

/// ORB v3 with its weights, for a GPU.
pub struct OrbCard {
    id: PotentialId,
    variant: &'static Variant,
    shape: Shape,
    scales: Scales,
    weights: OrbWeights,
    products: Products,
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
        if variant.conditioned {
            return Err(LoadError::Architecture {
                what: "models on a GPU",
                expected: "one without charge and spin".into(),
                found: variant.name.into(),
            });
        }
        let shape = Shape::infer(tensors, variant)?;
        let packer = Packer { tensors, shape, kind: variant.kind, arithmetic: InstructionSet::detect().into() };
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
                &kernels_digest()[..16]
            ),
        };
        Ok(Self::around(OrbCard { id, variant, shape, scales, weights, products, ordinal: ordinal.into() }))
    }
}

/// A structure's graph, as results and as the device need it.
pub struct Content {
    graph: Graph,
    edges: OrbGraph,
}

impl CardModel for OrbCard {
    type Network = OrbNetwork;
    type Content = Content;

    /// A batch takes some tens of milliseconds.
    const BATCH_EDGES: usize = 131_072;

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
        let around = n_atoms / structure.lattice().volume() * 4.0 / 3.0 * std::f64::consts::PI * CUTOFF.powi(3);
        // Seconds of an edge (docs/gpu.md).
        let edge = if self.products == Products::F32 { 1.0e-6 } else { 3.3e-7 };
        n_atoms * around.min(self.variant.max_neighbors as f64) * edge
    }

    fn weight_bytes(&self) -> u64 {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let perceptron = hidden * (3 * latent + hidden + latent);
        ((2 * n_layers + 1) * perceptron * size_of::<f32>()) as u64
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        (structure.n_atoms() * self.variant.max_neighbors * 200) as u64
    }

    fn weights(&self) -> &OrbWeights {
        &self.weights
    }

    fn products(&self) -> Products {
        self.products
    }

    fn ordinal(&self) -> Option<usize> {
        self.ordinal
    }

    fn content(&self, structure: &Structure, deadline: &Deadline) -> Result<Content, PredictError> {
        let graph = Graph::build(structure, self.variant.max_neighbors, deadline)?;
        let elements = graph.elements.iter().map(|element| u32::from(*element)).collect();
        let edges = graph.pairs.iter().map(|pair| (pair.i, pair.j, pair.vector));
        let edges = OrbGraph::new(elements, edges)
            .map_err(|error| PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() })?;
        Ok(Content { graph, edges })
    }

    fn graph(content: &Content) -> &OrbGraph {
        &content.edges
    }

    fn edges(content: &Content) -> (usize, u64) {
        let (n_atoms, n_edges) = (content.edges.n_atoms(), content.edges.n_edges());
        (n_edges, (n_edges * 128 + n_atoms * 16) as u64)
    }

    fn predictions(
        &self,
        batch: &[(&Content, Request)],
        outputs: orb::Outputs,
    ) -> Vec<Result<Prediction, PredictError>> {
        let (mut atom, mut edge) = (0, 0);
        let width = self.shape.latent;
        let prediction = |((content, request), energy): (&(&Content, Request), &f64)| {
            let (n_atoms, n_edges) = (content.edges.n_atoms(), content.edges.n_edges());
            let slopes = outputs.slopes.get(edge..edge + n_edges).unwrap_or_default();
            let atoms = outputs.atoms.get(atom * width..(atom + n_atoms) * width).unwrap_or_default();
            (atom, edge) = (atom + n_atoms, edge + n_edges);
            let heads = HeadOutputs { energy: *energy, forces: Vec::new(), stress: Vec::new() };
            let atoms = if request.atom_features { atoms } else { &[] };
            let own = Outputs {
                atoms: atoms.iter().map(|x| f64::from(*x)).collect(),
                heads: vec![heads],
                slopes: if request.forces { slopes.to_vec() } else { Vec::new() },
            };
            let mut predictions = self.scales.predictions(&content.graph, &own, *request);
            predictions.pop().ok_or(PredictError::NotFinite { what: "energy" })
        };
        batch.iter().zip(&outputs.energies).map(prediction).collect()
    }
}
