//! Weights on a device, and the maps that are made of them alone.

use crate::e3nn::SILU_NORM;
use crate::sevennet::irreps::{Block, Irrep, Irreps};
use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{Activation, Linear, Module, VarBuilder};
use std::cell::Cell;

/// For each block `[atoms, 2l + 1, channels]`.
pub(super) type Features = Vec<Tensor>;

/// Takes weights of the file, scales them in double precision, and puts them onto a device.
pub(super) struct Loader<'a> {
    /// In double precision on the CPU, by upstream's names.
    pub(super) vars: VarBuilder<'static>,
    pub(super) device: &'a Device,
    pub(super) dtype: DType,
    /// The modality, and how many there are.
    pub(super) modal: Option<(usize, usize)>,
    /// Put there so far.
    pub(super) bytes: Cell<u64>,
}

impl Loader<'_> {
    /// Multiplied by `factor` before it is rounded.
    pub(super) fn put(&self, values: &Tensor, factor: f64) -> Result<Tensor> {
        self.bytes.set(self.bytes.get() + (values.elem_count() * self.dtype.size_in_bytes()) as u64);
        (values * factor)?.to_dtype(self.dtype)?.to_device(self.device)
    }

    /// The numbers of a tensor, flat.
    pub(super) fn all(&self, name: &str, n: usize) -> Result<Tensor> {
        let tensor = self.vars.get_unchecked(name)?;
        if tensor.elem_count() != n {
            bail!("tensor `{name}`: expected {n} numbers, got shape {:?}", tensor.shape());
        }
        tensor.flatten_all()
    }

    /// The only number of a tensor.
    pub(super) fn number(&self, name: &str) -> Result<f64> {
        self.all(name, 1)?.get(0)?.to_scalar()
    }

    /// Numbers of each species: of the modality, of all modalities, or the same for all species.
    pub(super) fn of_species(&self, name: &str, n_species: usize) -> Result<Tensor> {
        let tensor = self.vars.get_unchecked(name)?;
        match (tensor.dims(), self.modal) {
            ([1] | [], _) => tensor.flatten_all()?.broadcast_as(n_species)?.contiguous(),
            ([n], _) if *n == n_species => Ok(tensor),
            ([n_modals, n], Some((modal, expected))) if *n == n_species && *n_modals == expected => tensor.get(modal),
            (shape, _) => {
                bail!("tensor `{name}`: expected a number for each of {n_species} species, got shape {shape:?}")
            }
        }
    }

    /// e3nn's `Linear`. With `modal`, the one-hot modality stands behind the features as scalars.
    pub(super) fn linear(&self, name: &str, from: &Irreps, to: &Irreps, modal: bool) -> Result<ByBlock> {
        let modal = self.modal.filter(|_| modal);
        let mut inputs = from.0.clone();
        inputs.extend(modal.map(|(_, n)| Block { n, irrep: Irrep::SCALAR }));
        let matching =
            |to: &Block| inputs.iter().filter(|from| from.irrep == to.irrep).map(|from| from.n).sum::<usize>();
        let n = to.0.iter().map(|block| matching(block) * block.n).sum();
        let name = format!("{name}.linear.weight");
        if n == 0 {
            return Ok(ByBlock { maps: Vec::new(), to: to.clone() });
        }
        let weights = self.all(&name, n)?;
        let (mut start, mut maps) = (0, Vec::new());
        for (input, from) in inputs.iter().enumerate() {
            for (output, to) in to.0.iter().enumerate().filter(|(_, to)| to.irrep == from.irrep) {
                let factor = 1.0 / (matching(to) as f64).sqrt();
                let block = weights.narrow(0, start, from.n * to.n)?.reshape((from.n, to.n))?;
                start += from.n * to.n;
                maps.push(match modal.filter(|_| input == inputs.len() - 1) {
                    Some((modal, _)) => Map::Offset { output, values: self.put(&block.get(modal)?, factor)? },
                    None => {
                        let matrix = self.put(&block.t()?.contiguous()?, factor)?;
                        Map::Linear { input, output, map: Linear::new(matrix, None) }
                    }
                });
            }
        }
        Ok(ByBlock { maps, to: to.clone() })
    }

    /// e3nn's tensor product with one-hot species.
    pub(super) fn species_linear(&self, name: &str, from: &Irreps, to: &Irreps, n_species: usize) -> Result<ByBlock> {
        let matching =
            |to: &Block| from.0.iter().filter(|from| from.irrep == to.irrep).map(|from| from.n).sum::<usize>();
        let n = to.0.iter().map(|block| matching(block) * n_species * block.n).sum();
        let weights = self.all(&format!("{name}.fc_tensor_product.weight"), n)?;
        let (mut start, mut maps) = (0, Vec::new());
        for (input, from) in from.0.iter().enumerate() {
            for (output, to) in to.0.iter().enumerate().filter(|(_, to)| to.irrep == from.irrep) {
                let n = from.n * n_species * to.n;
                let block = weights.narrow(0, start, n)?.reshape((from.n, n_species, to.n))?;
                start += n;
                let factor = 1.0 / ((matching(to) * n_species) as f64).sqrt();
                let matrices = self.put(&block.transpose(0, 1)?.contiguous()?, factor)?;
                maps.push(Map::Species { input, output, matrices });
            }
        }
        Ok(ByBlock { maps, to: to.clone() })
    }

    /// e3nn's fully connected network: a normalised silu between layers, no offsets.
    pub(super) fn perceptron(&self, name: &str, widths: &[usize]) -> Result<Perceptron> {
        let mut layers = Vec::new();
        for (k, pair) in widths.windows(2).enumerate() {
            // The factor of the silu before a layer is in the layer.
            let silu = if k == 0 { 1.0 } else { SILU_NORM };
            let weight =
                self.all(&format!("{name}.layer{k}.weight"), pair[0] * pair[1])?.reshape((pair[0], pair[1]))?;
            let weight = self.put(&weight.t()?.contiguous()?, silu / (pair[0] as f64).sqrt())?;
            layers.push(Linear::new(weight, None));
        }
        Ok(Perceptron(layers))
    }
}

