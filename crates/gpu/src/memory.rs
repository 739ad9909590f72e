//! Memory of devices, memory of the host that devices reach, and parts of either.

#![expect(unsafe_code, reason = "copies run while the program goes on")]

use crate::driver::{Device, DeviceMemory, Event, HostMemory, Stream};
use crate::error::GpuError;
use std::marker::PhantomData;

/// Parts of memory begin at multiples of this, so that any access of a kernel is aligned.
pub(crate) const ALIGNMENT: u64 = 256;

/// Types that are nothing but numbers, the same on the host and on the device.
///
/// # Safety
/// Any bits are a value, and there is no padding.
pub unsafe trait Number: Copy + 'static {}
// SAFETY: numbers.
unsafe impl Number for f32 {}
// SAFETY: numbers.
unsafe impl Number for f64 {}
// SAFETY: numbers.
unsafe impl Number for u32 {}
// SAFETY: numbers.
unsafe impl Number for u16 {}
// SAFETY: numbers.
unsafe impl Number for u8 {}
// SAFETY: three numbers without padding.
unsafe impl Number for [f64; 3] {}

/// As bytes.
pub(crate) fn bytes_of<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: numbers have no padding, and bytes no alignment.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Where things lie in one piece of memory: offsets are handed out one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    bytes: u64,
}

/// A part of a layout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<T> {
    pub(crate) offset: u64,
    pub(crate) len: usize,
    number: PhantomData<T>,
}

impl Layout {
    /// Room for this many numbers.
    pub(crate) fn place<T: Number>(&mut self, len: usize) -> Part<T> {
        let part = Part { offset: self.bytes, len, number: PhantomData };
        self.bytes += ((len * size_of::<T>()) as u64).next_multiple_of(ALIGNMENT);
        part
    }

    /// Of everything.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Memory of a device.
pub struct Buffer {
    memory: DeviceMemory,
    bytes: u64,
}

/// Numbers in the memory of a device, as long as that is there.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a, T> {
    address: u64,
    len: usize,
    owner: PhantomData<&'a T>,
}

impl<T: Number> Slice<'_, T> {
    /// Nowhere: for what a kernel may leave out.
    pub const NONE: Self = Self { address: 0, len: 0, owner: PhantomData };

    /// Numbers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Some of them.
    pub(crate) fn range(self, from: usize, len: usize) -> Result<Self, GpuError> {
        if from + len > self.len {
            return Err(GpuError::shape("numbers of a slice", format!("at least {}", from + len), self.len));
        }
        Ok(Self { address: self.address + (from * size_of::<T>()) as u64, len, owner: PhantomData })
    }

    /// Zero where there are no numbers: for what a kernel may leave out.
    pub(crate) fn address(&self) -> u64 {
        if self.len == 0 { 0 } else { self.address }
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.len * size_of::<T>()) as u64
    }
}

impl Buffer {
    /// Of this many bytes, with anything in them.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        Ok(Self { memory: DeviceMemory::new(device, bytes)?, bytes })
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A part of it.
    pub(crate) fn part<T: Number>(&self, part: Part<T>) -> Result<Slice<'_, T>, GpuError> {
        let end = part.offset + (part.len * size_of::<T>()) as u64;
        if end > self.bytes {
            return Err(GpuError::shape("bytes of a buffer", format!("at least {end}"), self.bytes));
        }
        Ok(Slice { address: self.memory.address() + part.offset, len: part.len, owner: PhantomData })
    }

    /// The beginning of it.
    ///
    /// # Errors
    /// When there are not that many numbers.
    pub fn slice<T: Number>(&self, len: usize) -> Result<Slice<'_, T>, GpuError> {
        self.part(Part { offset: 0, len, number: PhantomData })
    }
}

/// Memory of the host that the device copies from and to while the program goes on.
pub struct Pinned(HostMemory);

/// Memory of the host that is being copied from or to.
pub struct Busy {
    memory: HostMemory,
    event: Event,
}

impl Busy {
    /// Whether the copy has been made.
    ///
    /// # Errors
    /// When it, or work before it, failed.
    pub fn is_done(&self) -> Result<bool, GpuError> {
        self.event.is_done()
    }

