//! Opening the library, and what its calls return.

#![expect(unsafe_code, reason = "the driver is a C library")]

use crate::error::GpuError;
use cudarc::driver::sys::{self, CUresult};
use std::ffi::{CStr, c_char, c_int};

/// Of the toolkit that compiled the kernels: build.rs asks it. Drivers of this major version and later run them.
const TOOLKIT: &str = env!("MLIP_CUDA_VERSION");

pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return "unknown".into();
    }
    // SAFETY: the driver's texts are constant, and end with a zero.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// The driver's word for a failure.
pub(super) fn check(call: &'static str, result: CUresult) -> Result<(), GpuError> {
    if result == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let (mut name, mut message) = (std::ptr::null(), std::ptr::null());
    // SAFETY: both get the address of a constant text, or none.
    unsafe {
        sys::cuGetErrorName(result, &mut name);
        sys::cuGetErrorString(result, &mut message);
    }
    Err(GpuError::Driver { call, name: text(name), message: text(message) })
}

/// Opens the driver's library and starts it, once.
pub(super) fn start() -> Result<(), GpuError> {
    // SAFETY: opening a library runs its initializers; this is NVIDIA's.
    if !unsafe { sys::is_culib_present() } {
        return Err(GpuError::NoDriver);
    }
    // SAFETY: takes no pointers.
    check("cuInit", unsafe { sys::cuInit(0) })?;
    let mut found: c_int = 0;
    // SAFETY: writes one number.
    check("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&mut found) })?;
    let (major, minor) = (found / 1000, found % 1000 / 10);
    if TOOLKIT.split('.').next().and_then(|needed| needed.parse::<i32>().ok()).is_some_and(|needed| major < needed) {
        return Err(GpuError::DriverTooOld { found: format!("{major}.{minor}"), needed: TOOLKIT.into() });
    }
    Ok(())
}
