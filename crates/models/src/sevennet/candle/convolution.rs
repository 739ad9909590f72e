//! One layer: features go along edges, are summed at the receivers, mixed, and gated.

use super::edges::Edges;
use super::gate::gate;
use super::maps::{ByBlock, Features, Loader, Perceptron};
use crate::e3nn::couplings;
use crate::sevennet::config::{Config, Connection};
use crate::sevennet::layers::{Layer, Path};
use candle_core::{Device, Result, Tensor};

/// One layer with its weights.
pub(super) struct Convolution {
    layer: Layer,
    around: ByBlock,
    before: ByBlock,
    after: ByBlock,
    radial: Perceptron,
    /// For each path `[2 l2 + 1, (2 l3 + 1)(2 l1 + 1)]`.
    couplings: Vec<Tensor>,
    denominator: f64,
}

impl Convolution {
    pub(super) fn read(load: &Loader<'_>, number: usize, layer: &Layer, config: &Config) -> Result<Self> {
        let name = |what: &str| format!("{number}_{what}");
        let widths = [&[config.n_bessel], config.radial_hidden.as_slice(), &[layer.n_columns]].concat();
        let places = config.modal_places;
        let around = name("self_connection_intro");
        Ok(Self {
            around: match layer.connection {
                Connection::Linear => load.linear(&around, &layer.input, &layer.gate_input, false)?,
                Connection::Species => {
                    load.species_linear(&around, &layer.input, &layer.gate_input, config.species.len())?
                }
            },
            before: load.linear(&name("self_interaction_1"), &layer.input, &layer.input, places.intro)?,
            after: load.linear(&name("self_interaction_2"), &layer.sums, &layer.gate_input, places.outro)?,
            radial: load.perceptron(&name("convolution.weight_nn"), &widths)?,
            couplings: layer.paths.iter().map(|path| coupling(load, number, layer, path)).collect::<Result<_>>()?,
            denominator: load.number(&name("convolution.denominator"))?,
            layer: layer.clone(),
        })
    }

    /// `species`: `[atoms]`.
    pub(super) fn forward(&self, species: &Tensor, edges: Option<&Edges>, features: &[Tensor]) -> Result<Features> {
        let around = self.around.forward(features, species)?;
        let sent = self.before.forward(features, species)?;
        let (n_atoms, dtype) = (species.dim(0)?, sent[0].dtype());
        let mut sums = Vec::new();
        for block in &self.layer.sums.0 {
            sums.push(Tensor::zeros((n_atoms, block.irrep.dim(), block.n), dtype, species.device())?);
        }
        if let Some(edges) = edges {
            for (sum, messages) in sums.iter_mut().zip(self.messages(edges, &sent)?) {
                *sum = (sum.index_add(&edges.receivers, &messages, 0)? / self.denominator)?;
            }
        }
        let mixed = self.after.forward(&sums, species)?;
        let mixed = mixed.iter().zip(&around).map(|(a, b)| a + b).collect::<Result<Features>>()?;
        gate(&self.layer, &mixed)
    }

    /// For each block of sums `[edges, 2 l3 + 1, channels]`.
    fn messages(&self, edges: &Edges, sent: &[Tensor]) -> Result<Vec<Tensor>> {
        let weights = self.radial.forward(&edges.basis)?;
        let sent = sent.iter().map(|x| x.index_select(&edges.senders, 0)).collect::<Result<Vec<_>>>()?;
        let n_edges = weights.dim(0)?;
        let mut blocks = vec![Vec::new(); self.layer.sums.0.len()];
        for (path, coupling) in self.layer.paths.iter().zip(&self.couplings) {
            let from = self.layer.input.0[path.from];
            let shape = (n_edges, path.to.dim(), from.irrep.dim());
            let map = edges.harmonics[path.l2].matmul(coupling)?.reshape(shape)?;
            let weights = weights.narrow(1, path.column, from.n)?.unsqueeze(1)?;
            let message = map.matmul(&sent[path.from])?.broadcast_mul(&weights)?;
            let block = self.layer.sums.0.iter().zip(&mut blocks).find(|(block, _)| block.irrep == path.to);
            if let Some((_, messages)) = block {
                messages.push(message);
            }
        }
        blocks.iter().map(|messages| Tensor::cat(messages, 2)).collect()
    }

    /// Numbers that one edge makes on its way to the messages.
    pub(super) fn numbers_per_edge(&self) -> usize {
        let path = |path: &Path| {
            let from = self.layer.input.0[path.from];
            path.to.dim() * (from.irrep.dim() + from.n)
        };
        self.layer.paths.iter().map(path).sum::<usize>() + self.radial.numbers_per_row()
    }

    /// Numbers that one atom makes on its way.
    pub(super) fn numbers_per_atom(&self) -> usize {
        let maps = [&self.around, &self.before, &self.after].map(ByBlock::numbers_per_atom);
        maps.iter().sum::<usize>() + self.layer.sums.dim() + self.layer.output.dim()
    }
}

/// The coupling of a path, with e3nn's factor.
///
/// Files carry the couplings with which they were trained, unless one l is zero. Those count: e3nn has changed signs of
/// some with time.
fn coupling(load: &Loader<'_>, number: usize, layer: &Layer, path: &Path) -> Result<Tensor> {
    let (l1, l2, l3) = (layer.input.0[path.from].irrep.l, path.l2, path.to.l);
    let (d1, d2, d3) = (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1);
    let stored = format!("{number}_convolution.convolution._compiled_main_left_right._w3j_{l1}_{l2}_{l3}");
    let dense = if load.vars.contains_tensor(&stored) {
        load.all(&stored, d1 * d2 * d3)?.reshape((d1, d2, d3))?
    } else {
        let mut dense = vec![0.0; d1 * d2 * d3];
        for (m1, m2, m3, value) in couplings(l1, l2, l3) {
            dense[(m1 * d2 + m2) * d3 + m3] = value;
        }
        Tensor::from_vec(dense, (d1, d2, d3), &Device::Cpu)?
    };
    load.put(&dense.permute((1, 2, 0))?.contiguous()?.reshape((d2, d3 * d1))?, (d3 as f64).sqrt())
}
