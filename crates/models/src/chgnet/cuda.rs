//! CHGNet on an NVIDIA GPU: graphs are built and results are read off by the code that does so for CPUs; the network between
//! them is `mlip-gpu`'s.

use super::config::Config;
use super::error::LoadError;
use super::file::{self, Named};
use super::graph::Graph;
use super::parameters::{self, N_ELEMENTS, Parameters};
use crate::card::{CardEngine, CardModel, CardPotential};
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::neighbors::Pair;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_gpu::chgnet::{
    Angle, COLUMNS, ChgnetGraph, ChgnetNetwork, ChgnetWeights, Gated, Linear, Norm, Outputs, Radial, kernels_digest,
};
use mlip_gpu::{GpuError, PairGraph, Products};
use std::path::Path;

/// CHGNet with its weights, for a GPU.
pub type CudaChgnet = CardPotential<ChgnetCard>;
/// It on one.
pub type CudaChgnetEngine = CardEngine<ChgnetCard>;

/// CHGNet with its weights, for a GPU.
pub struct ChgnetCard {
    id: PotentialId,
    config: Config,
    weights: ChgnetWeights,
    /// `[94]`, eV
    references: Vec<f64>,
    ordinal: Option<usize>,
}

/// Files have single precision.
fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

fn linear(layer: &parameters::Linear) -> Linear {
    let parameters::Linear { inputs, outputs, weight, bias } = layer;
    Linear { inputs: *inputs, outputs: *outputs, weight: narrow(weight), bias: narrow(bias) }
}

/// Empty where there is none: the hyperparameters have been asked.
fn norm(norm: &Option<parameters::Norm>) -> Norm {
    let numbers = |of: fn(&parameters::Norm) -> &[f64]| norm.as_ref().map(|norm| narrow(of(norm))).unwrap_or_default();
    Norm { scale: numbers(|norm| &norm.scale), offset: numbers(|norm| &norm.offset) }
}

fn gated(layers: &[parameters::Gated]) -> Vec<Gated> {
    let gated = |layer: &parameters::Gated| Gated {
        core: layer.core.iter().map(linear).collect(),
        gate: layer.gate.iter().map(linear).collect(),
        core_norm: norm(&layer.core_norm),
        gate_norm: norm(&layer.gate_norm),
        out: layer.out.as_deref().map(narrow),
    };
    layers.iter().map(gated).collect()
}

fn weights(p: &Parameters, exponent: u32) -> ChgnetWeights {
    let radial = |reach: f64, frequencies: &[f64]| Radial { reach, frequencies: frequencies.to_vec() };
    ChgnetWeights {
        width: p.config.width(),
        embedding: narrow(&p.atom_embedding),
        exponent,
        atom_graph: radial(p.config.atom_graph_cutoff, &p.atom_graph_frequencies),
        bond_graph: radial(p.config.bond_graph_cutoff, &p.bond_graph_frequencies),
        bond_embedding: narrow(&p.bond_embedding),
        atom_graph_weights: narrow(&p.atom_graph_weights),
        bond_graph_weights: narrow(&p.bond_graph_weights),
        angle_frequencies: p.angle_frequencies.clone(),
        angle_embedding: narrow(&p.angle_embedding),
        atom_convolutions: gated(&p.atom_convolutions),
        bond_convolutions: gated(&p.bond_convolutions),
        angle_updates: gated(&p.angle_updates),
        readout_norm: norm(&p.readout_norm),
        readout: p.readout.iter().map(linear).collect(),
        moments: linear(&p.site_wise),
    }
}

impl CudaChgnet {
    /// The 0.3.0 weights in the program; it will run on the device of this number, or, without one, each process of a host
    /// will take a device of its own.
    ///
    /// # Errors
    /// Only if the program was built with a damaged file.
    pub fn built_in(ordinal: impl Into<Option<usize>>) -> Result<Self, LoadError> {
        Self::named(&Named::built_in()?, ordinal.into())
    }

    /// The r2SCAN weights in the program.
    ///
    /// # Errors
    /// As of [`built_in`](Self::built_in).
    pub fn built_in_r2scan(ordinal: impl Into<Option<usize>>) -> Result<Self, LoadError> {
        Self::named(&Named::built_in_r2scan()?, ordinal.into())
    }

    /// From upstream's `.pth.tar`, or from a `.safetensors` file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// When the file cannot be read, or is not CHGNet 0.3.0 as cards compute it.
    pub fn from_file(path: &Path, ordinal: impl Into<Option<usize>>) -> Result<Self, LoadError> {
        Self::named(&Named::from_file(path)?, ordinal.into())
    }

    /// From a safetensors file whose metadata hold `model_args` (JSON).
    ///
    /// # Errors
    /// As of [`from_file`](Self::from_file).
    pub fn from_safetensors(
        bytes: &[u8],
        checkpoint: &str,
        ordinal: impl Into<Option<usize>>,
    ) -> Result<Self, LoadError> {
        Self::named(&Named::chgnet(checkpoint, file::from_safetensors(bytes)?), ordinal.into())
    }

