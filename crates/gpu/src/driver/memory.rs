//! Memory of a device, and memory of the host for transfers.

#![expect(unsafe_code, reason = "the driver is a C library")]

use super::call::check;
use super::device::Device;
use crate::error::GpuError;
use cudarc::driver::sys::{self, CUresult};
use std::ffi::c_void;

/// Memory of a device.
pub(crate) struct DeviceMemory {
    device: Device,
    address: u64,
}

impl DeviceMemory {
    pub(crate) fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        device.enter()?;
        let mut address = 0;
        // SAFETY: writes one address.
        let result = unsafe { sys::cuMemAlloc_v2(&mut address, bytes.max(1) as usize) };
        if result == CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Err(GpuError::OutOfMemory { bytes, free: device.memory()?.0 });
        }
        check("cuMemAlloc", result)?;
        Ok(Self { device: device.clone(), address })
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: allocated by `new`, freed once; the driver waits for work that uses it.
            unsafe { sys::cuMemFree_v2(self.address) };
        }
    }
}

/// Memory of the host that the device reads and writes directly.
pub(crate) struct HostMemory {
    device: Device,
    pointer: *mut c_void,
    bytes: usize,
}

// SAFETY: it owns its memory.
unsafe impl Send for HostMemory {}

impl HostMemory {
    /// Zeros.
    pub(crate) fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        device.enter()?;
        let mut pointer = std::ptr::null_mut();
        let size = bytes.max(1) as usize;
        // SAFETY: writes one pointer.
        let result = unsafe { sys::cuMemAllocHost_v2(&mut pointer, size) };
        if result == CUresult::CUDA_ERROR_OUT_OF_MEMORY || (result == CUresult::CUDA_SUCCESS && pointer.is_null()) {
            return Err(GpuError::NoTransferMemory { bytes });
        }
        check("cuMemAllocHost", result)?;
        // SAFETY: this many bytes were allocated.
        unsafe { std::ptr::write_bytes(pointer.cast::<u8>(), 0, size) };
        Ok(Self { device: device.clone(), pointer, bytes: size })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: this many bytes were allocated and written. Copies into them are waited for before they are read: the
        // stream's copies borrow this until its event is waited for (see `Pinned`).
        unsafe { std::slice::from_raw_parts(self.pointer.cast(), self.bytes) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.cast(), self.bytes) }
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: allocated by `new`, freed once; the driver waits for copies.
            unsafe { sys::cuMemFreeHost(self.pointer) };
        }
    }
}
