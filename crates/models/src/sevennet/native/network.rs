//! Layer by layer, from a graph to energies and their gradient.

use super::blocks::{Features, padded, width, zeros};
use super::bundle::{Context, PairDerivatives};
use super::layer::{Layer, Memory};
use super::linear::Loader;
use super::radial::Basis;
use crate::e3nn::{N_HARMONICS, gradient, harmonics, vector_gradient};
use crate::pair_evaluation::{Evaluation, Wanted};
use crate::sevennet::config::Config;
use crate::sevennet::graph::Graph;
use crate::sevennet::irreps::Irreps;
use crate::sevennet::layers::Layer as Plan;
use crate::weights::{Weights, WeightsError};
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};

/// SevenNet's weights in the layout of the kernels.
pub(in crate::sevennet) struct Network<T> {
    /// `[species, padded channels]`
    embedding: Vec<T>,
    basis: Basis,
    normalized: bool,
    layers: Vec<Layer<T>>,
    /// Two linear maps in one: from the last features to an energy, `[channels]`, and what the modality adds.
    readout: Vec<f64>,
    readout_offset: f64,
    /// By species, eV.
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl<T: Real> Network<T> {
    /// `modal`: index of the modality, where there are several.
    pub(in crate::sevennet) fn read(
        config: &Config,
        plans: &[Plan],
        weights: &Weights,
        modal: Option<usize>,
        set: InstructionSet,
    ) -> Result<Self, WeightsError> {
        let load = Loader { weights, modal: modal.map(|modal| (modal, config.modals.len())), set };
        let basis = Basis::new(config, load.all("edge_embedding.basis_function.coeffs", config.n_bessel)?);
        let (first, last) = match (plans.first(), plans.last()) {
            (Some(first), Some(last)) => (&first.input, &last.output),
            _ => return Err(WeightsError::Missing("0_convolution.denominator".into())),
        };
        let read = |(number, plan)| Layer::read(load, number, plan, config, &basis);
        let layers = plans.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let (readout, readout_offset) = readout(load, last, config)?;
        let n_species = config.species.len();
        Ok(Self {
            embedding: embedding(load, first, config)?,
            layers,
            readout,
            readout_offset,
            scale: of_species(load, "rescale_atomic_energy.scale", n_species)?,
            shift: of_species(load, "rescale_atomic_energy.shift", n_species)?,
            normalized: config.normalized,
            basis,
        })
    }

    /// Bytes of weights.
    pub(in crate::sevennet) fn bytes(&self) -> u64 {
        self.layers.iter().map(Layer::bytes).sum::<u64>() + (self.embedding.len() * size_of::<T>()) as u64
    }

    /// Numbers of [`Evaluation::features`] an atom.
    pub(in crate::sevennet) fn width(&self) -> usize {
        self.readout.len()
    }

    /// Bytes that an evaluation takes: features of all layers and their gradients, numbers of pairs.
    pub(in crate::sevennet) fn working_bytes(&self, n_atoms: f64, n_edges: f64) -> f64 {
        let numbers = |irreps: &Irreps| irreps.0.iter().map(width).sum::<usize>();
        let kept = self.layers.iter().map(|layer| {
            let plan = &layer.plan;
            numbers(&plan.input) + numbers(&plan.gate_input) + numbers(&plan.output)
        });
        // Besides what is kept of all layers, what is under way in one: no more than the sums and as much again.
        let under_way = self.layers.iter().map(|layer| 3 * numbers(&layer.plan.sums)).max().unwrap_or(0);
        let atom = size_of::<T>() * (kept.sum::<usize>() + under_way);
        let pair = N_HARMONICS * (8 + size_of::<T>()) + 160;
        1e6 + n_atoms * atom as f64 + 0.5 * n_edges * pair as f64
    }

    /// Evaluates the network and, where asked, its gradient.
    pub(in crate::sevennet) fn evaluate(
        &self,
        graph: &Graph,
        wanted: Wanted,
        deadline: &Deadline,
    ) -> Result<Evaluation, PredictError> {
        let rows = graph.pairs.iter().flat_map(|pair| {
            let scale = if self.normalized { 1.0 / pair.distance } else { 1.0 };
            harmonics(pair.vector.map(|x| scale * x))
        });
        let rows = rows.map(T::real).collect::<Vec<_>>();
        let context = Context { graph, harmonics: &rows, basis: &self.basis, deadline };
        let (features, memories) = self.forward(context)?;
        let (n, stride) = (self.readout.len(), padded(self.readout.len()));
        let atoms = features.first().map(Vec::as_slice).unwrap_or_default().chunks_exact(stride);
        let energy = |(row, species): (&[T], &u32)| {
            let sum: f64 = row.iter().zip(&self.readout).map(|(x, w)| x.wide() * w).sum();
            let species = *species as usize;
            (sum + self.readout_offset) * self.scale[species] + self.shift[species]
        };
        let sites = atoms.clone().zip(&graph.species).map(energy).collect();
        let features = match wanted.features {
            true => atoms.flat_map(|row| row[..n].iter().map(|x| x.wide())).collect(),
            false => Vec::new(),
        };
        let gradient = match wanted.gradient {
            true => self.backward(context, &memories)?,
            false => Vec::new(),
        };
        Ok(Evaluation { sites, gradient, features })
    }

    fn forward(&self, context: Context<'_, T>) -> Result<(Features<T>, Vec<Memory<T>>), PredictError> {
        let Some(first) = self.layers.first() else { return Ok((Vec::new(), Vec::new())) };
        let mut features = zeros(&first.plan.input, context.graph.n_atoms());
        let stride = self.embedding.len() / self.scale.len();
        for (row, species) in features[0].chunks_exact_mut(stride).zip(&context.graph.species) {
            row.copy_from_slice(&self.embedding[*species as usize * stride..][..stride]);
        }
        let mut memories = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            context.deadline.check()?;
            let (output, memory) = layer.forward(context, &features)?;
            features = output;
            memories.push(memory);
        }
        Ok((features, memories))
    }

