//! Which rank computes what, and when: pure, without messages or clocks.
//!
//! Module order: `item`, `ranked` ← `candidate`, `tournament`, `reserve` ← `planner`.

mod candidate;
mod item;
mod planner;
mod ranked;
mod reserve;
mod tournament;

#[cfg(test)]
mod scanning;
#[cfg(test)]
mod tests;

pub use item::{Group, Item};
pub use planner::Planner;
pub(crate) use reserve::Reserve;
