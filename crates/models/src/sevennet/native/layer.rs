//! One layer: features go along edges, are summed at the receivers, mixed, and gated.

use super::blocks::{Features, padded, zeros};
use super::bundle::{Bundle, Context, PairDerivatives, Parts};
use super::gate::Gate;
use super::linear::{Linear, Loader, Share, add_to_rows, offset};
use super::radial::{Basis, Radial};
use crate::e3nn::{Coefficient, TwoWay, couplings};
use crate::sevennet::config::{Config, Connection};
use crate::sevennet::irreps::Irrep;
use crate::sevennet::layers::{Layer as Plan, Path};
use crate::weights::WeightsError;
use mlip_atoms::PredictError;
use mlip_kernels::simd::Real;

/// A layer with its weights.
pub(super) struct Layer<T> {
    pub(super) plan: Plan,
    around: Linear<T>,
    before: Linear<T>,
    bundles: Vec<Bundle<T>>,
    /// What the modality adds behind the sums: block of what the gate gets, `[padded channels]`.
    offsets: Vec<(usize, Vec<T>)>,
    gate: Gate,
}

/// What the backward pass needs of a forward pass.
pub(super) struct Memory<T> {
    sent: Features<T>,
    gate_input: Features<T>,
}

impl<T: Real> Layer<T> {
    pub(super) fn read(
        load: Loader<'_>,
        number: usize,
        plan: &Plan,
        config: &Config,
        basis: &Basis,
    ) -> Result<Self, WeightsError> {
        let name = |what: &str| format!("{number}_{what}");
        let (around, places) = (name("self_connection_intro"), config.modal_places);
        let after = load.shares(&name("self_interaction_2"), &plan.sums, &plan.gate_input, places.outro)?;
        let offsets = after.iter().filter(|share| share.input.is_none());
        Ok(Self {
            around: match plan.connection {
                Connection::Linear => load.linear(&around, &plan.input, &plan.gate_input, false)?,
                Connection::Species => {
                    load.species_linear(&around, &plan.input, &plan.gate_input, config.species.len())?
                }
            },
            before: load.linear(&name("self_interaction_1"), &plan.input, &plan.input, places.intro)?,
            offsets: offsets.map(|share| (share.output, offset(&share.values))).collect(),
            bundles: bundles(load, number, plan, config, basis, &after)?,
            gate: Gate::new(plan),
            plan: plan.clone(),
        })
    }

    pub(super) fn forward(
        &self,
        context: Context<'_, T>,
        features: &[Vec<T>],
    ) -> Result<(Features<T>, Memory<T>), PredictError> {
        let (species, n_atoms) = (&context.graph.species, context.graph.n_atoms());
        let mut sent = zeros(&self.plan.input, n_atoms);
        self.before.forward(species, features, &mut sent);
        let mut gate_input = zeros(&self.plan.gate_input, n_atoms);
        self.around.forward(species, features, &mut gate_input);
        for (block, offset) in &self.offsets {
            add_to_rows(&mut gate_input[*block], offset);
        }
        for bundle in &self.bundles {
            let messages = bundle.forward(context, &sent[bundle.from])?;
            bundle.mix.forward.multiply_add_all(&messages, &mut gate_input[bundle.to]);
        }
        let output = self.gate.forward(&self.plan, n_atoms, &gate_input);
        Ok((output, Memory { sent, gate_input }))
    }

    /// `∂E/∂features` from `∂E/∂output`, where `wanted`; derivatives by pairs are added.
    pub(super) fn backward(
        &self,
        context: Context<'_, T>,
        memory: &Memory<T>,
        by_output: &[Vec<T>],
        wanted: bool,
        derivatives: &mut PairDerivatives,
    ) -> Result<Features<T>, PredictError> {
        let (species, n_atoms) = (&context.graph.species, context.graph.n_atoms());
        let by_gate_input = self.gate.backward(&self.plan, n_atoms, &memory.gate_input, by_output);
        let mut by_sent = zeros(&self.plan.input, n_atoms);
        for bundle in &self.bundles {
            let mut by_messages = vec![T::default(); n_atoms * bundle.width()];
            bundle.mix.backward.multiply_add_all(&by_gate_input[bundle.to], &mut by_messages);
            let by_features = wanted.then_some(by_sent[bundle.from].as_mut_slice());
            bundle.backward(context, &memory.sent[bundle.from], &by_messages, by_features, derivatives)?;
        }
        let mut by_features = zeros(&self.plan.input, n_atoms);
        if wanted {
            self.around.backward(species, &by_gate_input, &mut by_features);
            self.before.backward(species, &by_sent, &mut by_features);
        }
        Ok(by_features)
    }