    fn named(named: &Named, ordinal: Option<usize>) -> Result<Self, LoadError> {
        let (mut id, _) = named.id(Precision::F32)?;
        id.settings = format!("device=cuda,kernels={}", &kernels_digest()[..16]);
        let config = named.contents.config.clone();
        let exponent = config.exponent_for_cards()?;
        let parameters = Parameters::from_weights(config.clone(), &named.contents.weights)?;
        let weights = weights(&parameters, exponent);
        Ok(Self::around(ChgnetCard { id, config, weights, references: parameters.atom_reference, ordinal }))
    }
}

/// A structure as results and as the device need it.
pub struct Content {
    pairs: Vec<Pair>,
    /// Atomic numbers less one.
    elements: Vec<u32>,
    /// Å^3
    volume: f64,
    n_angles: usize,
    graph: ChgnetGraph,
}

impl Content {
    fn new(graph: Graph) -> Result<Self, GpuError> {
        let pairs = graph.pairs.iter().map(|pair| (pair.i, pair.j, pair.vector));
        let pairs = PairGraph::new(graph.element.clone(), pairs)?;
        let angles = (0..graph.n_angles()).map(|k| Angle {
            center: graph.angles.center[k],
            bonds: [0, 1].map(|side| graph.angles.bond[side][k]),
            turned: graph.angles.sign[k] < 0.0,
        });
        Ok(Self {
            n_angles: graph.n_angles(),
            graph: ChgnetGraph::new(pairs, graph.bonds, angles)?,
            pairs: graph.pairs,
            elements: graph.element,
            volume: graph.volume,
        })
    }
}

impl ChgnetCard {
    /// From what the device gave for the atoms and the pairs of one structure.
    fn prediction(
        &self,
        content: &Content,
        request: Request,
        (energies, moments): (&[f64], &[f64]),
        slopes: &[[f64; 3]],
    ) -> Prediction {
        let references = content.elements.iter().map(|element| self.references[*element as usize]).sum::<f64>();
        let mut prediction = Prediction {
            energy: energies.iter().sum::<f64>() + references,
            magmoms: Some(moments.iter().map(|moment| moment.abs()).collect()),
            ..Prediction::default()
        };
        if request.forces {
            let gradient = PairGradient::of(content.elements.len(), content.pairs.iter().zip(slopes.iter().copied()));
            prediction.stress = Some(gradient.stress(content.volume));
            prediction.forces = gradient.forces;
        }
        prediction
    }
}

impl CardModel for ChgnetCard {
    type Network = ChgnetNetwork;
    type Content = Content;

    const BATCH_EDGES: usize = 524_288;

    fn id(&self) -> &PotentialId {
        &self.id
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
        // Seconds of an edge or an angle (docs/gpu.md).
        1.6e-8 * (edges + angles)
    }

    fn weight_bytes(&self) -> u64 {
        // Nearly all of them in matrices of gated perceptrons.
        let w = &self.weights;
        let layers = w.atom_convolutions.iter().chain(&w.bond_convolutions).chain(&w.angle_updates);
        let matrices = layers.flat_map(|layer| layer.core.iter().chain(&layer.gate)).map(|layer| layer.weight.len());
        4 * matrices.sum::<usize>() as u64
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        let (edges, angles) = Graph::expected(structure, &self.config);
        (70.0 * edges + 32.0 * angles) as u64 + 64 * structure.n_atoms() as u64
    }

    fn weights(&self) -> &ChgnetWeights {
        &self.weights
    }

    fn products(&self) -> Products {
        Products::F32
    }

    fn ordinal(&self) -> Option<usize> {
        self.ordinal
    }

    fn content(&self, structure: &Structure, deadline: &Deadline) -> Result<Content, PredictError> {
        let name = &self.id.name;
        let graph = Graph::build(structure, &self.config, deadline).map_err(|error| error.of(name, &self.config))?;
        Content::new(graph)
            .map_err(|error| PredictError::Internal { potential: name.clone(), message: error.to_string() })
    }

    fn graph(content: &Content) -> &ChgnetGraph {
        &content.graph
    }

    fn edges(content: &Content) -> (usize, u64) {
        let (n_pairs, n_atoms) = (content.pairs.len(), content.elements.len());
        (2 * n_pairs, (140 * n_pairs + 32 * content.n_angles + 32 * n_atoms) as u64)
    }

    fn predictions(&self, batch: &[(&Content, Request)], outputs: Outputs) -> Vec<Result<Prediction, PredictError>> {
        let (mut atom, mut pair) = (0, 0);
        let prediction = |(content, request): &(&Content, Request)| {
            let (n_atoms, n_pairs) = (content.elements.len(), content.pairs.len());
            let of_atoms = (&outputs.energies[atom..atom + n_atoms], &outputs.moments[atom..atom + n_atoms]);
            let slopes = outputs.slopes.get(pair..pair + n_pairs).unwrap_or_default();
            let mut prediction = self.prediction(content, *request, of_atoms, slopes);
            if request.atom_features {
                let width = self.config.width();
                let rows = outputs.features[atom * COLUMNS..(atom + n_atoms) * COLUMNS].chunks_exact(COLUMNS);
                let values = rows.flat_map(|row| &row[..width]).map(|x| f64::from(*x)).collect();
                prediction.atom_features = Some(AtomFeatures { width, values });
            }
            (atom, pair) = (atom + n_atoms, pair + n_pairs);
            if prediction.is_finite() {
                Ok(prediction)
            } else {
                Err(PredictError::NotFinite { what: "energy or forces" })
            }
        };
        batch.iter().map(prediction).collect()
    }
}
