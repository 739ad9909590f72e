//! `bench`: sequential against parallel, on the user's own list and machine.
//!
//! Module order: `split` ← `measure` ← `table` ← `plot` ← `rounds`.

mod measure;
mod plot;
mod rounds;
mod split;
mod table;

pub(super) use rounds::bench;
