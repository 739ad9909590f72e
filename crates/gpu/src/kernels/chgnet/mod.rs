//! Kernels of CHGNet beside products of rows with matrices.
//!
//! Module order: `load` ← `basis`, `gated`, `sums`, `atoms`.

mod atoms;
mod basis;
mod gated;
mod load;
mod sums;

pub(crate) use atoms::Norm;
pub(crate) use basis::{Fourier, Radial, Vectors};
pub(crate) use gated::{AngleGradients, AngleRows, Angles, EdgeGradients, Edges, Gated};
pub(super) use load::ChgnetKernels;
pub(crate) use load::WIDE;
pub(crate) use sums::{Sums, WideSums};
