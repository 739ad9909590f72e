//! The way back: gradients by the vectors of pairs.

use super::pass::{Pass, Way};
use super::room::{KeptAngles, KeptEdges};
use super::stored::StoredGated;
use crate::error::GpuError;
use crate::kernels::Finish;
use crate::kernels::chgnet::{AngleGradients, EdgeGradients, Norm, Sums, Vectors, WIDE, WideSums};
use crate::memory::{Part, Slice, clear};
use crate::network::Size;

impl<'a> Pass<'a> {
    /// Gradients by the features of atoms behind the last layer.
    fn readout_backward(&self) -> Result<(), GpuError> {
        let (room, weights, n_atoms) = (self.room, self.weights, self.size.n_atoms);
        let mut by = self.room(room.back.by_readout[0])?;
        for (number, (matrix, _)) in weights.readout.iter().enumerate().rev() {
            let turn = (weights.readout.len() - number) % 2;
            let out = self.room(room.back.by_readout[turn])?;
            let finish = match number {
                0 => Finish::Plain { sums: out },
                _ => Finish::Slope { sums: self.room(room.readout[number - 1][0])?, out },
            };
            self.product(by, matrix.backward, n_atoms, finish)?;
            by = out;
        }
        self.queue.chgnet_norm(&Norm {
            x: self.room(room.atoms)?,
            norm: self.constant(weights.readout_norm)?,
            width: weights.shape.width,
            by,
            out: self.room(room.back.by_atoms)?,
        })
    }

