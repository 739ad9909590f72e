//! Devices: how many there are, what they are, and their contexts.

#![expect(unsafe_code, reason = "the driver is a C library")]

use super::call::{check, start, text};
use crate::error::GpuError;
use cudarc::driver::sys;
use std::ffi::{c_char, c_int};
use std::sync::Arc;

/// Devices that this process sees.
pub(crate) fn count() -> Result<usize, GpuError> {
    match start() {
        // What the driver says where there is no card.
        Err(GpuError::Driver { name, .. }) if name == "CUDA_ERROR_NO_DEVICE" => return Ok(0),
        other => other?,
    }
    let mut count: c_int = 0;
    // SAFETY: writes one number.
    check("cuDeviceGetCount", unsafe { sys::cuDeviceGetCount(&mut count) })?;
    Ok(usize::try_from(count).unwrap_or_default())
}

struct Context {
    device: sys::CUdevice,
    handle: sys::CUcontext,
}

// SAFETY: the driver's contexts may be used by any thread, and by several at a time.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once by `Device::open`. Nothing can be done about a failure.
        unsafe { sys::cuDevicePrimaryCtxRelease_v2(self.device) };
    }
}

/// A device that can be computed on.
#[derive(Clone)]
pub struct Device(Arc<Context>);

fn device(ordinal: usize) -> Result<sys::CUdevice, GpuError> {
    let count = count()?;
    let number = c_int::try_from(ordinal).ok().filter(|_| ordinal < count);
    let number = number.ok_or(GpuError::NoDevice { ordinal, count })?;
    let mut device: sys::CUdevice = 0;
    // SAFETY: writes one number.
    check("cuDeviceGet", unsafe { sys::cuDeviceGet(&mut device, number) })?;
    Ok(device)
}

fn attribute(device: sys::CUdevice, attribute: sys::CUdevice_attribute) -> Result<i32, GpuError> {
    let mut value: c_int = 0;
    // SAFETY: writes one number.
    check("cuDeviceGetAttribute", unsafe { sys::cuDeviceGetAttribute(&mut value, attribute, device) })?;
    Ok(value)
}

fn capability(device: sys::CUdevice) -> Result<(i32, i32), GpuError> {
    use sys::CUdevice_attribute as Attribute;
    Ok((
        attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ))
}

/// What the driver says of a device without opening it.
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) capability: (i32, i32),
    pub(crate) n_multiprocessors: i32,
    pub(crate) memory_bytes: u64,
}

pub(crate) fn facts(ordinal: usize) -> Result<Facts, GpuError> {
    use sys::CUdevice_attribute as Attribute;
    let device = device(ordinal)?;
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: writes at most 255 characters and a zero.
    check("cuDeviceGetName", unsafe { sys::cuDeviceGetName(name.as_mut_ptr(), 255, device) })?;
    let mut bytes = 0;
    // SAFETY: writes one number.
    check("cuDeviceTotalMem", unsafe { sys::cuDeviceTotalMem_v2(&mut bytes, device) })?;
    Ok(Facts {
        name: text(name.as_ptr()),
        capability: capability(device)?,
        n_multiprocessors: attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        memory_bytes: bytes as u64,
    })
}

impl Device {
    /// The device of this number, as CUDA counts those that the process sees.
    ///
    /// # Errors
    /// When there is no driver, no such device, or one that is too old for the kernels.
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        let device = device(ordinal)?;
        let Facts { name, capability: (major, minor), .. } = facts(ordinal)?;
        if major < 8 {
            return Err(GpuError::CardTooOld { name, major, minor });
        }
        let mut handle = std::ptr::null_mut();
        // SAFETY: writes one handle.
        check("cuDevicePrimaryCtxRetain", unsafe { sys::cuDevicePrimaryCtxRetain(&mut handle, device) })?;
        Ok(Self(Arc::new(Context { device, handle })))
    }

    /// Makes its context that of the calling thread.
    pub(super) fn enter(&self) -> Result<(), GpuError> {
        // SAFETY: the context lives as long as `self`.
        check("cuCtxSetCurrent", unsafe { sys::cuCtxSetCurrent(self.0.handle) })
    }

    /// Bytes of memory: free, and in all.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn memory(&self) -> Result<(u64, u64), GpuError> {
        self.enter()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: writes two numbers.
        check("cuMemGetInfo", unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) })?;
        Ok((free as u64, total as u64))
    }

    /// Its compute capability, major and minor.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn capability(&self) -> Result<(i32, i32), GpuError> {
        capability(self.0.device)
    }

    /// How many blocks run side by side is a multiple of this.
    ///
    /// # Errors
    /// When the device is lost.
    pub(crate) fn n_multiprocessors(&self) -> Result<usize, GpuError> {
        let n = attribute(self.0.device, sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        Ok(usize::try_from(n).unwrap_or(1))
    }
}
