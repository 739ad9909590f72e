//! Which symmetry operations a block means.
//!
//! Operations in the file win over the Hall symbol, that over the Hermann-Mauguin name, that over the number.
//!
//! Module order: `operation` ← `hall` ← `names` ← `meaning` ← `listed` ← `magnetic` ← `read`.

mod hall;
mod listed;
mod magnetic;
mod meaning;
mod names;
mod operation;
mod read;

pub(crate) use operation::Operation;
#[cfg(test)]
pub(crate) use operation::parse_operation;
pub(crate) use read::read_symmetry;