    /// Gradients by sums of messages from those by what was added to features.
    fn sums_backward(&self, layer: &StoredGated, by: Slice<'a, f32>, rows: usize) -> Result<Slice<'a, f32>, GpuError> {
        let by_sums = self.first(self.room.back.by_sums, rows, WIDE)?;
        let out = layer.out.ok_or_else(|| GpuError::shape("weights behind sums", "a matrix", "none"))?;
        self.product(by, out.backward, rows, Finish::Plain { sums: by_sums })?;
        Ok(by_sums)
    }

    /// Adds what first maps of atoms give: `by_nodes`, `[atoms, columns]`.
    fn nodes_backward(&self, layer: &StoredGated, by_nodes: Slice<'a, f32>) -> Result<(), GpuError> {
        let sums = self.room(self.room.back.by_atoms)?;
        self.product(by_nodes, layer.nodes.backward, self.size.n_atoms, Finish::Add { sums })
    }

    fn atoms_backward(&self, t: usize, layer: &StoredGated, kept: KeptEdges) -> Result<(), GpuError> {
        let (back, Size { n_atoms, n_edges: n_pairs, .. }) = (&self.room.back, self.size);
        let by_z = self.first(back.by_z, 2 * n_pairs, 2 * WIDE)?;
        let by_pairs = self.room(back.by_pairs)?;
        let gradients = EdgeGradients {
            by_sums: self.sums_backward(layer, self.room(back.by_atoms)?, n_atoms)?,
            by_z,
            by_pairs,
            by_weights: self.room(back.by_atom_graph)?,
        };
        self.queue.chgnet_edges_backward(&self.edges(layer, kept, Way::Backward)?, &gradients)?;
        let finish = Finish::Add { sums: self.room(back.by_features)? };
        self.product(by_pairs, layer.bonds.backward, n_pairs, finish)?;
        // Atoms before the first layer do not depend on positions.
        if t == 0 {
            return Ok(());
        }
        let by_nodes = self.room(back.by_nodes)?;
        // As receivers, then as senders: the other edge of each pair.
        for turned in [false, true] {
            self.queue.chgnet_wide_sums(&WideSums {
                starts: self.input(self.input.pairs.starts)?,
                list: self.input(self.input.pairs.edges)?,
                rows: by_z,
                sums: by_nodes,
                stride: 4 * WIDE,
                offset: if turned { 2 * WIDE } else { 0 },
                turned,
            })?;
        }
        self.nodes_backward(layer, by_nodes)
    }

    /// From gradients by first layers of angles to those by atoms and bonds.
    fn first_layers_backward(&self, layer: &StoredGated, by_z: Slice<'a, f32>) -> Result<(), GpuError> {
        let (back, Size { n_atoms, n_bonds, .. }) = (&self.room.back, self.size);
        let (by_nodes, by_bonds) = (self.first(back.by_nodes, n_atoms, 2 * WIDE)?, self.room(back.by_bonds)?);
        let of_angles =
            |starts: Part<u32>, list: Slice<'a, u32>, sums: Slice<'a, f32>, offset: usize, stride: usize| {
                let starts = self.input(starts)?;
                self.queue.chgnet_wide_sums(&WideSums { starts, list, rows: by_z, sums, stride, offset, turned: false })
            };
        let ([first, of_first], [second, of_second]) = (self.input.by_first, self.input.by_second);
        of_angles(first, self.input(of_first)?, by_bonds, 0, 4 * WIDE)?;
        of_angles(second, self.input(of_second)?, by_bonds, 2 * WIDE, 4 * WIDE)?;
        of_angles(self.input.center_starts, Slice::NONE, by_nodes, 0, 2 * WIDE)?;
        let finish = Finish::Add { sums: self.room(back.by_short)? };
        self.product(by_bonds, layer.bonds.backward, n_bonds, finish)?;
        self.nodes_backward(layer, by_nodes)
    }

    fn bonds_backward(&self, layer: &StoredGated, kept: KeptAngles) -> Result<(), GpuError> {
        let (back, Size { n_bonds, n_angles, .. }) = (&self.room.back, self.size);
        // A bond's features are those of its pair.
        let (by_added, by_features) = (self.room(back.by_added)?, self.room(back.by_features)?);
        self.queue.chgnet_take(by_features, self.input(self.input.bonds)?, self.room(back.by_short)?, by_added)?;
        let by_sums = self.sums_backward(layer, by_added, n_bonds)?;
        let by_z = self.first(back.by_z, n_angles, 2 * WIDE)?;
        let by_second = self.room(back.by_second)?;
        let gradients = AngleGradients {
            z: self.room(kept.z)?,
            y: self.room(kept.y)?,
            by_sums,
            by_angles: self.room(back.by_angles)?,
            by_z,
            by_second,
        };
        self.queue.chgnet_angles_backward(&self.angles(layer, Way::Backward)?, &gradients)?;
        // Weights of a bond: as the first of its angles all of them have the same, and as the second each its own.
        self.queue.chgnet_sums(&Sums {
            starts: self.input(self.input.by_second[0])?,
            list: self.input(self.input.by_second[1])?,
            rows: by_second,
            products: [by_sums, self.room(kept.sums)?],
            sums: self.room(back.by_bond_graph)?,
            add: true,
            scaled: [Slice::NONE; 2],
        })?;
        self.first_layers_backward(layer, by_z)
    }

    fn angles_backward(&self, layer: &StoredGated, kept: KeptAngles) -> Result<(), GpuError> {
        let back = &self.room.back;
        let by_z = self.first(back.by_z, self.size.n_angles, 2 * WIDE)?;
        let gradients = AngleGradients {
            z: self.room(kept.z)?,
            y: Slice::NONE,
            by_sums: Slice::NONE,
            by_angles: self.room(back.by_angles)?,
            by_z,
            by_second: Slice::NONE,
        };
        self.queue.chgnet_angles_backward(&self.angles(layer, Way::Backward)?, &gradients)?;
        self.first_layers_backward(layer, by_z)
    }

    /// From gradients by features and weights of pairs, bonds and angles to those by vectors.
    fn vectors_backward(&self) -> Result<(), GpuError> {
        let (room, back, weights) = (self.room, &self.room.back, self.weights);
        let Size { n_edges: n_pairs, n_bonds, n_angles, .. } = self.size;
        let by_basis = self.room(back.by_basis)?;
        let (by_bond_basis, by_short_basis) = (self.room(back.by_bond_basis)?, self.room(back.by_short_basis)?);
        let (by_features, by_atom_graph) = (self.room(back.by_features)?, self.room(back.by_atom_graph)?);
        let (embedding, of_atoms) = (weights.bond_embedding.backward, weights.atom_graph_weights.backward);
        self.product(by_features, embedding, n_pairs, Finish::Plain { sums: by_basis })?;
        self.product(by_atom_graph, of_atoms, n_pairs, Finish::Add { sums: by_basis })?;
        let (by_short, by_bond_graph) = (self.room(back.by_short)?, self.room(back.by_bond_graph)?);
        let of_bonds = weights.bond_graph_weights.backward;
        self.product(by_short, embedding, n_bonds, Finish::Plain { sums: by_bond_basis })?;
        self.product(by_bond_graph, of_bonds, n_bonds, Finish::Plain { sums: by_short_basis })?;
        let (by_fourier, by_vectors) = (self.room(back.by_fourier)?, self.room(back.by_vectors)?);
        let (by_angles, of_angles) = (self.room(back.by_angles)?, weights.angle_embedding.backward);
        self.product(by_angles, of_angles, n_angles, Finish::Plain { sums: by_fourier })?;
        if n_angles > 0 {
            self.fourier(by_fourier, by_vectors)?;
        }
        let group = |[starts, members]: [Part<u32>; 2]| Ok::<_, GpuError>([self.input(starts)?, self.input(members)?]);
        self.queue.chgnet_vectors(&Vectors {
            vectors: self.vectors()?,
            bonds: self.input(self.input.bond_of)?,
            n_basis: weights.shape.n_radial,
            slopes: self.room(room.basis[1])?,
            by_values: by_basis,
            by_bond_values: by_bond_basis,
            short_slopes: self.room(room.short_basis[1])?,
            by_short_values: by_short_basis,
            by_first: group(self.input.by_first)?,
            by_second: group(self.input.by_second)?,
            by_angles: by_vectors,
            by_vectors: self.memory.output.part(self.output.slopes)?,
        })
    }

    /// After [`forward`](Self::forward).
    pub(super) fn backward(&self) -> Result<(), GpuError> {
        let (room, back, weights) = (self.room, &self.room.back, self.weights);
        self.readout_backward()?;
        for part in [back.by_features, back.by_atom_graph, back.by_short, back.by_bond_graph, back.by_angles] {
            let gradients = self.room(part)?;
            if !gradients.is_empty() {
                clear(self.queue.stream(), gradients)?;
            }
        }
        for (t, layer) in weights.atom_convolutions.iter().enumerate().rev() {
            if self.size.n_bonds > 0 {
                if let (Some(layer), Some(kept)) = (weights.angle_updates.get(t), room.updates.get(t)) {
                    self.angles_backward(layer, *kept)?;
                }
                if let (Some(layer), Some(kept)) = (weights.bond_convolutions.get(t), room.between_bonds.get(t)) {
                    self.bonds_backward(layer, *kept)?;
                }
            }
            self.atoms_backward(t, layer, room.edges[t])?;
        }
        self.vectors_backward()
    }
}
