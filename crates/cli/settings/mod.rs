//! Settings: what they are, where they are said, what is decided from it.
//!
//! Module order: `list` ← `job_file`, `calculation` ← `resolve`; `args` and `upstream` beside this folder stand between the last two.
//! `document` compares the list with `docs/commands.md`.

mod calculation;
#[cfg(test)]
mod document;
mod job_file;
mod list;
mod resolve;

pub(crate) use job_file::{JobFile, is_yaml};
#[cfg(test)]
pub(crate) use list::Keys;
pub(crate) use list::{How, What, Where};
pub(crate) use resolve::{Settings, overlay};
