//! Experts where they lie in the file, and their mixtures.

use super::checkpoint::{Contents, ExpertTensor};
use super::convolution::{Convolution, ConvolutionShape};
use super::error::LoadError;
use super::merged::Merged;
use super::packed::narrow;
use crate::mapped::Mapped;
use crate::weights::WeightsError;
use mlip_atoms::{Deadline, PredictError};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spherical::Layout;
use mlip_kernels::weighted_sum::weighted_sum;
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

/// A matrix, row-major.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) outputs: usize,
    pub(super) values: Vec<f64>,
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
                    return Err(WeightsError::Shape { name, expected, found });
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
        self.layers.iter().flatten().flat_map(|c| &c.tensors).map(|tensor| tensor.bytes as u64).sum()
    }

    fn mix<T: Real>(&self, tensor: &ExpertTensor, coefficients: &[f64], set: InstructionSet, values: &mut Vec<T>) {
        values.clear();
        values.resize(tensor.shape[1] * tensor.shape[2], T::default());
        // The range was checked when the file was opened, and a mapping does not shrink.
        if let Some(bytes) = self.file.bytes(tensor.start, tensor.bytes) {
            weighted_sum(coefficients, bytes, values, set);
        }
    }

    /// The mixture as plain matrices `[out, in]`: those of both convolutions of each layer, by order.
    pub(super) fn matrices(&self, coefficients: &[f64], set: InstructionSet) -> Vec<[Vec<Plain>; 2]> {
        let plain = |tensor: &ExpertTensor| {
            let mut values = Vec::new();
            self.mix(tensor, coefficients, set, &mut values);
            Plain { outputs: tensor.shape[1], values }
        };
        let convolution = |experts: &ConvolutionExperts| experts.tensors.iter().map(plain).collect();
        self.layers.iter().map(|[first, second]| [convolution(first), convolution(second)]).collect()
    }

    /// The mixture with these coefficients: sums in double precision, straight from the mapped file.
    pub(super) fn merge<T: Real>(
        &self,
        coefficients: &[f64],
        layout: &Layout,
        set: InstructionSet,
        deadline: &Deadline,
    ) -> Result<Merged<T>, PredictError> {
        let convolution = |experts: &ConvolutionExperts| -> Result<Convolution<T>, PredictError> {
            Convolution::pack(experts.shape, layout, narrow(&experts.bias), set, |m, values| {
                deadline.check()?;
                self.mix(&experts.tensors[m], coefficients, set, values);
                Ok(())
            })
        };
        let layers = self.layers.iter().map(|[first, second]| Ok([convolution(first)?, convolution(second)?]));
        Ok(Merged::new(layers.collect::<Result<_, PredictError>>()?))
    }
}
