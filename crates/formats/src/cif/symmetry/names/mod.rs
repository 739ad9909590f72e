//! Hermann-Mauguin names, in the dialects that files use.
//!
//! Module order: `table`, `monoclinic` ← `resolve`.

mod monoclinic;
mod resolve;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use resolve::{Candidate, possible_settings, resolve_name, standard_settings};
