//! An interaction: features go along edges, are summed at the receivers, mixed and normalised.

use super::edges::Edges;
use super::maps::{ByDegree, ElementLinear, Features, Loader, Perceptron, add};
use crate::e3nn::SIGMOID_NORM;
use crate::e3nn::SILU_NORM;
use crate::e3nn::couplings;
use crate::mace::config::{Interaction as Kind, LayerConfig};
use candle_core::{Device, Result, Tensor};
use candle_nn::ops::sigmoid;

/// From features of l1 and harmonics of l2 to messages of l3.
struct Path {
    l1: usize,
    l2: usize,
    l3: usize,
    /// `[2 l2 + 1, (2 l3 + 1)(2 l1 + 1)]`
    coupling: Tensor,
}

/// One layer's interaction.
pub(super) struct Interaction {
    up: ByDegree,
    /// In the order of the radial weights.
    paths: Vec<Path>,
    channels: usize,
    radial: Perceptron,
    density: Option<Perceptron>,
    /// Of senders and receivers, `[elements, width]`: what radial networks see beside the basis.
    embeddings: Option<[Tensor; 2]>,
    /// Behind the sums.
    linear: ByDegree,
    /// The divisor: a constant, and a multiple of the density.
    divisor: [f64; 2],
    after: After,
    skip: Skip,
}

/// What follows the normalised sums.
enum After {
    Nothing,
    Elements(ElementLinear),
    Gate { residual: ByDegree, last: ByDegree },
}

/// The way around the interaction.
enum Skip {
    None,
    Elements(ElementLinear),
    Plain(ByDegree),
}

impl Interaction {
    pub(super) fn read(load: &Loader<'_>, number: usize, layer: &LayerConfig) -> Result<Self> {
        let config = &load.config;
        let n_elements = config.atomic_numbers.len();
        let name = |what: &str| format!("interactions.{number}.{what}");
        let weight = |what: &str| format!("interactions.{number}.{what}.weight");
        let paths = paths(load, layer, config.max_ell)?;
        let (edge, target) = (&layer.edge.0, &layer.target.0);
        let (features, hidden) = (&layer.node_feats.0, &layer.hidden.0);
        let channels = edge[0];
        let n_paths = |l3: usize| paths.iter().filter(|path| path.l3 == l3).count();
        let sums: Vec<_> = (0..target.len()).map(|l3| n_paths(l3) * channels).collect();
        let gated = layer.interaction == Kind::NonLinear;
        // Scalars come with one gate for each channel of each other l.
        let mut mixed = target.clone();
        mixed[0] = target.iter().sum();
        let radial = name("conv_tp_weights");
        let embedding = |what: &str| {
            let width = load.count(&weight(what))? / n_elements;
            load.read(&weight(what), &[n_elements, width], 1.0 / (n_elements as f64).sqrt())
        };
        Ok(Self {
            up: load.linear(&weight("linear_up"), features, edge)?,
            radial: if gated {
                load.normed_perceptron(&radial)?
            } else {
                load.perceptron(&radial, &layer.radial_widths)?
            },
            density: match layer.interaction {
                Kind::NonLinear => Some(load.normed_perceptron(&name("density_fn"))?),
                Kind::Density | Kind::DensityResidual => {
                    Some(load.perceptron(&name("density_fn"), &[config.n_bessel, 1])?)
                }
                Kind::Plain | Kind::Residual => None,
            },
            embeddings: match gated {
                true => Some([embedding("source_embedding")?, embedding("target_embedding")?]),
                false => None,
            },
            linear: if gated {
                load.linear(&weight("linear_1"), &sums, &mixed)?
            } else {
                load.linear(&weight("linear"), &sums, target)?
            },
            divisor: match layer.interaction {
                Kind::NonLinear => [load.number(&name("alpha"))?, load.number(&name("beta"))?],
                Kind::Density | Kind::DensityResidual => [1.0, 1.0],
                Kind::Plain | Kind::Residual => [layer.avg_num_neighbors, 0.0],
            },
            after: match layer.interaction {
                Kind::NonLinear => After::Gate {
                    residual: load.linear(&weight("linear_res"), edge, &mixed)?,
                    last: load.linear(&weight("linear_2"), target, target)?,
                },
                Kind::Plain | Kind::Density => {
                    After::Elements(load.element_linear(&weight("skip_tp"), target, target, n_elements)?)
                }
                Kind::Residual | Kind::DensityResidual => After::Nothing,
            },
            skip: match layer.interaction {
                Kind::NonLinear => Skip::Plain(load.linear(&weight("skip_tp"), features, hidden)?),
                Kind::Residual | Kind::DensityResidual => {
                    Skip::Elements(load.element_linear(&weight("skip_tp"), features, hidden, n_elements)?)
                }
                Kind::Plain | Kind::Density => Skip::None,
            },
            paths,
            channels,
        })
    }

    /// The features' way around, if there is one.
    pub(super) fn skip(&self, elements: &Tensor, features: &[Tensor]) -> Result<Features> {
        match &self.skip {
            Skip::None => Ok(Vec::new()),
            Skip::Elements(map) => map.forward(features, elements),
            Skip::Plain(map) => map.forward(features),
        }
    }

