//! The network: embedding, layers of interaction and product, readouts; and its gradient by pair vectors.

use super::context::{BasisRows, Context};
use super::edges::PairDerivatives;
use super::file::{FileError, ModelFile};
use super::graph::{GRAIN, Graph};
use super::interaction::{Interaction, Memory};
use super::linear::{Rows, padded};
use super::pair_tables::{PairTables, find_step};
use super::parameters::Channels;
use super::product::Product;
use super::radial::Basis;
use super::readout::Readout;
use super::zbl::Zbl;
use crate::e3nn::vector_gradient;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_threads as threads;

/// Weights in the layout of the kernels.
pub(super) struct Network<T> {
    /// `[elements, channels]`
    embedding: Vec<T>,
    embedded: Rows,
    basis: Basis,
    /// √Å, where radial functions are tabulated for pairs of elements: in single precision.
    pair_step: Option<f64>,
    zbl: Option<Zbl>,
    layers: Vec<Layer<T>>,
    /// eV, by element.
    references: Vec<f64>,
    /// Factor and term of what the readouts give, eV.
    scale: f64,
    shift: f64,
}

struct Layer<T> {
    interaction: Interaction<T>,
    product: Product<T>,
    use_sc: bool,
    readout: Readout<T>,
    /// Of what comes out.
    features: Rows,
    /// Upstream's channels and largest l of it.
    shape: (usize, usize),
}

/// What an evaluation gives.
pub(super) struct Evaluation {
    /// eV, one an atom, references of the elements included.
    pub(super) sites: Vec<f64>,
    /// `∂E/∂vector` of each pair, eV/Å; empty where it was not asked for.
    pub(super) gradient: Vec<[f64; 3]>,
    /// Upstream's descriptors: of each layer the scalars, or all components (channel-major, as e3nn has them).
    pub(super) descriptors: Vec<f64>,
}

/// Which descriptors of atoms are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descriptors {
    /// None.
    None,
    /// Scalars of all layers, as upstream's `get_descriptors(invariants_only=True)`.
    Invariant,
    /// All features of all layers.
    All,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) gradient: bool,
    pub(super) descriptors: Descriptors,
}

/// One layer's part of a forward pass.
struct Step<T> {
    memory: Memory<T>,
    messages: Vec<T>,
    features: Vec<T>,
}

