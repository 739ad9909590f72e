//! The way back: gradients by the vectors of edges.

use super::pass::{Pass, Way};
use super::room::{KeptLayer, KeptRadial};
use super::stored::{StoredLayer, StoredRadial};
use crate::error::GpuError;
use crate::kernels::Finish;
use crate::kernels::uma::{AtomGate, Gather, Normal, Vectors};
use crate::memory::{Slice, clear};
use crate::products::Products;

impl<'a> Pass<'a> {
    /// Numbers as an operand: they themselves where products are in f32.
    fn operand(&self, x: Slice<'a, f32>, l: usize) -> Result<Slice<'a, f32>, GpuError> {
        let (own, _) = self.degree(x, l)?;
        if self.queue.products() == Products::F32 {
            return Ok(own);
        }
        let (out, _) = self.degree(self.room(self.room.atoms)?, l)?;
        self.queue.uma_pack(own, out)?;
        Ok(out)
    }

    /// Adds gradients by Gaussians; `by_out`: an operand, gradients by what comes out.
    fn radial_backward(&self, radial: &StoredRadial, kept: KeptRadial, by_out: Slice<'a, f32>) -> Result<(), GpuError> {
        let (n_edges, width, back) = (self.size.n_edges, self.shape().edge_channels, &self.room.back);
        let (by, out) = (self.room(back.by_hidden)?, self.room(self.room.hidden)?);
        let normal = |sums, norm| Normal { sums, terms: None, norm, by, out, width };
        self.product(by_out, radial.out.matrix.backward, n_edges, Finish::Plain { sums: by })?;
        self.queue.uma_normal(&normal(self.room(kept.second)?, self.constant(radial.second_norm)?))?;
        self.product(out, radial.hidden.matrix.backward, n_edges, Finish::Plain { sums: by })?;
        self.queue.uma_normal(&normal(self.room(kept.first)?, self.constant(radial.first_norm)?))?;
        let finish = Finish::Add { sums: self.room(back.by_basis)? };
        self.product(out, radial.distance.backward, n_edges, finish)
    }

    fn atomwise_backward(&self, t: usize, layer: &StoredLayer, kept: KeptLayer) -> Result<(), GpuError> {
        let (queue, room, back) = (self.queue, self.room, &self.room.back);
        let (by_x, by_y) = (self.room(back.by_x)?, self.room(back.by_y)?);
        let (by_gated, by_items) = (self.room(back.by_gated)?, self.room(room.atoms_hidden)?);
        // The transposed of a shift by a mean is one too.
        queue.uma_balance(&self.balance(Slice::NONE)?, by_x)?;
        for l in 0..3 {
            let (sums, rows) = self.degree(by_gated, l)?;
            self.product(self.operand(by_x, l)?, layer.second[l].backward, rows, Finish::Plain { sums })?;
        }
        let by_before = self.room(back.by_before)?;
        queue.uma_atom_gate(&AtomGate {
            items: self.room(kept.items)?,
            before: self.room(kept.before)?,
            by: by_gated,
            out: by_items,
            by_before,
            width: self.shape().hidden,
        })?;
        for l in 0..3 {
            let ((from, rows), (sums, _)) = (self.degree(by_items, l)?, self.degree(by_y, l)?);
            self.product(from, layer.first[l].backward, rows, Finish::Plain { sums })?;
        }
        let (sums, n_atoms) = self.degree(by_y, 0)?;
        self.product(by_before, layer.gates.matrix.backward, n_atoms, Finish::Add { sums })?;
        queue.uma_norm_backward(&self.norm(room.x[2 * t + 1], layer.before_atoms, false)?, by_y, by_x)
    }

    fn messages_backward(&self, t: usize, layer: &StoredLayer, kept: KeptLayer) -> Result<(), GpuError> {
        let (queue, room, back) = (self.queue, self.room, &self.room.back);
        let channels = self.shape().channels;
        let gradients = self.room(back.gradients)?;
        let (second, by_second) = (self.room(kept.second)?, self.room(back.by_second)?);
        queue.uma_messages_backward(&self.turns(back.by_x)?, second, by_second, gradients)?;
        self.mix(t, Way::Backward)?;
        let (by_gated, by_rows) = (self.room(room.gated)?, self.room(room.rows)?);
        self.convolution((t, 1), Way::Backward, by_second, by_gated)?;
        let first = self.room(kept.first)?;
        let by_first = self.room(back.by_first)?.range(0, first.len())?;
        queue.uma_gate(first, by_gated, by_first, self.shape().hidden)?;
        self.convolution((t, 0), Way::Backward, by_first, by_rows)?;
        let factors = self.room(kept.radial.out)?;
        let by_factors = self.room(back.by_first)?.range(0, factors.len())?;
        queue.uma_turn_backward(&self.turns(kept.y)?, factors, by_rows, by_factors, gradients)?;
        let [starts, members] = self.input.by_source;
        let by_y = self.room(back.by_y)?;
        queue.uma_gather(&Gather {
            by_ends: by_rows,
            starts: self.input(self.input.starts)?,
            by_source: [self.input(starts)?, self.input(members)?],
            sums: by_y,
            channels,
        })?;
        let by_x = self.room(back.by_x)?;
        queue.uma_norm_backward(&self.norm(room.x[2 * t], layer.before_messages, false)?, by_y, by_x)?;
        self.radial_backward(&layer.radial, kept.radial, by_factors)
    }

    /// The way forward, and back.
    pub(super) fn forward_and_back(&self) -> Result<(), GpuError> {
        let (queue, room, back, weights) = (self.queue, self.room, &self.room.back, self.weights);
        let (by_x, by_y) = (self.room(back.by_x)?, self.room(back.by_y)?);
        clear(queue.stream(), by_y)?;
        let (by_last, _) = self.degree(by_y, 0)?;
        self.forward(by_last)?;
        let (structures, scales) = (self.input(self.input.structures)?, self.room(back.scales)?);
        queue.uma_scale(by_last, structures, scales, self.shape().channels)?;
        clear(queue.stream(), by_x)?;
        let (gradients, by_basis) = (self.room(back.gradients)?, self.room(back.by_basis)?);
        if self.size.n_edges == 0 {
            return Ok(());
        }
        clear(queue.stream(), gradients)?;
        clear(queue.stream(), by_basis)?;
        queue.uma_norm_backward(&self.norm(room.x[2 * self.shape().n_layers], weights.norm, false)?, by_y, by_x)?;
        for (t, (layer, kept)) in weights.layers.iter().zip(&room.layers).enumerate().rev() {
            self.atomwise_backward(t, layer, *kept)?;
            self.messages_backward(t, layer, *kept)?;
        }
        let radial = self.room(room.degree.out)?;
        let by_radial = self.room(back.by_second)?.range(0, radial.len())?;
        queue.uma_degree_backward(&self.first_features(back.by_x)?, by_radial, gradients)?;
        self.radial_backward(&weights.degree, room.degree, by_radial)?;
        let vectors = Vectors {
            vectors: self.input(self.input.vectors)?,
            by_basis,
            gradients,
            target: self.input(self.input.target)?,
            structure: self.input(self.input.structure)?,
            scales,
            by_vectors: self.memory.output.part(self.output.slopes)?,
        };
        queue.uma_vectors(&vectors, weights.gaussians, weights.reach)
    }
}
