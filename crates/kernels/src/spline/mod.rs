//! Smooth functions of one variable from tables: quintic B-splines on even knots, many functions at once.
//!
//! A row of a table holds one coefficient of every function, so that an evaluation is a sum of six rows. The error falls
//! with the sixth power of the step.
//!
//! Module order: `rows` ← `table`; `local`.

mod local;
mod rows;
mod table;

pub use local::{REACH, coefficients};
pub use rows::Factors;
pub use table::{Place, SplineTable};