impl<T: Real> Network<T> {
    pub(super) fn read(
        file: &ModelFile,
        head: usize,
        exact_radial: bool,
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        let config = &file.config;
        let (n_elements, n_heads) = (config.atomic_numbers.len(), config.heads.len());
        let basis = Basis::read(file)?;
        let channels = Channels::new(config.layers[0].node_feats.0[0]);
        let embedding = file.read("node_embedding.linear.weight", n_elements * channels.upstream)?;
        let place = padded(channels.upstream, channels.padded);
        let norm = 1.0 / (n_elements as f64).sqrt();
        let entry = |index: usize| {
            let (element, channel) = (index / channels.padded, index % channels.padded);
            T::real(place(channel).map_or(0.0, |c| norm * embedding[element * channels.upstream + c]))
        };
        let mut layers = Vec::new();
        let mut before = channels;
        for (number, layer) in config.layers.iter().enumerate() {
            let after = Channels::new(layer.product.0[0]);
            let basis = (&basis, exact_radial, set);
            layers.push(Layer {
                interaction: Interaction::read(file, number, config, layer, (before, after), basis)?,
                product: Product::read(file, number, config, layer, after, set)?,
                use_sc: layer.use_sc,
                readout: Readout::read(file, number, layer.nonlinear_readout, (head, n_heads), after, set)?,
                features: Rows::features(layer.product.lmax(), after.padded),
                shape: (after.upstream, layer.product.lmax()),
            });
            before = after;
        }
        let references = file.of_head("atomic_energies_fn.atomic_energies", n_elements, head)?;
        let single = |name: &str| Ok::<f64, FileError>(file.of_head(name, 1, head)?[0]);
        let (scale, shift) = match config.scale_shift {
            true => (single("scale_shift.scale")?, single("scale_shift.shift")?),
            false => (1.0, 0.0),
        };
        let networks: Vec<_> =
            layers.iter().filter_map(|layer| layer.interaction.pair_functions()?.0.hidden()).collect();
        // Double precision keeps the networks: forces from tables as fine as pay are off by 1e-8 of the largest.
        let tabulated = size_of::<T>() < size_of::<f64>() && networks.len() == layers.len();
        let pair_step = if tabulated { find_step::<T>(&basis, &networks, &config.atomic_numbers, set) } else { None };
        Ok(Self {
            pair_step,
            embedding: (0..n_elements * channels.padded).map(entry).collect(),
            embedded: Rows::features(0, channels.padded),
            zbl: if config.pair_repulsion { Some(Zbl::read(file)?) } else { None },
            basis,
            layers,
            references,
            scale,
            shift,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        let layer = |layer: &Layer<T>| layer.interaction.bytes() + layer.product.bytes() + layer.readout.bytes();
        self.layers.iter().map(layer).sum::<u64>() + (self.embedding.len() * size_of::<T>()) as u64
    }

    /// Bytes that tables for so many pairs of elements take at most.
    pub(super) fn bytes_of_tables(&self, n_kinds: usize, n_pairs: f64) -> f64 {
        let Some(step) = self.pair_step else { return 0.0 };
        let width = |layer: &Layer<T>| layer.interaction.pair_functions().map_or(0, |(network, _)| network.width());
        let row = (self.layers.iter().map(width).sum::<usize>() * size_of::<T>()) as f64;
        // A row of a knot and one of differences for each step; a distance alone in its step needs five more of these.
        let n_steps = self.basis.r_max.sqrt() / step;
        row * (2.0 * n_steps * n_kinds as f64).min(7.0 * n_pairs)
    }

    pub(super) fn evaluate(
        &self,
        graph: &Graph<T>,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> Result<Evaluation, PredictError> {
        let functions = self.layers.iter().filter_map(|layer| layer.interaction.pair_functions());
        let tables = match self.pair_step {
            Some(step) => Some(PairTables::new(graph, &self.basis, step, functions, deadline)?),
            None => None,
        };
        let needs_basis = tables.is_none() && self.layers.iter().any(|layer| layer.interaction.needs_basis());
        let rows = if needs_basis { BasisRows::new(&self.basis, graph) } else { BasisRows::none() };
        let context = Context { graph, basis: &self.basis, rows: &rows, tables: tables.as_ref(), deadline };
        let (embedded, steps, mut readouts) = self.forward(context)?;
        let mut derivatives = PairDerivatives::new(graph.pairs.len());
        if let Some(zbl) = &self.zbl {
            for (index, pair) in graph.pairs.iter().enumerate() {
                let (value, slope) = zbl.value_and_slope(pair.distance, graph.numbers_of(pair));
                readouts[pair.i as usize] += value;
                readouts[pair.j as usize] += value;
                derivatives.by_distance[index] += 2.0 * slope;
            }
        }
        let sites = readouts.iter().zip(&graph.elements);
        let sites = sites.map(|(energy, z)| self.references[usize::from(*z)] + self.scale * energy + self.shift);
        let sites = sites.collect();
        let descriptors = self.descriptors(&steps, graph.n_atoms(), wanted.descriptors);
        let gradient = match wanted.gradient {
            true => self.backward(context, &embedded, steps, derivatives)?,
            false => Vec::new(),
        };
        Ok(Evaluation { sites, gradient, descriptors })
    }

    /// Embedding, layer by layer, and the sum of their readouts for each atom.
    #[expect(clippy::type_complexity, reason = "three things that only `evaluate` takes apart")]
    fn forward(&self, context: Context<'_, T>) -> Result<(Vec<T>, Vec<Step<T>>, Vec<f64>), PredictError> {
        let Context { graph, deadline, .. } = context;
        let width = self.embedded.stride;
        let embedded: Vec<T> = graph
            .elements
            .iter()
            .flat_map(|element| &self.embedding[usize::from(*element) * width..][..width])
            .copied()
            .collect();

        let mut readouts = vec![0.0; graph.n_atoms()];
        let mut steps: Vec<Step<T>> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            deadline.check()?;
            let input = steps.last().map_or(&embedded, |step| &step.features);
            let (messages, memory) = layer.interaction.forward(context, input)?;
            let mut features = layer.features.zeros(graph.n_atoms());
            if layer.use_sc {
                layer.interaction.skip_forward(&graph.elements, input, &mut features);
            }
            layer.product.forward(&graph.elements, &messages, &mut features);
            layer.readout.forward(&features, layer.features.stride, &mut readouts);
            steps.push(Step { memory, messages, features });
        }
        Ok((embedded, steps, readouts))
    }

    fn backward(
        &self,
        context: Context<'_, T>,
        embedded: &[T],
        mut steps: Vec<Step<T>>,
        mut derivatives: PairDerivatives,
    ) -> Result<Vec<[f64; 3]>, PredictError> {
        let graph = context.graph;
        let n_atoms = graph.n_atoms();
        let mut by_features = self.layers.last().map(|layer| layer.features.zeros(n_atoms)).unwrap_or_default();
        for (number, layer) in self.layers.iter().enumerate().rev() {
            context.deadline.check()?;
            let Some(step) = steps.pop() else { break };
            layer.readout.backward(&step.features, layer.features.stride, &mut by_features);
            let by_messages = layer.product.backward(&graph.elements, &step.messages, &by_features);
            // Nothing flows into the embedding: it depends on the elements alone.
            let mut by_input = (number > 0).then(|| {
                let input = steps.last().map_or(embedded, |step| &step.features);
                vec![T::default(); input.len()]
            });
            if let (Some(by_input), true) = (&mut by_input, layer.use_sc) {
                layer.interaction.skip_backward(&graph.elements, &by_features, by_input);
            }
            layer.interaction.backward(
                context,
                &step.memory,
                by_messages,
                by_input.as_deref_mut(),
                &mut derivatives,
            )?;
            by_features = by_input.unwrap_or_default();
        }
        let PairDerivatives { by_distance, by_harmonics } = derivatives;
        let mut gradient = threads::zeros(graph.pairs.len());
        threads::for_each_rows(&mut gradient, 1, GRAIN, |first, gradient: &mut [[f64; 3]]| {
            for (index, gradient) in (first..).zip(gradient) {
                let (pair, by_harmonics) = (&graph.pairs[index], &by_harmonics[index]);
                let by_vector = vector_gradient(pair.vector, pair.distance, by_distance[index], by_harmonics);
                *gradient = by_vector.map(|g| self.scale * g);
            }
        });
        Ok(gradient)
    }

    fn descriptors(&self, steps: &[Step<T>], n_atoms: usize, wanted: Descriptors) -> Vec<f64> {
        if wanted == Descriptors::None {
            return Vec::new();
        }
        let mut values = Vec::new();
        for atom in 0..n_atoms {
            for (layer, step) in self.layers.iter().zip(steps) {
                let row = &step.features[atom * layer.features.stride..][..layer.features.stride];
                let (channels, lmax) = layer.shape;
                let lmax = if wanted == Descriptors::All { lmax } else { 0 };
                for l in 0..=lmax {
                    for c in 0..channels {
                        values.extend((0..2 * l + 1).map(|m| row[layer.features.at(l, m) + c].wide()));
                    }
                }
            }
        }
        values
    }

    /// Numbers of [`Evaluation::descriptors`] an atom.
    pub(super) fn descriptor_width(&self, wanted: Descriptors) -> usize {
        let width = |layer: &Layer<T>| {
            let (channels, lmax) = layer.shape;
            match wanted {
                Descriptors::None => 0,
                Descriptors::Invariant => channels,
                Descriptors::All => channels * (lmax + 1) * (lmax + 1),
            }
        };
        self.layers.iter().map(width).sum()
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
