//! Features turned into the frames of edges, and messages turned back and summed.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{COMPONENTS, FACTORS, GRADIENTS, WIGNER};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Edges, and the features of their ends. Indices are not looked at here.
#[derive(Clone, Copy)]
pub(crate) struct Turns<'a> {
    /// `[edges, 36]`
    pub(crate) rotations: Slice<'a, f32>,
    /// `[edges]` each
    pub(crate) envelope: Slice<'a, f32>,
    pub(crate) source: Slice<'a, u32>,
    pub(crate) target: Slice<'a, u32>,
    /// `[atoms, 9 channels]`, degree by degree: features; of messages, gradients by their sums.
    pub(crate) features: Slice<'a, f32>,
    pub(crate) channels: usize,
}

/// Messages, and where they are added.
pub(crate) struct Sums<'a> {
    pub(crate) rotations: Slice<'a, f32>,
    pub(crate) envelope: Slice<'a, f32>,
    /// `[atoms + 1]`: edges by target. They are not looked at here.
    pub(crate) starts: Slice<'a, u32>,
    /// `[edges, 9, channels]`
    pub(crate) messages: Slice<'a, f32>,
    /// `[atoms, 9 channels]` each: `out = x + sums`.
    pub(crate) x: Slice<'a, f32>,
    pub(crate) out: Slice<'a, f32>,
    pub(crate) channels: usize,
}

/// Gradients of edges by the features of both ends, summed by atom.
pub(crate) struct Gather<'a> {
    /// `[edges, 9, 2 channels]`
    pub(crate) by_ends: Slice<'a, f32>,
    /// `[atoms + 1]`: edges by target. Indices are not looked at here.
    pub(crate) starts: Slice<'a, u32>,
    /// `[atoms + 1]`, `[edges]`: edges by source.
    pub(crate) by_source: [Slice<'a, u32>; 2],
    /// `[atoms, 9 channels]`
    pub(crate) sums: Slice<'a, f32>,
    pub(crate) channels: usize,
}

arguments!(TurnArguments {
    rotations: u64,
    envelope: u64,
    source: u64,
    target: u64,
    features: u64,
    factors: u64,
    messages: u64,
    out: u64,
    plane: u64,
    by_rows: u64,
    gradients: u64,
    edges: u32,
    atoms: u32,
    channels: u32,
});
arguments!(SumArguments {
    rotations: u64,
    envelope: u64,
    starts: u64,
    messages: u64,
    x: u64,
    out: u64,
    atoms: u32,
    channels: u32,
});
arguments!(GatherArguments {
    by_ends: u64,
    starts: u64,
    source_starts: u64,
    by_source: u64,
    sums: u64,
    atoms: u32,
    channels: u32,
});

impl Turns<'_> {
    /// `columns` numbers of `out` for an edge.
    fn arguments(&self, out: Slice<'_, f32>, columns: usize) -> Result<(usize, TurnArguments), GpuError> {
        let (n_edges, of_atom) = (self.target.len(), COMPONENTS * self.channels);
        expect_len("rotations of edges", self.rotations.len(), n_edges * WIGNER)?;
        expect_len("envelopes of edges", self.envelope.len(), n_edges)?;
        expect_len("sources of edges", self.source.len(), n_edges)?;
        expect_len("features of atoms", self.features.len() % of_atom.max(1), 0)?;
        expect_len("results of edges", out.len(), n_edges * columns)?;
        let arguments = TurnArguments {
            rotations: self.rotations.address(),
            envelope: self.envelope.address(),
            source: self.source.address(),
            target: self.target.address(),
            features: self.features.address(),
            out: out.address(),
            plane: out.len() as u64,
            edges: narrow("edges", n_edges)?,
            atoms: narrow("atoms", self.features.len() / of_atom.max(1))?,
            channels: narrow("channels", self.channels)?,
            ..TurnArguments::default()
        };
        Ok((n_edges, arguments))
    }

    fn expect_factors(&self, factors: Slice<'_, f32>) -> Result<(), GpuError> {
        expect_len("factors of edges", factors.len(), self.target.len() * FACTORS * 2 * self.channels)
    }

    fn expect_gradients(&self, gradients: Slice<'_, f64>) -> Result<(), GpuError> {
        expect_len("gradients of edges", gradients.len(), self.target.len() * GRADIENTS)
    }
}

