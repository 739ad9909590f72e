//! `models`, `models get`.
//!
//! Module order: `explained`, `reporter`, `wanted` ← `get`; `list` ← `command`.

mod command;
mod explained;
mod get;
mod list;
mod reporter;
mod wanted;

pub(crate) use command::models;
