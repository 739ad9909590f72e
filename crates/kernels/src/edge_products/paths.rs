//! The paths of a layer, and the rows that they read and write.

use crate::simd::InstructionSet;

/// A path, as the kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// 2 l1 + 1: 1, 3, 5 or 7.
    pub d1: usize,
    /// 2 l3 + 1: 1, 3, 5 or 7.
    pub d3: usize,
    /// First row of the features.
    pub feature: usize,
    /// Row of the message with m3 = 0.
    pub message: usize,
    /// Rows from one m3 to the next.
    pub stride: usize,
    /// First coupling, `[d1, d3]`.
    pub coupling: usize,
}

/// An edge: which rows of the arrays belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectedEdge {
    /// The atom whose features it carries.
    pub sender: u32,
    /// The atom that receives the message.
    pub receiver: u32,
    /// Row of radial weights.
    pub radial: u32,
}

/// All paths of a layer.
#[derive(Debug, Clone)]
pub struct EdgeProducts {
    pub(super) paths: Vec<Path>,
    pub(super) channels: usize,
    pub(super) feature_rows: usize,
    pub(super) message_rows: usize,
    pub(super) n_couplings: usize,
    pub(super) set: InstructionSet,
}

/// What the backward pass of a block of edges reads.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a, T> {
    /// Couplings, one row an edge.
    pub couplings: &'a [T],
    /// Radial weights `[rows, paths, channels]`.
    pub radial: &'a [T],
    /// Their derivatives by distance.
    pub radial_slopes: &'a [T],
    /// Features `[atoms, rows, channels]`.
    pub features: &'a [T],
    /// `∂E/∂messages`, `[atoms, rows, channels]`.
    pub messages: &'a [T],
}

/// What it adds to or fills.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// `∂E/∂features` is added here; `None` where it is not wanted.
    pub features: Option<&'a mut [T]>,
    /// `∂E/∂couplings`, one row an edge: filled.
    pub couplings: &'a mut [T],
    /// `∂E/∂distance` through the radial weights, one an edge: filled.
    pub distances: &'a mut [T],
}

impl EdgeProducts {
    /// `channels` must be a multiple of [`Self::CHANNELS`].
    pub fn new(
        paths: Vec<Path>,
        channels: usize,
        feature_rows: usize,
        message_rows: usize,
        set: InstructionSet,
    ) -> Self {
        assert_eq!(channels % Self::CHANNELS, 0, "channels must be padded");
        let known = |path: &Path| matches!(path.d1, 1 | 3 | 5 | 7) && matches!(path.d3, 1 | 3 | 5 | 7);
        assert!(paths.iter().all(known), "no kernel for these paths: {paths:?}");
        let n_couplings = paths.iter().map(|path| path.coupling + path.d1 * path.d3).max().unwrap_or(0);
        Self { paths, channels, feature_rows, message_rows, n_couplings, set }
    }

    /// Channels are padded to a multiple of this: the widest vector.
    pub const CHANNELS: usize = 16;

    /// Couplings of an edge.
    pub fn n_couplings(&self) -> usize {
        self.n_couplings
    }

    /// Numbers in a row of radial weights.
    pub fn radial_width(&self) -> usize {
        self.paths.len() * self.channels
    }

    /// Numbers of an atom's messages.
    pub fn message_width(&self) -> usize {
        self.message_rows * self.channels
    }

    /// Numbers of an atom's features.
    pub fn feature_width(&self) -> usize {
        self.feature_rows * self.channels
    }
}

/// `N` rows of `channels` numbers, `stride` rows apart, from row `first`.
#[inline(always)]
pub(super) fn rows<T, const N: usize>(values: &[T], first: usize, stride: usize, channels: usize) -> [&[T]; N] {
    let mut found: [&[T]; N] = [&[]; N];
    for (k, row) in found.iter_mut().enumerate() {
        *row = &values[(first + k * stride) * channels..][..channels];
    }
    found
}

/// The same, to be changed.
#[inline(always)]
pub(super) fn rows_mut<T, const N: usize>(
    values: &mut [T],
    first: usize,
    stride: usize,
    channels: usize,
) -> [&mut [T]; N] {
    let mut found: [&mut [T]; N] = std::array::from_fn(|_| Default::default());
    let mut rest = &mut values[first * channels..];
    for (k, row) in found.iter_mut().enumerate() {
        let skip = if k == 0 { 0 } else { (stride - 1) * channels };
        let (own, behind) = std::mem::take(&mut rest)[skip..].split_at_mut(channels);
        (*row, rest) = (own, behind);
    }
    found
}

/// Calls a function that is generic over the two dimensions of a path.
macro_rules! with_dimensions {
    ($path:expr, $call:ident :: < $v:ident $(, $flag:ident)? > ( $($argument:expr),* $(,)? )) => {
        match ($path.d1, $path.d3) {
            (1, 1) => $call::<$v, 1, 1 $(, $flag)?>($($argument),*),
            (1, 3) => $call::<$v, 1, 3 $(, $flag)?>($($argument),*),
            (1, 5) => $call::<$v, 1, 5 $(, $flag)?>($($argument),*),
            (1, _) => $call::<$v, 1, 7 $(, $flag)?>($($argument),*),
            (3, 1) => $call::<$v, 3, 1 $(, $flag)?>($($argument),*),
            (3, 3) => $call::<$v, 3, 3 $(, $flag)?>($($argument),*),
            (3, 5) => $call::<$v, 3, 5 $(, $flag)?>($($argument),*),
            (3, _) => $call::<$v, 3, 7 $(, $flag)?>($($argument),*),
            (5, 1) => $call::<$v, 5, 1 $(, $flag)?>($($argument),*),
            (5, 3) => $call::<$v, 5, 3 $(, $flag)?>($($argument),*),
            (5, 5) => $call::<$v, 5, 5 $(, $flag)?>($($argument),*),
            (5, _) => $call::<$v, 5, 7 $(, $flag)?>($($argument),*),
            (_, 1) => $call::<$v, 7, 1 $(, $flag)?>($($argument),*),
            (_, 3) => $call::<$v, 7, 3 $(, $flag)?>($($argument),*),
            (_, 5) => $call::<$v, 7, 5 $(, $flag)?>($($argument),*),
            (_, _) => $call::<$v, 7, 7 $(, $flag)?>($($argument),*),
        }
    };
}
pub(super) use with_dimensions;
