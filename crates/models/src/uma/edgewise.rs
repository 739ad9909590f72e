//! Messages along edges, in blocks of edges whose numbers stay in the caches.

use super::convolution::Convolution;
use super::radial::{Radial, RadialScratch};
use crate::escn::graph::Graph;
use mlip_kernels::simd::{InstructionSet, Kernel, Real};
use mlip_kernels::spherical::{
    GateBackward, GateForward, Generators, Layout, RotateBack, RotateInto, ScaleRows, ScaleRowsBackward, Torques,
    WeighRows,
};
use std::ops::Range;

/// Edges in flight at once, at most. The products with weights, which come from the third-level cache, want many;
/// the numbers of an edge between them, 60 kB in single precision, want few.
pub(super) const BLOCK: usize = 96;

/// A multiple of the height of every tile of the matrix products.
const TILE: usize = 12;

/// Edges cut into blocks of about one size.
pub(super) fn blocks(n_edges: usize) -> impl Iterator<Item = Range<usize>> {
    let size = n_edges.div_ceil(n_edges.div_ceil(BLOCK).max(1)).next_multiple_of(TILE);
    (0..n_edges).step_by(size.max(TILE)).map(move |start| start..(start + size).min(n_edges))
}

/// What all layers know of the edges.
#[derive(Debug)]
pub(super) struct Edges<'a, T> {
    pub(super) graph: &'a Graph,
    /// `[edges, wigner_len]`
    pub(super) wigner: Vec<T>,
    /// `[edges, gaussians]`
    pub(super) basis: Vec<T>,
    /// `[edges]`
    pub(super) envelope: Vec<T>,
}

/// Gradients that all layers add to.
#[derive(Debug)]
pub(super) struct EdgeGradients<T> {
    /// `[edges, gaussians]`
    pub(super) basis: Vec<T>,
    /// `[edges]`, by the envelope.
    pub(super) envelope: Vec<f64>,
    /// `[edges]`: about x and z of the frames.
    pub(super) torque: Vec<[f64; 2]>,
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub(super) struct Kept<T> {
    /// Results of the first convolution.
    first: Vec<T>,
    /// Results of the second one.
    second: Vec<T>,
}

/// Which rows there are, of an edge's features with all orders or with order 0 alone.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) layout: Layout,
    pub(super) generators: Generators<T>,
    degrees: Vec<usize>,
    factors: Vec<usize>,
    n_factors: usize,
}

impl<T: Real> Rows<T> {
    pub(super) fn new(lmax: usize, mmax: usize) -> Self {
        let layout = Layout::new(lmax, mmax);
        let degrees = layout.rows()[..layout.n_rows()].iter().map(|(l, _)| *l).collect();
        Self {
            generators: Generators::new(&layout),
            degrees,
            factors: layout.factors(),
            n_factors: layout.n_factors(),
            layout,
        }
    }

    /// Rows of factors that a radial network gives.
    pub(super) fn n_factors(&self) -> usize {
        self.n_factors
    }
}

/// One layer's messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edgewise<'a, T> {
    pub(super) rows: &'a Rows<T>,
    pub(super) radial: &'a Radial<T>,
    pub(super) convolutions: &'a [Convolution<T>; 2],
    pub(super) channels: usize,
    pub(super) hidden: usize,
    /// Width of the hidden layers of the radial network.
    pub(super) edge_channels: usize,
    pub(super) set: InstructionSet,
}

/// Numbers of a block of edges.
struct Scratch<T> {
    radial: RadialScratch<T>,
    factors: Vec<T>,
    by_factors: Vec<T>,
    z: Vec<T>,
    by_z: Vec<T>,
    sums: Vec<T>,
    first: Vec<T>,
    by_first: Vec<T>,
    gated: Vec<T>,
    second: Vec<T>,
    by_second: Vec<T>,
    /// Of the messages, in the frames.
    turned: Vec<T>,
}

/// Features of atoms while terms are added to them.
struct Sums<'a, T> {
    features: &'a mut [T],
    /// What rounding has added to them, of the same shape.
    excess: Vec<T>,
}

impl<'a, T: Real> Edgewise<'a, T> {
    fn run(&self, kernel: impl Kernel<T, Output = ()>) {
        T::run(kernel, self.set);
    }

    /// Numbers of an edge: (z, results of the first convolution, gated, results of the second one).
    fn sizes(&self) -> [usize; 4] {
        let layout = &self.rows.layout;
        let rows = layout.n_rows();
        let first = self.convolutions[0].out_stride(layout);
        [rows * 2 * self.channels, first, rows * self.hidden, rows * self.channels]
    }

