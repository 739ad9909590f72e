//! What both ways have in common: where everything lies; and the way forward.

use super::graph::Input;
use super::room::{KeptAngles, KeptEdges, Output, Room};
use super::stored::{StoredGated, StoredRadial, StoredWeights};
use crate::constants::{Stored, TwoWays};
use crate::error::GpuError;
use crate::kernels::chgnet::{AngleRows, Angles, Edges, Fourier, Gated, Norm, Radial, Sums, WIDE};
use crate::kernels::{Finish, Queue};
use crate::memory::{Number, Part, Slice};
use crate::network::{Memory, Size};

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Backward,
}

impl<'a> Pass<'a> {
    pub(super) fn constant<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.weights.constants.part(part)
    }

    pub(super) fn input<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.memory.input.part(part)
    }

    pub(super) fn room<T: Number>(&self, part: Part<T>) -> Result<Slice<'a, T>, GpuError> {
        self.memory.room.part(part)
    }

    /// The first rows of working memory that several things use.
    pub(super) fn first(&self, part: Part<f32>, rows: usize, columns: usize) -> Result<Slice<'a, f32>, GpuError> {
        self.room(part)?.range(0, rows * columns)
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

    pub(super) fn vectors(&self) -> Result<Slice<'a, [f64; 3]>, GpuError> {
        self.input(self.input.pairs.vectors)
    }

    /// Functions of distances: of the pairs, or of those that are named. Values and slopes.
    fn radial(
        &self,
        radial: &StoredRadial,
        pairs: Slice<'a, u32>,
        [values, slopes]: [Part<f32>; 2],
    ) -> Result<(), GpuError> {
        self.queue.chgnet_radial(&Radial {
            vectors: self.vectors()?,
            pairs,
            frequencies: self.constant(radial.frequencies)?,
            prefactor: radial.prefactor,
            reach: radial.reach,
            exponent: self.weights.exponent,
            n_basis: self.weights.shape.n_radial,
            values: self.room(values)?,
            slopes: self.room(slopes)?,
        })
    }

    /// Functions of angles, or gradients by vectors from those by them.
    pub(super) fn fourier(&self, values: Slice<'a, f32>, by_vectors: Slice<'a, [f64; 3]>) -> Result<(), GpuError> {
        self.queue.chgnet_fourier(&Fourier {
            vectors: self.vectors()?,
            pairs: self.input(self.input.bonds)?,
            first: self.input(self.input.first)?,
            second: self.input(self.input.second)?,
            turned: self.input(self.input.turned)?,
            frequencies: self.constant(self.weights.angle_frequencies)?,
            n_basis: self.weights.shape.n_angular,
            values,
            by_vectors,
        })
    }

    /// Features of everything before the first layer.
    fn begin(&self) -> Result<(), GpuError> {
        let (room, weights, Size { n_edges: n_pairs, n_bonds, n_angles, .. }) = (self.room, self.weights, self.size);
        let bonds = self.input(self.input.bonds)?;
        self.radial(&weights.atom_graph, Slice::NONE, room.basis)?;
        let basis = self.room(room.basis[0])?;
        for (matrix, to) in [(weights.bond_embedding, room.features), (weights.atom_graph_weights, room.atom_graph)] {
            self.product(basis, matrix.forward, n_pairs, Finish::Plain { sums: self.room(to)? })?;
        }
        if n_bonds > 0 {
            self.radial(&weights.bond_graph, bonds, room.short_basis)?;
            let finish = Finish::Plain { sums: self.room(room.bond_graph)? };
            self.product(self.room(room.short_basis[0])?, weights.bond_graph_weights.forward, n_bonds, finish)?;
            let (features, short) = (self.room(room.features)?, self.room(room.short)?);
            self.queue.chgnet_take(features, bonds, Slice::NONE, short)?;
        }
        let fourier = self.room(room.fourier)?;
        self.fourier(fourier, Slice::NONE)?;
        let finish = Finish::Plain { sums: self.room(room.angles)? };
        self.product(fourier, weights.angle_embedding.forward, n_angles, finish)?;
        let (table, elements) = (self.constant(weights.embedding)?, self.input(self.input.pairs.elements)?);
        self.queue.chgnet_take(table, elements, Slice::NONE, self.room(room.atoms)?)
    }

    /// Weights of a layer as the kernels of this way read them.
    pub(super) fn gated(&self, layer: &StoredGated, way: Way) -> Result<Gated<'a>, GpuError> {
        let square = |squares: Option<super::stored::Squares>| match (squares, way) {
            (None, _) => Ok(Slice::NONE),
            (Some(squares), Way::Forward) => self.constant(squares.forward),
            (Some(squares), Way::Backward) => self.constant(squares.backward),
        };
        Ok(Gated {
            own: square(layer.own)?,
            hidden: square(layer.hidden)?,
            bias: self.constant(layer.bias)?,
            norms: self.constant(layer.norms)?,
            width: self.weights.shape.width,
        })
    }

    pub(super) fn edges(&self, layer: &StoredGated, kept: KeptEdges, way: Way) -> Result<Edges<'a>, GpuError> {
        Ok(Edges {
            layer: self.gated(layer, way)?,
            first: self.input(self.input.pairs.first)?,
            second: self.input(self.input.pairs.second)?,
            nodes: self.room(kept.nodes)?,
            bonds: self.room(kept.bonds)?,
            weights: self.room(self.room.atom_graph)?,
            y: self.room(kept.y)?,
        })
    }

    pub(super) fn angles(&self, layer: &StoredGated, way: Way) -> Result<Angles<'a>, GpuError> {
        Ok(Angles {
            layer: self.gated(layer, way)?,
            center: self.input(self.input.center)?,
            first: self.input(self.input.first)?,
            second: self.input(self.input.second)?,
            nodes: self.room(self.room.angle_nodes)?,
            bonds: self.room(self.room.angle_bonds)?,
            weights: self.room(self.room.bond_graph)?,
        })
    }

    /// First maps of atoms, and of pairs or bonds.
    fn terms(
        &self,
        layer: &StoredGated,
        nodes: Slice<'a, f32>,
        (features, n, bonds): (Slice<'a, f32>, usize, Slice<'a, f32>),
    ) -> Result<(), GpuError> {
        let finish = Finish::Rows { bias: self.constant(layer.node_bias)?, sums: nodes };
        self.product(self.room(self.room.atoms)?, layer.nodes.forward, self.size.n_atoms, finish)?;
        self.product(features, layer.bonds.forward, n, Finish::Plain { sums: bonds })
    }

    /// `to += sums W`
    fn add_out(
        &self,
        out: Option<TwoWays>,
        (sums, rows): (Slice<'a, f32>, usize),
        to: Part<f32>,
    ) -> Result<(), GpuError> {
        let out = out.ok_or_else(|| GpuError::shape("weights behind sums", "a matrix", "none"))?;
        self.product(sums, out.forward, rows, Finish::Add { sums: self.room(to)? })
    }

    /// Messages between atoms.
    fn update_atoms(&self, layer: &StoredGated, kept: KeptEdges) -> Result<(), GpuError> {
        let (room, Size { n_atoms, n_edges: n_pairs, .. }) = (self.room, self.size);
        let edges = self.edges(layer, kept, Way::Forward)?;
        self.terms(layer, edges.nodes, (self.room(room.features)?, n_pairs, edges.bonds))?;
        let messages = self.first(room.messages, 2 * n_pairs, WIDE)?;
        self.queue.chgnet_edges(&edges, messages)?;
        let sums = self.first(room.sums, n_atoms, WIDE)?;
        self.queue.chgnet_sums(&Sums {
            starts: self.input(self.input.pairs.starts)?,
            list: self.input(self.input.pairs.edges)?,
            rows: messages,
            products: [Slice::NONE; 2],
            sums,
            add: false,
            scaled: [Slice::NONE; 2],
        })?;
        self.add_out(layer.out, (sums, n_atoms), room.atoms)
    }

    /// Messages between bonds.
    fn update_bonds(&self, layer: &StoredGated, kept: KeptAngles) -> Result<(), GpuError> {
        let (room, Size { n_bonds, n_angles, .. }) = (self.room, self.size);
        let angles = self.angles(layer, Way::Forward)?;
        self.terms(layer, angles.nodes, (self.room(room.short)?, n_bonds, angles.bonds))?;
        let messages = self.first(room.messages, n_angles, WIDE)?;
        let (z, y) = (self.room(kept.z)?, self.room(kept.y)?);
        self.queue.chgnet_angles(&angles, &AngleRows { angles: self.room(room.angles)?, z, y, messages })?;
        let scaled = self.first(room.sums, n_bonds, WIDE)?;
        self.queue.chgnet_sums(&Sums {
            starts: self.input(self.input.by_first[0])?,
            list: self.input(self.input.by_first[1])?,
            rows: messages,
            products: [Slice::NONE; 2],
            sums: self.room(kept.sums)?,
            add: false,
            scaled: [angles.weights, scaled],
        })?;
        self.add_out(layer.out, (scaled, n_bonds), room.short)?;
        self.queue.chgnet_put(self.room(room.short)?, self.input(self.input.bonds)?, self.room(room.features)?)
    }

    fn update_angles(&self, layer: &StoredGated, kept: KeptAngles) -> Result<(), GpuError> {
        let room = self.room;
        let angles = self.angles(layer, Way::Forward)?;
        self.terms(layer, angles.nodes, (self.room(room.short)?, self.size.n_bonds, angles.bonds))?;
        let rows =
            AngleRows { angles: self.room(room.angles)?, z: self.room(kept.z)?, y: Slice::NONE, messages: Slice::NONE };
        self.queue.chgnet_angles(&angles, &rows)
    }

    /// Magnetic moments and features, before the last layer.
    fn read_features(&self) -> Result<(), GpuError> {
        let (atoms, moments) = (self.room(self.room.atoms)?, &self.weights.moments);
        let (features, out) = (self.memory.output.part(self.output.features)?, self.output.moments);
        self.queue.chgnet_take(atoms, Slice::NONE, Slice::NONE, features)?;
        let weights = (self.constant(moments.weights)?, moments.bias);
        self.queue.chgnet_dot(atoms, weights, self.memory.output.part(out)?, [Slice::NONE; 2])
    }

    /// Energies of atoms; and where there is a way back, gradients by what goes into the last silu.
    fn read_energies(&self) -> Result<(), GpuError> {
        let (room, weights, n_atoms) = (self.room, self.weights, self.size.n_atoms);
        let mut x = self.room(room.normalized)?;
        self.queue.chgnet_norm(&Norm {
            x: self.room(room.atoms)?,
            norm: self.constant(weights.readout_norm)?,
            width: weights.shape.width,
            by: Slice::NONE,
            out: x,
        })?;
        let mut before = Slice::NONE;
        for ((matrix, bias), [sums, out]) in weights.readout.iter().zip(&room.readout) {
            let (sums, out) = (self.room(*sums)?, self.room(*out)?);
            let bias = self.constant(*bias)?;
            self.product(x, matrix.forward, n_atoms, Finish::Hidden { bias, sums, out })?;
            (x, before) = (out, sums);
        }
        let by = self.room(room.back.by_readout[0])?;
        let sums = if by.is_empty() { Slice::NONE } else { before };
        let energies = (self.constant(weights.energies.weights)?, weights.energies.bias);
        self.queue.chgnet_dot(x, energies, self.memory.output.part(self.output.energies)?, [sums, by])
    }

    /// Energies and moments of atoms, and their features.
    pub(super) fn forward(&self) -> Result<(), GpuError> {
        let (room, weights) = (self.room, self.weights);
        self.begin()?;
        for (t, layer) in weights.atom_convolutions.iter().enumerate() {
            if t + 1 == weights.atom_convolutions.len() {
                self.read_features()?;
            }
            self.update_atoms(layer, room.edges[t])?;
            if self.size.n_bonds == 0 {
                continue;
            }
            if let (Some(layer), Some(kept)) = (weights.bond_convolutions.get(t), room.between_bonds.get(t)) {
                self.update_bonds(layer, *kept)?;
            }
            if let (Some(layer), Some(kept)) = (weights.angle_updates.get(t), room.updates.get(t)) {
                self.update_angles(layer, *kept)?;
            }
        }
        self.read_energies()
    }
}
