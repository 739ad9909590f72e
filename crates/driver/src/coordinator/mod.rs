//! The root's decisions: survey, plan, hand out.

mod deal;

#[cfg(test)]
mod tests;

pub(crate) use deal::{Coordinator, Known, LOW_WATER_S, Policy, Totals};
