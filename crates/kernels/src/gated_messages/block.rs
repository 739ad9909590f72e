//! Rows are computed some at a time.

/// Rows in flight at once: a multiple of every tile's height; 48 × 128 numbers fit into the second-level cache.
pub(super) const BLOCK: usize = 24;
/// Factors that a message has at most.
pub(super) const MAX_WEIGHTS: usize = 2;

/// Numbers of the rows of a block: core, gate, core, gate, and so on.
pub(super) type PerRow<T> = [T; 2 * BLOCK];
