//! What a pass keeps and works on, and where answers lie.

use super::shape::Shape;
use crate::kernels::uma::{COMPONENTS, FACTORS, GRADIENTS, WIGNER};
use crate::memory::{Layout, Part};
use crate::network::Size;

/// Of a radial network: `[edges, edge_channels]` before both norms, and what comes out.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptRadial {
    pub(super) first: Part<f32>,
    pub(super) second: Part<f32>,
    pub(super) out: Part<f32>,
}

/// Of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptLayer {
    pub(super) radial: KeptRadial,
    /// `[atoms, 9 channels]`: what edges read.
    pub(super) y: Part<f32>,
    /// `[edges, 11 hidden]`, `[edges, 9 channels]`: results of the convolutions.
    pub(super) first: Part<f32>,
    pub(super) second: Part<f32>,
    /// `[atoms, 2 hidden]`: gates of atoms before silu and sigmoid; `[atoms, 9 hidden]`.
    pub(super) before: Part<f32>,
    pub(super) items: Part<f32>,
}

/// Everything a pass needs beside weights, input and output.
pub(super) struct Room {
    /// `[edges, 36]`
    pub(super) rotations: Part<f32>,
    /// `[edges]`
    pub(super) envelope: Part<f32>,
    /// `[edges, n_basis]`, an operand.
    pub(super) basis: Part<f32>,
    pub(super) degree: KeptRadial,
    pub(super) layers: Vec<KeptLayer>,
    /// `[atoms, 9 channels]`: before each layer and between its halves, and behind the last.
    pub(super) x: Vec<Part<f32>>,
    /// Of the matrices of a layer, for all mixtures.
    pub(super) matrices: Part<f32>,
    /// `[edges, 18 channels]`: rows that go into the first convolution, an operand; gradients by them.
    pub(super) rows: Part<f32>,
    /// `[edges, 9 hidden]`: rows that go into the second, an operand; gradients by them.
    pub(super) gated: Part<f32>,
    /// `[edges, edge_channels]`, an operand.
    pub(super) hidden: Part<f32>,
    /// `[atoms, 9 channels]` and `[atoms, 9 hidden]`, operands for each degree.
    pub(super) atoms: Part<f32>,
    pub(super) atoms_hidden: Part<f32>,
    pub(super) back: Back,
    pub(super) bytes: u64,
}

/// What the way back needs.
pub(super) struct Back {
    /// `[edges, 9 channels]`, an operand: gradients by results of the second convolution.
    pub(super) by_second: Part<f32>,
    /// `[edges, 11 hidden]` or `[edges, 12 channels]`, an operand: gradients by results of the first, then by factors.
    pub(super) by_first: Part<f32>,
    /// `[edges, edge_channels]`
    pub(super) by_hidden: Part<f32>,
    /// `[edges, n_basis]`
    pub(super) by_basis: Part<f32>,
    /// `[edges, 7]`
    pub(super) gradients: Part<f64>,
    /// `[atoms, 9 channels]` each
    pub(super) by_x: Part<f32>,
    pub(super) by_y: Part<f32>,
    /// `[atoms, 9 hidden]`
    pub(super) by_gated: Part<f32>,
    /// `[atoms, 2 hidden]`, an operand.
    pub(super) by_before: Part<f32>,
    /// `[structures]`
    pub(super) scales: Part<f32>,
}

impl Back {
    fn plan(layout: &mut Layout, shape: &Shape, size: Size, there: bool) -> Self {
        let Size { n_atoms, n_edges, n_structures, .. } =
            if there { size } else { Size { n_atoms: 0, n_edges: 0, n_structures: 0, ..size } };
        let (c, h) = (shape.channels, shape.hidden);
        let gradients = layout.place(n_edges * GRADIENTS);
        let mut place = |rows: usize, columns: usize| layout.place(rows * columns);
        Self {
            by_second: place(n_edges, COMPONENTS * c),
            by_first: place(n_edges, ((2 + COMPONENTS) * h).max(2 * FACTORS * c)),
            by_hidden: place(n_edges, shape.edge_channels),
            by_basis: place(n_edges, shape.n_basis),
            gradients,
            by_x: place(n_atoms, COMPONENTS * c),
            by_y: place(n_atoms, COMPONENTS * c),
            by_gated: place(n_atoms, COMPONENTS * h),
            by_before: place(n_atoms, 2 * h),
            scales: place(n_structures, 1),
        }
    }
}

impl Room {
    pub(super) fn plan(shape: &Shape, size: Size, gradient: bool) -> Self {
        let Size { n_atoms, n_edges, n_structures, .. } = size;
        let (c, h, n_layers) = (shape.channels, shape.hidden, shape.n_layers);
        let mut layout = Layout::default();
        let mut place = |rows: usize, columns: usize| layout.place::<f32>(rows * columns);
        let mut radial = |outputs: usize| KeptRadial {
            first: place(n_edges, shape.edge_channels),
            second: place(n_edges, shape.edge_channels),
            out: place(n_edges, outputs),
        };
        let degree = radial(3 * c);
        let radials = (0..if gradient { n_layers } else { 1 }).map(|_| radial(2 * FACTORS * c)).collect::<Vec<_>>();
        let kept = radials.into_iter().map(|radial| KeptLayer {
            radial,
            y: place(n_atoms, COMPONENTS * c),
            first: place(n_edges, (2 + COMPONENTS) * h),
            second: place(n_edges, COMPONENTS * c),
            before: place(n_atoms, 2 * h),
            items: place(n_atoms, COMPONENTS * h),
        });
        // Without a way back layers share what they would keep.
        let kept = kept.collect::<Vec<_>>();
        let n_features = 2 * n_layers + 1;
        let x = (0..if gradient { n_features } else { 2 }).map(|_| place(n_atoms, COMPONENTS * c)).collect::<Vec<_>>();
        Self {
            degree,
            layers: (0..n_layers).map(|t| kept[t % kept.len()]).collect(),
            x: (0..n_features).map(|k| x[k % x.len()]).collect(),
            rotations: place(n_edges, WIGNER),
            envelope: place(n_edges, 1),
            basis: place(n_edges, shape.n_basis),
            matrices: place(n_structures, shape.matrices()),
            rows: place(n_edges, 2 * COMPONENTS * c),
            gated: place(n_edges, COMPONENTS * h),
            hidden: place(n_edges, shape.edge_channels),
            atoms: place(n_atoms, COMPONENTS * c),
            atoms_hidden: place(n_atoms, COMPONENTS * h),
            back: Back::plan(&mut layout, shape, size, gradient),
            bytes: layout.bytes(),
        }
    }
}

/// Where answers lie in the memory that is copied from the device.
pub(super) struct Output {
    /// `[atoms]`
    pub(super) energies: Part<f64>,
    /// `[edges]`
    pub(super) slopes: Part<[f64; 3]>,
    /// `[atoms, 9 channels]`, degree by degree: features behind the last norm.
    pub(super) last: Part<f32>,
    /// Up to the features, which come last.
    pub(super) short_bytes: u64,
    pub(super) bytes: u64,
}

impl Output {
    pub(super) fn plan(shape: &Shape, size: Size, gradient: bool) -> Self {
        let mut layout = Layout::default();
        let energies = layout.place(size.n_atoms);
        let slopes = layout.place(if gradient { size.n_edges } else { 0 });
        let short_bytes = layout.bytes();
        let last = layout.place(size.n_atoms * COMPONENTS * shape.channels);
        Self { energies, slopes, last, short_bytes, bytes: layout.bytes() }
    }
}