impl Queue {
    /// Features of both ends in the frames of edges, times `factors`, `[edges, 6, 2 channels]`: an operand `[edges, 9, 2 channels]`.
    pub(crate) fn uma_turn(&self, p: &Turns<'_>, factors: Slice<'_, f32>, out: Slice<'_, f32>) -> Result<(), GpuError> {
        p.expect_factors(factors)?;
        let (n_edges, arguments) = p.arguments(out, 2 * COMPONENTS * p.channels)?;
        let arguments = TurnArguments { factors: factors.address(), ..arguments };
        self.start(&self.uma.turn, Self::warps(2 * n_edges), &arguments)
    }

    /// From gradients by what `uma_turn` gave, `by_rows`: those by factors, an operand, and those by turns of the frames;
    /// `by_rows` become gradients by the features of both ends.
    pub(crate) fn uma_turn_backward(
        &self,
        p: &Turns<'_>,
        factors: Slice<'_, f32>,
        by_rows: Slice<'_, f32>,
        by_factors: Slice<'_, f32>,
        gradients: Slice<'_, f64>,
    ) -> Result<(), GpuError> {
        p.expect_factors(factors)?;
        p.expect_gradients(gradients)?;
        let (n_edges, arguments) = p.arguments(by_factors, 2 * FACTORS * p.channels)?;
        expect_len("gradients by rows of edges", by_rows.len(), n_edges * 2 * COMPONENTS * p.channels)?;
        let (factors, by_rows, gradients) = (factors.address(), by_rows.address(), gradients.address());
        let arguments = TurnArguments { factors, by_rows, gradients, ..arguments };
        self.start(&self.uma.turn_backward, Self::warps(2 * n_edges), &arguments)
    }

    /// From gradients by the sums of messages, the features of `p`: those by `messages`, `[edges, 9, channels]`, an operand,
    /// by envelopes, and by turns of the frames.
    pub(crate) fn uma_messages_backward(
        &self,
        p: &Turns<'_>,
        messages: Slice<'_, f32>,
        by_messages: Slice<'_, f32>,
        gradients: Slice<'_, f64>,
    ) -> Result<(), GpuError> {
        p.expect_gradients(gradients)?;
        let (n_edges, arguments) = p.arguments(by_messages, COMPONENTS * p.channels)?;
        expect_len("messages", messages.len(), by_messages.len())?;
        let (messages, gradients) = (messages.address(), gradients.address());
        let arguments = TurnArguments { messages, gradients, ..arguments };
        self.start(&self.uma.messages_backward, Self::warps(n_edges), &arguments)
    }

    /// Sums of messages, turned back and weighted with envelopes.
    pub(crate) fn uma_messages(&self, p: &Sums<'_>) -> Result<(), GpuError> {
        let (n_edges, atoms) = (p.envelope.len(), p.starts.len().saturating_sub(1));
        expect_len("rotations of edges", p.rotations.len(), n_edges * WIGNER)?;
        expect_len("messages", p.messages.len(), n_edges * COMPONENTS * p.channels)?;
        expect_len("features of atoms", p.x.len(), atoms * COMPONENTS * p.channels)?;
        expect_len("features of atoms", p.out.len(), p.x.len())?;
        let arguments = SumArguments {
            rotations: p.rotations.address(),
            envelope: p.envelope.address(),
            starts: p.starts.address(),
            messages: p.messages.address(),
            x: p.x.address(),
            out: p.out.address(),
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", p.channels)?,
        };
        self.start(&self.uma.messages, Self::warps(3 * atoms), &arguments)
    }

    /// Sums of gradients by atom.
    pub(crate) fn uma_gather(&self, p: &Gather<'_>) -> Result<(), GpuError> {
        let atoms = p.starts.len().saturating_sub(1);
        let [source_starts, by_source] = p.by_source;
        expect_len("bounds of atoms", source_starts.len(), p.starts.len())?;
        expect_len("gradients by ends", p.by_ends.len(), by_source.len() * 2 * COMPONENTS * p.channels)?;
        expect_len("sums by atom", p.sums.len(), atoms * COMPONENTS * p.channels)?;
        let arguments = GatherArguments {
            by_ends: p.by_ends.address(),
            starts: p.starts.address(),
            source_starts: source_starts.address(),
            by_source: by_source.address(),
            sums: p.sums.address(),
            atoms: narrow("atoms", atoms)?,
            channels: narrow("channels", p.channels)?,
        };
        self.start(&self.uma.gather, Self::warps(COMPONENTS * atoms), &arguments)
    }
}
