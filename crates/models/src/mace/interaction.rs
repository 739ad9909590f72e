//! An interaction: features are sent along the edges, summed over neighbors, mixed and normalised.

use super::config::{Config, Interaction as Kind, LayerConfig};
use super::context::Context;
use super::edges::{Edges, PairDerivatives, Radial};
use super::file::{FileError, ModelFile};
use super::gate::EquivariantGate;
use super::linear::{ATOMS_PER_THREAD, ElementLinear, Linear, Rows};
use super::parameters::{Channels, element_linear, linear};
use super::radial::{Basis, Density, RadialNetwork};
use mlip_atoms::PredictError;
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_threads as threads;

/// Numbers that a thread multiplies at least: some 10 µs.
const SCALED_PER_THREAD: usize = 1 << 15;

/// One layer's interaction.
pub(super) struct Interaction<T> {
    /// Of the layer.
    number: usize,
    up: Linear<T>,
    pub(super) edges: Edges<T>,
    density: Option<Density>,
    /// From sums over neighbors to messages.
    linear: Linear<T>,
    /// 1 / average number of neighbors.
    scale: T,
    after: After<T>,
    skip: Skip<T>,
    sent: Rows,
    messages: Rows,
}

/// What follows the linear map.
enum After<T> {
    Nothing,
    /// Weights of the element.
    Elements(ElementLinear<T>),
    /// MACE-MH's gates.
    Gate(Box<Gated<T>>),
}

struct Gated<T> {
    residual: Linear<T>,
    gate: EquivariantGate,
    last: Linear<T>,
    alpha: f64,
    beta: f64,
    /// Before the gates.
    rows: Rows,
}

/// The way around the interaction.
enum Skip<T> {
    None,
    Elements(ElementLinear<T>),
    Plain(Linear<T>),
}

/// What the backward pass needs of the forward pass.
pub(super) struct Memory<T> {
    /// Features as they are sent.
    pub(super) sent: Vec<T>,
    /// By which the sum over neighbors was multiplied, one an atom; without densities empty.
    factors: Vec<f64>,
    /// Normalised sums, where a density or a gate needs them.
    normalised: Vec<T>,
    /// Before the gates.
    gates: Vec<T>,
}

