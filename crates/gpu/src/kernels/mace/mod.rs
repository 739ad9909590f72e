//! Kernels of MACE beside products of rows with matrices.
//!
//! Module order: `load`, `shapes` ← `pairs`, `messages`, `elements`, `densities`, `products`.

mod densities;
mod elements;
mod load;
mod messages;
mod pairs;
mod products;
mod shapes;

pub(crate) use densities::{Density, DensityGradient};
pub(crate) use elements::{Elements, Readout};
pub(super) use load::MaceKernels;
pub(crate) use messages::{Edges, Gradients, Messages};
pub(crate) use pairs::{Agnesi, Basis, BasisRows, Couplings, Pairs, Terms, Vectors};
pub(crate) use products::Product;
pub(crate) use shapes::{Blocks, MOST_CHANNELS, MOST_LAYERS, Paths};
