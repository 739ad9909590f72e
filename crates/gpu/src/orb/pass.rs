//! A pass forward, and one back.

use super::graph::Input;
use super::room::{Kept, Room};
use super::weights::{Shape, StoredLayer, StoredPerceptron, StoredWeights};
use crate::error::GpuError;
use crate::kernels::{Basis, Embed, Finish, Head, Messages, Norm, Queue, Sums, SumsOf};
use crate::memory::{Buffer, Number, Part, Slice, clear};

/// One batch on its way: weights, input, working memory and output, all on the device.
pub(super) struct Pass<'a> {
    pub(super) queue: &'a Queue,
    pub(super) weights: &'a StoredWeights,
    pub(super) input: &'a Input,
    pub(super) input_memory: &'a Buffer,
    pub(super) room: &'a Room,
    pub(super) room_memory: &'a Buffer,
    /// `[atoms, latent]`: features of atoms.
    pub(super) atoms: Slice<'a, f32>,
    /// `[structures]`
    pub(super) energies: Slice<'a, f64>,
    /// `[edges]`; none where there is no backward pass.
    pub(super) slopes: Slice<'a, [f64; 3]>,
    pub(super) gradient: bool,
}

/// Rows in front of a perceptron, and two operands `[rows, hidden]` for its inside.
#[derive(Clone, Copy)]
struct Rows<'a> {
    operand: Slice<'a, f32>,
    n: usize,
    hidden: [Slice<'a, f32>; 2],
}

impl<'a> Pass<'a> {
    fn shape(&self) -> Shape {
        self.weights.shape
    }

