//! MACE in layers of candle, differentiated by candle.
//!
//! It follows the papers block by block and shares nothing with the kernels but the couplings: dense couplings and `U`
//! matrices, no tables, harmonics by recursion, every intermediate kept. It reads its weights itself. Slow, large and
//! simple.
//!
//! Module order: `maps` ← `edges` ← `interaction`, `product` ← `network`.

mod edges;
mod interaction;
mod maps;
mod network;
mod product;

pub(super) use network::CandleNetwork;
