//! D3(BJ) dispersion beside any potential: S. Grimme, S. Ehrlich, L. Goerigk, J. Comput. Chem. 32, 1456 (2011); the model is
//! that of S. Grimme, J. Antony, S. Ehrlich, H. Krieg, J. Chem. Phys. 132, 154104 (2010). Two-body terms.
//!
//! Module order: `reference` ← `coefficients`; `images` ← `coordination`; `damping` ← `correction` ← `dispersed` ← `choice`.

mod choice;
mod coefficients;
mod coordination;
mod correction;
mod damping;
mod dispersed;
mod images;
mod reference;

pub(crate) use choice::choose;
pub use choice::{KEY, NAMES};
pub use correction::{Correction, correction};
pub use damping::Damping;
