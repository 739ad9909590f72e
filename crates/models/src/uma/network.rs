//! The network on the CPU, layer by layer, with its gradient by the vectors of edges.
//!
//! Weights are constant and get no gradient. An edge's vector acts through its length (Gaussians and envelope) and
//! through its direction. A turn of its frame about the edge changes nothing, so the direction acts through the tilt
//! of the frame alone: its gradient is a torque, `∂E/∂n = τ × n`, collected over all layers and exact for every
//! direction.

use super::answer::Evaluation;
use super::atomwise::Atomwise;
use super::checkpoint::Contents;
use super::degree::EdgeDegree;
use super::edgewise::{EdgeGradients, Edges, Edgewise, Kept, Rows};
use super::error::LoadError;
use super::merged::Merged;
use super::packed::{narrow, spherical_norm};
use super::radial::{Gaussians, Radial, RadialShape, envelope};
use super::readout::{Readout, scalars, spread};
use crate::escn::graph::Graph;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spherical::{Frame, NormBackward, NormForward, SphericalNorm, Wigner, frame};
use mlip_kernels::tiles::Arithmetic;

/// Weights of a layer that no composition changes.
#[derive(Debug)]
struct Block<T> {
    before_messages: SphericalNorm<T>,
    radial: Radial<T>,
    before_atoms: SphericalNorm<T>,
    atomwise: Atomwise<T>,
}

/// UMA in one precision, for one task.
#[derive(Debug)]
pub(super) struct Network<T> {
    /// What everything is packed for.
    pub(super) arithmetic: Arithmetic,
    set: InstructionSet,
    pub(super) rows: Rows<T>,
    scalar_rows: Rows<T>,
    wigner: Wigner,
    gaussians: Gaussians,
    cutoff: f64,
    channels: usize,
    hidden: usize,
    edge_channels: usize,
    /// `[elements, channels]`
    elements: Vec<T>,
    degree: Radial<T>,
    blocks: Vec<Block<T>>,
    norm: SphericalNorm<T>,
    readout: Readout,
}

/// What the backward pass reads of a layer.
struct LayerState<T> {
    before_messages: Vec<T>,
    before_atoms: Vec<T>,
    kept: Option<Kept<T>>,
}

/// Edges in their frames.
pub(super) struct Prepared<'a, T> {
    pub(super) edges: Edges<'a, T>,
    frames: Vec<Frame>,
}

