//! What a network computes with.

use super::unit::TileUnit;
use crate::simd::InstructionSet;

/// Vectors for everything, and what multiplies with constant matrices in single precision where vectors do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arithmetic {
    /// Vectors.
    pub set: InstructionSet,
    /// A matrix unit; products are those of digits of eight bits then.
    pub tiles: Option<TileUnit>,
}

impl From<InstructionSet> for Arithmetic {
    fn from(set: InstructionSet) -> Self {
        Self { set, tiles: None }
    }
}
