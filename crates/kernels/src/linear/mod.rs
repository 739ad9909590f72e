//! Products with constant matrices, packed once.
//!
//! Module order: `matrix` ↔ `strips`: what a matrix is, and how it multiplies by vectors.

mod matrix;
mod strips;
#[cfg(test)]
mod tests;

pub use matrix::Matrix;
