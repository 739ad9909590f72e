//! Gated perceptrons of edges and angles, and their gradients.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::load::{RESIDENT, RESIDENT_WITH_FOUR, TILE, WIDE};
use crate::error::GpuError;
use crate::kernels::arguments::arguments;
use crate::kernels::products::{expect_len, narrow};
use crate::kernels::queue::Queue;
use crate::memory::Slice;

/// Weights of one layer behind its first maps of atoms and bonds.
#[derive(Clone, Copy)]
pub(crate) struct Gated<'a> {
    /// `[2, 64, 64]`: of angles; core and gate. None of edges. Backward, transposed.
    pub(crate) own: Slice<'a, f32>,
    /// `[2, 64, 64]`: second layers; none of updates of angles. Backward, transposed.
    pub(crate) hidden: Slice<'a, f32>,
    /// `[2, 64]`: of the second layers; none without.
    pub(crate) bias: Slice<'a, f32>,
    /// `[4, 64]`: scale and offset of the core, then of the gate.
    pub(crate) norms: Slice<'a, f32>,
    /// Columns that there are; the others are zeros.
    pub(crate) width: usize,
}

/// Edges of pairs, and what their messages are made of.
#[derive(Clone, Copy)]
pub(crate) struct Edges<'a> {
    pub(crate) layer: Gated<'a>,
    /// `[pairs]`. They are not looked at here.
    pub(crate) first: Slice<'a, u32>,
    pub(crate) second: Slice<'a, u32>,
    /// `[atoms, 256]`
    pub(crate) nodes: Slice<'a, f32>,
    /// `[pairs, 128]`
    pub(crate) bonds: Slice<'a, f32>,
    /// `[pairs, 64]`
    pub(crate) weights: Slice<'a, f32>,
    /// `[edges, 128]`, or none where there is no way back.
    pub(crate) y: Slice<'a, f32>,
}

/// Gradients by what messages of edges are made of.
pub(crate) struct EdgeGradients<'a> {
    /// `[atoms, 64]`
    pub(crate) by_sums: Slice<'a, f32>,
    /// `[edges, 128]`
    pub(crate) by_z: Slice<'a, f32>,
    /// `[pairs, 128]`
    pub(crate) by_pairs: Slice<'a, f32>,
    /// `[pairs, 64]`: added to.
    pub(crate) by_weights: Slice<'a, f32>,
}

/// Angles, and what their messages or updates are made of.
#[derive(Clone, Copy)]
pub(crate) struct Angles<'a> {
    pub(crate) layer: Gated<'a>,
    /// `[angles]` each: atom, first and second bond. They are not looked at here.
    pub(crate) center: Slice<'a, u32>,
    pub(crate) first: Slice<'a, u32>,
    pub(crate) second: Slice<'a, u32>,
    /// `[atoms, 128]`
    pub(crate) nodes: Slice<'a, f32>,
    /// `[bonds, 256]`
    pub(crate) bonds: Slice<'a, f32>,
    /// `[bonds, 64]`
    pub(crate) weights: Slice<'a, f32>,
}

/// Rows of angles.
#[derive(Clone, Copy)]
pub(crate) struct AngleRows<'a> {
    /// `[angles, 64]`: features; an update is added.
    pub(crate) angles: Slice<'a, f32>,
    /// `[angles, 128]`, or none where there is no way back; the second ones of messages only.
    pub(crate) z: Slice<'a, f32>,
    pub(crate) y: Slice<'a, f32>,
    /// `[angles, 64]`; none of updates.
    pub(crate) messages: Slice<'a, f32>,
}

/// Gradients by what rows of angles are made of.
pub(crate) struct AngleGradients<'a> {
    /// `[angles, 128]`, as they came forward.
    pub(crate) z: Slice<'a, f32>,
    pub(crate) y: Slice<'a, f32>,
    /// `[bonds, 64]`: by sums of messages; none of updates.
    pub(crate) by_sums: Slice<'a, f32>,
    /// `[angles, 64]`: added to.
    pub(crate) by_angles: Slice<'a, f32>,
    /// `[angles, 128]`
    pub(crate) by_z: Slice<'a, f32>,
    /// `[angles, 64]`: by weights of second bonds; none of updates.
    pub(crate) by_second: Slice<'a, f32>,
}