    /// Waits for the copy, and for all work before it.
    ///
    /// # Errors
    /// When any of that failed.
    pub fn wait(self) -> Result<Pinned, GpuError> {
        self.event.wait()?;
        Ok(Pinned(self.memory))
    }
}

impl Pinned {
    /// Zeros.
    ///
    /// # Errors
    /// When the host has no room.
    pub fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        Ok(Self(HostMemory::new(device, bytes)?))
    }

    /// Its content.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Numbers of it.
    pub(crate) fn numbers<T: Number>(&self, part: Part<T>) -> Result<&[T], GpuError> {
        let bytes = self.0.bytes().get(part.offset as usize..).unwrap_or_default();
        if bytes.len() < part.len * size_of::<T>() || !part.offset.is_multiple_of(ALIGNMENT) {
            return Err(GpuError::shape("bytes for a transfer", part.len * size_of::<T>(), bytes.len()));
        }
        // SAFETY: there are this many, aligned as memory for transfers is (to a page) and as parts are.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), part.len) })
    }

    /// The same, to be written.
    pub(crate) fn numbers_mut<T: Number>(&mut self, part: Part<T>) -> Result<&mut [T], GpuError> {
        let bytes = self.0.bytes_mut().get_mut(part.offset as usize..).unwrap_or_default();
        if bytes.len() < part.len * size_of::<T>() || !part.offset.is_multiple_of(ALIGNMENT) {
            return Err(GpuError::shape("bytes for a transfer", part.len * size_of::<T>(), bytes.len()));
        }
        // SAFETY: as above, and borrowed once.
        Ok(unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), part.len) })
    }

    /// Begins to copy its beginning to the device.
    ///
    /// # Errors
    /// When it is too small, or the device is lost.
    pub fn copy_in<T: Number>(self, stream: &Stream, to: Slice<'_, T>) -> Result<Busy, GpuError> {
        let n = to.bytes() as usize;
        let from = self.0.bytes().get(..n);
        let from = from.ok_or_else(|| GpuError::shape("bytes for a transfer", n, self.0.bytes().len()))?;
        // SAFETY: `to` is memory of this many bytes; `from` is not touched until the event has come.
        unsafe { stream.copy_in(to.address(), from)? };
        Ok(Busy { event: stream.record()?, memory: self.0 })
    }

    /// Begins to copy from the device.
    ///
    /// # Errors
    /// When it is too small, or the device is lost.
    pub fn copy_out<T: Number>(mut self, stream: &Stream, from: Slice<'_, T>) -> Result<Busy, GpuError> {
        let (n, room) = (from.bytes() as usize, self.0.bytes().len());
        let to = self.0.bytes_mut().get_mut(..n).ok_or_else(|| GpuError::shape("bytes for a transfer", n, room))?;
        // SAFETY: `from` is memory of this many bytes; `to` is not touched until the event has come.
        unsafe { stream.copy_out(to, from.address())? };
        Ok(Busy { event: stream.record()?, memory: self.0 })
    }
}

/// Zeros in memory of the device.
pub(crate) fn clear<T: Number>(stream: &Stream, slice: Slice<'_, T>) -> Result<(), GpuError> {
    // SAFETY: the slice is memory of this many bytes, and zeros are numbers.
    unsafe { stream.fill(slice.address(), slice.bytes(), 0) }
}

/// Copies numbers to the beginning of a buffer, and waits.
///
/// # Errors
/// When the buffer is too small, or the device is lost.
pub fn upload<T: Number>(stream: &Stream, buffer: &Buffer, numbers: &[T]) -> Result<(), GpuError> {
    let bytes = bytes_of(numbers);
    let mut pinned = Pinned::new(stream.device(), bytes.len() as u64)?;
    pinned.0.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    pinned.copy_in(stream, buffer.slice::<T>(numbers.len())?)?.wait()?;
    Ok(())
}

/// Numbers of the device, once the work of the stream so far is done.
///
/// # Errors
/// When any of that work failed.
pub fn download<T: Number>(stream: &Stream, slice: Slice<'_, T>) -> Result<Vec<T>, GpuError> {
    let pinned = Pinned::new(stream.device(), slice.bytes())?.copy_out(stream, slice)?.wait()?;
    Ok(pinned.numbers(Part { offset: 0, len: slice.len(), number: PhantomData })?.to_vec())
}
