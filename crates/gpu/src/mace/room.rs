//! What a pass keeps and works on, in one piece of memory of the device.

use super::stored::Shape;
use crate::memory::{Layout, Part};
use crate::network::Size;

/// For each l rows of atoms.
pub(super) type BlockParts = [Part<f32>; 4];

/// What a layer leaves for the way back.
pub(super) struct KeptLayer {
    /// `[pairs, couplings]`, and gradients by them.
    pub(super) couplings: Part<f32>,
    pub(super) by_couplings: Part<f32>,
    /// Hidden rows of the radial network before silu, `[pairs, width]`.
    pub(super) hidden: Vec<Part<f32>>,
    /// `[pairs, paths, channels]`
    pub(super) weights: Part<f32>,
    /// `[atoms, 2l + 1, channels]`: what is sent, sums over neighbors once they are mixed, and what products are made of;
    /// the same as these where no map of elements lies between.
    pub(super) sent: BlockParts,
    pub(super) mixed: BlockParts,
    pub(super) inputs: BlockParts,
    /// `[atoms]`, with densities.
    pub(super) factors: Part<f64>,
    pub(super) by_sums: Part<f64>,
}

/// Everything a pass needs beside weights, input and output.
pub(super) struct Room {
    /// `[pairs, n_basis]`
    pub(super) basis: Part<f32>,
    pub(super) basis_slopes: Part<f32>,
    pub(super) by_basis: Part<f32>,
    /// `[pairs, 16]`
    pub(super) harmonics: Part<f32>,
    /// `[layers, pairs, 2]`, with densities.
    pub(super) densities: Part<f64>,
    /// `[atoms, channels]`
    pub(super) embedded: Part<f32>,
    pub(super) layers: Vec<KeptLayer>,
    /// `[pairs, widest]`, operands: by width.
    pub(super) hidden: [Part<f32>; 2],
    /// `[pairs, most paths, channels]`
    pub(super) by_weights: Part<f32>,
    /// `[2 pairs, most components, channels]`
    pub(super) by_edges: Part<f32>,
    /// By l with the most paths: messages, or gradients by them.
    pub(super) messages: BlockParts,
    /// Products, or gradients by them.
    pub(super) products: BlockParts,
    /// Gradients by features of two layers.
    pub(super) by_features: [BlockParts; 2],
    pub(super) by_sent: BlockParts,
    pub(super) by_inputs: BlockParts,
    pub(super) by_mixed: BlockParts,
    pub(super) bytes: u64,
}

/// Rows of atoms for each l up to `lmax`, of this width.
pub(super) fn blocks(
    layout: &mut Layout,
    n_atoms: usize,
    lmax: Option<usize>,
    width: impl Fn(usize) -> usize,
) -> BlockParts {
    [0, 1, 2, 3].map(|l| {
        let there = lmax.is_some_and(|lmax| l <= lmax);
        layout.place(if there { n_atoms * (2 * l + 1) * width(l) } else { 0 })
    })
}

impl Room {
    pub(super) fn plan(shape: &Shape, size: Size, gradient: bool) -> Self {
        let Size { n_atoms, n_edges: n_pairs, .. } = size;
        let (n, lmax) = (shape.channels, shape.lmax);
        let mut layout = Layout::default();
        let back = |count: usize| if gradient { count } else { 0 };
        let back_lmax = |lmax: usize| gradient.then_some(lmax);
        let has_density = shape.layers.iter().any(|layer| layer.has_density);
        let numbers = || 0..shape.n_layers;
        let layers = numbers().map(|number| {
            let (layer, paths) = (shape.layers[number], shape.paths(number));
            let mixed = blocks(&mut layout, n_atoms, Some(lmax), |_| n);
            let inputs = if layer.has_maps { blocks(&mut layout, n_atoms, Some(lmax), |_| n) } else { mixed };
            let of_density = if layer.has_density { n_atoms } else { 0 };
            KeptLayer {
                couplings: layout.place(n_pairs * paths.n_couplings()),
                by_couplings: layout.place(back(n_pairs * paths.n_couplings())),
                hidden: layer.hidden[..layer.n_hidden]
                    .iter()
                    .map(|width| layout.place(back(n_pairs * width)))
                    .collect(),
                weights: layout.place(n_pairs * paths.count() * n),
                sent: blocks(&mut layout, n_atoms, Some(layer.sent_lmax), |_| n),
                mixed,
                inputs,
                factors: layout.place(of_density),
                by_sums: layout.place(back(of_density)),
            }
        });
        let layers = layers.collect();
        let most = |of: &dyn Fn(usize) -> usize| numbers().map(of).max().unwrap_or(0);
        let paths_to = |l: usize| n * most(&|number| shape.paths(number).to(l));
        let features = most(&|number| shape.layers[number].features_lmax);
        let sent = most(&|number| shape.layers[number].sent_lmax);
        let widest = shape.layers.iter().flat_map(|layer| layer.hidden).max().unwrap_or(0);
        Self {
            basis: layout.place(n_pairs * shape.n_basis()),
            basis_slopes: layout.place(n_pairs * shape.n_basis()),
            by_basis: layout.place(back(n_pairs * shape.n_basis())),
            harmonics: layout.place(n_pairs * 16),
            densities: layout.place(if has_density { 2 * n_pairs * shape.n_layers } else { 0 }),
            embedded: layout.place(n_atoms * n),
            layers,
            hidden: [(); 2].map(|()| layout.place(n_pairs * widest)),
            by_weights: layout.place(back(n_pairs * n * most(&|number| shape.paths(number).count()))),
            by_edges: layout.place(back(2 * n_pairs * n * (sent + 1) * (sent + 1))),
            messages: blocks(&mut layout, n_atoms, Some(lmax), paths_to),
            products: blocks(&mut layout, n_atoms, Some(features), |_| n),
            by_features: [(); 2].map(|()| blocks(&mut layout, n_atoms, back_lmax(features), |_| n)),
            by_sent: blocks(&mut layout, n_atoms, back_lmax(sent), |_| n),
            by_inputs: blocks(&mut layout, n_atoms, back_lmax(lmax), |_| n),
            by_mixed: blocks(&mut layout, n_atoms, back_lmax(lmax), |_| n),
            bytes: layout.bytes(),
        }
    }
}

/// Where answers lie in the memory that is copied from the device.
pub(super) struct Output {
    /// `[atoms]`
    pub(super) energies: Part<f64>,
    /// `[pairs]`
    pub(super) slopes: Part<[f64; 3]>,
    /// Of each layer.
    pub(super) features: Vec<BlockParts>,
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
        let of_layer = |number: usize| {
            let lmax = shape.layers[number].features_lmax;
            blocks(&mut layout, size.n_atoms, Some(lmax), |_| shape.channels)
        };
        let features = (0..shape.n_layers).map(of_layer).collect();
        Self { energies, slopes, features, short_bytes, bytes: layout.bytes() }
    }
}
