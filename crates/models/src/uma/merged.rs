//! What one composition, charge and spin make of a model.

use super::convolution::Convolution;
use mlip_kernels::simd::Real;

/// Convolutions whose experts are mixed, and what charge and spin add to atoms.
#[derive(Debug)]
pub(super) struct Merged<T> {
    /// Two for each layer.
    pub(super) layers: Vec<[Convolution<T>; 2]>,
    /// `[channels]`: charge, spin and task.
    pub(super) system: Vec<T>,
    /// Channels of degree 0 whose sum over the atoms is held at a value.
    pub(super) balanced: Vec<(usize, f64)>,
    bytes: u64,
}

impl<T: Real> Merged<T> {
    pub(super) fn new(layers: Vec<[Convolution<T>; 2]>, system: Vec<T>, balanced: Vec<(usize, f64)>) -> Self {
        let bytes = layers.iter().flatten().map(Convolution::bytes).sum();
        Self { layers, system, balanced, bytes }
    }

    /// In memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
