//! Products of messages, as the paper nests them, and the readout of energies.

use super::maps::{ByDegree, Features, Loader, add};
use crate::e3nn::SILU_NORM;
use crate::mace::config::LayerConfig;
use candle_core::{DType, Error, Result, Tensor};
use candle_nn::{Activation, Linear, Module};

/// One layer's.
pub(super) struct Product {
    /// For each l that comes out.
    contractions: Vec<Contraction>,
    agnostic: bool,
    linear: ByDegree,
}

/// From messages to products of one l.
struct Contraction {
    components: usize,
    /// From the highest degree to the first.
    degrees: Vec<Degree>,
}

/// `U` of the paper and the weights of its paths.
struct Degree {
    /// `[paths, components * messages^degree]`
    u: Tensor,
    /// `[elements, paths, channels]`
    weights: Tensor,
}

impl Product {
    pub(super) fn read(load: &Loader<'_>, number: usize, layer: &LayerConfig) -> Result<Self> {
        let config = &load.config;
        let n_inputs = (config.max_ell + 1) * (config.max_ell + 1);
        let n_elements = if config.agnostic_product { 1 } else { config.atomic_numbers.len() };
        let n_channels = layer.product.0[0];
        let mut contractions = Vec::new();
        for (l, order) in layer.correlation.iter().enumerate() {
            let prefix = format!("products.{number}.symmetric_contractions.contractions.{l}.");
            let components = 2 * l + 1;
            let mut degrees = Vec::new();
            for degree in (1..=*order).rev() {
                let name = format!("{prefix}U_matrix_{degree}");
                let n_paths = load.shape(&name)?.last().copied().unwrap_or(0);
                let n_tuples = components * n_inputs.pow(degree as u32);
                let weights = match order - degree {
                    0 => format!("{prefix}weights_max"),
                    below => format!("{prefix}weights.{}", below - 1),
                };
                degrees.push(Degree {
                    u: load.read(&name, &[n_tuples, n_paths], 1.0)?.t()?.contiguous()?,
                    weights: load.read(&weights, &[n_elements, n_paths, n_channels], 1.0)?,
                });
            }
            contractions.push(Contraction { components, degrees });
        }
        let irreps = &layer.product.0;
        let linear = load.linear(&format!("products.{number}.linear.weight"), irreps, irreps)?;
        Ok(Self { contractions, agnostic: config.agnostic_product, linear })
    }

    /// The product of the messages and, added to it, what came around them.
    pub(super) fn forward(&self, elements: &Tensor, messages: &[Tensor], around: &[Tensor]) -> Result<Features> {
        let elements = if self.agnostic { elements.zeros_like()? } else { elements.clone() };
        let messages = Tensor::cat(messages, 1)?.transpose(1, 2)?.contiguous()?;
        let (n_atoms, n_channels, n_inputs) = messages.dims3()?;
        let messages = messages.reshape((n_atoms * n_channels, n_inputs, 1))?;
        let mut products = Vec::new();
        for contraction in &self.contractions {
            let product = contraction.forward(&elements, &messages)?;
            let product = product.reshape((n_atoms, n_channels, contraction.components))?;
            products.push(product.transpose(1, 2)?.contiguous()?);
        }
        add(self.linear.forward(&products)?, around)
    }

    /// Numbers that one atom makes on its way to the products.
    pub(super) fn numbers_per_atom(&self) -> usize {
        let degrees = self.contractions.iter().flat_map(|contraction| &contraction.degrees);
        degrees.map(|degree| degree.u.dims()[1] * degree.weights.dims()[2]).sum()
    }
}

impl Contraction {
    /// `messages`: `[atoms * channels, messages, 1]`. From the highest degree on: the coefficients of the degree are
    /// added to what is there, and one index of that is contracted with the messages.
    fn forward(&self, elements: &Tensor, messages: &Tensor) -> Result<Tensor> {
        let (rows, n_inputs, _) = messages.dims3()?;
        let mut contracted: Option<Tensor> = None;
        for Degree { u, weights } in &self.degrees {
            let weights = weights.index_select(elements, 0)?.transpose(1, 2)?.contiguous()?;
            let mut coefficients = weights.reshape((rows, u.dim(0)?))?.matmul(u)?;
            if let Some(above) = contracted {
                coefficients = (coefficients + above)?;
            }
            contracted = Some(coefficients.reshape((rows, (), n_inputs))?.matmul(messages)?.squeeze(2)?);
        }
        contracted.map_or_else(|| messages.zeros_like(), Ok)
    }
}

/// From scalars to energies of atoms, of one head.
pub(super) struct Readout {
    /// From channels to its width, with a silu behind it.
    hidden: Option<Linear>,
    /// From channels or width to one energy.
    last: Linear,
}

impl Readout {
    pub(super) fn read(load: &Loader<'_>, number: usize, layer: &LayerConfig, head: usize) -> Result<Self> {
        let (n, n_heads) = (layer.product.0[0], load.config.heads.len());
        let fan_in = |n: usize| 1.0 / (n as f64).sqrt();
        // Files have `[inputs, outputs]`, layers of candle `[outputs, inputs]`.
        let map = |tensor: &Tensor| Ok::<_, Error>(Linear::new(tensor.t()?.contiguous()?, None));
        if !layer.nonlinear_readout {
            let weights = load.read(&format!("readouts.{number}.linear.weight"), &[n, n_heads], fan_in(n))?;
            return Ok(Self { hidden: None, last: map(&weights.narrow(1, head, 1)?)? });
        }
        let name = |k: usize| format!("readouts.{number}.linear_{k}.weight");
        let width = load.count(&name(1))? / n;
        let hidden = load.read(&name(1), &[n, width], fan_in(n))?;
        let weights = load.read(&name(2), &[width, n_heads], SILU_NORM * fan_in(width))?.narrow(1, head, 1)?;
        // Each head has its own slice of the hidden layer.
        let (start, width) = (head * (width / n_heads), width / n_heads);
        Ok(Self { hidden: Some(map(&hidden.narrow(1, start, width)?)?), last: map(&weights.narrow(0, start, width)?)? })
    }

    /// eV, `[atoms]`, in double precision. `scalars`: `[atoms, 1, channels]`.
    pub(super) fn forward(&self, scalars: &Tensor) -> Result<Tensor> {
        let mut x = scalars.squeeze(1)?;
        if let Some(hidden) = &self.hidden {
            x = Activation::Silu.forward(&hidden.forward(&x)?)?;
        }
        self.last.forward(&x)?.squeeze(1)?.to_dtype(DType::F64)
    }
}
