//! ORB v3: an attention-gated graph network simulator on edges that know their direction.
//!
//! Papers: M. Neumann et al., "Orb: a fast, scalable neural network potential", arXiv:2410.22570 (2024);
//! B. Rhodes et al., "Orb-v3: atomistic simulation at scale", arXiv:2504.06231 (2025).
//! Upstream: PyPI `orb-models` 0.5.5, `orb_models/forcefield/{gns,angular,rbf,conservative_regressor,direct_regressor,
//! forcefield_heads,pair_repulsion,featurization_utilities,nn_util}.py`.
//!
//! OrbMol is the same network with charge and spin, which every layer adds to its atoms (`conditioning`).
//!
//! The network is **not rotation invariant**: spherical harmonics enter plain perceptrons, so energies depend on how the
//! crystal is turned, in the last digits. The Cartesian frame is used as given. Translations, the order of atoms, the
//! choice of lattice vectors and supercells change nothing (but see the repulsion).
//!
//! What upstream does that is easily missed, and is done here as well: the repulsion looks up nuclear charges and
//! radii one element too far, and a conservative model adds its mean over atoms to the total energy, a direct one its
//! sum (so energies of conservative models are not exactly extensive where atoms are nearer than covalent radii). What upstream does and is not done here: it misses neighbors in strongly skewed cells; it picks among
//! equidistant neighbors by rounding (see [`nearest`]); in left-handed cells of direct models it turns the sign of the
//! repulsion's stress; it replaces stresses of 1e10 eV/Å^3 and more by zero.
//!
//! Module order: `kind` ← `error` ← `variant`, `file` ← `shape` ← `conditioning`; `nearest` ← `graph` ← `basis`, `repulsion` ← `evaluation`;
//! `head`, `weights` ← `activations` ← `encoder`, `interaction` ← `network` ← `potential` ← `entry`.
//! `candle` (of `shape`, `conditioning`, `graph`, and the constants of `repulsion`) is the same network once more, as layers of candle.
//! `cuda` (of `file`, `weights`, `graph`, `evaluation`) runs it on a GPU.

mod activations;
mod basis;
mod candle;
mod conditioning;
#[cfg(feature = "cuda")]
mod cuda;
mod encoder;
mod entry;
mod error;
mod evaluation;
mod file;
mod graph;
mod head;
mod interaction;
mod kind;
mod nearest;
mod network;
mod potential;
mod repulsion;
mod shape;
#[cfg(test)]
mod tests;
mod variant;
mod weights;

#[cfg(feature = "cuda")]
pub use cuda::{CudaEngine, CudaOrb, OrbCard};
pub(crate) use entry::ENTRIES;
pub use entry::Options;
pub use error::LoadError;
pub use evaluation::Description;
pub use file::read;
pub use kind::Kind;
pub use potential::{Orb, OrbModel};
pub use variant::{VARIANTS, Variant};
