//! The network, layer by layer.

use super::basis::{AngleBasis, BondBasis};
use super::convolution::{Convolution, Keep, Update};
use super::graph::Graph;
use super::packed::{BasisWeights, Layer, Packed, ReadoutWeights};
use super::parameters::Parameters;
use super::readout::Readout;
use candle_core::{Device, Tensor, Var};
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};
use std::sync::Arc;

/// CHGNet in one precision, for the CPU.
pub(super) struct Model<T> {
    pub(super) parameters: Arc<Parameters>,
    basis: Arc<BasisWeights<T>>,
    atom_convolutions: Vec<Arc<Layer<T>>>,
    bond_convolutions: Vec<Arc<Layer<T>>>,
    angle_updates: Vec<Arc<Layer<T>>>,
    readout: Arc<ReadoutWeights<T>>,
    bytes: u64,
}

/// What a forward pass yields.
pub(super) struct Output {
    /// `[n_atoms]`, eV, without the reference energies of atoms.
    pub(super) sites: Tensor,
    /// `[n_atoms, d]` before the last convolution: what upstream calls `atom_fea`.
    pub(super) features: Tensor,
}

/// Why a forward pass ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    Tensor(candle_core::Error),
    Predict(PredictError),
}

impl From<candle_core::Error> for Stopped {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl From<PredictError> for Stopped {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}

impl<T: Real> Model<T> {
    pub(super) fn new(parameters: Arc<Parameters>, set: InstructionSet) -> Self {
        let packed = Packed::<T>::pack(&parameters, set);
        let bytes = packed.bytes();
        let share = |layers: Vec<_>| layers.into_iter().map(Arc::new).collect();
        Self {
            parameters,
            basis: Arc::new(packed.basis),
            atom_convolutions: share(packed.atom_convolutions),
            bond_convolutions: share(packed.bond_convolutions),
            angle_updates: share(packed.angle_updates),
            readout: Arc::new(packed.readout),
            bytes,
        }
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `vectors`: `[n_pairs, 3]`, Å, in `f64`.
    pub(super) fn forward(
        &self,
        graph: &Arc<Graph>,
        vectors: &Tensor,
        keep: Keep,
        deadline: &Deadline,
    ) -> Result<Output, Stopped> {
        let config = &self.parameters.config;
        let mut atoms = self.embed(graph)?;
        let mut bonds = vectors.apply_op1(BondBasis::new(self.basis.clone(), graph.clone(), config))?;
        let has_angles = graph.n_angles() > 0;
        let mut angles = if has_angles {
            vectors.apply_op1(AngleBasis { weights: self.basis.clone(), graph: graph.clone() })?
        } else {
            Tensor::zeros((0, config.width()), bonds.dtype(), &Device::Cpu)?
        };
        let layer = |update, weights: &Arc<Layer<T>>| Convolution::new(update, weights.clone(), graph.clone(), keep);
        let last = self.atom_convolutions.len() - 1;
        let mut features = atoms.clone();
        for (t, weights) in self.atom_convolutions.iter().enumerate() {
            deadline.check()?;
            if t == last {
                features = atoms.clone();
            }
            atoms = atoms.apply_op2(&bonds, layer(Update::Atoms, weights))?;
            if !has_angles {
                continue;
            }
            if let Some(weights) = self.bond_convolutions.get(t) {
                deadline.check()?;
                bonds = atoms.apply_op3(&bonds, &angles, layer(Update::Bonds, weights))?;
            }
            if let Some(weights) = self.angle_updates.get(t) {
                angles = atoms.apply_op3(&bonds, &angles, layer(Update::Angles, weights))?;
            }
        }
        let sites = atoms.apply_op1(Readout { weights: self.readout.clone(), width: config.width() })?;
        Ok(Output { sites, features })
    }

    /// `∂E/∂vectors`, `[n_pairs, 3]` row-major, eV/Å.
    pub(super) fn gradient(output: &Output, vectors: &Var) -> candle_core::Result<Vec<f64>> {
        let gradients = output.sites.sum_all()?.backward()?;
        match gradients.get(vectors) {
            Some(gradient) => gradient.flatten_all()?.to_vec1::<f64>(),
            None => Ok(vec![0.0; vectors.elem_count()]),
        }
    }

    fn embed(&self, graph: &Graph) -> candle_core::Result<Tensor> {
        let d = self.parameters.config.width();
        let row = |element: &u32| &self.parameters.atom_embedding[*element as usize * d..][..d];
        let values = graph.element.iter().flat_map(row).map(|x| T::real(*x)).collect::<Vec<_>>();
        Tensor::from_vec(values, (graph.n_atoms(), d), &Device::Cpu)
    }
}
