//! Weights of a file as the device wants them.

use crate::e3nn::SILU_NORM;
use crate::mace::config::{Config, Interaction, LayerConfig, Unsupported};
use crate::mace::edges::{paths, terms};
use crate::mace::file::{FileError, ModelFile};
use crate::mace::linear::padded;
use crate::mace::parameters::{Block, Channels, element_blocks, linear_blocks};
use crate::mace::product::Contractions;
use crate::mace::radial::{Basis, Density};
use crate::mace::readout::ReadoutWeights;
use mlip_gpu::mace::{Contraction, Dense, Layer, MaceWeights, Radial, Readout, Term, Transform};

fn narrow(values: impl IntoIterator<Item = f64>) -> Vec<f32> {
    values.into_iter().map(|x| x as f32).collect()
}

fn dense(block: Block, scale: f64) -> Dense {
    let Block { depth, width, values } = block;
    Dense { depth, width, values: narrow(values.into_iter().map(|x| scale * x)) }
}

/// What cards do not compute, by name.
fn refuse(what: &str, found: String, expected: &'static str) -> FileError {
    Unsupported::Value { what: what.into(), found, expected }.into()
}

/// A file, and the channels that all of its layers have.
pub(super) struct Reader<'a> {
    file: &'a ModelFile,
    head: usize,
    channels: Channels,
}

impl<'a> Reader<'a> {
    /// # Errors
    /// When cards do not compute such a model.
    pub(super) fn new(file: &'a ModelFile, head: usize) -> Result<Self, FileError> {
        let config = &file.config;
        let channels = Channels::new(config.layers[0].node_feats.0[0]);
        let equal = |layer: &LayerConfig| {
            let all = [&layer.node_feats, &layer.edge, &layer.target, &layer.product];
            all.into_iter().all(|irreps| irreps.channels() == Some(channels.upstream))
        };
        if !config.layers.iter().all(equal) || channels.padded > 128 {
            let found = config.layers.iter().map(|layer| format!("{:?}", layer.product.0)).collect::<Vec<_>>();
            return Err(refuse("channels of layers", found.join(", "), "the same up to 128 in all, on a GPU"));
        }
        if config.layers.iter().any(|layer| layer.interaction == Interaction::NonLinear) || !config.apply_cutoff {
            return Err(refuse("an interaction", "that of MACE-MH".into(), "interactions of MACE-MP, on a GPU"));
        }
        if config.layers.len() > 4 || config.max_ell < 2 {
            let found = format!("{} and {}", config.layers.len(), config.max_ell);
            return Err(refuse("layers and max_ell", found, "up to 4 layers and max_ell 2 or 3, on a GPU"));
        }
        Ok(Self { file, head, channels })
    }

    pub(super) fn weights(&self, basis: &Basis) -> Result<MaceWeights, FileError> {
        let (file, Channels { upstream, padded: width }) = (self.file, self.channels);
        let config = &file.config;
        let n_elements = config.atomic_numbers.len();
        let embedding = file.read("node_embedding.linear.weight", n_elements * upstream)?;
        let (place, norm) = (padded(upstream, width), 1.0 / (n_elements as f64).sqrt());
        let entry = |at: usize| place(at % width).map_or(0.0, |c| norm * embedding[at / width * upstream + c]);
        let radius = |transform: &[f64], z: &u8| transform.get(usize::from(*z)).copied().unwrap_or(f64::NAN);
        Ok(MaceWeights {
            channels: width,
            lmax: config.max_ell,
            embedding: narrow((0..n_elements * width).map(entry)),
            radial: Radial {
                reach: basis.r_max,
                exponent: basis.exponent as u32,
                frequencies: basis.frequencies.clone(),
                prefactor: basis.prefactor,
                transform: basis.transform.as_ref().map(|agnesi| Transform {
                    a: agnesi.a,
                    q: agnesi.q,
                    p: agnesi.p,
                    radii: config.atomic_numbers.iter().map(|z| radius(&agnesi.radii, z)).collect(),
                }),
            },
            layers: config
                .layers
                .iter()
                .enumerate()
                .map(|(number, layer)| self.layer(number, config, layer))
                .collect::<Result<_, _>>()?,
        })
    }