arguments!(EdgeArguments {
    first: u64,
    second: u64,
    nodes: u64,
    bonds: u64,
    weights: u64,
    hidden: u64,
    bias: u64,
    norms: u64,
    y: u64,
    messages: u64,
    by_sums: u64,
    by_z: u64,
    by_pairs: u64,
    by_weights: u64,
    edges: u32,
    width: u32,
    inverse_width: f32,
});
arguments!(AngleArguments {
    center: u64,
    first: u64,
    second: u64,
    nodes: u64,
    bonds: u64,
    weights: u64,
    own: u64,
    hidden: u64,
    bias: u64,
    norms: u64,
    angles: u64,
    z: u64,
    y: u64,
    messages: u64,
    by_sums: u64,
    by_angles: u64,
    by_z: u64,
    by_second: u64,
    n_angles: u32,
    width: u32,
    inverse_width: f32,
});

/// Numbers of rows of this many columns.
fn expect_rows(what: &'static str, slice: Slice<'_, f32>, rows: usize, columns: usize) -> Result<(), GpuError> {
    expect_len(what, slice.len(), rows * columns)
}

/// The same, or none.
fn expect_rows_or_none(what: &'static str, slice: Slice<'_, f32>, rows: usize, columns: usize) -> Result<(), GpuError> {
    if slice.is_empty() { Ok(()) } else { expect_rows(what, slice, rows, columns) }
}

impl Gated<'_> {
    fn check(&self, has_own: bool, has_hidden: bool) -> Result<(), GpuError> {
        if self.width == 0 || self.width > WIDE || !self.width.is_multiple_of(4) {
            return Err(GpuError::shape("width of rows", format!("a multiple of 4 up to {WIDE}"), self.width));
        }
        let or_none = |there: bool, rows: usize| if there { rows } else { 0 };
        expect_rows("weights of angles", self.own, or_none(has_own, 2 * WIDE), WIDE)?;
        expect_rows("weights of second layers", self.hidden, or_none(has_hidden, 2 * WIDE), WIDE)?;
        expect_rows("biases of second layers", self.bias, or_none(has_hidden, 2), WIDE)?;
        expect_rows("norms", self.norms, 4, WIDE)
    }
}

impl Edges<'_> {
    fn arguments(&self) -> Result<EdgeArguments, GpuError> {
        let n_pairs = self.first.len();
        self.layer.check(false, true)?;
        expect_len("second atoms", self.second.len(), n_pairs)?;
        expect_rows("terms of pairs", self.bonds, n_pairs, 2 * WIDE)?;
        expect_rows("weights of pairs", self.weights, n_pairs, WIDE)?;
        expect_rows_or_none("second layers of edges", self.y, 2 * n_pairs, 2 * WIDE)?;
        Ok(EdgeArguments {
            first: self.first.address(),
            second: self.second.address(),
            nodes: self.nodes.address(),
            bonds: self.bonds.address(),
            weights: self.weights.address(),
            hidden: self.layer.hidden.address(),
            bias: self.layer.bias.address(),
            norms: self.layer.norms.address(),
            y: self.y.address(),
            edges: narrow("edges", 2 * n_pairs)?,
            width: narrow("columns", self.layer.width)?,
            inverse_width: 1.0 / self.layer.width as f32,
            ..EdgeArguments::default()
        })
    }
}

impl Angles<'_> {
    fn has_hidden(&self) -> bool {
        !self.layer.hidden.is_empty()
    }

    fn resident(&self) -> usize {
        if self.has_hidden() { RESIDENT_WITH_FOUR } else { RESIDENT }
    }

    fn arguments(&self) -> Result<AngleArguments, GpuError> {
        let n_angles = self.center.len();
        self.layer.check(true, self.has_hidden())?;
        expect_len("first bonds", self.first.len(), n_angles)?;
        expect_len("second bonds", self.second.len(), n_angles)?;
        expect_len("terms and weights of bonds", self.bonds.len(), 4 * self.weights.len())?;
        Ok(AngleArguments {
            center: self.center.address(),
            first: self.first.address(),
            second: self.second.address(),
            nodes: self.nodes.address(),
            bonds: self.bonds.address(),
            weights: self.weights.address(),
            own: self.layer.own.address(),
            hidden: self.layer.hidden.address(),
            bias: self.layer.bias.address(),
            norms: self.layer.norms.address(),
            n_angles: narrow("angles", n_angles)?,
            width: narrow("columns", self.layer.width)?,
            inverse_width: 1.0 / self.layer.width as f32,
            ..AngleArguments::default()
        })
    }
}

