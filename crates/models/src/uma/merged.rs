//! The convolutions of one composition.

use super::convolution::Convolution;
use mlip_kernels::simd::Real;

/// Convolutions whose experts are mixed.
#[derive(Debug)]
pub(super) struct Merged<T> {
    /// Two a layer.
    pub(super) layers: Vec<[Convolution<T>; 2]>,
    bytes: u64,
}

impl<T: Real> Merged<T> {
    pub(super) fn new(layers: Vec<[Convolution<T>; 2]>) -> Self {
        let bytes = layers.iter().flatten().map(Convolution::bytes).sum();
        Self { layers, bytes }
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
