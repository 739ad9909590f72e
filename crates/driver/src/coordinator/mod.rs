//! The root's decisions: survey, plan, hand out.

mod asking;
mod decisions;
mod hand_out;
mod state;
mod survey;
mod suspects;

#[cfg(test)]
mod card_tests;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod tests;

pub(crate) use decisions::Coordinator;
pub use state::Totals;
pub(crate) use state::{Known, LOW_WATER_S, Policy, report_every};
