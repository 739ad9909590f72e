//! Messages along edges, and the gradients by what they are made of.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::pairs::Pairs;
use super::shapes::{Blocks, Paths, channels, expect_blocks};
use crate::driver::Kernel;
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// The edges of atoms.
#[derive(Clone, Copy)]
pub(crate) struct Edges<'a> {
    /// `[atoms + 1]`
    pub(crate) starts: Slice<'a, u32>,
    /// `[2 pairs]`: those that an atom receives by: 2 pair, or 2 pair + 1 where the second of the pair sends.
    pub(crate) edges: Slice<'a, u32>,
}

impl Edges<'_> {
    pub(super) fn n_atoms(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// What is sent, and what arrives.
#[derive(Clone, Copy)]
pub(crate) struct Messages<'a> {
    pub(crate) paths: Paths,
    pub(crate) channels: usize,
    pub(crate) pairs: Pairs<'a>,
    pub(crate) edges: Edges<'a>,
    /// `[pairs, couplings]`
    pub(crate) couplings: Slice<'a, f32>,
    /// `[pairs, paths, channels]`
    pub(crate) weights: Slice<'a, f32>,
    /// `[atoms, 2l + 1, channels]`
    pub(crate) features: Blocks<'a>,
    /// `[atoms, 2l + 1, paths to l, channels]`: sums times factors; backward, gradients by the sums.
    pub(crate) messages: Blocks<'a>,
    /// `[atoms]`, or none.
    pub(crate) factors: Slice<'a, f64>,
}

/// Where gradients go.
#[derive(Clone, Copy)]
pub(crate) struct Gradients<'a> {
    /// `[pairs, paths, channels]`
    pub(crate) by_weights: Slice<'a, f32>,
    /// `[pairs, couplings]`
    pub(crate) by_couplings: Slice<'a, f32>,
    /// `[2 pairs, components, channels]`, or none.
    pub(crate) by_features: Slice<'a, f32>,
}

arguments!(MessagesArguments {
    starts: u64,
    edges: u64,
    first: u64,
    second: u64,
    couplings: u64,
    weights: u64,
    features: [u64; 4],
    messages: [u64; 4],
    factors: u64,
    by_weights: u64,
    by_features: u64,
    by_couplings: u64,
    atoms: u32,
    pairs: u32,
    channels: u32,
});
arguments!(SentArguments {
    starts: u64,
    edges: u64,
    by_edges: u64,
    sums: [u64; 4],
    atoms: u32,
    rows: u32,
    channels: u32,
});

impl Queue {
    fn messages_arguments(p: &Messages<'_>) -> Result<MessagesArguments, GpuError> {
        let (n_atoms, n_pairs, paths) = (p.edges.n_atoms(), p.pairs.len()?, p.paths);
        if !paths.is_computed() {
            return Err(GpuError::shape("l of features and harmonics", "up to 2, and 2 or 3", format!("{paths:?}")));
        }
        expect_len("edges", p.edges.edges.len(), 2 * n_pairs)?;
        expect_len("couplings", p.couplings.len(), n_pairs * paths.n_couplings())?;
        expect_len("weights of paths", p.weights.len(), n_pairs * paths.count() * p.channels)?;
        if !p.factors.is_empty() {
            expect_len("factors", p.factors.len(), n_atoms)?;
        }
        Ok(MessagesArguments {
            starts: p.edges.starts.address(),
            edges: p.edges.edges.address(),
            first: p.pairs.first.address(),
            second: p.pairs.second.address(),
            couplings: p.couplings.address(),
            weights: p.weights.address(),
            features: expect_blocks("features", &p.features, n_atoms, paths.sent_lmax, |_| p.channels)?,
            messages: expect_blocks("messages", &p.messages, n_atoms, paths.lmax, |l| paths.to(l) * p.channels)?,
            factors: p.factors.address(),
            atoms: narrow("atoms", n_atoms)?,
            pairs: narrow("pairs", n_pairs)?,
            channels: channels(p.channels)?,
            ..MessagesArguments::default()
        })
    }

    fn of_shape(kernels: &[[Kernel; 3]; 2], paths: Paths) -> &Kernel {
        &kernels[paths.lmax - 2][paths.sent_lmax]
    }

    /// Sums over the edges that atoms receive by.
    pub(crate) fn mace_messages(&self, p: &Messages<'_>) -> Result<(), GpuError> {
        let arguments = Self::messages_arguments(p)?;
        let kernel = Self::of_shape(&self.mace.messages, p.paths);
        self.start(kernel, [p.edges.n_atoms().div_ceil(2), 1], &arguments)
    }

    /// Gradients by weights, couplings and what was sent.
    pub(crate) fn mace_messages_backward(&self, p: &Messages<'_>, to: &Gradients<'_>) -> Result<(), GpuError> {
        let (n_pairs, paths) = (p.pairs.len()?, p.paths);
        expect_len("gradients by weights", to.by_weights.len(), p.weights.len())?;
        expect_len("gradients by couplings", to.by_couplings.len(), p.couplings.len())?;
        if !to.by_features.is_empty() {
            let n = 2 * n_pairs * paths.n_features() * p.channels;
            expect_len("gradients by what is sent", to.by_features.len(), n)?;
        }
        let arguments = MessagesArguments {
            by_weights: to.by_weights.address(),
            by_couplings: to.by_couplings.address(),
            by_features: to.by_features.address(),
            ..Self::messages_arguments(p)?
        };
        self.start(Self::of_shape(&self.mace.messages_backward, paths), Self::warps(n_pairs), &arguments)
    }

    /// Sums `[atoms, 2l + 1, channels]` over the edges that atoms send by, of `[2 pairs, components, channels]`.
    pub(crate) fn mace_sent(
        &self,
        edges: Edges<'_>,
        by_edges: Slice<'_, f32>,
        lmax: usize,
        n_channels: usize,
        sums: &Blocks<'_>,
    ) -> Result<(), GpuError> {
        let (n_atoms, rows) = (edges.n_atoms(), (lmax + 1) * (lmax + 1));
        expect_len("gradients by what is sent", by_edges.len(), edges.edges.len() * rows * n_channels)?;
        let arguments = SentArguments {
            starts: edges.starts.address(),
            edges: edges.edges.address(),
            by_edges: by_edges.address(),
            sums: expect_blocks("sums", sums, n_atoms, lmax, |_| n_channels)?,
            atoms: narrow("atoms", n_atoms)?,
            rows: narrow("components", rows)?,
            channels: channels(n_channels)?,
        };
        self.start(&self.mace.sent, Self::threads(n_atoms * rows * n_channels / 4), &arguments)
    }
}