enum Map {
    Linear {
        input: usize,
        output: usize,
        map: Linear,
    },
    /// `matrices`: `[species, inputs, outputs]`.
    Species {
        input: usize,
        output: usize,
        matrices: Tensor,
    },
    /// What the modality adds to scalars.
    Offset {
        output: usize,
        values: Tensor,
    },
}

/// Maps of channels between blocks of one irrep.
pub(super) struct ByBlock {
    maps: Vec<Map>,
    to: Irreps,
}

impl ByBlock {
    /// Blocks that nothing leads to are zero. `species`: `[atoms]`.
    pub(super) fn forward(&self, features: &[Tensor], species: &Tensor) -> Result<Features> {
        let mut outputs = vec![None; self.to.0.len()];
        for map in &self.maps {
            let (output, values) = match map {
                Map::Linear { input, output, map } => (*output, map.forward(&features[*input].contiguous()?)?),
                Map::Species { input, output, matrices } => {
                    (*output, features[*input].contiguous()?.matmul(&matrices.index_select(species, 0)?)?)
                }
                Map::Offset { output, values } => {
                    let shape = (species.dim(0)?, 1, values.dim(0)?);
                    (*output, values.reshape((1, 1, ()))?.broadcast_as(shape)?.contiguous()?)
                }
            };
            let place: &mut Option<Tensor> = &mut outputs[output];
            *place = Some(match place.take() {
                Some(sum) => (sum + values)?,
                None => values,
            });
        }
        let dtype = features.first().map_or(DType::F64, Tensor::dtype);
        let blocks = outputs.into_iter().zip(&self.to.0);
        let zero =
            |block: &Block| Tensor::zeros((species.dim(0)?, block.irrep.dim(), block.n), dtype, species.device());
        blocks.map(|(values, block)| values.map_or_else(|| zero(block), Ok)).collect()
    }

    /// Numbers that one atom makes on its way.
    pub(super) fn numbers_per_atom(&self) -> usize {
        self.to.dim()
    }
}

/// Layers with silu between them.
pub(super) struct Perceptron(Vec<Linear>);

impl Perceptron {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (number, map) in self.0.iter().enumerate() {
            if number > 0 {
                x = Activation::Silu.forward(&x)?;
            }
            x = map.forward(&x)?;
        }
        Ok(x)
    }

    /// Numbers that one row makes on its way.
    pub(super) fn numbers_per_row(&self) -> usize {
        self.0.iter().map(|map| map.weight().dims().iter().sum::<usize>()).sum()
    }
}
