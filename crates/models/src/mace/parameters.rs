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

/// e3nn's `Linear` from rows of `blocks[l]` blocks of channels to rows of one block (`from`, `to`: upstream's
/// multiplicities of each l, in units of one block for `to`).
pub(super) fn linear<T: Real>(
    file: &ModelFile,
    name: &str,
    from: &[usize],
    to: &[usize],
    from_channels: Channels,
    to_channels: Channels,
    set: InstructionSet,
) -> Result<Linear<T>, FileError> {
    let shared = || from.iter().zip(to);
    let weights = file.read(name, shared().map(|(a, b)| a * b).sum())?;
    let (mut start, mut matrices) = (0, Vec::new());
    for (a, b) in shared() {
        let block = &weights[start..start + a * b];
        start += a * b;
        let scale = 1.0 / (*a as f64).sqrt();
        let element = |k: usize, c: usize| scale * block[k * b + c];
        matrices.push(pack((*a, *b), (from_channels, to_channels), element, set));
    }
    let widths = |n: &[usize], channels: Channels| -> Vec<usize> {
        n.iter().map(|n| n / channels.upstream * channels.padded).collect()
    };
    Ok(Linear::new(matrices, Rows::new(&widths(from, from_channels)), Rows::new(&widths(to, to_channels))))
}

/// Upstream's `[a, b]` matrix between padded rows.
fn pack<T: Real>(
    (a, b): (usize, usize),
    (from, to): (Channels, Channels),
    element: impl Fn(usize, usize) -> f64,
    set: InstructionSet,
) -> TwoWay<T> {
    let (depth, width) = (a / from.upstream * from.padded, b / to.upstream * to.padded);
    let (row, column) = (from.place(), to.place());
    TwoWay::pack(depth, width, set, |k, c| match (row(k), column(c)) {
        (Some(k), Some(c)) => element(k, c),
        _ => 0.0,
    })
}

/// e3nn's tensor product with one-hot elements: `[mul_in, elements, mul_out]` for each l that both sides have.
pub(super) fn element_linear<T: Real>(
    file: &ModelFile,
    name: &str,
    from: &[usize],
    to: &[usize],
    n_elements: usize,
    channels: Channels,
    set: InstructionSet,
) -> Result<ElementLinear<T>, FileError> {
    let shared = || from.iter().zip(to);
    let weights = file.read(name, shared().map(|(a, b)| a * n_elements * b).sum())?;
    let elements = (0..n_elements).map(|element| {
        let (mut start, mut matrices) = (0, Vec::new());
        for (a, b) in shared() {
            let block = &weights[start..start + a * n_elements * b];
            start += a * n_elements * b;
            let scale = 1.0 / ((a * n_elements) as f64).sqrt();
            let entry = |k: usize, c: usize| scale * block[(k * n_elements + element) * b + c];
            matrices.push(pack((*a, *b), (channels, channels), entry, set));
        }
        let rows = |n: &[usize]| Rows::features(n.len() - 1, channels.padded);
        Linear::new(matrices, rows(from), rows(to))
    });
    Ok(ElementLinear::new(elements.collect()))
}
