//! Layers of such networks in candle, differentiated by candle. Their frames are another gauge than that of the kernels, and
//! come from a quadrature of harmonics.
//!
//! Module order: `orders` ← `shape`; `orders`, `harmonics` ← `frames`; `norm` ← `radial`, `atomwise`; `frames`, `shape` ← `edges`;
//! `convolution` (of `shape`), `edges`, `radial` ← `edgewise`.

mod atomwise;
mod convolution;
mod edges;
mod edgewise;
mod frames;
mod harmonics;
mod norm;
mod orders;
mod radial;
mod shape;

pub(crate) use atomwise::Atomwise;
pub(crate) use convolution::Convolution;
pub(crate) use edges::{EdgeEmbedding, Edges, Gaussians};
pub(crate) use edgewise::{EdgeDegree, Edgewise};
pub(crate) use norm::{SphericalNorm, add_to_scalars, even_shares, scalars, with_scalars};
pub(crate) use orders::Orders;
pub(crate) use shape::{Channels, Shape};
