//! `models`, `models get`.
//!
//! Module order: `explained` ← `token`; `reporter`, `token`, `wanted` ← `get`; `list` ← `command`.

mod command;
mod explained;
mod get;
mod list;
mod reporter;
mod token;
mod wanted;

pub(crate) use command::models;
