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

/// Stress without a gradient.
#[derive(Debug)]
struct StressHead {
    perceptron: Perceptron,
    diagonal: Normalizer,
    off_diagonal: Normalizer,
}

impl StressHead {
    /// `heads.stress`
    fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            perceptron: Perceptron::new(&[shape.latent, shape.head_hidden, 6], vb)?,
            diagonal: Normalizer::new(&vb.pp("diag_normalizer"))?,
            off_diagonal: Normalizer::new(&vb.pp("offdiag_normalizer"))?,
        })
    }

    /// `[6]` in Voigt order, eV/Å^3.
    fn forward(&self, atoms: &Tensor) -> Result<Tensor> {
        let raw = self.perceptron.forward(&atoms.mean_keepdim(0)?)?.flatten_all()?;
        let diagonal = self.diagonal.restore(&raw.narrow(0, 0, 3)?)?;
        Tensor::cat(&[diagonal, self.off_diagonal.restore(&raw.narrow(0, 3, 3)?)?], 0)
    }
}

/// Forces and stress without a gradient.
#[derive(Debug)]
pub(super) struct DirectHeads {
    forces: Perceptron,
    forces_normalizer: Normalizer,
    /// None in OrbMol.
    stress: Option<StressHead>,
}

impl DirectHeads {
    /// `heads`
    pub(super) fn new(shape: &Shape, vb: &VarBuilder<'_>) -> Result<Self> {
        let forces = vb.pp("forces");
        Ok(Self {
            forces: Perceptron::new(&[shape.latent, shape.head_hidden, 3], &forces)?,
            forces_normalizer: Normalizer::new(&forces.pp("normalizer"))?,
            stress: shape.has_stress.then(|| StressHead::new(shape, &vb.pp("stress"))).transpose()?,
        })
    }

    /// `[n_atoms, 3]` forces, eV/Å, without a net force before they are scaled.
    pub(super) fn forces(&self, atoms: &Tensor) -> Result<Tensor> {
        let raw = self.forces.forward(atoms)?;
        self.forces_normalizer.restore(&raw.broadcast_sub(&raw.mean_keepdim(0)?)?)
    }

    /// Whether there is a stress.
    pub(super) fn has_stress(&self) -> bool {
        self.stress.is_some()
    }

    /// `[6]` stress in Voigt order, eV/Å^3.
    pub(super) fn stress(&self, atoms: &Tensor) -> Result<Option<Tensor>> {
        self.stress.as_ref().map(|head| head.forward(atoms)).transpose()
    }
}
