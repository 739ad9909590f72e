//! The whole network: from structures to predictions.

use super::condition::Conditioner;
use super::encoder::Encoder;
use super::heads::{DirectHeads, EnergyHead};
use super::interaction::{Edges, Interaction};
use super::perceptron::Perceptron;
use super::repulsion::Repulsion;
use crate::graph_potential::Stopped;
use crate::orb::evaluation::Description;
use crate::orb::graph::{Cell, Graph};
use crate::orb::kind::Kind;
use crate::orb::shape::Shape;
use crate::pair_vectors::PairVectors;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::VarBuilder;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, Prediction, Request};

/// ORB's layers on a device.
#[derive(Debug)]
pub(crate) struct CandleNetwork {
    encoder: Encoder,
    /// Of OrbMol.
    conditioner: Option<Conditioner>,
    layers: Vec<Interaction>,
    energy: EnergyHead,
    /// Of direct models.
    direct: Option<DirectHeads>,
    confidence: Option<(Perceptron, usize)>,
    latent: usize,
    dtype: DType,
    device: Device,
}

/// A tensor's numbers on the host.
fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// Rows of three.
fn triples(tensor: &Tensor) -> Result<Vec<[f64; 3]>> {
    Ok(numbers(tensor)?.as_chunks().0.to_vec())
}

impl CandleNetwork {
    /// The network in the precision and on the device of `vb`.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or cannot be put onto the device.
    pub(crate) fn new(shape: &Shape, kind: Kind, vb: &VarBuilder<'_>) -> Result<Self> {
        let model = vb.pp("model");
        let layer = |k: usize| Interaction::new(shape, &model.pp("gnn_stacks").pp(k));
        let heads = vb.pp("heads").to_dtype(DType::F64);
        let confidence = |outputs: usize| {
            let widths = [shape.latent, shape.head_hidden, outputs];
            Ok::<_, candle_core::Error>((Perceptron::new(&widths, &heads.pp("confidence"))?, outputs))
        };
        Ok(Self {
            encoder: Encoder::new(shape, &model)?,
            conditioner: shape.conditioned.then(|| Conditioner::new(shape, &model.pp("conditioner"))).transpose()?,
            layers: (0..shape.n_layers).map(layer).collect::<Result<_>>()?,
            energy: EnergyHead::new(shape, &heads.pp("energy"))?,
            direct: (kind == Kind::Direct).then(|| DirectHeads::new(shape, &heads)).transpose()?,
            confidence: shape.n_confidence.map(confidence).transpose()?,
            latent: shape.latent,
            dtype: vb.dtype(),
            device: vb.device().clone(),
        })
    }

    fn index(&self, index: &[u32]) -> Result<Tensor> {
        Tensor::from_slice(index, index.len(), &self.device)
    }

    fn elements(&self, graph: &Graph) -> Result<Tensor> {
        self.index(&graph.elements.iter().map(|z| u32::from(*z)).collect::<Vec<_>>())
    }

    /// Of the edges. `followed`: whether a gradient by them is wanted.
    fn vectors(&self, graph: &Graph, followed: bool) -> Result<PairVectors> {
        PairVectors::new(graph.pairs.iter().map(|pair| pair.vector), followed, &self.device)
    }

    /// `[n_atoms, latent]`: charge and spin of the structure of each atom.
    fn condition(&self, graph: &Graph) -> Result<Option<Tensor>> {
        let Some(conditioner) = &self.conditioner else { return Ok(None) };
        let conditions = graph.cells.iter().map(|cell| cell.condition).collect::<Vec<_>>();
        let cells = graph.cells.iter().zip(0u32..).flat_map(|(cell, index)| cell.atoms.clone().map(move |_| index));
        let cells = self.index(&cells.collect::<Vec<_>>())?;
        let features = conditioner.forward(&conditions, &self.device)?.to_dtype(self.dtype)?;
        features.index_select(&cells, 0).map(Some)
    }

    /// `[n_atoms, latent]`, in double precision.
    fn atoms(
        &self,
        graph: &Graph,
        elements: &Tensor,
        vectors: &Tensor,
        deadline: &Deadline,
    ) -> std::result::Result<Tensor, Stopped> {
        let condition = self.condition(graph)?;
        let mut atoms = self.encoder.atoms(elements)?;
        // Candle has no products of no rows.
        let mut edges = match graph.n_edges() {
            0 => None,
            _ => {
                let (cutoff, features) = self.encoder.edges(&vectors.to_dtype(self.dtype)?)?;
                let (sender, receiver) = (self.index(&graph.sender)?, self.index(&graph.receiver)?);
                Some(Edges { sender, receiver, cutoff, features })
            }
        };
        for layer in &self.layers {
            deadline.check()?;
            atoms = layer.forward(&atoms, condition.as_ref(), edges.as_mut())?;
        }
        Ok(atoms.to_dtype(DType::F64)?)
    }

