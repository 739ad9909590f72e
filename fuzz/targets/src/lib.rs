//! Functions that take any bytes and must not panic, hang, or take memory without bounds: what `fuzz/` hands to libFuzzer,
//! and what `cargo test -p mlip-fuzz-targets` replays.
//!
//! Module order: `folder` ← `texts`, `files`, `stored`, `checkpoints`, `evaluations`, `settings`, `messages` ← `targets`; `mutate`.

mod checkpoints;
mod evaluations;
mod files;
mod folder;
mod messages;
mod mutate;
mod settings;
mod stored;
mod targets;
mod texts;

pub use mutate::{Mutator, seeds};
pub use targets::{TARGETS, Target, target};
