//! The network on the CPU, layer by layer, as one differentiable operation.
//!
//! To candle the whole network is one operation with a hand-written backward pass: features are
//! updated in place in both directions, and weights, which are constant, get no gradient.

use super::basis::{AngleBasis, BondBasis, BondInputs};
use super::convolution::{Convolution, Features, Inputs, Keep, Kept, Update};
use super::graph::Graph;
use super::packed::{Layer, Packed};
use super::parameters::Parameters;
use super::readout::Readout;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};

/// CHGNet in one precision.
#[derive(Debug)]
pub(super) struct Network<T> {
    parameters: std::sync::Arc<Parameters>,
    packed: Packed<T>,
}

/// A forward pass, and what its backward pass needs.
pub(super) struct Pass<T> {
    /// `[n_atoms]`, eV, without the reference energies of atoms.
    pub(super) sites: Vec<f64>,
    /// `[n_atoms, d]` before the last convolution: what upstream calls `atom_fea`.
    pub(super) features: Vec<T>,
    inputs: Inputs<T>,
    /// After the last layer.
    last: Features<T>,
    kept: Vec<Option<Kept<T>>>,
}

impl<T: Real> Network<T> {
    pub(super) fn new(parameters: std::sync::Arc<Parameters>, set: InstructionSet) -> Self {
        let packed = Packed::pack(&parameters, set);
        Self { parameters, packed }
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        self.packed.bytes()
    }

    /// Bytes that the messages of so large a structure keep for the backward pass, if they are kept.
    pub(super) fn kept_bytes(&self, n_edges: f64, n_angles: f64) -> f64 {
        let packed = &self.packed;
        let row = |layer: &Layer<T>| layer.messages.saved_bytes_per_row() as f64;
        let of_edges = packed.atom_convolutions.iter().map(row).sum::<f64>();
        let of_angles = packed.bond_convolutions.iter().chain(&packed.angle_updates).map(row).sum::<f64>();
        of_edges * n_edges + of_angles * n_angles
    }

    /// The layers in order. Without angles only atoms are updated.
    fn layers<'a>(&'a self, graph: &'a Graph) -> Vec<Convolution<'a, T>> {
        let packed = &self.packed;
        let mut layers = Vec::new();
        for (t, atoms) in packed.atom_convolutions.iter().enumerate() {
            let basis = &packed.basis;
            layers.push(Convolution { update: Update::Atoms, first: t == 0, layer: atoms, basis, graph });
            if graph.n_angles() > 0 {
                let bonds = packed.bond_convolutions.get(t).map(|layer| (Update::Bonds, layer));
                let angles = packed.angle_updates.get(t).map(|layer| (Update::Angles, layer));
                let both = bonds.into_iter().chain(angles);
                layers.extend(both.map(|(update, layer)| Convolution { update, first: false, layer, basis, graph }));
            }
        }
        layers
    }

    fn bond_basis<'a>(&'a self, graph: &'a Graph) -> BondBasis<'a, T> {
        BondBasis { weights: &self.packed.basis, graph, config: &self.parameters.config }
    }

    fn angle_basis<'a>(&'a self, graph: &'a Graph) -> AngleBasis<'a, T> {
        AngleBasis { weights: &self.packed.basis, graph }
    }

    fn readout(&self) -> Readout<'_, T> {
        Readout { weights: &self.packed.readout, width: self.parameters.config.width() }
    }

    /// `vectors`: `[n_pairs, 3]`, Å.
    pub(super) fn forward(
        &self,
        graph: &Graph,
        vectors: &[f64],
        keep: Keep,
        deadline: &Deadline,
    ) -> Result<Pass<T>, PredictError> {
        let mut pairs = self.bond_basis(graph).values(vectors);
        let bonds = std::mem::take(&mut pairs.bonds);
        let inputs = Inputs { pairs, angles: self.angle_basis(graph).values(vectors) };
        let mut state = Features { atoms: self.embedding(graph), bonds, angles: Vec::new(), shift: None };
        let layers = self.layers(graph);
        let mut features = Vec::new();
        let mut kept = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            deadline.check()?;
            if index + 1 == layers.len() {
                features = state.atoms.clone();
            }
            kept.push(layer.forward(&inputs, &mut state, keep));
        }
        Ok(Pass { sites: self.readout().sites(&state.atoms), features, inputs, last: state, kept })
    }

    /// `∂E/∂vectors`, `[n_pairs, 3]` row-major, from `∂E/∂sites`.
    pub(super) fn backward(
        &self,
        graph: &Graph,
        vectors: &[f64],
        pass: Pass<T>,
        sites: &[T],
        deadline: &Deadline,
    ) -> Result<Vec<f64>, PredictError> {
        let Pass { inputs, mut last, kept, .. } = pass;
        let zeros = |like: &[T]| vec![T::default(); like.len()];
        let mut gradients = Features {
            atoms: self.readout().gradient(&last.atoms, sites),
            bonds: zeros(&last.bonds),
            angles: zeros(&last.angles),
            shift: None,
        };
        let mut of_inputs = Inputs {
            pairs: BondInputs {
                radial: zeros(&inputs.pairs.radial),
                weights: zeros(&inputs.pairs.weights),
                bonds: Vec::new(),
                bond_weights: zeros(&inputs.pairs.bond_weights),
            },
            angles: zeros(&inputs.angles),
        };
        for (layer, kept) in self.layers(graph).iter().zip(kept).rev() {
            deadline.check()?;
            if let Some(kept) = kept {
                layer.backward(kept, &inputs, &mut last.angles, &mut gradients, &mut of_inputs);
            }
        }
        of_inputs.pairs.bonds = gradients.bonds;
        let mut out = self.bond_basis(graph).gradient(vectors, of_inputs.pairs);
        self.angle_basis(graph).add_gradient(vectors, &inputs.angles, &of_inputs.angles, &mut out);
        Ok(out)
    }

    fn embedding(&self, graph: &Graph) -> Vec<T> {
        let d = self.parameters.config.width();
        let row = |element: &u32| &self.parameters.atom_embedding[*element as usize * d..][..d];
        graph.element.iter().flat_map(row).map(|x| T::real(*x)).collect()
    }
}
