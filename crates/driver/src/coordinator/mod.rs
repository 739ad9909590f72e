//! The root's decisions: survey, plan, hand out.

mod deal;
mod state;
mod survey;
mod suspects;

#[cfg(test)]
mod tests;

pub(crate) use deal::Coordinator;
pub use state::Totals;
pub(crate) use state::{Known, LOW_WATER_S, Policy};