    fn layer(&self, number: usize, config: &Config, layer: &LayerConfig) -> Result<Layer, FileError> {
        let (file, channels) = (self.file, self.channels);
        let both = (channels, channels);
        let name = |what: &str| format!("interactions.{number}.{what}.weight");
        let (from, target) = (&layer.node_feats.0, &layer.target.0);
        let paths = paths(layer.edge.lmax(), config.max_ell, layer.target.lmax());
        let to = |l: usize| paths.iter().filter(|(.., l3)| *l3 == l).count();
        let sums = (0..target.len()).map(|l| to(l) * channels.upstream).collect::<Vec<_>>();
        let has_density = layer.interaction.has_density();
        let scale = if has_density { 1.0 } else { 1.0 / layer.avg_num_neighbors };
        let linear = linear_blocks(file, &name("linear"), &sums, target, both)?;
        let up = linear_blocks(file, &name("linear_up"), from, &layer.edge.0, both)?;
        let product = format!("products.{number}.linear.weight");
        let product = linear_blocks(file, &product, &layer.product.0, &layer.product.0, both)?;
        let maps = |from: &[usize], to: &[usize]| self.maps(&name("skip_tp"), from, to);
        let residual = layer.interaction.is_residual();
        let heads = (self.head, config.heads.len());
        let readout = ReadoutWeights::read(file, number, layer.nonlinear_readout, heads, channels)?;
        let term = |(coupling, harmonic, value): (u16, u16, f64)| Term {
            coupling: coupling.into(),
            harmonic: harmonic.into(),
            factor: value as f32,
        };
        Ok(Layer {
            sent_lmax: layer.edge.lmax(),
            features_lmax: layer.product.lmax(),
            up: up.into_iter().map(|block| dense(block, 1.0)).collect(),
            radial: self.radial(number, layer, paths.len())?,
            terms: terms(file, &paths).into_iter().map(term).collect(),
            density: if has_density { Some(Density::read(file, number, config)?.weights) } else { None },
            linear: linear.into_iter().map(|block| dense(block, scale)).collect(),
            message_maps: if residual { None } else { Some(maps(target, target)?) },
            skip: if residual && layer.use_sc { maps(from, &layer.hidden.0)? } else { Vec::new() },
            contraction: self.contraction(number, config, layer)?,
            product: product.into_iter().map(|block| dense(block, 1.0)).collect(),
            readout: match readout {
                ReadoutWeights::Linear(weights) => Readout::Linear(weights),
                ReadoutWeights::Network { first, second } => Readout::Network { first, second },
            },
        })
    }

    /// By l: `[elements, channels, channels]`.
    fn maps(&self, name: &str, from: &[usize], to: &[usize]) -> Result<Vec<Vec<f32>>, FileError> {
        let n_elements = self.file.config.atomic_numbers.len();
        let mut by_l = vec![Vec::new(); from.len().min(to.len())];
        for element in element_blocks(self.file, name, from, to, n_elements, self.channels)? {
            for (l, block) in element.into_iter().enumerate() {
                by_l[l].extend(narrow(block.values));
            }
        }
        Ok(by_l)
    }

    /// The radial network, its outputs padded path by path; the factor behind a silu goes into the layer behind it.
    fn radial(&self, number: usize, layer: &LayerConfig, n_paths: usize) -> Result<Vec<Dense>, FileError> {
        let (widths, Channels { upstream, padded: width }) = (&layer.radial_widths, self.channels);
        let (n_bessel, n_weights) = (self.file.config.n_bessel, n_paths * upstream);
        if widths.first() != Some(&n_bessel) || widths.last() != Some(&n_weights) {
            let what = format!("the radial network of interaction {number}");
            let expected = "one from the Bessel functions to the weights of the paths";
            return Err(refuse(&what, format!("{widths:?}"), expected));
        }
        let place = padded(upstream, width);
        let dense = |(k, pair): (usize, &[usize])| {
            let (depth, outputs) = (pair[0], pair[1]);
            let name = format!("interactions.{number}.conv_tp_weights.layer{k}.weight");
            let weights = self.file.read(&name, depth * outputs)?;
            let scale = if k == 0 { 1.0 } else { SILU_NORM } / (depth as f64).sqrt();
            let last = k + 2 == widths.len();
            let columns = if last { n_paths * width } else { outputs };
            let value = |at: usize| {
                let column = if last { place(at % columns) } else { Some(at % columns) };
                column.map_or(0.0, |column| scale * weights[at / columns * outputs + column])
            };
            Ok(Dense { depth, width: columns, values: narrow((0..depth * columns).map(value)) })
        };
        widths.windows(2).enumerate().map(dense).collect()
    }

    fn contraction(&self, number: usize, config: &Config, layer: &LayerConfig) -> Result<Contraction, FileError> {
        let Channels { upstream, padded: width } = self.channels;
        let contractions = Contractions::read(self.file, number, config, layer, upstream)?;
        let row = |row: &[f64]| narrow((0..width).map(|c| row.get(c).copied().unwrap_or(0.0)));
        Ok(Contraction {
            program: contractions.polynomials.words(),
            n_terms: contractions.polynomials.n_terms(),
            coefficients: contractions
                .terms()
                .flat_map(|terms| terms.chunks_exact(upstream).flat_map(row).collect::<Vec<_>>())
                .collect(),
        })
    }
}
