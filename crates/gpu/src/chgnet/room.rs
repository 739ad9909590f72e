//! What a pass keeps and works on, in one piece of memory of the device.

use super::stored::Shape;
use crate::kernels::chgnet::WIDE;
use crate::memory::{Layout, Part};
use crate::network::Size;

/// What a layer of messages between atoms leaves for the way back.
#[derive(Clone, Copy)]
pub(super) struct KeptEdges {
    /// `[atoms, 256]`
    pub(super) nodes: Part<f32>,
    /// `[pairs, 128]`
    pub(super) bonds: Part<f32>,
    /// `[edges, 128]`; none where there is no way back.
    pub(super) y: Part<f32>,
}

/// What a layer of messages between bonds leaves, or of updates of angles.
#[derive(Clone, Copy)]
pub(super) struct KeptAngles {
    /// `[angles, 128]`; none where there is no way back. The second ones of messages only.
    pub(super) z: Part<f32>,
    pub(super) y: Part<f32>,
    /// `[bonds, 64]`: sums of messages without the weights of the bond itself; none of updates.
    pub(super) sums: Part<f32>,
}

/// Gradients.
pub(super) struct Back {
    /// `[edges or angles, 128]`, whichever are more.
    pub(super) by_z: Part<f32>,
    /// `[pairs, 128]`
    pub(super) by_pairs: Part<f32>,
    /// `[angles, 64]`
    pub(super) by_second: Part<f32>,
    /// `[pairs, 64]`: by features of pairs and weights of messages between atoms.
    pub(super) by_features: Part<f32>,
    pub(super) by_atom_graph: Part<f32>,
    /// `[bonds, 64]`: by features of bonds beside those of their pairs, weights of messages between bonds, and what
    /// was added to features.
    pub(super) by_short: Part<f32>,
    pub(super) by_bond_graph: Part<f32>,
    pub(super) by_added: Part<f32>,
    /// `[angles, 64]`
    pub(super) by_angles: Part<f32>,
    /// `[atoms, 64]`
    pub(super) by_atoms: Part<f32>,
    /// `[atoms or bonds, 64]`
    pub(super) by_sums: Part<f32>,
    /// `[atoms, 256]`, `[bonds, 256]`
    pub(super) by_nodes: Part<f32>,
    pub(super) by_bonds: Part<f32>,
    /// `[atoms, 64]`: in turn.
    pub(super) by_readout: [Part<f32>; 2],
    /// `[pairs, n_radial]`, `[bonds, n_radial]` twice, `[angles, n_angular]`
    pub(super) by_basis: Part<f32>,
    pub(super) by_bond_basis: Part<f32>,
    pub(super) by_short_basis: Part<f32>,
    pub(super) by_fourier: Part<f32>,
    /// `[2 angles]`
    pub(super) by_vectors: Part<[f64; 3]>,
}

/// Everything a pass needs beside weights, input and output.
pub(super) struct Room {
    /// `[pairs, n_radial]`, slopes only where there is a way back.
    pub(super) basis: [Part<f32>; 2],
    /// `[bonds, n_radial]`
    pub(super) short_basis: [Part<f32>; 2],
    /// `[angles, n_angular]`
    pub(super) fourier: Part<f32>,
    /// `[pairs, 64]`
    pub(super) features: Part<f32>,
    pub(super) atom_graph: Part<f32>,
    /// `[bonds, 64]`: features of bonds, and weights of messages between them.
    pub(super) short: Part<f32>,
    pub(super) bond_graph: Part<f32>,
    /// `[angles, 64]`
    pub(super) angles: Part<f32>,
    /// `[atoms, 64]`
    pub(super) atoms: Part<f32>,
    pub(super) edges: Vec<KeptEdges>,
    pub(super) between_bonds: Vec<KeptAngles>,
    pub(super) updates: Vec<KeptAngles>,
    /// `[atoms, 128]`, `[bonds, 256]`: terms of angles.
    pub(super) angle_nodes: Part<f32>,
    pub(super) angle_bonds: Part<f32>,
    /// `[edges or angles, 64]`, `[atoms or bonds, 64]`
    pub(super) messages: Part<f32>,
    pub(super) sums: Part<f32>,
    /// `[atoms, 64]`
    pub(super) normalized: Part<f32>,
    /// Before and behind silu, `[atoms, 64]`.
    pub(super) readout: Vec<[Part<f32>; 2]>,
    pub(super) back: Back,
    pub(super) bytes: u64,
}

