//! Weights by role.

use super::Config;
use crate::weights::{Weights, WeightsError};

/// Elements that the embeddings cover: hydrogen to plutonium.
pub(crate) const N_ELEMENTS: usize = 94;

/// All weights, row-major `[outputs, inputs]` as upstream keeps them.
#[derive(Debug, Clone)]
pub struct Parameters {
    pub(crate) config: Config,
    /// `[94, d]`
    pub(crate) atom_embedding: Vec<f64>,
    /// `[n_radial]` each
    pub(crate) atom_graph_frequencies: Vec<f64>,
    pub(crate) bond_graph_frequencies: Vec<f64>,
    /// `[d, n_radial]` each
    pub(crate) bond_embedding: Vec<f64>,
    pub(crate) atom_graph_weights: Vec<f64>,
    pub(crate) bond_graph_weights: Vec<f64>,
    /// `[(n_angular - 1) / 2]`
    pub(crate) angle_frequencies: Vec<f64>,
    /// `[d, n_angular]`
    pub(crate) angle_embedding: Vec<f64>,
    pub(crate) atom_convolutions: Vec<Gated>,
    pub(crate) bond_convolutions: Vec<Gated>,
    pub(crate) angle_updates: Vec<Gated>,
    pub(crate) readout_norm: Option<Norm>,
    pub(crate) readout: Vec<Linear>,
    /// One output: the magnetic moment.
    pub(crate) site_wise: Linear,
    /// `[94]`, eV/atom
    pub(crate) atom_reference: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// `[outputs, inputs]`
    pub(crate) weight: Vec<f64>,
    pub(crate) bias: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) scale: Vec<f64>,
    pub(crate) offset: Vec<f64>,
}

/// A gated MLP: core and gate of one or two layers each, their norms, and the matrix behind the sum.
#[derive(Debug, Clone)]
pub(crate) struct Gated {
    pub(crate) core: Vec<Linear>,
    pub(crate) gate: Vec<Linear>,
    pub(crate) core_norm: Option<Norm>,
    pub(crate) gate_norm: Option<Norm>,
    /// `[d, d]`
    pub(crate) out: Option<Vec<f64>>,
    /// `[d]`
    pub(crate) out_bias: Option<Vec<f64>>,
}

impl Parameters {
    /// Picks the weights that the hyperparameters call for.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn from_weights(config: Config, weights: &Weights) -> Result<Self, WeightsError> {
        let (d, n_radial, n_angular) = (config.width(), config.num_radial, config.num_angular);
        let own = |name: &str, shape: &[usize]| weights.get(name, shape).map(std::borrow::Cow::into_owned);
        let linear = |name: &str, inputs: usize, outputs: usize| {
            Ok::<_, WeightsError>(Linear {
                inputs,
                outputs,
                weight: own(&format!("{name}.weight"), &[outputs, inputs])?,
                bias: own(&format!("{name}.bias"), &[outputs])?,
            })
        };
        let norm = |name: &str, kind: &Option<String>| {
            kind.as_ref().map(|_| {
                Ok::<_, WeightsError>(Norm {
                    scale: own(&format!("{name}.weight"), &[d])?,
                    offset: own(&format!("{name}.bias"), &[d])?,
                })
            })
        };
        let with_bias = config.mlp_out_bias;
        let gated = |layer: &str, mlp: &str, parts: usize, hidden: bool| {
            let mlp = format!("{layer}.{mlp}");
            let branch = |name: &str| {
                if hidden {
                    let first = linear(&format!("{mlp}.{name}.layers.0"), parts * d, d)?;
                    Ok::<_, WeightsError>(vec![first, linear(&format!("{mlp}.{name}.layers.3"), d, d)?])
                } else {
                    Ok(vec![linear(&format!("{mlp}.{name}.layers.1"), parts * d, d)?])
                }
            };
            Ok::<_, WeightsError>(Gated {
                core: branch("mlp_core")?,
                gate: branch("mlp_gate")?,
                core_norm: norm(&format!("{mlp}.bn1"), &config.gated_mlp_norm).transpose()?,
                gate_norm: norm(&format!("{mlp}.bn2"), &config.gated_mlp_norm).transpose()?,
                out: if hidden { Some(own(&format!("{layer}.mlp_out.layers.1.weight"), &[d, d])?) } else { None },
                out_bias: if hidden && with_bias {
                    Some(own(&format!("{layer}.mlp_out.layers.1.bias"), &[d])?)
                } else {
                    None
                },
            })
        };
        let mut readout = Vec::new();
        let mut inputs = d;
        // Upstream's Sequential interleaves activations, and a dropout before the last layer.
        for (layer, outputs) in config.mlp_hidden_dims.iter().enumerate() {
            readout.push(linear(&format!("mlp.layers.{}", 2 * layer), inputs, *outputs)?);
            inputs = *outputs;
        }
        readout.push(linear(&format!("mlp.layers.{}", 2 * config.mlp_hidden_dims.len() + 1), inputs, 1)?);
        let layers = 0..config.n_conv;
        Ok(Self {
            atom_embedding: own("atom_embedding.embedding.weight", &[N_ELEMENTS, d])?,
            atom_graph_frequencies: own("bond_basis_expansion.rbf_expansion_ag.frequencies", &[n_radial])?,
            bond_graph_frequencies: own("bond_basis_expansion.rbf_expansion_bg.frequencies", &[n_radial])?,
            bond_embedding: own("bond_embedding.weight", &[d, n_radial])?,
            atom_graph_weights: own("bond_weights_ag.weight", &[d, n_radial])?,
            bond_graph_weights: own("bond_weights_bg.weight", &[d, n_radial])?,
            angle_frequencies: own("angle_basis_expansion.fourier_expansion.frequencies", &[(n_angular - 1) / 2])?,
            angle_embedding: own("angle_embedding.weight", &[d, n_angular])?,
            atom_convolutions: layers
                .clone()
                .map(|t| gated(&format!("atom_conv_layers.{t}"), "twoBody_atom", 3, true))
                .collect::<Result<_, _>>()?,
            bond_convolutions: layers
                .clone()
                .skip(1)
                .map(|t| gated(&format!("bond_conv_layers.{}", t - 1), "twoBody_bond", 4, true))
                .collect::<Result<_, _>>()?,
            // The last angle update is never read: it stays on disk.
            angle_updates: layers
                .skip(2)
                .map(|t| gated(&format!("angle_layers.{}", t - 2), "twoBody_bond", 4, false))
                .collect::<Result<_, _>>()?,
            readout_norm: norm("readout_norm", &config.readout_norm).transpose()?,
            readout,
            site_wise: linear("site_wise", d, 1)?,
            atom_reference: own("composition_model.fc.weight", &[1, N_ELEMENTS])?,
            config,
        })
    }
}
