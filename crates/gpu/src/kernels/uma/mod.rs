//! Kernels of UMA beside products of rows with matrices.
//!
//! Module order: `load` ← `edges`, `rows`, `atoms`, `head`, `turns`, `degree`, `mix`.

mod atoms;
mod degree;
mod edges;
mod head;
mod load;
mod mix;
mod rows;
mod turns;

pub(crate) use atoms::{Balance, Norm};
pub(crate) use degree::Degree;
pub(crate) use edges::{Gaussians, Vectors};
pub(crate) use head::Head;
pub(super) use load::UmaKernels;
pub(crate) use load::{COMPONENTS, FACTORS, GRADIENTS, MOST_CHANNELS, MOST_EXPERTS, WIGNER};
pub(crate) use mix::{ExpertSides, Experts, Mix};
pub(crate) use rows::{AtomGate, Normal, Terms};
pub(crate) use turns::{Gather, Sums, Turns};
