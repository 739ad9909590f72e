//! What an engine is asked for, and what it gives.

/// What is to be computed beside the energies of atoms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) gradient: bool,
    pub(super) features: bool,
}

/// What comes out.
pub(super) struct Evaluation {
    /// `[n_atoms]`, eV.
    pub(super) sites: Vec<f64>,
    /// `∂E/∂vector` of each pair, eV/Å; empty where it was not asked for.
    pub(super) gradient: Vec<[f64; 3]>,
    /// `[n_atoms, units]`; empty where they were not asked for.
    pub(super) features: Vec<f64>,
}
