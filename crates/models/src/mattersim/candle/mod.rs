//! MatterSim in layers of candle, differentiated by candle.
//!
//! Rows are gathered and joined, and every intermediate is kept. Slow, large and simple.
//!
//! Module order: `layers`, `bases` ← `network`.

mod bases;
mod layers;
mod network;

pub(super) use network::CandleNetwork;
