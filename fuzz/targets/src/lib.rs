//! Functions that take any bytes and must not panic, hang, or take memory without bounds: what `fuzz/` hands to libFuzzer,
//! and what `cargo test -p mlip-fuzz-targets` replays.
//!
//! Module order: `folder` ← `texts`, `files`, `stored`, `checkpoints`, `messages` ← `targets`; `mutate`.

mod checkpoints;
mod files;
mod folder;
mod messages;
mod mutate;
mod stored;
mod targets;
mod texts;

pub use mutate::{Mutator, seeds};
pub use targets::{TARGETS, Target, target};
