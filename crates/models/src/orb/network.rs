//! The network in one precision: from vectors of edges to features of atoms, and back to gradients.

use super::activations::{Arena, Kept, Scratch};
use super::encoder::Encoder;
use super::evaluation::{Description, HeadOutputs, Outputs, mean};
use super::graph::{Cell, Graph};
use super::interaction::{Features, Interaction, Keep, LayerKept};
use super::shape::{N_HARMONICS, Shape};
use super::weights::NetworkWeights;
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::Real;

/// Weights, and what was read off them.
#[derive(Debug)]
pub(crate) struct Network<T> {
    pub(crate) weights: NetworkWeights<T>,
    pub(crate) shape: Shape,
}

/// How much of a forward pass is kept for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Whether there is a backward pass.
    pub(crate) gradient: bool,
    /// So many of the perceptrons over edges keep their activations, the last first: encoder and layers.
    pub(crate) kept: usize,
}

/// A forward pass.
struct Pass<T> {
    /// `[n_atoms, latent]`
    atoms: Vec<T>,
    encoder: Kept,
    layers: Vec<LayerKept<T>>,
    cutoff: Vec<T>,
}

impl<T: Real> Network<T> {
    /// Bytes that one perceptron over edges keeps a row.
    pub(crate) fn kept_bytes_per_edge(shape: &Shape) -> usize {
        Kept::numbers_per_row(shape.hidden, shape.latent) * size_of::<T>()
    }

    /// Room for an evaluation.
    fn scratch(&self) -> Scratch<T> {
        let Shape { latent, hidden, n_radial, .. } = self.shape;
        Scratch::new(hidden, latent, n_radial * N_HARMONICS)
    }

    /// Keeps as much as fits.
    pub(crate) fn plan(shape: &Shape, n_edges: usize, gradient: bool, limit_bytes: usize) -> Plan {
        let one = n_edges * Self::kept_bytes_per_edge(shape);
        let kept = limit_bytes.checked_div(one).unwrap_or(usize::MAX).min(shape.n_layers + 1);
        Plan { gradient, kept: if gradient { kept } else { 0 } }
    }

