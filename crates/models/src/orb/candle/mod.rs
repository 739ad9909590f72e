//! ORB v3 as layers of candle, differentiated by candle.
//!
//! A second implementation, which shares nothing numeric with the kernels: rows are gathered and joined, not split
//! into parts, atoms are encoded one by one, every intermediate is kept, and what turns outputs into physical units
//! (normalizers, reference energies, repulsion) is computed here once more from its own copy of the weights. Slow, large
//! and simple; it runs on any device with double precision.
//!
//! Tensors are found by upstream's module tree: `model._encoder._edge_fn.mlp.NN-0.weight`.
//!
//! Module order: `basis`, `perceptron` ← `encoder`, `interaction`, `heads`; `condition`, `repulsion` ← `network`.

mod basis;
mod condition;
mod encoder;
mod heads;
mod interaction;
mod network;
mod perceptron;
mod repulsion;

pub(crate) use network::CandleNetwork;
