//! How numbers of atoms lie in memory.

use crate::sevennet::irreps::{Block, Irreps};
use mlip_kernels::edge_products::EdgeProducts;
use mlip_kernels::simd::Real;

/// For each block of irreps `[atoms, 2l + 1, padded channels]`.
pub(super) type Features<T> = Vec<Vec<T>>;

/// Channels in memory.
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(EdgeProducts::CHANNELS)
}

/// Numbers of an atom in a block.
pub(super) fn width(block: &Block) -> usize {
    block.irrep.dim() * padded(block.n)
}

/// Zeros for this many atoms.
pub(super) fn zeros<T: Real>(irreps: &Irreps, n_atoms: usize) -> Features<T> {
    irreps.0.iter().map(|block| vec![T::default(); n_atoms * width(block)]).collect()
}