    /// Bytes that the forward pass keeps of an edge.
    pub(super) fn kept_bytes(&self) -> usize {
        let [_, first, _, second] = self.sizes();
        (first + second) * size_of::<T>()
    }

    fn scratch(&self, backward: bool) -> Scratch<T> {
        let [z, first, gated, second] = self.sizes();
        let block = |n: usize| vec![T::default(); BLOCK * n];
        let only = |n: usize| block(if backward { n } else { 0 });
        let extended = self.rows.layout.n_extended();
        let factors = self.rows.n_factors * 2 * self.channels;
        Scratch {
            radial: RadialScratch::new(BLOCK, self.edge_channels),
            factors: block(factors),
            by_factors: only(factors),
            z: block(extended * 2 * self.channels),
            by_z: only(z),
            sums: Vec::new(),
            first: block(first),
            by_first: only(first),
            gated: block(gated),
            second: block(second),
            by_second: only(second),
            turned: only(extended * self.channels),
        }
    }

    /// Rows of both ends of the edges, in their frames: `[edges, rows, 2 channels]`, the source first.
    fn rotate(&self, edges: &Edges<T>, range: Range<usize>, y: &[T], rows: usize, z: &mut [T]) {
        let layout = &self.rows.layout;
        let len = layout.wigner_len();
        let wigner = &edges.wigner[range.start * len..range.end * len];
        for (atoms, offset) in [(&edges.graph.source, 0), (&edges.graph.target, self.channels)] {
            self.run(RotateInto {
                layout,
                wigner,
                index: &atoms[range.clone()],
                features: y,
                channels: self.channels,
                out: z,
                rows,
                stride: 2 * self.channels,
                offset,
            });
        }
    }

    /// The convolutions of a block, into `first` and `second`.
    fn block(
        &self,
        edges: &Edges<T>,
        range: Range<usize>,
        y: &[T],
        scratch: &mut Scratch<T>,
        first: &mut [T],
        second: &mut [T],
    ) {
        let n = range.len();
        let (rows, layout) = (self.rows, &self.rows.layout);
        let width = 2 * self.channels;
        let stride = layout.n_rows() * width;
        let z = &mut scratch.z[..n * stride];
        self.radial.forward(edges.graph, &edges.basis, range.clone(), &mut scratch.radial, &mut scratch.factors);
        self.rotate(edges, range, y, layout.n_rows(), z);
        self.run(ScaleRows {
            index: &rows.factors,
            width,
            factors: &scratch.factors,
            n_factors: rows.n_factors,
            rows: z,
            stride,
        });
        let [before, after] = self.convolutions;
        before.forward(layout, n, z, layout.n_rows(), &mut scratch.sums, first);
        let gated = &mut scratch.gated[..n * layout.n_rows() * self.hidden];
        self.run(GateForward { degrees: &rows.degrees, width: self.hidden, items: first, out: gated });
        after.forward(layout, n, gated, layout.n_rows(), &mut scratch.sums, second);
    }

    /// Adds the messages of all edges to `x`; `y`: features of the atoms, `[atoms, components, channels]`.
    pub(super) fn forward(&self, edges: &Edges<T>, y: &[T], x: &mut [T], keep: bool) -> Option<Kept<T>> {
        let [_, first_size, _, second_size] = self.sizes();
        let n_edges = edges.graph.n_edges();
        let mut scratch = self.scratch(false);
        let all = |size: usize| Vec::with_capacity(if keep { n_edges * size } else { 0 });
        let mut kept = Kept { first: all(first_size), second: all(second_size) };
        let (mut first, mut second) = (std::mem::take(&mut scratch.first), std::mem::take(&mut scratch.second));
        let sums = &mut Sums { excess: vec![T::default(); x.len()], features: x };
        for range in blocks(n_edges) {
            let n = range.len();
            let (first, second) = (&mut first[..n * first_size], &mut second[..n * second_size]);
            self.block(edges, range.clone(), y, &mut scratch, first, second);
            self.rotate_back(edges, range, second, &edges.graph.target, &edges.envelope, 0, self.channels, sums);
            if keep {
                kept.first.extend_from_slice(first);
                kept.second.extend_from_slice(second);
            }
        }
        keep.then_some(kept)
    }

