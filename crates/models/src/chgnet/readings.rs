//! What is read off a network.

/// From whichever engine; sums in double precision.
#[derive(Debug)]
pub(super) struct Readings {
    /// eV, reference energies of atoms included.
    pub(super) energy: f64,
    /// `[n_atoms]`, μ_B.
    pub(super) moments: Vec<f64>,
    /// `[n_atoms, d]` before the last convolution.
    pub(super) features: Vec<f64>,
    /// `∂E/∂vectors`, `[n_pairs]`, eV/Å; empty where it was not asked for.
    pub(super) gradient: Vec<[f64; 3]>,
}
