//! `models get` against hosts of this machine that behave as those on the way do.
//!
//! Module order: `host` ← `asking` ← `failures`, `fetching`, `gated`, `together`.

mod asking;
mod failures;
mod fetching;
mod gated;
mod host;
mod together;
