//! The driver's functions that are used here, each behind a safe one.
//!
//! Handles are made here and nowhere else, live as long as what they belong to (everything holds its [`Device`]), and are
//! used with the device's context current.

#![expect(unsafe_code, reason = "the driver is a C library")]

use crate::error::GpuError;
use cudarc::driver::sys::{self, CUresult};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::sync::Arc;

/// Of the toolkit that compiled the kernels: build.rs asks it. Drivers of this major version and later run them.
const TOOLKIT: &str = env!("MLIP_CUDA_VERSION");

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return "unknown".into();
    }
    // SAFETY: the driver's texts are constant, and end with a zero.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// The driver's word for a failure.
fn check(call: &'static str, result: CUresult) -> Result<(), GpuError> {
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
fn start() -> Result<(), GpuError> {
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
    fn enter(&self) -> Result<(), GpuError> {
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
}

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
        // SAFETY: so many bytes were allocated.
        unsafe { std::ptr::write_bytes(pointer.cast::<u8>(), 0, size) };
        Ok(Self { device: device.clone(), pointer, bytes: size })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes were allocated and written. Copies into them are waited for before they are read: the
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
    /// `to` is so many bytes of the device's memory; `from` lives, and is not written, until the stream has been waited for.
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
    /// `from` is so many bytes of the device's memory; `to` lives, and is not read, until the stream has been waited for.
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
    /// `at` is so many bytes of the device's memory.
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
    handle: sys::CUfunction,
    shared_bytes: u32,
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

    /// A kernel by name, with so many bytes of shared memory that it does not declare itself.
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
