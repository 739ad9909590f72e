//! The root's decisions: survey, plan, hand out.

mod deal;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use deal::Coordinator;
pub(crate) use state::{Known, LOW_WATER_S, Policy, Totals};