    #[expect(clippy::too_many_arguments, reason = "which rows of what go where")]
    fn rotate_back(
        &self,
        edges: &Edges<T>,
        range: Range<usize>,
        from: &[T],
        index: &[u32],
        factors: &[T],
        offset: usize,
        stride: usize,
        Sums { features, excess }: &mut Sums<T>,
    ) {
        let layout = &self.rows.layout;
        let len = layout.wigner_len();
        self.run(RotateBack {
            layout,
            wigner: &edges.wigner[range.start * len..range.end * len],
            index: &index[range.clone()],
            factors: factors.get(range).unwrap_or_default(),
            from,
            rows: layout.n_rows(),
            stride,
            offset,
            channels: self.channels,
            features,
            excess,
        });
    }

    /// Adds to `by_y` and to the gradients of the edges what comes from `by_x`, `∂E/∂x` behind the messages.
    pub(super) fn backward(
        &self,
        edges: &Edges<T>,
        y: &[T],
        kept: Option<&Kept<T>>,
        by_x: &[T],
        by_y: &mut [T],
        gradients: &mut EdgeGradients<T>,
    ) {
        let [z_size, first_size, gated_size, second_size] = self.sizes();
        let (rows, layout, width) = (self.rows, &self.rows.layout, 2 * self.channels);
        let (n_edges, len) = (edges.graph.n_edges(), layout.wigner_len());
        let extended = layout.n_extended();
        let mut scratch = self.scratch(true);
        let (mut first_block, mut second_block) =
            (std::mem::take(&mut scratch.first), std::mem::take(&mut scratch.second));
        let sums_by_y = &mut Sums { excess: vec![T::default(); by_y.len()], features: by_y };
        for range in blocks(n_edges) {
            let n = range.len();
            let (first, second) = match kept {
                Some(kept) => (
                    &kept.first[range.start * first_size..range.end * first_size],
                    &kept.second[range.start * second_size..range.end * second_size],
                ),
                None => {
                    let (first, second) = (&mut first_block[..n * first_size], &mut second_block[..n * second_size]);
                    self.block(edges, range.clone(), y, &mut scratch, first, second);
                    (&*first, &*second)
                }
            };
            let Scratch { radial, factors, by_factors, z, by_z, sums, by_first, gated, by_second, turned, .. } =
                &mut scratch;
            let envelope = &edges.envelope[range.clone()];
            let turned = &mut turned[..n * extended * self.channels];
            self.run(RotateInto {
                layout,
                wigner: &edges.wigner[range.start * len..range.end * len],
                index: &edges.graph.target[range.clone()],
                features: by_x,
                channels: self.channels,
                out: turned,
                rows: extended,
                stride: self.channels,
                offset: 0,
            });
            let torque = &mut gradients.torque[range.clone()];
            self.run(Torques {
                generators: &rows.generators,
                p: second,
                p_rows: layout.n_rows(),
                q: turned,
                q_rows: extended,
                width: self.channels,
                factors: envelope,
                out: torque,
            });
            let by_second = &mut by_second[..n * second_size];
            self.run(WeighRows {
                weights: envelope,
                size: second_size,
                p: second,
                q: turned,
                stride: extended * self.channels,
                out: by_second,
                by_weights: &mut gradients.envelope[range.clone()],
            });
            let by_gated = &mut gated[..n * gated_size];
            self.convolutions[1].backward(layout, n, by_second, sums, by_gated, layout.n_rows());
            let by_first = &mut by_first[..n * first_size];
            self.run(GateBackward {
                degrees: &rows.degrees,
                width: self.hidden,
                items: first,
                gradient: by_gated,
                by_items: by_first,
            });
            let by_z = &mut by_z[..n * z_size];
            self.convolutions[0].backward(layout, n, by_first, sums, by_z, layout.n_rows());
            self.radial.forward(edges.graph, &edges.basis, range.clone(), radial, factors);
            let z = &mut z[..n * extended * width];
            self.rotate(edges, range.clone(), y, extended, z);
            let by_factors = &mut by_factors[..n * rows.n_factors * width];
            self.run(ScaleRowsBackward {
                index: &rows.factors,
                width,
                factors,
                n_factors: rows.n_factors,
                rows: z,
                stride: extended * width,
                gradient: by_z,
                by_factors,
            });
            self.run(Torques {
                generators: &rows.generators,
                p: by_z,
                p_rows: layout.n_rows(),
                q: z,
                q_rows: extended,
                width,
                factors: &[],
                out: torque,
            });
            self.rotate_back(edges, range.clone(), by_z, &edges.graph.source, &[], 0, width, sums_by_y);
            self.rotate_back(edges, range.clone(), by_z, &edges.graph.target, &[], self.channels, width, sums_by_y);
            self.radial.backward(range, radial, by_factors, &mut gradients.basis);
        }
    }
}
