//! Constant numbers of a network on a device, in one piece of memory: matrices packed as products read them, and others.

use crate::driver::Stream;
use crate::error::GpuError;
use crate::kernels::{Matrix, PackedMatrix, pack_matrix};
use crate::memory::{Buffer, Layout, Number, Part, Slice, bytes_of, upload};
use crate::products::Products;

/// A matrix among constants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    packed: Part<f32>,
    width: usize,
    depth: usize,
    scale: f32,
}

/// A matrix and its transpose.
#[derive(Clone, Copy)]
pub(crate) struct TwoWays {
    pub(crate) forward: Stored,
    pub(crate) backward: Stored,
}

/// Collects constants in the order in which they will lie on the device.
pub(crate) struct Packer {
    products: Products,
    layout: Layout,
    bytes: Vec<u8>,
}

/// They, on the device.
pub(crate) struct Constants(Buffer);

impl Packer {
    pub(crate) fn new(products: Products) -> Self {
        Self { products, layout: Layout::default(), bytes: Vec::new() }
    }

    pub(crate) fn put<T: Number>(&mut self, numbers: &[T]) -> Part<T> {
        let part = self.layout.place(numbers.len());
        self.bytes.extend_from_slice(bytes_of(numbers));
        self.bytes.resize(self.layout.bytes() as usize, 0);
        part
    }

    /// `weight(n, k)` is what the input k adds to the output n.
    pub(crate) fn matrix(&mut self, width: usize, depth: usize, weight: impl Fn(usize, usize) -> f32) -> Stored {
        let PackedMatrix { numbers, scale } = pack_matrix(self.products, width, depth, weight);
        Stored { packed: self.put(&numbers), width, depth, scale }
    }

    /// The same with its transpose.
    pub(crate) fn two_ways(&mut self, width: usize, depth: usize, weight: impl Fn(usize, usize) -> f32) -> TwoWays {
        TwoWays {
            forward: self.matrix(width, depth, &weight),
            backward: self.matrix(depth, width, |n, k| weight(k, n)),
        }
    }

    /// Copies everything to the device.
    pub(crate) fn upload(self, stream: &Stream) -> Result<Constants, GpuError> {
        let buffer = Buffer::new(stream.device(), self.layout.bytes())?;
        upload(stream, &buffer, &self.bytes)?;
        Ok(Constants(buffer))
    }
}

impl Constants {
    /// Bytes on the device.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(crate) fn part<T: Number>(&self, part: Part<T>) -> Result<Slice<'_, T>, GpuError> {
        self.0.part(part)
    }

    pub(crate) fn matrix(&self, stored: Stored) -> Result<Matrix<'_>, GpuError> {
        Ok(Matrix { packed: self.part(stored.packed)?, width: stored.width, depth: stored.depth, scale: stored.scale })
    }
}