    fn interaction<'a>(&'a self, index: usize, graph: &'a Graph, cutoff: &'a [T]) -> Interaction<'a, T> {
        Interaction { weights: &self.weights.layers[index], graph, cutoff }
    }

    /// Computes the features of atoms.
    fn forward(
        &self,
        graph: &Graph,
        plan: Plan,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Pass<T>, PredictError> {
        let Shape { latent, hidden, n_layers, .. } = self.shape;
        let encoder = Encoder { weights: &self.weights, graph };
        let n_rows = plan.kept * graph.n_edges() + if plan.gradient { n_layers * graph.n_atoms() } else { 0 };
        scratch.arena = Arena::with_room(n_rows * Kept::numbers_per_row(hidden, latent));
        let encoder_kept = match plan.kept > n_layers {
            true => scratch.arena.keep(graph.n_edges(), hidden, latent),
            false => Kept::NOTHING,
        };
        let row = |element: &u8| &self.weights.atoms[usize::from(*element) * latent..][..latent];
        let mut features = Features {
            atoms: graph.elements.iter().flat_map(row).copied().collect(),
            edges: encoder.forward(encoder_kept, scratch, deadline)?,
        };
        let cutoff = encoder.cutoffs();
        let conditions = self.conditions(graph);
        let mut layers = Vec::with_capacity(n_layers);
        for index in 0..n_layers {
            self.add_conditions(index, graph, &conditions, &mut features.atoms);
            let keep = match (plan.gradient, index + plan.kept >= n_layers) {
                (false, _) => Keep::Nothing,
                (true, false) => Keep::Input,
                (true, true) => Keep::Activations,
            };
            let layer = self.interaction(index, graph, &cutoff);
            let kept = layer.forward(&mut features, keep, scratch, deadline)?;
            if plan.gradient {
                layers.push(kept);
            }
        }
        Ok(Pass { atoms: features.atoms, encoder: encoder_kept, layers, cutoff })
    }

    /// Features of charge and spin, one vector a structure; none where the model knows neither.
    fn conditions(&self, graph: &Graph) -> Vec<Vec<f64>> {
        let Some(conditioning) = &self.weights.conditioning else { return Vec::new() };
        graph.cells.iter().map(|cell| conditioning.features(cell.condition)).collect()
    }

    /// Adds to atoms what a layer makes of charge and spin: constants, so gradients pass as they are.
    fn add_conditions(&self, layer: usize, graph: &Graph, conditions: &[Vec<f64>], atoms: &mut [T]) {
        let Some(conditioning) = &self.weights.conditioning else { return };
        let latent = self.shape.latent;
        for (cell, features) in graph.cells.iter().zip(conditions) {
            let shift = conditioning.shift(layer, features).into_iter().map(T::real).collect::<Vec<_>>();
            for atom in atoms[cell.atoms.start * latent..cell.atoms.end * latent].chunks_exact_mut(latent) {
                atom.iter_mut().zip(&shift).for_each(|(x, shift)| *x += *shift);
            }
        }
    }

    /// `[n_edges]` `∂E/∂vector` from `∂E/∂atoms`.
    fn backward(
        &self,
        graph: &Graph,
        pass: Pass<T>,
        by_atoms: Vec<T>,
        scratch: &mut Scratch<T>,
        deadline: &Deadline,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        let Pass { encoder, layers, cutoff, .. } = pass;
        let edges = vec![T::default(); graph.n_edges() * self.shape.latent];
        let mut gradients = Features { atoms: by_atoms, edges };
        let mut by_cutoff = vec![0.0; graph.n_edges()];
        for (index, kept) in layers.into_iter().enumerate().rev() {
            let layer = self.interaction(index, graph, &cutoff);
            layer.backward(&kept, &mut gradients, &mut by_cutoff, scratch, deadline)?;
        }
        let stage = Encoder { weights: &self.weights, graph };
        stage.backward(encoder, &gradients.edges, &by_cutoff, scratch, deadline)
    }

    /// What the network says of a batch, and its gradient where the plan has one.
    pub(crate) fn evaluate(&self, graph: &Graph, plan: Plan, deadline: &Deadline) -> Result<Outputs, PredictError> {
        let scratch = &mut self.scratch();
        let pass = self.forward(graph, plan, scratch, deadline)?;
        let atoms = pass.atoms.iter().map(|x| x.wide()).collect::<Vec<_>>();
        let (weights, width) = (&self.weights.heads, self.shape.latent);
        let (mut heads, mut by_atoms) = (Vec::with_capacity(graph.cells.len()), Vec::new());
        for Cell { atoms: range, .. } in &graph.cells {
            let own = &atoms[range.start * width..range.end * width];
            let pooled = mean(own, width);
            let direct = weights.direct.as_ref();
            heads.push(HeadOutputs {
                energy: weights.energy.forward(&pooled)[0],
                forces: direct.map(|heads| heads.forces.forward(own)).unwrap_or_default(),
                stress: direct.and_then(|heads| Some(heads.stress.as_ref()?.forward(&pooled))).unwrap_or_default(),
            });
            if plan.gradient {
                // The energy is the number of atoms times a function of their mean.
                let slope = weights.energy.gradient(&pooled);
                let row = slope.iter().map(|g| T::real(g * weights.energy_deviation)).collect::<Vec<_>>();
                by_atoms.extend(range.clone().flat_map(|_| row.iter().copied()));
            }
        }
        let slopes = match plan.gradient {
            true => self.backward(graph, pass, by_atoms, scratch, deadline)?,
            false => Vec::new(),
        };
        Ok(Outputs { atoms, heads, slopes })
    }

    /// Features of atoms and what the confidence head makes of them.
    pub(crate) fn describe(&self, graph: &Graph, deadline: &Deadline) -> Result<Description, PredictError> {
        let plan = Plan { gradient: false, kept: 0 };
        let values = self.evaluate(graph, plan, deadline)?.atoms;
        let confidence = self.weights.heads.confidence.as_ref();
        let confidence = confidence.map(|head| AtomFeatures { width: head.outputs(), values: head.forward(&values) });
        Ok(Description::new(AtomFeatures { width: self.shape.latent, values }, confidence))
    }
}
