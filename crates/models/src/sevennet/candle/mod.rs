//! SevenNet in layers of candle, differentiated by candle.
//!
//! Dense couplings, harmonics by recursion, every intermediate kept: slow, large and simple.
//!
//! Module order: `maps` ← `edges`; `maps` ← `gate`; both ← `convolution` ← `network`.

mod convolution;
mod edges;
mod gate;
mod maps;
mod network;

pub(super) use network::CandleNetwork;
