//! Structures moved to a minimum of the energy, positions and cell.
//!
//! Module order, each using only those before it:
//! `settings`, `vector` ← `symmetric`, `optimizer` ← `degrees` ← `fixed_symmetry`, `fire`, `bfgs`, `lbfgs`, `line_search` ←
//! `bfgs_line_search` ← `limits`, `displacement` ← `workflow` ← `calculation`.

mod bfgs;
mod bfgs_line_search;
mod calculation;
mod degrees;
mod displacement;
mod fire;
mod fixed_symmetry;
mod lbfgs;
mod limits;
mod line_search;
mod optimizer;
mod settings;
mod symmetric;
#[cfg(test)]
mod tests;
mod vector;
mod workflow;

pub use calculation::RelaxationCalculation;
pub use settings::{CellMotion, Method, Relaxation, RelaxationError};
