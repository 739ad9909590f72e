//! Weights of a file as the device wants them.

use crate::escn::config::NotCovered;
use crate::mapped::Changed;
use crate::uma::checkpoint::Contents;
use crate::uma::config::{Config, UnsupportedConfig};
use crate::uma::error::LoadError;
use crate::uma::experts::Experts;
use crate::uma::radial::{FirstLayer, RadialShape};
use crate::uma::readout::read_layers;
use crate::uma::routing::Linear as WideLinear;
use crate::weights::{Weights, WeightsError};
use mlip_gpu::GpuError;
use mlip_gpu::uma::{Atomwise, Head, Layer, Linear, Norm, Radial, SphereNorm, UmaWeights};
use mlip_kernels::spherical::Layout;

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

/// Refuses what cards do not compute, by name.
pub(super) fn check(config: &Config) -> Result<(), UnsupportedConfig> {
    let b = &config.backbone;
    let degrees = "2, on a GPU: device=cpu computes this file";
    let widths = "multiples of 8 up to 128, on a GPU: device=cpu computes this file";
    let width = |n: usize| n.is_multiple_of(8) && n <= 128;
    let known = [
        ("lmax", b.lmax, b.lmax == 2, degrees),
        ("mmax", b.mmax, b.mmax == 2, degrees),
        ("sphere_channels", b.sphere_channels, width(b.sphere_channels), widths),
        ("hidden_channels", b.hidden_channels, width(b.hidden_channels), widths),
        ("edge_channels", b.edge_channels, width(b.edge_channels), widths),
        ("num_experts", b.num_experts, b.num_experts <= 128, "up to 128, on a GPU: device=cpu computes this file"),
    ];
    match known.into_iter().find(|(_, _, fits, _)| !fits) {
        Some((name, found, _, expected)) => Err(NotCovered { name, found: found.to_string(), expected }.into()),
        None => Ok(()),
    }
}

/// Experts in the mapped file.
struct MappedExperts(Experts);

impl From<Changed> for GpuError {
    fn from(changed: Changed) -> Self {
        Self::Weights(changed.to_string())
    }
}

impl mlip_gpu::uma::Experts for MappedExperts {
    fn read(
        &self,
        layer: usize,
        convolution: usize,
        order: usize,
        to: &mut dyn FnMut(&[u8]) -> Result<(), GpuError>,
    ) -> Result<(), GpuError> {
        self.0.with_bytes([layer, convolution, order], to)
    }
}

/// A file whose hyperparameters cards compute.
struct Reader<'a> {
    weights: &'a Weights,
    config: &'a Config,
}

