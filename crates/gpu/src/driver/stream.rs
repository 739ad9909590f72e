//! Work in order: copies and kernels.

#![expect(unsafe_code, reason = "the driver is a C library")]

use super::call::check;
use super::device::Device;
use super::module::Kernel;
use crate::error::GpuError;
use cudarc::driver::sys;
use std::ffi::c_void;

/// Work in order.
pub struct Stream {
    device: Device,
    handle: sys::CUstream,
}

// SAFETY: streams may be used by any thread.
unsafe impl Send for Stream {}

/// A moment of a stream.
pub struct Event {
    device: Device,
    handle: sys::CUevent,
}

// SAFETY: events may be used by any thread.
unsafe impl Send for Event {}

impl Event {
    /// Waits until the stream has come here; the thread sleeps meanwhile.
    ///
    /// # Errors
    /// When any of the work before it failed.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device.enter()?;
        // SAFETY: the event lives.
        check("cuEventSynchronize", unsafe { sys::cuEventSynchronize(self.handle) })
    }

    /// Whether the stream has come here, without waiting.
    ///
    /// # Errors
    /// When any of the work before it failed.
    pub fn is_done(&self) -> Result<bool, GpuError> {
        self.device.enter()?;
        // SAFETY: the event lives.
        match unsafe { sys::cuEventQuery(self.handle) } {
            sys::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            other => check("cuEventQuery", other).map(|()| true),
        }
    }

    /// Milliseconds from an earlier event to this one; both must have been waited for.
    ///
    /// # Errors
    /// When one of them has not come.
    pub fn milliseconds_since(&self, earlier: &Self) -> Result<f32, GpuError> {
        self.device.enter()?;
        let mut time = 0.0;
        // SAFETY: both events live; writes one number.
        check("cuEventElapsedTime", unsafe { sys::cuEventElapsedTime_v2(&mut time, earlier.handle, self.handle) })?;
        Ok(time)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: created once, destroyed once.
            unsafe { sys::cuEventDestroy_v2(self.handle) };
        }
    }
}

impl Stream {
    /// A new one, beside all others.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        device.enter()?;
        let mut handle = std::ptr::null_mut();
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: writes one handle.
        check("cuStreamCreate", unsafe { sys::cuStreamCreate(&mut handle, flags) })?;
        Ok(Self { device: device.clone(), handle })
    }

    /// Its device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Marks the end of the work so far.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn record(&self) -> Result<Event, GpuError> {
        self.device.enter()?;
        let mut handle = std::ptr::null_mut();
        let flags = sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC as u32;
        // SAFETY: writes one handle.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut handle, flags) })?;
        let event = Event { device: self.device.clone(), handle };
        // SAFETY: both live.
        check("cuEventRecord", unsafe { sys::cuEventRecord(handle, self.handle) })?;
        Ok(event)
    }

    /// Waits for all work so far.
    ///
    /// # Errors
    /// When any of it failed.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device.enter()?;
        // SAFETY: the stream lives.
        check("cuStreamSynchronize", unsafe { sys::cuStreamSynchronize(self.handle) })
    }

    /// Begins to copy to the device.
    ///
    /// # Safety
    /// `to` is this many bytes of the device's memory; `from` lives, and is not written, until the stream has been waited for.
    pub(crate) unsafe fn copy_in(&self, to: u64, from: &[u8]) -> Result<(), GpuError> {
        self.device.enter()?;
        // SAFETY: promised by the caller.
        check("cuMemcpyHtoDAsync", unsafe {
            sys::cuMemcpyHtoDAsync_v2(to, from.as_ptr().cast(), from.len(), self.handle)
        })
    }

    /// Begins to copy from the device.
    ///
    /// # Safety
    /// `from` is this many bytes of the device's memory; `to` lives, and is not read, until the stream has been waited for.
    pub(crate) unsafe fn copy_out(&self, to: &mut [u8], from: u64) -> Result<(), GpuError> {
        self.device.enter()?;
        // SAFETY: promised by the caller.
        check("cuMemcpyDtoHAsync", unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.as_mut_ptr().cast(), from, to.len(), self.handle)
        })
    }

    /// Fills memory of the device with one byte.
    ///
    /// # Safety
    /// `at` is this many bytes of the device's memory.
    pub(crate) unsafe fn fill(&self, at: u64, bytes: u64, value: u8) -> Result<(), GpuError> {
        self.device.enter()?;
        // SAFETY: promised by the caller.
        check("cuMemsetD8Async", unsafe { sys::cuMemsetD8Async(at, value, bytes as usize, self.handle) })
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `arguments` has the layout of the kernel's only parameter, and every address in it is memory of the device as long as
    /// the kernel takes it to be.
    pub(crate) unsafe fn launch<A: Copy>(
        &self,
        kernel: &Kernel,
        grid: [u32; 2],
        block: u32,
        arguments: &A,
    ) -> Result<(), GpuError> {
        if grid.contains(&0) {
            return Ok(());
        }
        self.device.enter()?;
        let mut parameters = [std::ptr::from_ref(arguments).cast_mut().cast::<c_void>()];
        let [x, y] = grid;
        // SAFETY: the driver copies the parameter before it returns; the rest is promised by the caller.
        let result = unsafe {
            sys::cuLaunchKernel(
                kernel.handle,
                x,
                y,
                1,
                block,
                1,
                1,
                kernel.shared_bytes,
                self.handle,
                parameters.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        check("cuLaunchKernel", result)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: created once, destroyed once; work that is under way goes on.
            unsafe { sys::cuStreamDestroy_v2(self.handle) };
        }
    }
}
