//! Experts where they lie in the file, and their mixtures: two convolutions for each layer.

use super::checkpoint::{Contents, ExpertTensor};
use super::convolution::{Convolution, ConvolutionShape};
use super::error::LoadError;
use super::packed::narrow;
use crate::mapped::{Changed, Mapped, Reading};
use crate::weights::WeightsError;
use mlip_atoms::{Deadline, DeviceError, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spherical::Layout;
use mlip_kernels::tiles::Arithmetic;
use mlip_kernels::weighted_sum::{NUMBER, weighted_sum};
use std::sync::Arc;

/// The experts of one convolution.
#[derive(Debug)]
struct ConvolutionExperts {
    shape: ConvolutionShape,
    /// By order, 0 first.
    tensors: Vec<ExpertTensor>,
    /// Shared by all experts; of order 0.
    bias: Vec<f64>,
}

/// All experts of a model. Their numbers stay in the mapped file.
#[derive(Debug)]
pub(super) struct Experts {
    file: Arc<Mapped>,
    /// Two convolutions a layer.
    layers: Vec<[ConvolutionExperts; 2]>,
}

/// Channels of the two convolutions of a layer.
pub(super) fn shapes(channels: usize, hidden: usize, lmax: usize) -> [ConvolutionShape; 2] {
    [
        ConvolutionShape { inputs: 2 * channels, outputs: hidden, extra: lmax * hidden },
        ConvolutionShape { inputs: hidden, outputs: channels, extra: 0 },
    ]
}

impl Experts {
    pub(super) fn new(contents: &Contents, layout: &Layout) -> Result<Self, LoadError> {
        let b = &contents.config.backbone;
        let convolution = |layer: usize, k: usize| -> Result<ConvolutionExperts, LoadError> {
            let shape = shapes(b.sphere_channels, b.hidden_channels, b.lmax)[k];
            let prefix = format!("backbone.blocks.{layer}.edge_wise.so2_conv_{}", k + 1);
            let tensor = |name: String, [out, inputs]: [usize; 2]| {
                let found = contents.experts.get(&name).ok_or_else(|| WeightsError::Missing(name.clone()))?;
                let expected = [b.num_experts, out, inputs];
                if found.shape != expected {
                    let (expected, found) = (expected.to_vec(), found.shape.to_vec());
                    return Err(LoadError::from(WeightsError::Shape { name, expected, found }));
                }
                let expected = found.shape.iter().product::<usize>() * NUMBER;
                if found.part.len() != expected {
                    return Err(LoadError::Experts { name, shape: found.shape, expected, found: found.part.len() });
                }
                Ok(found.clone())
            };
            let zero = shape.zero(layout);
            let mut tensors = vec![tensor(format!("{prefix}.fc_m0.weights"), zero)?];
            for order in layout.orders() {
                let name = format!("{prefix}.so2_m_conv.{}.fc.weights", order.m - 1);
                tensors.push(tensor(name, shape.order(order.degrees))?);
            }
            let bias = contents.weights.get(&format!("{prefix}.fc_m0.bias"), &zero[..1])?.to_vec();
            Ok(ConvolutionExperts { shape, tensors, bias })
        };
        let layers = (0..b.num_layers).map(|layer| Ok([convolution(layer, 0)?, convolution(layer, 1)?]));
        Ok(Self { file: contents.file.clone(), layers: layers.collect::<Result<_, LoadError>>()? })
    }

    /// Bytes that a mixture goes through.
    pub(super) fn bytes(&self) -> u64 {
        self.layers.iter().flatten().flat_map(|c| &c.tensors).map(|tensor| tensor.part.len() as u64).sum()
    }

    /// Calls `work` with the bytes `[experts, out, in]` of a layer's first or second convolution (0, 1) and an order.
    ///
    /// # Errors
    /// When the file is not what it was when it was loaded, or `work` fails.
    #[cfg(feature = "cuda")]
    pub(super) fn with_bytes<E: From<Changed>>(
        &self,
        [layer, convolution, order]: [usize; 3],
        work: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let part = &self.layers[layer][convolution].tensors[order].part;
        self.file.read(|reading| reading.with(part, &mut *work)?)
    }

    /// Of order 0 of a layer's convolutions.
    #[cfg(feature = "cuda")]
    pub(super) fn biases(&self, layer: usize) -> [&[f64]; 2] {
        let [first, second] = &self.layers[layer];
        [&first.bias, &second.bias]
    }

    /// One matrix of the mixture, row-major.
    fn mix<T: Real>(
        reading: &Reading<'_>,
        tensor: &ExpertTensor,
        coefficients: &[f64],
        set: InstructionSet,
        values: &mut Vec<T>,
    ) -> Result<(), PredictError> {
        values.clear();
        values.resize(tensor.shape[1] * tensor.shape[2], T::default());
        Ok(reading.with(&tensor.part, |bytes| weighted_sum(coefficients, bytes, values, set))?)
    }

    /// The mixture with these coefficients: sums in double precision, straight from the mapped file.
    ///
    /// # Errors
    /// When the file is not what it was when it was loaded, or the time is over.
    pub(super) fn merge<T: Real>(
        &self,
        coefficients: &[f64],
        layout: &Layout,
        arithmetic: Arithmetic,
        deadline: &Deadline,
    ) -> Result<Vec<[Convolution<T>; 2]>, PredictError> {
        self.file.read(|reading| {
            let convolution = |experts: &ConvolutionExperts| -> Result<Convolution<T>, PredictError> {
                Convolution::pack(experts.shape, layout, narrow(&experts.bias), arithmetic, |m, values| {
                    deadline.check()?;
                    Self::mix(reading, &experts.tensors[m], coefficients, arithmetic.set, values)
                })
            };
            self.layers.iter().map(|[first, second]| Ok([convolution(first)?, convolution(second)?])).collect()
        })
    }
}

/// Weights that are not what they were end the run: no structure is to blame.
impl From<Changed> for PredictError {
    fn from(changed: Changed) -> Self {
        Self::Device(DeviceError::Lost(changed.to_string()))
    }
}
