//! What both ways have in common: where everything lies; and the way forward.

use super::graph::Input;
use super::room::{KeptLayer, KeptRadial, Output, Room};
use super::shape::Shape;
use super::stored::{StoredLayer, StoredRadial, StoredWeights};
use crate::constants::Stored;
use crate::error::GpuError;
use crate::kernels::uma::{AtomGate, Balance, Degree, Head, Mix, Norm, Normal, Sums, Terms, Turns};
use crate::kernels::{Finish, Grouped, Matrices, Queue};
use crate::memory::{Number, Part, Slice};
use crate::network::{Memory, Size};
use crate::products::Products;

/// One batch on its way: weights, input, working memory and output, all on the device.
pub(super) struct Pass<'a> {
    pub(super) queue: &'a Queue,
    pub(super) weights: &'a StoredWeights,
    pub(super) size: Size,
    pub(super) memory: Memory<'a>,
    pub(super) input: &'a Input,
    pub(super) room: &'a Room,
    pub(super) output: &'a Output,
}

/// The way that the matrices of a layer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Backward,
}

impl<'a> Pass<'a> {
    pub(super) fn shape(&self) -> &'a Shape {
        &self.weights.shape
    }

    pub(super) fn constant<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.weights.constants.part(part)
    }

    pub(super) fn input<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.memory.input.part(part)
    }

    pub(super) fn room<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.memory.room.part(part)
    }

    /// Rows times a matrix.
    pub(super) fn product(
        &self,
        left: Slice<'a, f32>,
        matrix: Stored,
        rows: usize,
        finish: Finish<'a>,
    ) -> Result<(), GpuError> {
        self.queue.product(left, self.weights.constants.matrix(matrix)?, rows, finish)
    }

    /// The degree l of features of atoms, `[atoms, 2 l + 1, width]`, and its rows.
    pub(super) fn degree(&self, features: Slice<'a, f32>, l: usize) -> Result<(Slice<'a, f32>, usize), GpuError> {
        let of_component = features.len() / 9;
        let rows = (2 * l + 1) * self.size.n_atoms;
        Ok((features.range(l * l * of_component, (2 * l + 1) * of_component)?, rows))
    }

    pub(super) fn norm(&self, x: Part<f32>, norm: Part<f32>, system: bool) -> Result<Norm<'a>, GpuError> {
        Ok(Norm {
            x: self.room(x)?,
            norm: self.constant(norm)?,
            system: if system { self.input(self.input.system)? } else { Slice::NONE },
            structure: self.input(self.input.structure)?,
            channels: self.shape().channels,
        })
    }

    pub(super) fn balance(&self, sums: Slice<'a, f64>) -> Result<Balance<'a>, GpuError> {
        Ok(Balance {
            starts: self.input(self.input.structures)?,
            balanced: self.constant(self.weights.balanced)?,
            sums,
            channels: self.shape().channels,
        })
    }

    /// Edges with features of atoms.
    pub(super) fn turns(&self, features: Part<f32>) -> Result<Turns<'a>, GpuError> {
        Ok(Turns {
            rotations: self.room(self.room.rotations)?,
            envelope: self.room(self.room.envelope)?,
            source: self.input(self.input.source)?,
            target: self.input(self.input.target)?,
            features: self.room(features)?,
            channels: self.shape().channels,
        })
    }

    /// Mixes all matrices of a layer, as products of this way read them.
    pub(super) fn mix(&self, layer: usize, way: Way) -> Result<(), GpuError> {
        // Rows of the file are outputs. Products in f32 read rows of inputs, those in limbs rows of outputs.
        let rows_are_inputs = (way == Way::Forward) == (self.queue.products() == Products::F32);
        for order in self.weights.experts[layer].iter().flatten() {
            self.queue.uma_mix(&Mix {
                experts: order.numbers(rows_are_inputs)?,
                sides: order.sides,
                is_complex: order.is_complex,
                coefficients: self.input(self.input.coefficients)?,
                n: self.input(self.input.n_mixtures)?,
                out: self.room(self.room.matrices)?,
                stride: self.shape().matrices(),
                offset: order.offset,
                transposed: rows_are_inputs,
            })?;
        }
        Ok(())
    }

    /// The first or second convolution of a layer, or the transposed one.
    pub(super) fn convolution(
        &self,
        (layer, number): (usize, usize),
        way: Way,
        left: Slice<'a, f32>,
        sums: Slice<'a, f32>,
    ) -> Result<(), GpuError> {
        for (m, order) in self.weights.experts[layer][number].iter().enumerate() {
            let [outputs, inputs] = order.matrix_sides();
            let (columns, sides) = match way {
                Way::Forward => ([order.input, order.output], [outputs, inputs]),
                Way::Backward => ([order.output, order.input], [inputs, outputs]),
            };
            let has_bias = way == Way::Forward && m == 0;
            self.queue.grouped_product(&Grouped {
                left,
                left_columns: columns[0],
                matrices: Matrices {
                    packed: self.room(self.room.matrices)?,
                    stride: self.shape().matrices(),
                    offset: order.offset,
                    width: sides[0],
                    depth: sides[1],
                    scale: order.scale,
                },
                bias: if has_bias { self.constant(self.weights.layers[layer].biases[number])? } else { Slice::NONE },
                sums,
                columns: columns[1],
                tiles: self.input(self.input.tiles)?,
                rows: self.size.n_edges,
            })?;
        }
        Ok(())
    }

    /// Factors of edges.
    fn radial(&self, radial: &StoredRadial, kept: KeptRadial) -> Result<(), GpuError> {
        let (n_edges, width) = (self.size.n_edges, self.shape().edge_channels);
        let (first, second) = (self.room(kept.first)?, self.room(kept.second)?);
        let hidden = self.room(self.room.hidden)?;
        let basis = self.room(self.room.basis)?;
        self.product(basis, radial.distance.forward, n_edges, Finish::Plain { sums: first })?;
        let terms = Terms {
            table: self.constant(radial.table)?,
            elements: self.input(self.input.elements)?,
            source: self.input(self.input.source)?,
            target: self.input(self.input.target)?,
        };
        let normal = |sums, terms, norm| Normal { sums, terms, norm, by: Slice::NONE, out: hidden, width };
        self.queue.uma_normal(&normal(first, Some(terms), self.constant(radial.first_norm)?))?;
        let finish = Finish::Rows { bias: self.constant(radial.hidden.bias)?, sums: second };
        self.product(hidden, radial.hidden.matrix.forward, n_edges, finish)?;
        self.queue.uma_normal(&normal(second, None, self.constant(radial.second_norm)?))?;
        let finish = Finish::Rows { bias: self.constant(radial.out.bias)?, sums: self.room(kept.out)? };
        self.product(hidden, radial.out.matrix.forward, n_edges, finish)
    }

    pub(super) fn first_features(&self, x: Part<f32>) -> Result<Degree<'a>, GpuError> {
        Ok(Degree {
            rotations: self.room(self.room.rotations)?,
            envelope: self.room(self.room.envelope)?,
            starts: self.input(self.input.starts)?,
            target: self.input(self.input.target)?,
            radial: self.room(self.room.degree.out)?,
            embedding: self.constant(self.weights.embedding)?,
            elements: self.input(self.input.elements)?,
            system: self.input(self.input.system)?,
            structure: self.input(self.input.structure)?,
            x: self.room(x)?,
            channels: self.shape().channels,
        })
    }

    /// Messages along edges, added to the features of atoms.
    fn messages(&self, t: usize, layer: &StoredLayer, kept: KeptLayer) -> Result<(), GpuError> {
        let (queue, room) = (self.queue, self.room);
        let y = self.room(kept.y)?;
        queue.uma_norm(&self.norm(room.x[2 * t], layer.before_messages, true)?, y, false)?;
        self.radial(&layer.radial, kept.radial)?;
        let (rows, gated) = (self.room(room.rows)?, self.room(room.gated)?);
        let (first, second) = (self.room(kept.first)?, self.room(kept.second)?);
        queue.uma_turn(&self.turns(kept.y)?, self.room(kept.radial.out)?, rows)?;
        self.mix(t, Way::Forward)?;
        self.convolution((t, 0), Way::Forward, rows, first)?;
        queue.uma_gate(first, Slice::NONE, gated, self.shape().hidden)?;
        self.convolution((t, 1), Way::Forward, gated, second)?;
        queue.uma_messages(&Sums {
            rotations: self.room(room.rotations)?,
            envelope: self.room(room.envelope)?,
            starts: self.input(self.input.starts)?,
            messages: second,
            x: self.room(room.x[2 * t])?,
            out: self.room(room.x[2 * t + 1])?,
            channels: self.shape().channels,
        })
    }

    /// What atoms do with themselves.
    fn atomwise(&self, t: usize, layer: &StoredLayer, kept: KeptLayer) -> Result<(), GpuError> {
        let (queue, room) = (self.queue, self.room);
        let (normal, gated) = (self.room(room.atoms)?, self.room(room.atoms_hidden)?);
        let (before, items) = (self.room(kept.before)?, self.room(kept.items)?);
        queue.uma_norm(&self.norm(room.x[2 * t + 1], layer.before_atoms, false)?, normal, true)?;
        let (scalars, n_atoms) = self.degree(normal, 0)?;
        let finish = Finish::Rows { bias: self.constant(layer.gates.bias)?, sums: before };
        self.product(scalars, layer.gates.matrix.forward, n_atoms, finish)?;
        for l in 0..3 {
            let ((from, rows), (sums, _)) = (self.degree(normal, l)?, self.degree(items, l)?);
            let finish = match l {
                0 => Finish::Rows { bias: self.constant(layer.first_bias)?, sums },
                _ => Finish::Plain { sums },
            };
            self.product(from, layer.first[l].forward, rows, finish)?;
        }
        let (by, by_before, width) = (Slice::NONE, Slice::NONE, self.shape().hidden);
        queue.uma_atom_gate(&AtomGate { items, before, by, out: gated, by_before, width })?;
        let out = self.room(room.x[2 * t + 2])?;
        queue.uma_add_bias(self.room(room.x[2 * t + 1])?, self.constant(layer.second_bias)?, out)?;
        for l in 0..3 {
            let ((from, rows), (sums, _)) = (self.degree(gated, l)?, self.degree(out, l)?);
            self.product(from, layer.second[l].forward, rows, Finish::Add { sums })?;
        }
        queue.uma_balance(&self.balance(self.input(self.input.balanced)?)?, out)
    }

    /// Energies of atoms; `by_last`: room for gradients by what the head reads, or none.
    fn head(&self, by_last: Slice<'a, f32>) -> Result<(), GpuError> {
        let (room, head) = (self.room, &self.weights.head);
        let last = self.memory.output.part(self.output.last)?;
        self.queue.uma_norm(&self.norm(room.x[2 * self.shape().n_layers], self.weights.norm, false)?, last, false)?;
        let both = |parts: [Part<f64>; 2]| Ok::<_, GpuError>([self.constant(parts[0])?, self.constant(parts[1])?]);
        let weights = Head {
            transposed: both(head.transposed)?,
            matrices: both(head.matrices)?,
            biases: both(head.biases)?,
            third: self.constant(head.third)?,
            third_bias: head.third_bias,
        };
        let energies = self.memory.output.part(self.output.energies)?;
        self.queue.uma_head(&weights, self.degree(last, 0)?.0, energies, by_last)
    }

    /// `by_last`: as of the head.
    pub(super) fn forward(&self, by_last: Slice<'a, f32>) -> Result<(), GpuError> {
        let (room, weights) = (self.room, self.weights);
        let (rotations, envelope) = (self.room(room.rotations)?, self.room(room.envelope)?);
        let vectors = self.input(self.input.vectors)?;
        self.queue.uma_edges(vectors, weights.reach, rotations, envelope)?;
        self.queue.uma_gaussians(vectors, weights.gaussians, self.room(room.basis)?)?;
        self.radial(&weights.degree, room.degree)?;
        self.queue.uma_degree(&self.first_features(room.x[0])?)?;
        for (t, (layer, kept)) in weights.layers.iter().zip(&room.layers).enumerate() {
            self.messages(t, layer, *kept)?;
            self.atomwise(t, layer, *kept)?;
        }
        self.head(by_last)
    }
}