    /// `[n_edges, 1]` of the repulsion, eV.
    fn repulsion(&self, graph: &Graph, vectors: &Tensor) -> Result<Option<Tensor>> {
        if graph.n_edges() == 0 {
            return Ok(None);
        }
        let element = |atom: &u32| graph.elements[*atom as usize];
        let ends = graph.sender.iter().zip(&graph.receiver).map(|(a, b)| (element(a), element(b)));
        Repulsion::new(&ends.collect::<Vec<_>>(), &self.device)?.forward(vectors).map(Some)
    }

    /// One prediction for each structure of a batch.
    ///
    /// # Errors
    /// When candle fails, or the time is over.
    pub(crate) fn predictions(
        &self,
        graph: &Graph,
        request: Request,
        deadline: &Deadline,
    ) -> std::result::Result<Vec<Prediction>, Stopped> {
        let (vectors, elements) = (self.vectors(graph, request.forces)?, self.elements(graph)?);
        let atoms = self.atoms(graph, &elements, vectors.tensor(), deadline)?;
        let repulsion = self.repulsion(graph, vectors.tensor())?;
        let mut predictions = Vec::with_capacity(graph.cells.len());
        // What forces and stresses are slopes of: of direct models the repulsion alone.
        let mut total = Tensor::zeros((), DType::F64, &self.device)?;
        for cell in &graph.cells {
            let own = atoms.narrow(0, cell.atoms.start, cell.atoms.len())?;
            let mut energy = self.energy.forward(&own, &elements.narrow(0, cell.atoms.start, cell.atoms.len())?)?;
            let repulsion = repulsion.as_ref().filter(|_| !cell.edges.is_empty());
            let repulsion = repulsion.map(|all| all.narrow(0, cell.edges.start, cell.edges.len())?.sum_all());
            let mut slope_of = if self.direct.is_none() { Some(energy.clone()) } else { None };
            if let Some(repulsion) = repulsion.transpose()? {
                let part = match self.direct {
                    // A conservative model adds the mean over atoms.
                    None => (repulsion / cell.atoms.len() as f64)?,
                    Some(_) => repulsion,
                };
                energy = (energy + &part)?;
                slope_of = Some(match slope_of {
                    None => part,
                    Some(energy) => (energy + part)?,
                });
            }
            if let Some(part) = slope_of {
                total = (total + part)?;
            }
            let features = |own: &Tensor| Ok(AtomFeatures { width: self.latent, values: numbers(own)? });
            let mut prediction = Prediction {
                energy: energy.to_scalar()?,
                atom_features: request.atom_features.then(|| features(&own)).transpose().map_err(Stopped::Tensor)?,
                ..Prediction::default()
            };
            if let Some(heads) = self.direct.as_ref().filter(|_| request.forces) {
                prediction.forces = triples(&heads.forces(&own)?)?;
                let stress = heads.stress(&own)?.map(|stress| numbers(&stress)).transpose()?;
                prediction.stress = stress.and_then(|stress| stress.first_chunk().copied());
            }
            predictions.push(prediction);
        }
        if request.forces {
            deadline.check()?;
            let slopes = vectors.gradient(&total)?;
            for (cell, prediction) in graph.cells.iter().zip(&mut predictions) {
                add_slopes(graph, cell, &slopes, prediction);
                if self.direct.as_ref().is_some_and(|heads| !heads.has_stress()) {
                    prediction.stress = None;
                }
            }
        }
        Ok(predictions)
    }

    /// Features of atoms and what the confidence head makes of them.
    pub(crate) fn describe(&self, graph: &Graph, deadline: &Deadline) -> std::result::Result<Description, Stopped> {
        let (vectors, elements) = (self.vectors(graph, false)?, self.elements(graph)?);
        let atoms = self.atoms(graph, &elements, vectors.tensor(), deadline)?;
        let confidence = self.confidence.as_ref().map(|(head, width)| {
            Ok::<_, candle_core::Error>(AtomFeatures { width: *width, values: numbers(&head.forward(&atoms)?)? })
        });
        let features = AtomFeatures { width: self.latent, values: numbers(&atoms)? };
        Ok(Description::new(features, confidence.transpose()?))
    }
}

/// Adds forces and stress from `∂E/∂vector` of the edges of a structure.
fn add_slopes(graph: &Graph, cell: &Cell, slopes: &[[f64; 3]], prediction: &mut Prediction) {
    let mut gradient = PairGradient::new(cell.atoms.len());
    for (pair, slope) in graph.pairs[cell.edges.clone()].iter().zip(&slopes[cell.edges.clone()]) {
        gradient.add(pair, *slope);
    }
    if prediction.forces.is_empty() {
        prediction.forces = vec![[0.0; 3]; cell.atoms.len()];
    }
    for (force, more) in prediction.forces.iter_mut().zip(&gradient.forces) {
        *force = [0, 1, 2].map(|axis| force[axis] + more[axis]);
    }
    let (before, more) = (prediction.stress.unwrap_or_default(), gradient.stress(cell.volume));
    prediction.stress = Some(std::array::from_fn(|k| before[k] + more[k]));
}
