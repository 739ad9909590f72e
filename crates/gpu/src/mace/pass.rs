//! What both ways have in common: where everything lies; and the way forward.

use super::room::{BlockParts, KeptLayer, Output, Room};
use super::stored::{Map, Shape, StoredLayer, StoredTerms, StoredWeights};
use crate::constants::TwoWays;
use crate::error::GpuError;
use crate::graph::PairInput;
use crate::kernels::mace::{
    Basis, BasisRows, Blocks, Couplings, Density, Edges, Elements, Messages, Pairs, Product, Readout,
};
use crate::kernels::{Finish, Queue};
use crate::memory::{Number, Part, Slice, clear};
use crate::network::{Memory, Size};

/// One batch on its way: weights, input, working memory and output, all on the device.
pub(super) struct Pass<'a> {
    pub(super) queue: &'a Queue,
    pub(super) weights: &'a StoredWeights,
    pub(super) size: Size,
    pub(super) memory: Memory<'a>,
    pub(super) input: &'a PairInput,
    pub(super) room: &'a Room,
    pub(super) output: &'a Output,
}

/// The way of a map: its matrices from what to what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Backward,
}

impl<'a> Pass<'a> {
    pub(super) fn shape(&self) -> &'a Shape {
        &self.weights.shape
    }

    pub(super) fn channels(&self) -> usize {
        self.weights.shape.channels
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

    /// The first numbers of working memory that several layers use.
    pub(super) fn first<T: Number>(&self, part: Part<T>, len: usize) -> Result<Slice<'a, T>, GpuError> {
        self.room(part)?.range(0, len)
    }

    /// Rows of atoms up to `lmax` in working memory.
    pub(super) fn blocks(&self, parts: &BlockParts, lmax: usize) -> Result<Blocks<'a>, GpuError> {
        let n = self.channels();
        self.blocks_of(parts, lmax, |_| n)
    }

    /// The same, of another width for each l.
    pub(super) fn blocks_of(
        &self,
        parts: &BlockParts,
        lmax: usize,
        width: impl Fn(usize) -> usize,
    ) -> Result<Blocks<'a>, GpuError> {
        let mut blocks = [Slice::NONE; 4];
        for (l, (block, part)) in blocks.iter_mut().zip(parts).enumerate().take(lmax + 1) {
            *block = self.first(*part, self.size.n_atoms * (2 * l + 1) * width(l))?;
        }
        Ok(blocks)
    }

    /// What comes out of a layer.
    pub(super) fn features(&self, number: usize) -> Result<Blocks<'a>, GpuError> {
        let mut blocks = [Slice::NONE; 4];
        let lmax = self.shape().layers[number].features_lmax;
        for (block, part) in blocks.iter_mut().zip(&self.output.features[number]).take(lmax + 1) {
            *block = self.memory.output.part(*part)?;
        }
        Ok(blocks)
    }

    pub(super) fn pairs(&self) -> Result<Pairs<'a>, GpuError> {
        Ok(Pairs {
            vectors: self.input(self.input.vectors)?,
            first: self.input(self.input.first)?,
            second: self.input(self.input.second)?,
        })
    }

    pub(super) fn edges(&self) -> Result<Edges<'a>, GpuError> {
        Ok(Edges { starts: self.input(self.input.starts)?, edges: self.input(self.input.edges)? })
    }

    pub(super) fn elements(&self) -> Result<Slice<'a, u32>, GpuError> {
        self.input(self.input.elements)
    }

    /// `to = from W`, or added to it.
    pub(super) fn linear(
        &self,
        matrix: TwoWays,
        way: Way,
        rows: usize,
        (from, to): (Slice<'a, f32>, Slice<'a, f32>),
        add: bool,
    ) -> Result<(), GpuError> {
        let stored = if way == Way::Forward { matrix.forward } else { matrix.backward };
        let finish = if add { Finish::Add { sums: to } } else { Finish::Plain { sums: to } };
        self.queue.product(from, self.weights.constants.matrix(stored)?, rows, finish)
    }

    /// The same for each l with a matrix.
    pub(super) fn linear_by_l(
        &self,
        matrices: &[TwoWays],
        way: Way,
        (from, to): (&Blocks<'a>, &Blocks<'a>),
        add: impl Fn(usize) -> bool,
    ) -> Result<(), GpuError> {
        for (l, matrix) in matrices.iter().enumerate() {
            self.linear(*matrix, way, self.size.n_atoms * (2 * l + 1), (from[l], to[l]), add(l))?;
        }
        Ok(())
    }

    /// Rows of atoms times the matrices of their elements, for each l with matrices.
    pub(super) fn map_by_l(
        &self,
        maps: &[Map],
        way: Way,
        (from, to): (&Blocks<'a>, &Blocks<'a>),
    ) -> Result<(), GpuError> {
        for (l, map) in maps.iter().enumerate() {
            self.queue.mace_elements(&Elements {
                weights: self.constant(if way == Way::Forward { map.forward } else { map.backward })?,
                elements: self.elements()?,
                rows: 2 * l + 1,
                channels: self.channels(),
                x: from[l],
                out: to[l],
                add: false,
            })?;
        }
        Ok(())
    }

    pub(super) fn couplings(&self, terms: &StoredTerms) -> Result<Couplings<'a>, GpuError> {
        Ok(Couplings {
            starts: self.constant(terms.starts)?,
            harmonic: self.constant(terms.index)?,
            factors: self.constant(terms.factors)?,
        })
    }

    pub(super) fn density(&self, number: usize, kept: &KeptLayer) -> Result<Density<'a>, GpuError> {
        let n = 2 * self.size.n_edges;
        let densities = self.room(self.room.densities)?.range(n * number, n)?;
        Ok(Density { edges: self.edges()?, densities, factors: self.room(kept.factors)? })
    }

    pub(super) fn messages(&self, number: usize, kept: &KeptLayer) -> Result<Messages<'a>, GpuError> {
        let (paths, n) = (self.shape().paths(number), self.channels());
        Ok(Messages {
            paths,
            channels: n,
            pairs: self.pairs()?,
            edges: self.edges()?,
            couplings: self.room(kept.couplings)?,
            weights: self.room(kept.weights)?,
            features: self.blocks(&kept.sent, paths.sent_lmax)?,
            messages: self.blocks_of(&self.room.messages, paths.lmax, |l| n * paths.to(l))?,
            factors: self.room(kept.factors)?,
        })
    }

    pub(super) fn product(&self, number: usize, kept: &KeptLayer) -> Result<Product<'a>, GpuError> {
        let (shape, layer) = (self.shape(), &self.weights.layers[number]);
        let features_lmax = shape.layers[number].features_lmax;
        Ok(Product {
            elements: self.elements()?,
            channels: shape.channels,
            inputs_lmax: shape.lmax,
            outputs_lmax: features_lmax,
            program: self.constant(layer.program)?,
            n_terms: layer.n_terms,
            terms: self.constant(layer.terms)?,
            alike: layer.alike,
            inputs: self.blocks(&kept.inputs, shape.lmax)?,
            outputs: self.blocks(&self.room.products, features_lmax)?,
        })
    }

    /// Its features, energies and gradients are filled in where they are wanted.
    pub(super) fn readout(&self, layer: &StoredLayer) -> Result<Readout<'a>, GpuError> {
        Ok(Readout {
            features: Slice::NONE,
            channels: self.channels(),
            first: self.constant(layer.readout)?,
            second: self.constant(layer.readout_second)?,
            energies: Slice::NONE,
            by_features: Slice::NONE,
        })
    }

    /// What goes into a layer.
    fn before(&self, number: usize) -> Result<Blocks<'a>, GpuError> {
        match number {
            0 => Ok([self.room(self.room.embedded)?, Slice::NONE, Slice::NONE, Slice::NONE]),
            _ => self.features(number - 1),
        }
    }

    /// Basis functions, harmonics and densities of pairs; atoms before the first layer.
    fn begin(&self) -> Result<(), GpuError> {
        let (weights, room) = (self.weights, self.room);
        let basis = Basis {
            pairs: self.pairs()?,
            elements: self.elements()?,
            radii: self.constant(weights.radii)?,
            agnesi: weights.agnesi,
            frequencies: self.constant(weights.frequencies)?,
            prefactor: weights.prefactor,
            reach: weights.reach,
            exponent: weights.exponent,
            density_weights: self.constant(weights.density_weights)?,
        };
        let rows = BasisRows {
            values: self.room(room.basis)?,
            slopes: self.room(room.basis_slopes)?,
            harmonics: self.room(room.harmonics)?,
            densities: self.room(room.densities)?,
        };
        self.queue.mace_basis(&basis, &rows)?;
        let (table, embedded) = (self.constant(weights.embedding)?, self.room(room.embedded)?);
        self.queue.mace_embed(table, self.elements()?, embedded, self.channels())?;
        clear(self.queue.stream(), self.memory.output.part(self.output.energies)?)
    }

    /// The radial network: weights of paths.
    fn radial(&self, layer: &StoredLayer, kept: &KeptLayer, widths: &[usize]) -> Result<(), GpuError> {
        let n_pairs = self.size.n_edges;
        let mut operand = self.room(self.room.basis)?;
        for (number, (matrix, width)) in layer.radial.iter().zip(widths).enumerate() {
            let out = self.first(self.room.hidden[number % 2], n_pairs * width)?;
            let sums = self.room(kept.hidden[number])?;
            let bias = self.constant(self.weights.no_bias)?.range(0, *width)?;
            let matrix = self.weights.constants.matrix(matrix.forward)?;
            self.queue.product(operand, matrix, n_pairs, Finish::Hidden { bias, sums, out })?;
            operand = out;
        }
        let Some(last) = layer.radial.last() else { return Ok(()) };
        self.linear(*last, Way::Forward, n_pairs, (operand, self.room(kept.weights)?), false)
    }

    fn layer(&self, number: usize, layer: &StoredLayer, kept: &KeptLayer) -> Result<(), GpuError> {
        let (queue, shape) = (self.queue, self.shape());
        let of_layer = &shape.layers[number];
        let before = self.before(number)?;
        let (couplings, harmonics) = (self.room(kept.couplings)?, self.room(self.room.harmonics)?);
        queue.mace_couplings(self.couplings(&layer.couplings)?, harmonics, couplings)?;
        self.radial(layer, kept, &of_layer.hidden[..of_layer.n_hidden])?;
        let messages = self.messages(number, kept)?;
        self.linear_by_l(&layer.up, Way::Forward, (&before, &messages.features), |_| false)?;
        if of_layer.has_density {
            queue.mace_density(self.density(number, kept)?)?;
        }
        queue.mace_messages(&messages)?;
        let mixed = self.blocks(&kept.mixed, shape.lmax)?;
        self.linear_by_l(&layer.linear, Way::Forward, (&messages.messages, &mixed), |_| false)?;
        let product = self.product(number, kept)?;
        self.map_by_l(&layer.message_maps, Way::Forward, (&mixed, &product.inputs))?;
        queue.mace_product(&product)?;
        let features = self.features(number)?;
        self.map_by_l(&layer.skip, Way::Forward, (&before, &features))?;
        let skips = layer.skip.len();
        self.linear_by_l(&layer.product, Way::Forward, (&product.outputs, &features), |l| l < skips)?;
        let energies = self.memory.output.part(self.output.energies)?;
        queue.mace_readout(&Readout { features: features[0], energies, ..self.readout(layer)? })
    }

    /// Energies of atoms, and features of all layers.
    pub(super) fn forward(&self) -> Result<(), GpuError> {
        self.begin()?;
        for (number, (layer, kept)) in self.weights.layers.iter().zip(&self.room.layers).enumerate() {
            self.layer(number, layer, kept)?;
        }
        Ok(())
    }
}
