//! The driver's functions that are used here, each behind a safe one.
//!
//! Handles are made here and nowhere else, live as long as what they belong to (everything holds its [`Device`]), and are
//! used with the device's context current.
//!
//! Module order: `call` ← `device` ← `memory`, `module` ← `stream`.

mod call;
mod device;
mod memory;
mod module;
mod stream;

pub use device::Device;
pub(crate) use device::{Facts, count, facts};
pub(crate) use memory::{DeviceMemory, HostMemory};
pub(crate) use module::{Kernel, Module};
pub use stream::{Event, Stream};
