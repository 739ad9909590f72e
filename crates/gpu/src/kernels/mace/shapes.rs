//! Sizes that kernels are made for, and where rows of atoms lie.

use crate::error::GpuError;
use crate::kernels::products::expect_len;
use crate::memory::Slice;

/// Channels at most: four for each lane of a warp (kernels/mace_messages.cuh).
pub(crate) const MOST_CHANNELS: usize = 128;
/// Layers at most (kernels/mace_pairs.cuh).
pub(crate) const MOST_LAYERS: usize = 4;

/// For each l up to 3 rows `[atoms, 2l + 1, …]`; none where there are none.
pub(crate) type Blocks<'a> = [Slice<'a, f32>; 4];

/// `width(l)` numbers for each of the 2l + 1 rows of l up to `lmax`.
pub(super) fn expect_blocks(
    what: &'static str,
    blocks: &Blocks<'_>,
    n_atoms: usize,
    lmax: usize,
    width: impl Fn(usize) -> usize,
) -> Result<[u64; 4], GpuError> {
    for (l, block) in blocks.iter().enumerate() {
        let expected = if l <= lmax { n_atoms * (2 * l + 1) * width(l) } else { 0 };
        expect_len(what, block.len(), expected)?;
    }
    Ok(blocks.map(|block| block.address()))
}

/// A number of channels that kernels compute.
pub(super) fn channels(n: usize) -> Result<u32, GpuError> {
    if n == 0 || !n.is_multiple_of(8) || n > MOST_CHANNELS {
        return Err(GpuError::shape("channels", format!("a multiple of 8 up to {MOST_CHANNELS}"), n));
    }
    Ok(n as u32)
}

/// Paths of features of l1 with harmonics of l2 to messages of l3, as `Paths` of kernels/mace.h has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paths {
    /// Largest l of what is sent.
    pub(crate) sent_lmax: usize,
    /// Largest l of harmonics and messages.
    pub(crate) lmax: usize,
}

impl Paths {
    fn of(self, l3: usize) -> impl Iterator<Item = usize> {
        let pairs = (0..=self.sent_lmax).flat_map(move |l1| (0..=self.lmax).map(move |l2| (l1, l2)));
        let fits = move |(l1, l2): &(usize, usize)| {
            l3 >= l1.abs_diff(*l2) && l3 <= l1 + l2 && (l1 + l2 + l3).is_multiple_of(2)
        };
        pairs.filter(fits).map(|(l1, _)| l1)
    }

    /// Paths to messages of l3.
    pub(crate) fn to(self, l3: usize) -> usize {
        self.of(l3).count()
    }

    /// All of them.
    pub(crate) fn count(self) -> usize {
        (0..=self.lmax).map(|l3| self.to(l3)).sum()
    }

    /// (m1, m3) of all paths.
    pub(crate) fn n_couplings(self) -> usize {
        (0..=self.lmax).flat_map(|l3| self.of(l3).map(move |l1| (2 * l1 + 1) * (2 * l3 + 1))).sum()
    }

    /// Components of what is sent.
    pub(crate) fn n_features(self) -> usize {
        (self.sent_lmax + 1) * (self.sent_lmax + 1)
    }

    /// Whether there is a kernel.
    pub(crate) fn is_computed(self) -> bool {
        self.sent_lmax <= 2 && (2..=3).contains(&self.lmax)
    }
}
