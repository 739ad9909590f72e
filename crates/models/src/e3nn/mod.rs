//! What models made with e3nn share: harmonics, their couplings, constants that files do not state.
//!
//! Module order: `radial_basis`; `two_way`; `norms` ← `radial_perceptron`; `harmonics`, `quadrature` ← `couplings` ← `tensors`.

mod couplings;
mod harmonics;
mod norms;
mod quadrature;
mod radial_basis;
mod radial_perceptron;
mod tensors;
mod two_way;

pub(crate) use couplings::{Coefficient, couplings};
pub(crate) use harmonics::{LMAX, N_HARMONICS, gradient, harmonics, vector_gradient};
pub(crate) use norms::{SIGMOID_NORM, SILU_NORM, TANH_NORM};
pub(crate) use radial_basis::{polynomial_envelope, smooth_polynomial_envelope, wave};
pub(crate) use radial_perceptron::{RadialPerceptron, Scratch};
pub(crate) use tensors::{Ladder, envelope};
pub(crate) use two_way::TwoWay;