    /// Messages of all atoms.
    pub(super) fn forward(&self, elements: &Tensor, edges: Option<&Edges>, features: &[Tensor]) -> Result<Features> {
        let sent = self.up.forward(features)?;
        let n_atoms = elements.dim(0)?;
        let (dtype, device) = (sent[0].dtype(), elements.device());
        let lmax = self.paths.iter().map(|path| path.l3).max().unwrap_or(0);
        let mut sums = Vec::new();
        for l3 in 0..=lmax {
            let width = self.channels * self.paths.iter().filter(|path| path.l3 == l3).count();
            sums.push(Tensor::zeros((n_atoms, 2 * l3 + 1, width), dtype, device)?);
        }
        let mut divisor = Tensor::full(self.divisor[0], (n_atoms, 1, 1), device)?.to_dtype(dtype)?;
        if let Some(edges) = edges {
            let inputs = self.radial_inputs(elements, edges)?;
            for (l3, messages) in self.messages(edges, &inputs, &sent, lmax)?.iter().enumerate() {
                sums[l3] = sums[l3].index_add(&edges.receivers, messages, 0)?;
            }
            if let Some(network) = &self.density {
                let mut density = network.forward(&inputs)?.sqr()?.tanh()?;
                if let Some(cutoff) = &edges.cutoff {
                    density = (density * cutoff)?;
                }
                let density = (density.unsqueeze(2)? * self.divisor[1])?;
                divisor = divisor.index_add(&edges.receivers, &density, 0)?;
            }
        }
        let mixed = self.linear.forward(&sums)?;
        let mixed = mixed.iter().map(|x| x.broadcast_div(&divisor)).collect::<Result<Features>>()?;
        match &self.after {
            After::Nothing => Ok(mixed),
            After::Elements(map) => map.forward(&mixed, elements),
            After::Gate { residual, last } => last.forward(&gate(&add(mixed, &residual.forward(&sent)?)?)?),
        }
    }

    /// The basis, and with it what is known of the ends where the networks see that.
    fn radial_inputs(&self, elements: &Tensor, edges: &Edges) -> Result<Tensor> {
        let Some([source, target]) = &self.embeddings else { return Ok(edges.basis.clone()) };
        let rows = |embedding: &Tensor, ends: &Tensor| embedding.index_select(&elements.index_select(ends, 0)?, 0);
        let (source, target) = (rows(source, &edges.senders)?, rows(target, &edges.receivers)?);
        Tensor::cat(&[&edges.basis, &source, &target], 1)
    }

    /// For each l3 `[edges, 2 l3 + 1, paths * channels]`.
    fn messages(&self, edges: &Edges, inputs: &Tensor, sent: &[Tensor], lmax: usize) -> Result<Vec<Tensor>> {
        let mut weights = self.radial.forward(inputs)?;
        if let Some(cutoff) = &edges.cutoff {
            weights = weights.broadcast_mul(cutoff)?;
        }
        let sent = sent.iter().map(|x| x.index_select(&edges.senders, 0)).collect::<Result<Vec<_>>>()?;
        let mut messages = vec![Vec::new(); lmax + 1];
        for (number, path) in self.paths.iter().enumerate() {
            let (n, shape) = (inputs.dim(0)?, (2 * path.l3 + 1, 2 * path.l1 + 1));
            let map = edges.harmonics[path.l2].matmul(&path.coupling)?.reshape((n, shape.0, shape.1))?;
            let weights = weights.narrow(1, number * self.channels, self.channels)?.unsqueeze(1)?;
            messages[path.l3].push(map.matmul(&sent[path.l1])?.broadcast_mul(&weights)?);
        }
        messages.iter().map(|paths| Tensor::cat(paths, 2)).collect()
    }

    /// Numbers that one edge makes on its way to the messages.
    pub(super) fn numbers_per_edge(&self) -> usize {
        let networks = [Some(&self.radial), self.density.as_ref()].into_iter().flatten();
        let path = |path: &Path| (2 * path.l3 + 1) * (2 * path.l1 + 1 + self.channels);
        self.paths.iter().map(path).sum::<usize>() + networks.map(Perceptron::numbers_per_row).sum::<usize>()
    }
}

/// Upstream's order: by l1, l2, l3; then sorted by l3, where equals keep their order.
fn paths(load: &Loader<'_>, layer: &LayerConfig, max_ell: usize) -> Result<Vec<Path>> {
    let mut paths = Vec::new();
    for l1 in 0..=layer.edge.lmax() {
        for l2 in 0..=max_ell {
            // Parities match where l1 + l2 + l3 is even.
            for l3 in (l1.abs_diff(l2)..=(l1 + l2).min(layer.target.lmax())).step_by(2) {
                let (d1, d2, d3) = (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1);
                let mut dense = vec![0.0; d1 * d2 * d3];
                for (m1, m2, m3, value) in couplings(l1, l2, l3) {
                    // Saved in the precision of the weights, unless one l is zero.
                    let rounded = load.single && l1 * l2 * l3 > 0;
                    let value = if rounded { f64::from(value as f32) } else { value };
                    dense[(m2 * d3 + m3) * d1 + m1] = value;
                }
                let dense = Tensor::from_vec(dense, (d2, d3 * d1), &Device::Cpu)?;
                let coupling = load.put(&dense, (d3 as f64).sqrt())?;
                paths.push(Path { l1, l2, l3, coupling });
            }
        }
    }
    paths.sort_by_key(|path| path.l3);
    Ok(paths)
}

/// Scalars through a silu, the rest times the sigmoid of scalars of its own.
fn gate(mixed: &[Tensor]) -> Result<Features> {
    let Some((scalars, rest)) = mixed.split_first() else { return Ok(Vec::new()) };
    let n_gates = rest.iter().map(|x| x.dim(2)).sum::<Result<usize>>()?;
    let n_scalars = scalars.dim(2)? - n_gates;
    let mut start = n_scalars;
    let mut open = vec![(scalars.narrow(2, 0, n_scalars)?.silu()? * SILU_NORM)?];
    for x in rest {
        let channels = x.dim(2)?;
        let gates = (sigmoid(&scalars.narrow(2, start, channels)?)? * SIGMOID_NORM)?;
        open.push(x.broadcast_mul(&gates)?);
        start += channels;
    }
    Ok(open)
}