impl Back {
    fn plan(layout: &mut Layout, shape: &Shape, size: Size, there: bool) -> Self {
        let Size { n_atoms, n_edges: n_pairs, n_bonds, n_angles, .. } = size;
        let mut place = |rows: usize, columns: usize| layout.place::<f32>(if there { rows * columns } else { 0 });
        Self {
            by_z: place(n_angles.max(2 * n_pairs), 2 * WIDE),
            by_pairs: place(n_pairs, 2 * WIDE),
            by_second: place(n_angles, WIDE),
            by_features: place(n_pairs, WIDE),
            by_atom_graph: place(n_pairs, WIDE),
            by_short: place(n_bonds, WIDE),
            by_bond_graph: place(n_bonds, WIDE),
            by_added: place(n_bonds, WIDE),
            by_angles: place(n_angles, WIDE),
            by_atoms: place(n_atoms, WIDE),
            by_sums: place(n_atoms.max(n_bonds), WIDE),
            by_nodes: place(n_atoms, 4 * WIDE),
            by_bonds: place(n_bonds, 4 * WIDE),
            by_readout: [(); 2].map(|()| place(n_atoms, WIDE)),
            by_basis: place(n_pairs, shape.n_radial),
            by_bond_basis: place(n_bonds, shape.n_radial),
            by_short_basis: place(n_bonds, shape.n_radial),
            by_fourier: place(n_angles, shape.n_angular),
            by_vectors: layout.place(if there { 2 * n_angles } else { 0 }),
        }
    }
}

impl Room {
    pub(super) fn plan(shape: &Shape, size: Size, gradient: bool) -> Self {
        let Size { n_atoms, n_edges: n_pairs, n_bonds, n_angles, .. } = size;
        let mut layout = Layout::default();
        let back = |count: usize| if gradient { count } else { 0 };
        // Without a way back layers share what they would keep.
        let per_layer = |n_layers: usize| if gradient { n_layers } else { n_layers.min(1) };
        let spread = |kept: Vec<KeptEdges>| (0..shape.n_layers).map(|t| kept[t.min(kept.len() - 1)]).collect();
        let edges = (0..per_layer(shape.n_layers)).map(|_| KeptEdges {
            nodes: layout.place(n_atoms * 4 * WIDE),
            bonds: layout.place(n_pairs * 2 * WIDE),
            y: layout.place(back(2 * n_pairs * 2 * WIDE)),
        });
        let edges = spread(edges.collect());
        let mut angles = |has_hidden: bool, n_layers: usize| {
            let kept = |_| KeptAngles {
                z: layout.place(back(n_angles * 2 * WIDE)),
                y: layout.place(if has_hidden { back(n_angles * 2 * WIDE) } else { 0 }),
                sums: layout.place(if has_hidden { n_bonds * WIDE } else { 0 }),
            };
            let kept = (0..per_layer(n_layers)).map(kept).collect::<Vec<_>>();
            (0..n_layers).map(|t| kept[t.min(kept.len() - 1)]).collect::<Vec<_>>()
        };
        let between_bonds = angles(true, shape.n_layers - 1);
        let updates = angles(false, shape.n_layers - 2);
        let readout = (0..shape.n_hidden).map(|_| [(); 2].map(|()| layout.place(n_atoms * WIDE))).collect();
        let mut rows = |rows: usize, columns: usize| layout.place::<f32>(rows * columns);
        Self {
            basis: [rows(n_pairs, shape.n_radial), rows(back(n_pairs), shape.n_radial)],
            short_basis: [rows(n_bonds, shape.n_radial), rows(back(n_bonds), shape.n_radial)],
            fourier: rows(n_angles, shape.n_angular),
            features: rows(n_pairs, WIDE),
            atom_graph: rows(n_pairs, WIDE),
            short: rows(n_bonds, WIDE),
            bond_graph: rows(n_bonds, WIDE),
            angles: rows(n_angles, WIDE),
            atoms: rows(n_atoms, WIDE),
            edges,
            between_bonds,
            updates,
            angle_nodes: rows(n_atoms, 2 * WIDE),
            angle_bonds: rows(n_bonds, 4 * WIDE),
            messages: rows(n_angles.max(2 * n_pairs), WIDE),
            sums: rows(n_atoms.max(n_bonds), WIDE),
            normalized: rows(n_atoms, WIDE),
            readout,
            back: Back::plan(&mut layout, shape, size, gradient),
            bytes: layout.bytes(),
        }
    }
}

/// Where answers lie in the memory that is copied from the device.
pub(super) struct Output {
    /// `[atoms]`
    pub(super) energies: Part<f64>,
    pub(super) moments: Part<f64>,
    /// `[pairs]`
    pub(super) slopes: Part<[f64; 3]>,
    /// `[atoms, 64]`
    pub(super) features: Part<f32>,
    /// Up to the features, which come last.
    pub(super) short_bytes: u64,
    pub(super) bytes: u64,
}

impl Output {
    pub(super) fn plan(size: Size, gradient: bool) -> Self {
        let mut layout = Layout::default();
        let [energies, moments] = [(); 2].map(|()| layout.place(size.n_atoms));
        let slopes = layout.place(if gradient { size.n_edges } else { 0 });
        let short_bytes = layout.bytes();
        let features = layout.place(size.n_atoms * WIDE);
        Self { energies, moments, slopes, features, short_bytes, bytes: layout.bytes() }
    }
}
