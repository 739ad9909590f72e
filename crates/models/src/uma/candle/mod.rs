//! UMA as layers of candle, differentiated by candle.
//!
//! A second implementation, which shares nothing numeric with the kernels: it mixes experts by products of candle, has
//! frames of its own (another gauge, rotations by quadrature of harmonics), and computes the router, the readout and the
//! units from its own copy of the weights. It follows the papers layer by layer; every intermediate is kept. It holds all
//! experts in memory, where the native engine leaves them in the file, and it runs on any device with double precision.
//!
//! Tensors are found by upstream's module tree: `backbone.blocks.0.edge_wise.so2_conv_1.fc_m0.weights`.
//!
//! Module order: `experts` ← `convolution`; `router`, `readout`, `convolution` ← `network`. The other layers are those of
//! `escn::candle`.

mod convolution;
mod experts;
mod network;
mod readout;
mod router;

pub(super) use network::CandleNetwork;
