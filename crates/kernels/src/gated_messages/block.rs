//! Rows are computed some at a time.

/// Rows in flight at once: a multiple of every tile's height. The backward pass holds five arrays of 24 × 128 numbers for
/// messages of width 64, 60 KiB in single precision, which stay in the second-level cache.
pub(super) const BLOCK: usize = 24;
/// Factors that a message has at most.
pub(super) const MAX_WEIGHTS: usize = 2;

/// Numbers of the rows of a block: core, gate, core, gate, and so on.
pub(super) type PerRow<T> = [T; 2 * BLOCK];
