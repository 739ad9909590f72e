//! What is asked of a potential, and what came of it: no tensors, no files.
//!
//! Module order: `outcome` ← `task` ← `single_point`.

mod outcome;
mod single_point;
mod task;

pub use outcome::Outcome;
pub use single_point::SinglePoint;
pub use task::Task;
