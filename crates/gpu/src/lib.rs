//! NVIDIA GPUs: the driver, kernels, and the networks that run on them.
//!
//! Without the feature `cuda` there is nothing here but the sentence that says so. With it, `libcuda.so.1` is opened when a
//! device is asked for; a host without one runs everything else.
//!
//! A row of a product is summed in one order whatever the other rows are, and so is everything else: a structure has the same
//! bits alone, in any batch and in any order, on one kind of card.
//!
//! Module order: `error` ← `driver` ← `devices`, `memory` ← `kernels` ← `orb`.

#[cfg(feature = "cuda")]
mod devices;
#[cfg(feature = "cuda")]
mod driver;
mod error;
#[cfg(feature = "cuda")]
pub mod kernels;
#[cfg(feature = "cuda")]
mod memory;
#[cfg(feature = "cuda")]
pub mod orb;

#[cfg(feature = "cuda")]
pub use devices::{DeviceInfo, devices, kernels_digest};
#[cfg(feature = "cuda")]
pub use driver::{Device, Event, Stream};
pub use error::GpuError;
#[cfg(feature = "cuda")]
pub use memory::{Buffer, Busy, Number, Pinned, Slice, download, upload};

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Products {
    /// In f32 on plain cores.
    F32,
    /// In three products of two bf16 limbs, summed in f32, on matrix units: errors of 5e-6, twice to four times as fast.
    Bf16x3,
}

impl Products {
    /// As users type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16x3 => "bf16x3",
        }
    }
}