impl<T: Real> Network<T> {
    pub(super) fn new(
        contents: &Contents,
        expert: Option<(usize, usize)>,
        arithmetic: Arithmetic,
    ) -> Result<Self, LoadError> {
        let (b, weights, set) = (&contents.config.backbone, &contents.weights, arithmetic.set);
        let (channels, hidden, lmax) = (b.sphere_channels, b.hidden_channels, b.lmax);
        let (elements, gaussians) = (b.max_num_elements, b.num_distance_basis);
        let shape = RadialShape { elements, gaussians, hidden: b.edge_channels };
        let (rows, scalar_rows) = (Rows::new(lmax, b.mmax), Rows::new(lmax, 0));
        let radial =
            |name: &str, width: usize| Radial::read(weights, &format!("backbone.{name}"), shape, width, arithmetic);
        let block = |layer: usize| -> Result<Block<T>, LoadError> {
            let name = format!("blocks.{layer}");
            let norm = |k: usize| spherical_norm(weights, &format!("backbone.{name}.norm_{k}"), lmax, channels);
            Ok(Block {
                before_messages: norm(1)?,
                radial: radial(&format!("{name}.edge_wise.so2_conv_1.rad_func"), rows.n_factors() * 2 * channels)?,
                before_atoms: norm(2)?,
                atomwise: Atomwise::read(
                    weights,
                    &format!("backbone.{name}.atom_wise"),
                    [lmax, channels, hidden],
                    arithmetic,
                )?,
            })
        };
        let blocks = (0..b.num_layers).map(block).collect::<Result<Vec<_>, LoadError>>()?;
        Ok(Self {
            arithmetic,
            set,
            wigner: Wigner::new(&rows.layout),
            gaussians: Gaussians::new(gaussians, b.cutoff),
            cutoff: b.cutoff,
            channels,
            hidden,
            edge_channels: b.edge_channels,
            elements: narrow(&weights.get("backbone.sphere_embedding.weight", &[elements, channels])?),
            degree: radial("edge_degree_embedding.rad_func", (lmax + 1) * channels)?,
            blocks,
            norm: spherical_norm(weights, "backbone.norm", lmax, channels)?,
            readout: Readout::read(weights, &contents.config.head, [channels, hidden], expert, set)?,
            rows,
            scalar_rows,
        })
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> u64 {
        let blocks = self.blocks.iter().map(|block| block.radial.bytes() + block.atomwise.bytes());
        let elements = (self.elements.len() * size_of::<T>()) as u64;
        elements + self.degree.bytes() + self.readout.bytes() + blocks.sum::<u64>()
    }

    /// Numbers of an atom's features.
    pub(super) fn size(&self) -> usize {
        self.rows.layout.n_components() * self.channels
    }

    /// Bytes that a layer keeps of an edge, unless it is asked not to.
    pub(super) fn kept_bytes(&self, merged: &Merged<T>) -> usize {
        self.blocks.iter().zip(&merged.layers).map(|(block, both)| self.edgewise(block, both).kept_bytes()).sum()
    }

    pub(super) fn prepare<'a>(&self, graph: &'a Graph) -> Prepared<'a, T> {
        let mut wigner = Vec::with_capacity(graph.n_edges() * self.rows.layout.wigner_len());
        let mut blocks = Vec::new();
        let frames = graph.edges.iter().map(|edge| {
            let frame = frame(edge.direction);
            self.wigner.fill(&frame, &mut blocks);
            wigner.extend(blocks.iter().map(|x| T::real(*x)));
            frame
        });
        let frames = frames.collect();
        let envelope = graph.edges.iter().map(|edge| T::real(envelope(edge.distance, self.cutoff).0)).collect();
        Prepared { edges: Edges { graph, wigner, basis: self.gaussians.values(graph), envelope }, frames }
    }

    fn edgewise<'a>(
        &'a self,
        block: &'a Block<T>,
        convolutions: &'a [super::convolution::Convolution<T>; 2],
    ) -> Edgewise<'a, T> {
        Edgewise {
            rows: &self.rows,
            radial: &block.radial,
            convolutions,
            channels: self.channels,
            hidden: self.hidden,
            edge_channels: self.edge_channels,
            set: self.set,
        }
    }

    fn edge_degree(&self) -> EdgeDegree<'_, T> {
        EdgeDegree {
            rows: &self.scalar_rows,
            radial: &self.degree,
            channels: self.channels,
            edge_channels: self.edge_channels,
            set: self.set,
        }
    }

    fn normal(&self, norm: &SphericalNorm<T>, x: &[T]) -> Vec<T> {
        let mut out = vec![T::default(); x.len()];
        T::run(NormForward { norm, features: x, out: &mut out }, self.set);
        out
    }

    /// Features before the first layer.
    pub(super) fn first_features(&self, edges: &Edges<T>, merged: &Merged<T>) -> Vec<T> {
        let mut x = vec![T::default(); edges.graph.n_atoms() * self.size()];
        for (atom, element) in x.chunks_exact_mut(self.size()).zip(&edges.graph.elements) {
            let row = &self.elements[*element as usize * self.channels..][..self.channels];
            for (x, (element, system)) in atom.iter_mut().zip(row.iter().zip(&merged.system)) {
                *x = *element + *system;
            }
        }
        self.edge_degree().forward(edges, &mut x);
        x
    }

    /// Normal features, with charge, spin and task added: what edges read.
    pub(super) fn message_input(&self, layer: usize, merged: &Merged<T>, x: &[T]) -> Vec<T> {
        let mut y = self.normal(&self.blocks[layer].before_messages, x);
        for atom in y.chunks_exact_mut(self.size()) {
            atom.iter_mut().zip(&merged.system).for_each(|(y, system)| *y += *system);
        }
        y
    }

    /// Adds the messages of a layer to `x`.
    pub(super) fn add_messages(
        &self,
        layer: usize,
        edges: &Edges<T>,
        merged: &Merged<T>,
        x: &mut [T],
        keep: bool,
    ) -> Option<Kept<T>> {
        let y = self.message_input(layer, merged, x);
        self.edgewise(&self.blocks[layer], &merged.layers[layer]).forward(edges, &y, x, keep)
    }

    /// Adds what atoms do with themselves, and balances channels.
    pub(super) fn add_atomwise(&self, layer: usize, merged: &Merged<T>, x: &mut [T]) {
        let block = &self.blocks[layer];
        let y = self.normal(&block.before_atoms, x);
        block.atomwise.forward(&y, x);
        for (channel, sum) in &merged.balanced {
            self.shift(*channel, *sum, x);
        }
    }

    /// Shifts a channel of degree 0 so that its sum over the atoms is `sum`. Its own transposed for `sum` 0.
    fn shift(&self, channel: usize, sum: f64, x: &mut [T]) {
        let n_atoms = (x.len() / self.size()) as f64;
        let column = || (channel..x.len()).step_by(self.size());
        let excess = (column().map(|at| x[at].wide()).sum::<f64>() - sum) / n_atoms;
        column().for_each(|at| x[at] = T::real(x[at].wide() - excess));
    }

    /// Degree 0 of the last features, normal.
    pub(super) fn last_features(&self, x: &[T]) -> Vec<f64> {
        scalars(&self.normal(&self.norm, x), self.size(), self.channels)
    }

    /// Energy, and the gradient where `gradient` says so; `keep`: intermediate results are kept for it rather than
    /// computed twice.
    pub(super) fn evaluate(
        &self,
        graph: &Graph,
        merged: &Merged<T>,
        gradient: bool,
        keep: bool,
        deadline: &Deadline,
    ) -> Result<Evaluation, PredictError> {
        let prepared = self.prepare(graph);
        let mut x = self.first_features(&prepared.edges, merged);
        let mut states = Vec::new();
        for layer in 0..self.blocks.len() {
            deadline.check()?;
            let before_messages = if gradient { x.clone() } else { Vec::new() };
            let kept = self.add_messages(layer, &prepared.edges, merged, &mut x, gradient && keep);
            let before_atoms = if gradient { x.clone() } else { Vec::new() };
            self.add_atomwise(layer, merged, &mut x);
            states.push(LayerState { before_messages, before_atoms, kept });
        }
        deadline.check()?;
        let last = self.last_features(&x);
        let energies = self.readout.energies(&last);
        let gradient = match gradient {
            true => self.backward(&prepared, merged, &x, &last, states, deadline)?,
            false => Vec::new(),
        };
        Ok(Evaluation { energy: energies.iter().sum(), features: last, gradient })
    }

    fn backward(
        &self,
        prepared: &Prepared<T>,
        merged: &Merged<T>,
        x: &[T],
        last: &[f64],
        states: Vec<LayerState<T>>,
        deadline: &Deadline,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        let edges = &prepared.edges;
        let n_edges = edges.graph.n_edges();
        let mut gradients = EdgeGradients {
            basis: vec![T::default(); edges.basis.len()],
            envelope: vec![0.0; n_edges],
            torque: vec![[0.0; 2]; n_edges],
        };
        let by_last = spread::<T>(&self.readout.gradient(last), self.size(), self.channels);
        let mut by_x = vec![T::default(); x.len()];
        T::run(NormBackward { norm: &self.norm, features: x, gradient: &by_last, out: &mut by_x }, self.set);
        for (layer, state) in states.into_iter().enumerate().rev() {
            deadline.check()?;
            let block = &self.blocks[layer];
            for (channel, _) in &merged.balanced {
                self.shift(*channel, 0.0, &mut by_x);
            }
            let y = self.normal(&block.before_atoms, &state.before_atoms);
            let by_y = block.atomwise.backward(&y, &by_x);
            let (norm, features) = (&block.before_atoms, &state.before_atoms);
            T::run(NormBackward { norm, features, gradient: &by_y, out: &mut by_x }, self.set);

            let y = self.message_input(layer, merged, &state.before_messages);
            let mut by_y = vec![T::default(); y.len()];
            self.edgewise(block, &merged.layers[layer]).backward(
                edges,
                &y,
                state.kept.as_ref(),
                &by_x,
                &mut by_y,
                &mut gradients,
            );
            let (norm, features) = (&block.before_messages, &state.before_messages);
            T::run(NormBackward { norm, features, gradient: &by_y, out: &mut by_x }, self.set);
        }
        deadline.check()?;
        self.edge_degree().backward(edges, &by_x, &mut gradients);
        Ok(self.by_vectors(prepared, &gradients))
    }

    /// From gradients by Gaussians, envelopes and tilts to those by vectors.
    fn by_vectors(&self, prepared: &Prepared<T>, gradients: &EdgeGradients<T>) -> Vec<[f64; 3]> {
        let edges = &prepared.edges.graph.edges;
        let basis = gradients.basis.chunks_exact(self.gaussians.len());
        let each = edges.iter().zip(&prepared.frames).zip(basis).zip(gradients.envelope.iter().zip(&gradients.torque));
        each.map(|(((edge, frame), basis), (by_envelope, torque))| {
            let (n, d) = (edge.direction, edge.distance);
            let radial = self.gaussians.slope(d, basis) + by_envelope * envelope(d, self.cutoff).1;
            let t = [0, 1, 2].map(|k| torque[0] * frame[0][k] + torque[1] * frame[2][k]);
            let tilt = [t[1] * n[2] - t[2] * n[1], t[2] * n[0] - t[0] * n[2], t[0] * n[1] - t[1] * n[0]];
            [0, 1, 2].map(|k| radial * n[k] + tilt[k] / d)
        })
        .collect()
    }
}