impl Reader<'_> {
    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, WeightsError> {
        let WideLinear { weight, bias } = WideLinear::read(self.weights, name, outputs, inputs)?;
        Ok(Linear { weight: narrow(&weight), bias: narrow(&bias) })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, WeightsError> {
        let get = |part: &str| Ok::<_, WeightsError>(narrow(&self.weights.get(&format!("{name}.{part}"), &[width])?));
        Ok(Norm { scale: get("weight")?, offset: get("bias")? })
    }

    fn sphere_norm(&self, name: &str) -> Result<SphereNorm, WeightsError> {
        let channels = self.config.backbone.sphere_channels;
        Ok(SphereNorm {
            scale: narrow(&self.weights.get(&format!("{name}.affine_weight"), &[3, channels])?),
            offset: narrow(&self.weights.get(&format!("{name}.affine_bias"), &[channels])?),
        })
    }

    fn radial(&self, name: &str, outputs: usize) -> Result<Radial, WeightsError> {
        let b = &self.config.backbone;
        let hidden = b.edge_channels;
        let shape = RadialShape { elements: b.max_num_elements, gaussians: b.num_distance_basis, hidden };
        let FirstLayer { source, target, distance } = FirstLayer::read(self.weights, name, shape)?;
        let both = source.chunks_exact(hidden).zip(target.chunks_exact(hidden));
        Ok(Radial {
            table: both.flat_map(|(source, target)| [narrow(source), narrow(target)].concat()).collect(),
            distance: narrow(&distance),
            first_norm: self.norm(&format!("{name}.net.1"), hidden)?,
            hidden: self.linear(&format!("{name}.net.3"), hidden, hidden)?,
            second_norm: self.norm(&format!("{name}.net.4"), hidden)?,
            out: self.linear(&format!("{name}.net.6"), outputs, hidden)?,
        })
    }

    fn atomwise(&self, name: &str) -> Result<Atomwise, WeightsError> {
        let (channels, hidden) = (self.config.backbone.sphere_channels, self.config.backbone.hidden_channels);
        let get = |part: &str, shape: &[usize]| {
            Ok::<_, WeightsError>(narrow(&self.weights.get(&format!("{name}.{part}"), shape)?))
        };
        let by_degree = |part: &str, outputs: usize, inputs: usize| {
            let all = get(&format!("{part}.weight"), &[3, outputs, inputs])?;
            let degree = |l: usize| all[l * outputs * inputs..][..outputs * inputs].to_vec();
            Ok::<_, WeightsError>([0, 1, 2].map(degree))
        };
        Ok(Atomwise {
            gates: self.linear(&format!("{name}.scalar_mlp.0"), 2 * hidden, channels)?,
            first: by_degree("so3_linear_1", hidden, channels)?,
            first_bias: get("so3_linear_1.bias", &[hidden])?,
            second: by_degree("so3_linear_2", channels, hidden)?,
            second_bias: get("so3_linear_2.bias", &[channels])?,
        })
    }

    fn layer(&self, number: usize, experts: &Experts) -> Result<Layer, WeightsError> {
        let name = format!("backbone.blocks.{number}");
        let outputs = 12 * self.config.backbone.sphere_channels;
        Ok(Layer {
            before_messages: self.sphere_norm(&format!("{name}.norm_1"))?,
            radial: self.radial(&format!("{name}.edge_wise.so2_conv_1.rad_func"), outputs)?,
            biases: experts.biases(number).map(narrow),
            before_atoms: self.sphere_norm(&format!("{name}.norm_2"))?,
            atomwise: self.atomwise(&format!("{name}.atom_wise"))?,
        })
    }

    fn head(&self, expert: Option<(usize, usize)>) -> Result<Head, WeightsError> {
        let b = &self.config.backbone;
        let layers = read_layers(self.weights, &self.config.head, [b.sphere_channels, b.hidden_channels], expert)?;
        let [first, second, third] = layers.map(|WideLinear { weight, bias }| (weight, bias));
        Ok(Head { matrices: [first.0, second.0, third.0], biases: [first.1, second.1, third.1] })
    }
}

/// Everything; `expert`: as of the head.
pub(super) fn read(contents: &Contents, expert: Option<(usize, usize)>) -> Result<UmaWeights, LoadError> {
    let (config, weights) = (&contents.config, &contents.weights);
    check(config)?;
    let b = &config.backbone;
    let channels = b.sphere_channels;
    let experts = Experts::new(contents, &Layout::new(b.lmax, b.mmax))?;
    let reader = Reader { weights, config };
    let layers = (0..b.num_layers).map(|number| reader.layer(number, &experts)).collect::<Result<_, _>>()?;
    Ok(UmaWeights {
        channels,
        hidden: b.hidden_channels,
        edge_channels: b.edge_channels,
        n_gaussians: b.num_distance_basis,
        reach: b.cutoff,
        n_experts: b.num_experts,
        balanced: b.balanced(0, 0).into_iter().map(|(channel, _)| channel as u32).collect(),
        embedding: narrow(&weights.get("backbone.sphere_embedding.weight", &[b.max_num_elements, channels])?),
        degree: reader.radial("backbone.edge_degree_embedding.rad_func", 3 * channels)?,
        layers,
        norm: reader.sphere_norm("backbone.norm")?,
        head: reader.head(expert)?,
        experts: Box::new(MappedExperts(experts)),
    })
}
