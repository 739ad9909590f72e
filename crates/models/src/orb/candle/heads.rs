//! From features of atoms to energies, forces and stresses in physical units: in double precision, since it is next to
//! no work.

use super::perceptron::Perceptron;
use crate::orb::shape::{N_EMBEDDED, Shape};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// What a training set's numbers were scaled with.
#[derive(Debug)]
struct Normalizer {
    /// `[1]`
    mean: Tensor,
    /// `[1]`
    deviation: Tensor,
}

impl Normalizer {
    fn new(vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = vb.pp("bn");
        Ok(Self { mean: vb.get(1, "running_mean")?, deviation: vb.get(1, "running_var")?.sqrt()? })
    }

    fn restore(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_mul(&self.deviation)?.broadcast_add(&self.mean)
    }
}

/// Energy of a structure.
#[derive(Debug)]
pub(super) struct EnergyHead {
    perceptron: Perceptron,
    normalizer: Normalizer,
    /// `[118]` by atomic number, eV.
    reference: Tensor,
}

impl EnergyHead {
    /// `heads.energy`
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            perceptron: Perceptron::new(&[shape.latent, shape.head_hidden, 1], vb)?,
            normalizer: Normalizer::new(&vb.pp("normalizer"))?,
            reference: vb.pp("reference").pp("linear").get(N_EMBEDDED - 1, "weight")?,
        })
    }

    /// The total energy, eV, from `[n_atoms, latent]` features and `[n_atoms]` atomic numbers.
    pub(super) fn forward(&self, atoms: &Tensor, elements: &Tensor) -> Result<Tensor> {
        let mean = self.perceptron.forward(&atoms.mean_keepdim(0)?)?;
        let network = (self.normalizer.restore(&mean)?.sum_all()? * atoms.dim(0)? as f64)?;
        network + self.reference.index_select(elements, 0)?.sum_all()?
    }
}

/// Forces and stress without a gradient.
#[derive(Debug)]
pub(super) struct DirectHeads {
    forces: Perceptron,
    forces_normalizer: Normalizer,
    stress: Perceptron,
    diagonal: Normalizer,
    off_diagonal: Normalizer,
}

impl DirectHeads {
    /// `heads`
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let (forces, stress) = (vb.pp("forces"), vb.pp("stress"));
        let widths = |outputs: usize| [shape.latent, shape.head_hidden, outputs];
        Ok(Self {
            forces: Perceptron::new(&widths(3), &forces)?,
            forces_normalizer: Normalizer::new(&forces.pp("normalizer"))?,
            stress: Perceptron::new(&widths(6), &stress)?,
            diagonal: Normalizer::new(&stress.pp("diag_normalizer"))?,
            off_diagonal: Normalizer::new(&stress.pp("offdiag_normalizer"))?,
        })
    }

    /// `[n_atoms, 3]` forces, eV/Å, without a net force before they are scaled.
    pub(super) fn forces(&self, atoms: &Tensor) -> Result<Tensor> {
        let raw = self.forces.forward(atoms)?;
        self.forces_normalizer.restore(&raw.broadcast_sub(&raw.mean_keepdim(0)?)?)
    }

    /// `[6]` stress in Voigt order, eV/Å^3.
    pub(super) fn stress(&self, atoms: &Tensor) -> Result<Tensor> {
        let raw = self.stress.forward(&atoms.mean_keepdim(0)?)?.flatten_all()?;
        let diagonal = self.diagonal.restore(&raw.narrow(0, 0, 3)?)?;
        Tensor::cat(&[diagonal, self.off_diagonal.restore(&raw.narrow(0, 3, 3)?)?], 0)
    }
}
