//! NVIDIA GPUs: the driver, kernels, and the networks that run on them.
//!
//! Without the feature `cuda` there is nothing here but the sentence that says so. With it, `libcuda.so.1` is opened when a
//! device is asked for; a host without one runs everything else.
//!
//! A row of a product is summed in one order whatever the other rows are, and so is everything else: a structure has the same
//! bits alone, in any batch and in any order, on one kind of card.
//!
//! Module order: `error`, `products` ← `driver` ← `memory` ← `kernels` ← `devices`; `constants`, `network` ← `graph` ← `chgnet`, `mace`, `orb`, `uma`.

#[cfg(feature = "cuda")]
pub mod chgnet;
#[cfg(feature = "cuda")]
mod constants;
#[cfg(feature = "cuda")]
mod devices;
#[cfg(feature = "cuda")]
mod driver;
mod error;
#[cfg(feature = "cuda")]
mod graph;
#[cfg(feature = "cuda")]
pub mod kernels;
#[cfg(feature = "cuda")]
pub mod mace;
#[cfg(feature = "cuda")]
mod memory;
#[cfg(feature = "cuda")]
mod network;
#[cfg(feature = "cuda")]
pub mod orb;
mod products;
#[cfg(feature = "cuda")]
pub mod uma;

#[cfg(feature = "cuda")]
pub use devices::{DeviceInfo, devices};
#[cfg(feature = "cuda")]
pub use driver::{Device, Event, Stream};
pub use error::GpuError;
#[cfg(feature = "cuda")]
pub use graph::PairGraph;
#[cfg(feature = "cuda")]
pub use memory::{Buffer, Busy, Number, Pinned, Slice, download, upload};
#[cfg(feature = "cuda")]
pub use network::{Bytes, Computer, Flight, Memory, Needs, Network, Size, Wanted};
pub use products::Products;
