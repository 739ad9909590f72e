//! CHGNet in layers of candle, differentiated by candle.
//!
//! It follows the paper layer by layer and shares the graph of a structure with the native engine, and nothing numeric:
//! it reads its weights itself, rows are gathered and joined, not split into parts, and every intermediate is kept. Slow,
//! large and simple.
//!
//! Module order: `layers`, `bases` ← `network`.

mod bases;
mod layers;
mod network;

pub(super) use network::CandleNetwork;
