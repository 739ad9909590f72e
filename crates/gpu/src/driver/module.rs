//! Compiled kernels on a device.

#![expect(unsafe_code, reason = "the driver is a C library")]

use super::call::check;
use super::device::Device;
use crate::error::GpuError;
use cudarc::driver::sys;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

struct ModuleHandle {
    device: Device,
    handle: sys::CUmodule,
}

// SAFETY: modules may be used by any thread.
unsafe impl Send for ModuleHandle {}
// SAFETY: as above.
unsafe impl Sync for ModuleHandle {}

impl Drop for ModuleHandle {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: loaded once; its kernels hold it.
            unsafe { sys::cuModuleUnload(self.handle) };
        }
    }
}

/// Compiled kernels on a device.
pub(crate) struct Module(Arc<ModuleHandle>);

/// One of them.
pub(crate) struct Kernel {
    pub(super) handle: sys::CUfunction,
    pub(super) shared_bytes: u32,
    _module: Arc<ModuleHandle>,
    _not_copied: PhantomData<*mut ()>,
}

// SAFETY: functions may be used by any thread.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

impl Module {
    /// From a fat binary: machine code where there is some for this card, else PTX that the driver translates.
    pub(crate) fn load(device: &Device, binary: &[u8]) -> Result<Self, GpuError> {
        device.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: nvcc made the binary; it says itself how long it is.
        check("cuModuleLoadData", unsafe { sys::cuModuleLoadData(&mut handle, binary.as_ptr().cast()) })?;
        Ok(Self(Arc::new(ModuleHandle { device: device.clone(), handle })))
    }

    /// A kernel by name, with this many bytes of shared memory that it does not declare itself.
    pub(crate) fn kernel(&self, name: &CStr, shared_bytes: u32) -> Result<Kernel, GpuError> {
        self.0.device.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the module lives; the name ends with a zero.
        check("cuModuleGetFunction", unsafe { sys::cuModuleGetFunction(&mut handle, self.0.handle, name.as_ptr()) })?;
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let bytes = c_int::try_from(shared_bytes).unwrap_or(c_int::MAX);
        // SAFETY: the function lives.
        check("cuFuncSetAttribute", unsafe { sys::cuFuncSetAttribute(handle, attribute, bytes) })?;
        Ok(Kernel { handle, shared_bytes, _module: self.0.clone(), _not_copied: PhantomData })
    }
}