    fn room<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.room_memory.part(part)
    }

    fn input<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.input_memory.part(part)
    }

    fn n_edges(&self) -> usize {
        self.input.vectors.len
    }

    fn n_atoms(&self) -> usize {
        self.input.elements.len
    }

    fn edge_rows(&self, operand: Part<f32>) -> Result<Rows<'a>, GpuError> {
        let [a, b] = self.room.hidden;
        Ok(Rows { operand: self.room(operand)?, n: self.n_edges(), hidden: [self.room(a)?, self.room(b)?] })
    }

    fn atom_rows(&self, operand: Part<f32>) -> Result<Rows<'a>, GpuError> {
        let [a, b] = self.room.atoms_hidden;
        Ok(Rows { operand: self.room(operand)?, n: self.n_atoms(), hidden: [self.room(a)?, self.room(b)?] })
    }

    /// y of rows; `terms` are what the first layer adds: its bias, or terms of atoms.
    fn perceptron(
        &self,
        p: &StoredPerceptron,
        kept: Kept,
        rows: Rows<'a>,
        terms: impl FnOnce(Slice<'a, f32>, Slice<'a, f32>) -> Result<Finish<'a>, GpuError>,
    ) -> Result<(), GpuError> {
        let (queue, weights) = (self.queue, self.weights);
        let [first, second] = rows.hidden;
        let finish = terms(self.room(kept.z1)?, first)?;
        queue.product(rows.operand, weights.matrix(p.first)?, rows.n, finish)?;
        let bias = weights.part(p.second_bias)?;
        let finish = Finish::Hidden { bias, sums: self.room(kept.z2)?, out: second };
        queue.product(first, weights.matrix(p.second)?, rows.n, finish)?;
        let finish = Finish::Rows { bias: weights.part(p.third_bias)?, sums: self.room(kept.y)? };
        queue.product(second, weights.matrix(p.third)?, rows.n, finish)
    }

    fn bias(&self, p: &StoredPerceptron) -> Result<Slice<'a, f32>, GpuError> {
        self.weights.part(p.first_bias)
    }

    /// From gradients by y, `rows.operand`, to those by z1, the second of the hidden operands, and through the first layer.
    fn perceptron_backward(
        &self,
        p: &StoredPerceptron,
        kept: Kept,
        rows: Rows<'a>,
        finish: Finish<'a>,
    ) -> Result<(), GpuError> {
        let (queue, weights) = (self.queue, self.weights);
        let [by_z2, by_z1] = rows.hidden;
        let slope = Finish::Slope { sums: self.room(kept.z2)?, out: by_z2 };
        queue.product(rows.operand, weights.matrix(p.third_transposed)?, rows.n, slope)?;
        let slope = Finish::Slope { sums: self.room(kept.z1)?, out: by_z1 };
        queue.product(by_z2, weights.matrix(p.second_transposed)?, rows.n, slope)?;
        queue.product(by_z1, weights.matrix(p.first_transposed)?, rows.n, finish)
    }

    fn norm(
        &self,
        p: &StoredPerceptron,
        kept: Kept,
        x: Slice<'a, f32>,
        operand: Part<f32>,
    ) -> Result<Norm<'a>, GpuError> {
        Ok(Norm {
            y: self.room(kept.y)?,
            scale: self.weights.part(p.scale)?,
            epsilon: self.weights.epsilon,
            x,
            operand: self.room(operand)?,
        })
    }

    fn basis(&self) -> Result<Basis<'a>, GpuError> {
        Ok(Basis {
            vectors: self.input(self.input.vectors)?,
            frequencies: self.weights.part(self.weights.frequencies)?,
            prefactor: self.weights.prefactor,
            reach: self.weights.reach,
        })
    }

    fn messages(&self, index: usize) -> Result<Messages<'a>, GpuError> {
        let (layer, kept) = (&self.weights.layers[index], &self.room.layers[index]);
        Ok(Messages {
            y: self.room(kept.edges.y)?,
            edges: self.room(self.room.edges)?,
            operand: self.room(self.room.edges_operand)?,
            scale: self.weights.part(layer.edges.scale)?,
            send: self.weights.part(layer.send)?,
            send_bias: layer.send_bias,
            receive: self.weights.part(layer.receive)?,
            receive_bias: layer.receive_bias,
            epsilon: self.weights.epsilon,
            cutoff: self.room(self.room.cutoff)?,
            gates: self.room(kept.gates)?,
            inverse: self.room(kept.inverse)?,
            last: index + 1 == self.shape().n_layers,
        })
    }

    fn sums(&self, of: SumsOf<'a>, width: usize, operand: Part<f32>) -> Result<(), GpuError> {
        self.queue.sums(&Sums {
            of,
            sent: self.input(self.input.sent)?,
            received: self.input(self.input.received)?,
            by_receiver: self.input(self.input.by_receiver)?,
            width,
            operand: self.room(operand)?,
        })
    }

    /// Features of atoms and edges before the first layer.
    fn encode(&self) -> Result<(), GpuError> {
        let (room, encoder) = (self.room, &self.weights.encoder);
        self.queue.basis_forward(&self.basis()?, self.room(room.features)?, self.room(room.cutoff)?)?;
        let bias = self.bias(encoder)?;
        let rows = self.edge_rows(room.features)?;
        self.perceptron(encoder, room.encoder, rows, |sums, out| Ok(Finish::Hidden { bias, sums, out }))?;
        let norm = self.norm(encoder, room.encoder, self.room(room.edges)?, room.edges_operand)?;
        self.queue.norm_add(&norm, true)?;
        self.queue.embed(Embed {
            table: self.weights.part(self.weights.atoms)?,
            elements: self.input(self.input.elements)?,
            atoms: self.atoms,
            operand: self.room(room.atoms_operand)?,
        })
    }

    fn interact(&self, index: usize, layer: &StoredLayer) -> Result<(), GpuError> {
        let (queue, weights, room) = (self.queue, self.weights, self.room);
        let kept = &room.layers[index];
        let table = self.room(room.table)?;
        let finish = Finish::Rows { bias: weights.part(layer.project_bias)?, sums: table };
        queue.product(self.room(room.atoms_operand)?, weights.matrix(layer.project)?, self.n_atoms(), finish)?;
        let (first, second) = (self.input(self.input.sender)?, self.input(self.input.receiver)?);
        let rows = self.edge_rows(room.edges_operand)?;
        self.perceptron(&layer.edges, kept.edges, rows, |sums, out| {
            Ok(Finish::Edges { table, first, second, sums, out })
        })?;
        let messages = self.messages(index)?;
        queue.deliver(&messages)?;
        let Messages { y, inverse, scale, gates, .. } = messages;
        let of = SumsOf::Messages { y, inverse, scale, gates, atoms: self.atoms };
        self.sums(of, self.shape().latent, room.joined)?;
        let bias = self.bias(&layer.atoms)?;
        let rows = self.atom_rows(room.joined)?;
        self.perceptron(&layer.atoms, kept.atoms, rows, |sums, out| Ok(Finish::Hidden { bias, sums, out }))?;
        queue.norm_add(&self.norm(&layer.atoms, kept.atoms, self.atoms, room.atoms_operand)?, false)
    }

    fn interact_backward(&self, index: usize, layer: &StoredLayer) -> Result<(), GpuError> {
        let (queue, weights, room) = (self.queue, self.weights, self.room);
        let (kept, latent) = (&room.layers[index], self.shape().latent);
        let (by_atoms, joined) = (self.room(room.by_atoms)?, self.room(room.joined)?);
        queue.norm_backward(&self.norm(&layer.atoms, kept.atoms, by_atoms, room.atoms_operand)?)?;
        let rows = self.atom_rows(room.atoms_operand)?;
        self.perceptron_backward(&layer.atoms, kept.atoms, rows, Finish::Plain { sums: joined })?;
        queue.add_part(joined, by_atoms, latent)?;
        let ends = [self.input(self.input.sender)?, self.input(self.input.receiver)?];
        let messages = self.messages(index)?;
        queue.deliver_backward(&messages, ends, joined, self.room(room.by_cutoff)?)?;
        let rows = self.edge_rows(room.edges_operand)?;
        self.perceptron_backward(&layer.edges, kept.edges, rows, Finish::Add { sums: messages.edges })?;
        // Atoms in front of the first layer do not depend on positions.
        if index > 0 {
            let [_, by_z1] = rows.hidden;
            self.sums(SumsOf::Rows(by_z1), self.shape().hidden, room.table)?;
            let matrix = weights.matrix(layer.project_transposed)?;
            queue.product(self.room(room.table)?, matrix, self.n_atoms(), Finish::Add { sums: by_atoms })?;
        }
        Ok(())
    }

    fn encode_backward(&self) -> Result<(), GpuError> {
        let (room, encoder) = (self.room, &self.weights.encoder);
        let norm = self.norm(encoder, room.encoder, self.room(room.edges)?, room.edges_operand)?;
        self.queue.norm_backward(&norm)?;
        let (rows, by_features) = (self.edge_rows(room.edges_operand)?, self.room(room.features)?);
        self.perceptron_backward(encoder, room.encoder, rows, Finish::Plain { sums: by_features })?;
        let (by_cutoff, scales) = (self.room(room.by_cutoff)?, self.room(room.scales)?);
        let atoms = (self.input(self.input.sender)?, scales);
        self.queue.basis_backward(&self.basis()?, by_features, by_cutoff, atoms, self.slopes)
    }

    fn head(&self) -> Result<(), GpuError> {
        let head = &self.weights.head;
        self.queue.head(&Head {
            atoms: self.atoms,
            starts: self.input(self.input.starts)?,
            first_transposed: self.weights.part(head.first_transposed)?,
            first: self.weights.part(head.first)?,
            first_bias: self.weights.part(head.first_bias)?,
            second: self.weights.part(head.second)?,
            second_bias: head.second_bias,
            deviation: head.deviation,
            energies: self.energies,
            by_atoms: self.room(self.room.by_atoms)?,
            scales: self.room(self.room.scales)?,
        })
    }

    /// Starts everything.
    pub(super) fn run(&self) -> Result<(), GpuError> {
        self.encode()?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.interact(index, layer)?;
        }
        self.head()?;
        if !self.gradient {
            return Ok(());
        }
        clear(self.queue.stream(), self.room(self.room.by_cutoff)?)?;
        for (index, layer) in self.weights.layers.iter().enumerate().rev() {
            self.interact_backward(index, layer)?;
        }
        self.encode_backward()
    }
}
