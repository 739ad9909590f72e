//! Which devices there are.

use crate::driver;
use crate::error::GpuError;

/// A device that this process sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// As CUDA counts.
    pub ordinal: usize,
    /// As the vendor says: `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Multiprocessors.
    pub n_multiprocessors: i32,
    /// Memory in all.
    pub memory_bytes: u64,
}

/// All of them; none where there is a driver and no card.
///
/// # Errors
/// When there is no driver, or one that is too old.
pub fn devices() -> Result<Vec<DeviceInfo>, GpuError> {
    let info = |ordinal: usize| {
        let driver::Facts { name, capability, n_multiprocessors, memory_bytes } = driver::facts(ordinal)?;
        Ok(DeviceInfo { ordinal, name, capability, n_multiprocessors, memory_bytes })
    };
    (0..driver::count()?).map(info).collect()
}
