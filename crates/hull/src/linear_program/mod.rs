//! The linear program of a convex hull.
//!
//! Module order: `factors` ← `simplex`.

mod factors;
mod simplex;

#[cfg(test)]
mod tests;

pub(crate) use simplex::Columns;
