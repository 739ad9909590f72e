//! Weights of the file in the layout of the kernels: channels padded to whole vectors, factors of e3nn folded in.

use super::file::{FileError, ModelFile};
use super::linear::{ElementLinear, Linear, Rows, padded};
use crate::e3nn::TwoWay;
use mlip_kernels::edge_products::EdgeProducts;
use mlip_kernels::simd::{InstructionSet, Real};

/// How many channels, upstream's and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channels {
    pub(super) upstream: usize,
    pub(super) padded: usize,
}

impl Channels {
    pub(super) fn new(upstream: usize) -> Self {
        Self { upstream, padded: upstream.next_multiple_of(EdgeProducts::CHANNELS) }
    }

    fn place(self) -> impl Fn(usize) -> Option<usize> + Copy {
        padded(self.upstream, self.padded)
    }
}

/// A matrix between padded rows, `[depth, width]`.
pub(super) struct Block {
    pub(super) depth: usize,
    pub(super) width: usize,
    pub(super) values: Vec<f64>,
}

impl Block {
    /// Upstream's `[a, b]` matrix between padded rows.
    fn padded((a, b): (usize, usize), (from, to): (Channels, Channels), element: impl Fn(usize, usize) -> f64) -> Self {
        let (depth, width) = (a / from.upstream * from.padded, b / to.upstream * to.padded);
        let (row, column) = (from.place(), to.place());
        let value = |at: usize| match (row(at / width), column(at % width)) {
            (Some(k), Some(c)) => element(k, c),
            _ => 0.0,
        };
        Self { depth, width, values: (0..depth * width).map(value).collect() }
    }

    fn pack<T: Real>(&self, set: InstructionSet) -> TwoWay<T> {
        TwoWay::pack(self.depth, self.width, set, |k, c| self.values[k * self.width + c])
    }
}

/// e3nn's `Linear` from rows of `blocks[l]` blocks of channels to rows of one block (`from`, `to`: upstream's
/// multiplicities of each l, in units of one block for `to`): one matrix for each l that both sides have.
pub(super) fn linear_blocks(
    file: &ModelFile,
    name: &str,
    from: &[usize],
    to: &[usize],
    channels: (Channels, Channels),
) -> Result<Vec<Block>, FileError> {
    let shared = || from.iter().zip(to);
    let weights = file.read(name, shared().map(|(a, b)| a * b).sum())?;
    let (mut start, mut matrices) = (0, Vec::new());
    for (a, b) in shared() {
        let block = &weights[start..start + a * b];
        start += a * b;
        let scale = 1.0 / (*a as f64).sqrt();
        matrices.push(Block::padded((*a, *b), channels, |k, c| scale * block[k * b + c]));
    }
    Ok(matrices)
}

/// The same in the layout of the kernels.
pub(super) fn linear<T: Real>(
    file: &ModelFile,
    name: &str,
    from: &[usize],
    to: &[usize],
    from_channels: Channels,
    to_channels: Channels,
    set: InstructionSet,
) -> Result<Linear<T>, FileError> {
    let matrices = linear_blocks(file, name, from, to, (from_channels, to_channels))?;
    let widths = |n: &[usize], channels: Channels| -> Vec<usize> {
        n.iter().map(|n| n / channels.upstream * channels.padded).collect()
    };
    let (from, to) = (Rows::new(&widths(from, from_channels)), Rows::new(&widths(to, to_channels)));
    Ok(Linear::new(matrices.iter().map(|matrix| matrix.pack(set)).collect(), from, to))
}

/// e3nn's tensor product with one-hot elements: `[mul_in, elements, mul_out]` for each l that both sides have. Matrices
/// of each element, for each l; made one element after the other, since those of 89 take 47 MB together.
pub(super) fn element_blocks<'a>(
    file: &ModelFile,
    name: &str,
    from: &'a [usize],
    to: &'a [usize],
    n_elements: usize,
    channels: Channels,
) -> Result<impl Iterator<Item = Vec<Block>> + use<'a>, FileError> {
    let shared = move || from.iter().zip(to);
    let weights = file.read(name, shared().map(|(a, b)| a * n_elements * b).sum())?;
    Ok((0..n_elements).map(move |element| {
        let (mut start, mut matrices) = (0, Vec::new());
        for (a, b) in shared() {
            let block = &weights[start..start + a * n_elements * b];
            start += a * n_elements * b;
            let scale = 1.0 / ((a * n_elements) as f64).sqrt();
            let entry = |k: usize, c: usize| scale * block[(k * n_elements + element) * b + c];
            matrices.push(Block::padded((*a, *b), (channels, channels), entry));
        }
        matrices
    }))
}

/// The same in the layout of the kernels.
pub(super) fn element_linear<T: Real>(
    file: &ModelFile,
    name: &str,
    from: &[usize],
    to: &[usize],
    n_elements: usize,
    channels: Channels,
    set: InstructionSet,
) -> Result<ElementLinear<T>, FileError> {
    let rows = |n: &[usize]| Rows::features(n.len() - 1, channels.padded);
    let of_element = |matrices: Vec<Block>| {
        Linear::new(matrices.iter().map(|matrix| matrix.pack(set)).collect(), rows(from), rows(to))
    };
    let elements = element_blocks(file, name, from, to, n_elements, channels)?;
    Ok(ElementLinear::new(elements.map(of_element).collect()))
}