impl Queue {
    /// Messages of edges, `[edges, 64]`.
    pub(crate) fn chgnet_edges(&self, p: &Edges<'_>, messages: Slice<'_, f32>) -> Result<(), GpuError> {
        let n_edges = 2 * p.first.len();
        expect_rows("messages of edges", messages, n_edges, WIDE)?;
        let arguments = EdgeArguments { messages: messages.address(), ..p.arguments()? };
        self.start(&self.chgnet.edges, self.tiles(n_edges.div_ceil(TILE), RESIDENT), &arguments)
    }

    /// Gradients of them.
    pub(crate) fn chgnet_edges_backward(&self, p: &Edges<'_>, to: &EdgeGradients<'_>) -> Result<(), GpuError> {
        let n_pairs = p.first.len();
        expect_rows("second layers of edges", p.y, 2 * n_pairs, 2 * WIDE)?;
        expect_rows("gradients by first layers", to.by_z, 2 * n_pairs, 2 * WIDE)?;
        expect_rows("gradients by terms of pairs", to.by_pairs, n_pairs, 2 * WIDE)?;
        expect_rows("gradients by weights of pairs", to.by_weights, n_pairs, WIDE)?;
        expect_len("gradients by sums", 4 * to.by_sums.len(), p.nodes.len())?;
        let arguments = EdgeArguments {
            by_sums: to.by_sums.address(),
            by_z: to.by_z.address(),
            by_pairs: to.by_pairs.address(),
            by_weights: to.by_weights.address(),
            ..p.arguments()?
        };
        self.start(&self.chgnet.edges_backward, self.tiles((2 * n_pairs).div_ceil(TILE), RESIDENT), &arguments)
    }

    /// Messages between bonds, or updates of angles.
    pub(crate) fn chgnet_angles(&self, p: &Angles<'_>, rows: &AngleRows<'_>) -> Result<(), GpuError> {
        let (n_angles, has_hidden) = (p.center.len(), p.has_hidden());
        expect_rows("features of angles", rows.angles, n_angles, WIDE)?;
        expect_rows_or_none("first layers of angles", rows.z, n_angles, 2 * WIDE)?;
        expect_rows_or_none("second layers of angles", rows.y, n_angles, 2 * WIDE)?;
        expect_rows("messages of angles", rows.messages, if has_hidden { n_angles } else { 0 }, WIDE)?;
        let arguments = AngleArguments {
            angles: rows.angles.address(),
            z: rows.z.address(),
            y: rows.y.address(),
            messages: rows.messages.address(),
            ..p.arguments()?
        };
        let kernel = if has_hidden { &self.chgnet.bonds } else { &self.chgnet.angles };
        self.start(kernel, self.tiles(n_angles.div_ceil(TILE), p.resident()), &arguments)
    }

    /// Gradients of them.
    pub(crate) fn chgnet_angles_backward(&self, p: &Angles<'_>, to: &AngleGradients<'_>) -> Result<(), GpuError> {
        let (n_angles, has_hidden) = (p.center.len(), p.has_hidden());
        let of_messages = if has_hidden { n_angles } else { 0 };
        expect_rows("first layers of angles", to.z, n_angles, 2 * WIDE)?;
        expect_rows("second layers of angles", to.y, of_messages, 2 * WIDE)?;
        expect_rows("gradients by first layers", to.by_z, n_angles, 2 * WIDE)?;
        expect_rows("gradients by angles", to.by_angles, n_angles, WIDE)?;
        expect_rows("gradients by weights of bonds", to.by_second, of_messages, WIDE)?;
        expect_len("gradients by sums", to.by_sums.len(), if has_hidden { p.weights.len() } else { 0 })?;
        let arguments = AngleArguments {
            z: to.z.address(),
            y: to.y.address(),
            by_sums: to.by_sums.address(),
            by_angles: to.by_angles.address(),
            by_z: to.by_z.address(),
            by_second: to.by_second.address(),
            ..p.arguments()?
        };
        let kernel = if has_hidden { &self.chgnet.bonds_backward } else { &self.chgnet.angles_backward };
        self.start(kernel, self.tiles(n_angles.div_ceil(TILE), p.resident()), &arguments)
    }
}
