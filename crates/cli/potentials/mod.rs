//! Potentials as users name them: `[LABEL:]NAME[=FILE][,KEY=VALUE…]`, or a `[[model]]` table of a job file.
//!
//! Module order: `named` ← `chosen`.

mod chosen;
mod named;
#[cfg(test)]
mod tests;

pub(crate) use chosen::{Chosen, Common, choose, complete_from};
pub(crate) use named::Named;