impl<T: Real> Interaction<T> {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        config: &Config,
        layer: &LayerConfig,
        (features, channels): (Channels, Channels),
        (basis, exact, set): (&Basis, bool, InstructionSet),
    ) -> Result<Self, FileError> {
        let sent = Channels::new(layer.edge.0[0]);
        let edges = Edges::read(file, number, config, layer, sent, (basis, exact, set))?;
        let name = |what: &str| format!("interactions.{number}.{what}.weight");
        let n_elements = config.atomic_numbers.len();
        let sums: Vec<usize> = edges.n_paths.iter().map(|n| n * sent.upstream).collect();
        let target = &layer.target.0;
        let gated = layer.interaction == Kind::NonLinear;
        // Scalars come with one gate for each other l.
        let mut before_gates = target.clone();
        before_gates[0] = target.iter().sum();
        let (first, to) = if gated { ("linear_1", &before_gates) } else { ("linear", target) };
        let after = if gated {
            let residual = linear(file, &name("linear_res"), &layer.edge.0, &before_gates, sent, channels, set)?;
            let last = linear(file, &name("linear_2"), target, target, channels, channels, set)?;
            let rows: Vec<usize> = before_gates.iter().map(|n| n / channels.upstream * channels.padded).collect();
            let (alpha, beta) = (format!("interactions.{number}.alpha"), format!("interactions.{number}.beta"));
            After::Gate(Box::new(Gated {
                residual,
                gate: EquivariantGate::new(config.max_ell, channels),
                last,
                alpha: file.number(&alpha)?,
                beta: file.number(&beta)?,
                rows: Rows::new(&rows),
            }))
        } else if layer.interaction.is_residual() {
            After::Nothing
        } else {
            After::Elements(element_linear(file, &name("skip_tp"), target, target, n_elements, channels, set)?)
        };
        let (from, hidden) = (&layer.node_feats.0, &layer.hidden.0);
        let skip = match layer.interaction {
            Kind::NonLinear => Skip::Plain(linear(file, &name("skip_tp"), from, hidden, features, channels, set)?),
            Kind::Residual | Kind::DensityResidual => {
                Skip::Elements(element_linear(file, &name("skip_tp"), from, hidden, n_elements, channels, set)?)
            }
            Kind::Plain | Kind::Density => Skip::None,
        };
        let has_density = layer.interaction.has_density();
        Ok(Self {
            number,
            up: linear(file, &name("linear_up"), from, &layer.edge.0, features, sent, set)?,
            density: if has_density && !gated { Some(Density::read(file, number, config)?) } else { None },
            linear: linear(file, &name(first), &sums, to, sent, channels, set)?,
            scale: T::real(if has_density { 1.0 } else { 1.0 / layer.avg_num_neighbors }),
            edges,
            after,
            skip,
            sent: Rows::features(layer.edge.lmax(), sent.padded),
            messages: Rows::features(layer.target.lmax(), channels.padded),
        })
    }

    /// Adds the features' way around the interaction to `output`.
    pub(super) fn skip_forward(&self, elements: &[u16], features: &[T], output: &mut [T]) {
        match &self.skip {
            Skip::None => {}
            Skip::Elements(map) => map.forward(elements, features, output),
            Skip::Plain(map) => map.forward(features, output),
        }
    }

    /// The same backwards.
    pub(super) fn skip_backward(&self, elements: &[u16], output: &[T], features: &mut [T]) {
        match &self.skip {
            Skip::None => {}
            Skip::Elements(map) => map.backward(elements, output, features),
            Skip::Plain(map) => map.backward(output, features),
        }
    }

    /// Messages of all atoms.
    pub(super) fn forward(&self, context: Context<'_, T>, features: &[T]) -> Result<(Vec<T>, Memory<T>), PredictError> {
        let elements = &context.graph.elements;
        let n_atoms = elements.len();
        let mut sent = self.sent.zeros(n_atoms);
        self.up.forward(features, &mut sent);
        let sums = self.edges.forward(context, &sent)?;
        let rows = match &self.after {
            After::Gate(gated) => &gated.rows,
            _ => &self.messages,
        };
        let mut mixed = rows.zeros(n_atoms);
        self.linear.forward(&sums, &mut mixed);
        let factors = self.factors(context);
        if factors.is_empty() {
            scale_all(&mut mixed, self.scale);
        } else {
            scale_rows(&mut mixed, &factors, rows.stride);
        }
        let mut memory = Memory { sent, factors, normalised: Vec::new(), gates: Vec::new() };
        let messages = match &self.after {
            After::Nothing => {
                if !memory.factors.is_empty() {
                    memory.normalised.clone_from(&mixed);
                }
                mixed
            }
            After::Elements(map) => {
                let mut messages = self.messages.zeros(n_atoms);
                map.forward(elements, &mixed, &mut messages);
                memory.normalised = mixed;
                messages
            }
            After::Gate(gated) => {
                memory.normalised.clone_from(&mixed);
                gated.residual.forward(&memory.sent, &mut mixed);
                let open = gated.gate.forward(&mixed, &gated.rows, &self.messages);
                let mut messages = self.messages.zeros(n_atoms);
                gated.last.forward(&open, &mut messages);
                memory.gates = mixed;
                messages
            }
        };
        Ok((messages, memory))
    }

    /// From `∂E/∂messages` to those by pairs, and by features if asked for: added to `by_features`.
    pub(super) fn backward(
        &self,
        context: Context<'_, T>,
        memory: &Memory<T>,
        messages: Vec<T>,
        by_features: Option<&mut [T]>,
        derivatives: &mut PairDerivatives,
    ) -> Result<(), PredictError> {
        let n_atoms = context.graph.n_atoms();
        let mut by_sent = self.sent.zeros(n_atoms);
        let mut mixed = match &self.after {
            After::Nothing => messages,
            After::Elements(map) => {
                let mut mixed = self.messages.zeros(n_atoms);
                map.backward(&context.graph.elements, &messages, &mut mixed);
                mixed
            }
            After::Gate(gated) => {
                let mut open = self.messages.zeros(n_atoms);
                gated.last.backward(&messages, &mut open);
                let mixed = gated.gate.backward(&memory.gates, &open, &gated.rows, &self.messages);
                gated.residual.backward(&mixed, &mut by_sent);
                mixed
            }
        };
        if memory.factors.is_empty() {
            scale_all(&mut mixed, self.scale);
        } else {
            self.density_backward(context, memory, &mixed, derivatives);
            let stride = mixed.len() / n_atoms.max(1);
            scale_rows(&mut mixed, &memory.factors, stride);
        }
        let mut sums = self.edges.rows.zeros(n_atoms);
        self.linear.backward(&mixed, &mut sums);
        let wanted = by_features.is_some();
        let by_edges = wanted.then_some(by_sent.as_mut_slice());
        self.edges.backward(context, &memory.sent, &sums, by_edges, derivatives)?;
        if let Some(by_features) = by_features {
            self.up.backward(&by_sent, by_features);
        }
        Ok(())
    }

    /// 1 / (learnt density of neighbors), one an atom; empty without a density.
    fn factors(&self, context: Context<'_, T>) -> Vec<f64> {
        let (beta, alpha) = match &self.after {
            After::Gate(gated) => (gated.beta, gated.alpha),
            _ if self.density.is_some() => (1.0, 1.0),
            _ => return Vec::new(),
        };
        let mut sums = vec![0.0; context.graph.n_atoms()];
        self.densities(context, |_, pair, there, back| {
            sums[pair.j as usize] += there.0;
            sums[pair.i as usize] += back.0;
        });
        sums.iter().map(|sum| 1.0 / (beta * sum + alpha)).collect()
    }

    /// `mixed`: `∂E/∂(normalised sums)`.
    fn density_backward(
        &self,
        context: Context<'_, T>,
        memory: &Memory<T>,
        mixed: &[T],
        derivatives: &mut PairDerivatives,
    ) {
        let beta = match &self.after {
            After::Gate(gated) => gated.beta,
            _ => 1.0,
        };
        let stride = mixed.len() / context.graph.n_atoms().max(1);
        let rows = mixed.chunks_exact(stride).zip(memory.normalised.chunks_exact(stride)).zip(&memory.factors);
        let by_sum = rows.map(|((g, normalised), factor)| {
            let product: f64 = g.iter().zip(normalised).map(|(g, x)| g.wide() * x.wide()).sum();
            -product * factor * beta
        });
        let by_sum = by_sum.collect::<Vec<_>>();
        self.densities(context, |index, pair, there, back| {
            let slope = there.1 * by_sum[pair.j as usize] + back.1 * by_sum[pair.i as usize];
            derivatives.by_distance[index] += slope;
        });
    }

    /// Calls `visit` with each pair and the densities of its edges (i → j), (j → i), with derivatives.
    fn densities(
        &self,
        context: Context<'_, T>,
        mut visit: impl FnMut(usize, &mlip_atoms::neighbors::Pair, (f64, f64), (f64, f64)),
    ) {
        for (index, pair) in context.graph.pairs.iter().enumerate() {
            if let (Some(tables), Some(_)) = (context.tables, &self.density) {
                let both = tables.density(self.number, index);
                visit(index, pair, both, both);
                continue;
            }
            let (basis, slopes) = context.rows.of(index..index + 1);
            let (mut there, mut back) = match (&self.density, &self.edges.radial) {
                (Some(density), _) => {
                    let both = density.value_and_slope(basis, slopes);
                    (both, both)
                }
                (None, Radial::Directed(network)) => {
                    let both = network.densities(context, std::slice::from_ref(pair), (basis, slopes));
                    (both[0], both[1])
                }
                (None, Radial::Shared(_)) => return,
            };
            if let Some((cut, cut_slope)) = context.basis.outer_cutoff(pair.distance) {
                for (value, slope) in [&mut there, &mut back] {
                    *slope = *slope * cut + *value * cut_slope;
                    *value *= cut;
                }
            }
            visit(index, pair, there, back);
        }
    }

    /// Whether it needs the basis functions of the pairs.
    pub(super) fn needs_basis(&self) -> bool {
        self.density.is_some() || !self.edges.is_tabulated()
    }

    /// What tables for pairs of elements are made of.
    pub(super) fn pair_functions(&self) -> Option<(&RadialNetwork<T>, Option<&Density>)> {
        match &self.edges.radial {
            Radial::Shared(network) => Some((network, self.density.as_ref())),
            Radial::Directed(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let after = match &self.after {
            After::Nothing => 0,
            After::Elements(map) => map.bytes(),
            After::Gate(gated) => gated.residual.bytes() + gated.last.bytes(),
        };
        let skip = match &self.skip {
            Skip::None => 0,
            Skip::Elements(map) => map.bytes(),
            Skip::Plain(map) => map.bytes(),
        };
        self.up.bytes() + self.edges.bytes() + self.linear.bytes() + after + skip
    }
}

fn scale_all<T: Real>(numbers: &mut [T], factor: T) {
    threads::for_each_rows(numbers, 1, SCALED_PER_THREAD, |_, part| part.iter_mut().for_each(|x| *x *= factor));
}

fn scale_rows<T: Real>(rows: &mut [T], factors: &[f64], stride: usize) {
    threads::for_each_rows(rows, stride, ATOMS_PER_THREAD, |first, rows| {
        for (row, factor) in rows.chunks_exact_mut(stride).zip(&factors[first..]) {
            let factor = T::real(*factor);
            row.iter_mut().for_each(|x| *x *= factor);
        }
    });
}