    pub(super) fn bytes(&self) -> u64 {
        let bundles = self.bundles.iter().map(Bundle::bytes).sum::<u64>();
        self.around.bytes() + self.before.bytes() + bundles
    }
}

/// Paths from each block to each irrep that the gate gets. `after`: weights of the map behind the sums.
fn bundles<T: Real>(
    load: Loader<'_>,
    number: usize,
    plan: &Plan,
    config: &Config,
    basis: &Basis,
    after: &[Share],
) -> Result<Vec<Bundle<T>>, WeightsError> {
    let widths = [&[config.n_bessel], config.radial_hidden.as_slice(), &[plan.n_columns]].concat();
    let mut network = Vec::new();
    for (k, pair) in widths.windows(2).enumerate() {
        network.push(load.all(&format!("{number}_convolution.weight_nn.layer{k}.weight"), pair[0] * pair[1])?);
    }
    let denominator = load.all(&format!("{number}_convolution.denominator"), 1)?[0];
    let mut bundles = Vec::new();
    for Share { input, output, values } in after {
        let Some(sums) = input.map(|block| plan.sums.0[block]) else { continue };
        let (irrep, n_out) = (sums.irrep, plan.gate_input.0[*output].n);
        // Where the channels of each path stand in the sums.
        let mut start = 0;
        let to_irrep = plan.paths.iter().filter(|path| path.to == irrep).map(|path| {
            let row = start;
            start += plan.input.0[path.from].n;
            (path, row)
        });
        let to_irrep = to_irrep.collect::<Vec<_>>();
        for (from, block) in plan.input.0.iter().enumerate() {
            let paths = to_irrep.iter().filter(|(path, _)| path.from == from).collect::<Vec<_>>();
            if paths.is_empty() {
                continue;
            }
            let (n, wide) = (block.n, padded(block.n));
            let column = |k: usize| (k % wide < n).then(|| paths[k / wide].0.column + k % wide);
            let columns = (0..paths.len() * wide).map(column).collect::<Vec<_>>();
            let mix = TwoWay::pack(paths.len() * wide, padded(n_out), load.set, |k, c| {
                let (row, channel) = (paths[k / wide].1, k % wide);
                if channel < n && c < n_out { values[(row + channel) * n_out + c] / denominator } else { 0.0 }
            });
            let coupled = paths.iter().map(|(path, _)| Ok((path.l2, coefficients(load, number, plan, path)?)));
            let parts = Parts {
                from,
                to: *output,
                channels: n,
                dims: (block.irrep.dim(), irrep.dim()),
                paths: coupled.collect::<Result<_, WeightsError>>()?,
                radial: Radial::new(basis, &widths, &network, &columns, load.set),
                mix,
            };
            bundles.push(Bundle::new(parts, load.set));
        }
    }
    Ok(bundles)
}

/// The couplings of a path with e3nn's factor: those of the file, where it has them.
fn coefficients(load: Loader<'_>, number: usize, plan: &Plan, path: &Path) -> Result<Vec<Coefficient>, WeightsError> {
    let (from, to): (Irrep, Irrep) = (plan.input.0[path.from].irrep, path.to);
    let (l1, l2, l3) = (from.l, path.l2, to.l);
    let (d2, d3) = (2 * l2 + 1, to.dim());
    let stored = format!("{number}_convolution.convolution._compiled_main_left_right._w3j_{l1}_{l2}_{l3}");
    let found = match load.weights.has(&stored) {
        false => couplings(l1, l2, l3),
        true => {
            let values = load.all(&stored, from.dim() * d2 * d3)?;
            let entry = |(k, value): (usize, f64)| (k / (d2 * d3), k / d3 % d2, k % d3, value);
            values.into_iter().enumerate().map(entry).filter(|(.., value)| value.abs() > 1e-12).collect()
        }
    };
    let factor = (d3 as f64).sqrt();
    Ok(found.into_iter().map(|(a, b, c, value)| (a, b, c, factor * value)).collect())
}