    /// `∂E/∂vector` of each pair.
    fn backward(&self, context: Context<'_, T>, memories: &[Memory<T>]) -> Result<Vec<[f64; 3]>, PredictError> {
        let graph = context.graph;
        let n_pairs = graph.pairs.len();
        let mut derivatives =
            PairDerivatives { by_distance: vec![0.0; n_pairs], by_harmonics: vec![[0.0; N_HARMONICS]; n_pairs] };
        let stride = padded(self.readout.len());
        let mut by_features = vec![vec![T::default(); graph.n_atoms() * stride]];
        for (row, species) in by_features[0].chunks_exact_mut(stride).zip(&graph.species) {
            let scale = self.scale[*species as usize];
            row.iter_mut().zip(&self.readout).for_each(|(x, w)| *x = T::real(scale * w));
        }
        for (number, (layer, memory)) in self.layers.iter().zip(memories).enumerate().rev() {
            context.deadline.check()?;
            // Nothing flows into the embedding: it depends on the species alone.
            by_features = layer.backward(context, memory, &by_features, number > 0, &mut derivatives)?;
        }
        let rows = derivatives.by_distance.iter().zip(&derivatives.by_harmonics);
        let gradients = graph.pairs.iter().zip(rows).map(|(pair, (by_distance, by_harmonics))| {
            if self.normalized {
                return vector_gradient(pair.vector, pair.distance, *by_distance, by_harmonics);
            }
            let slope = gradient(pair.vector, by_harmonics);
            [0, 1, 2].map(|axis| by_distance * pair.vector[axis] / pair.distance + slope[axis])
        });
        Ok(gradients.collect())
    }
}

/// First features of each species.
fn embedding<T: Real>(load: Loader<'_>, to: &Irreps, config: &Config) -> Result<Vec<T>, WeightsError> {
    let n_species = config.species.len();
    let one_hot = Irreps::scalars(n_species);
    let n = to.0.first().map_or(0, |block| block.n);
    let mut rows = vec![0.0; n_species * padded(n)];
    for share in load.shares("onehot_to_feature_x", &one_hot, to, config.modal_places.embedding)? {
        for (species, row) in rows.chunks_exact_mut(padded(n)).enumerate() {
            let values = match share.input {
                Some(_) => &share.values[species * n..][..n],
                None => &share.values,
            };
            row.iter_mut().zip(values).for_each(|(x, y)| *x += y);
        }
    }
    Ok(rows.into_iter().map(T::real).collect())
}

/// Both maps of the readout in one.
fn readout(load: Loader<'_>, from: &Irreps, config: &Config) -> Result<(Vec<f64>, f64), WeightsError> {
    let (n, hidden) = (from.dim(), Irreps::scalars(from.dim() / 2));
    let width = from.dim() / 2;
    let last = load.shares("reduce_hidden_to_energy", &hidden, &Irreps::scalars(1), false)?;
    let last = last.first().map(|share| share.values.as_slice()).unwrap_or_default();
    let (mut readout, mut offset) = (vec![0.0; n], 0.0);
    for share in load.shares("reduce_input_to_hidden", from, &hidden, config.modal_places.readout)? {
        let through = |row: &[f64]| row.iter().zip(last).map(|(a, b)| a * b).sum::<f64>();
        match share.input {
            None => offset += through(&share.values),
            Some(_) => {
                let rows = share.values.chunks_exact(width.max(1));
                readout.iter_mut().zip(rows).for_each(|(x, row)| *x = through(row));
            }
        }
    }
    Ok((readout, offset))
}

/// Numbers of each species: of the modality, of all modalities, or the same for all species.
fn of_species(load: Loader<'_>, name: &str, n_species: usize) -> Result<Vec<f64>, WeightsError> {
    let (values, shape) = (load.weights.values(name)?, load.weights.shape(name)?.to_vec());
    match (shape.as_slice(), load.modal) {
        ([1] | [], _) => Ok(vec![values[0]; n_species]),
        ([n], _) if *n == n_species => Ok(values.into_owned()),
        ([n_modals, n], Some((modal, expected))) if *n == n_species && *n_modals == expected => {
            Ok(values[modal * n..][..*n].to_vec())
        }
        _ => Err(WeightsError::Shape { name: name.into(), expected: vec![n_species], found: shape }),
    }
}
