//! Hyperparameters.

use mlip_kernels::row_vectors::MAX_WIDTH;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The hyperparameters that a checkpoint carries (`model_args`), by upstream's names; what is left out
/// there takes the defaults of upstream's constructor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "upstream's names, explained in the CHGNet paper")]
pub struct Config {
    pub atom_fea_dim: usize,
    pub bond_fea_dim: usize,
    pub angle_fea_dim: usize,
    pub composition_model: Option<String>,
    pub num_radial: usize,
    pub num_angular: usize,
    pub n_conv: usize,
    pub atom_conv_hidden_dim: usize,
    pub update_bond: bool,
    pub bond_conv_hidden_dim: usize,
    pub update_angle: bool,
    pub angle_layer_hidden_dim: usize,
    pub read_out: String,
    pub mlp_hidden_dims: Vec<usize>,
    pub mlp_first: bool,
    pub is_intensive: bool,
    pub non_linearity: String,
    pub atom_graph_cutoff: f64,
    pub bond_graph_cutoff: f64,
    pub cutoff_coeff: f64,
    #[serde(rename = "gMLP_norm")]
    pub gated_mlp_norm: Option<String>,
    pub readout_norm: Option<String>,
    pub version: Option<String>,
    pub mlp_out_bias: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            atom_fea_dim: 64,
            bond_fea_dim: 64,
            angle_fea_dim: 64,
            composition_model: None,
            num_radial: 31,
            num_angular: 31,
            n_conv: 4,
            atom_conv_hidden_dim: 64,
            update_bond: true,
            bond_conv_hidden_dim: 64,
            update_angle: true,
            angle_layer_hidden_dim: 0,
            read_out: "ave".into(),
            mlp_hidden_dims: vec![64, 64, 64],
            mlp_first: true,
            is_intensive: true,
            non_linearity: "silu".into(),
            atom_graph_cutoff: 6.0,
            bond_graph_cutoff: 3.0,
            cutoff_coeff: 8.0,
            gated_mlp_norm: Some("layer".into()),
            readout_norm: Some("layer".into()),
            version: None,
            mlp_out_bias: false,
        }
    }
}

/// A hyperparameter that this port does not cover.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is {found}, but this port computes CHGNet 0.2.0 and 0.3.0, which have {expected}")]
pub struct UnsupportedConfig {
    name: &'static str,
    found: String,
    expected: String,
}

/// A hyperparameter that cards do not compute.
#[cfg(feature = "cuda")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is {found}, and GPUs compute CHGNet 0.3.0, which has {expected}; device=cpu computes this file")]
pub struct NotForCards {
    name: &'static str,
    found: String,
    expected: &'static str,
}

impl Config {
    /// # Errors
    /// Names the first hyperparameter that differs from the architectures of 0.2.0 and 0.3.0: the older one has no norms.
    pub fn validate(&self) -> Result<(), UnsupportedConfig> {
        let width = self.atom_fea_dim.to_string();
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        let known = [
            ("bond_fea_dim", self.bond_fea_dim.to_string(), width.as_str()),
            ("angle_fea_dim", self.angle_fea_dim.to_string(), &width),
            ("atom_conv_hidden_dim", self.atom_conv_hidden_dim.to_string(), &width),
            ("bond_conv_hidden_dim", self.bond_conv_hidden_dim.to_string(), &width),
            ("angle_layer_hidden_dim", self.angle_layer_hidden_dim.to_string(), "0"),
            ("update_bond", self.update_bond.to_string(), "true"),
            ("update_angle", self.update_angle.to_string(), "true"),
            ("read_out", self.read_out.clone(), "ave"),
            ("mlp_first", self.mlp_first.to_string(), "true"),
            ("is_intensive", self.is_intensive.to_string(), "true"),
            ("non_linearity", self.non_linearity.clone(), "silu"),
        ];
        let norms = [("gMLP_norm", text(&self.gated_mlp_norm)), ("readout_norm", text(&self.readout_norm))];
        for (name, found) in norms {
            if !["layer", "none"].contains(&found.as_str()) {
                return Err(UnsupportedConfig { name, found, expected: "layer or none".into() });
            }
        }
        for (name, found, expected) in known {
            if found != expected {
                return Err(UnsupportedConfig { name, found, expected: expected.into() });
            }
        }
        let checks = [
            ("n_conv", self.n_conv >= 2, "at least 2"),
            ("num_angular", self.num_angular % 2 == 1, "an odd number"),
            ("atom_fea_dim", (1..=MAX_WIDTH).contains(&self.atom_fea_dim), "from 1 to 64"),
            ("bond_graph_cutoff", self.bond_graph_cutoff <= self.atom_graph_cutoff, "at most atom_graph_cutoff"),
            (
                "mlp_hidden_dims",
                !self.mlp_hidden_dims.is_empty()
                    && self.mlp_hidden_dims.iter().all(|width| (1..=MAX_WIDTH).contains(width)),
                "at least one layer, of widths from 1 to 64",
            ),
        ];
        for (name, fits, expected) in checks {
            if !fits {
                return Err(UnsupportedConfig { name, found: "something else".into(), expected: expected.into() });
            }
        }
        Ok(())
    }

    /// The exponent of cutoffs, where cards compute the rest too.
    ///
    /// # Errors
    /// Names the first hyperparameter that they do not compute: all of 0.2.0's are among them.
    #[cfg(feature = "cuda")]
    pub(crate) fn exponent_for_cards(&self) -> Result<u32, NotForCards> {
        let refuse = |name, found: String, expected| Err(NotForCards { name, found, expected });
        for (name, norm) in [("gMLP_norm", &self.gated_mlp_norm), ("readout_norm", &self.readout_norm)] {
            if norm.is_none() {
                return refuse(name, "none".into(), "layer");
            }
        }
        if self.mlp_out_bias {
            return refuse("mlp_out_bias", "true".into(), "false");
        }
        if !self.width().is_multiple_of(4) {
            return refuse("atom_fea_dim", self.width().to_string(), "a multiple of 4");
        }
        let exponent = self.cutoff_coeff;
        if exponent.fract() != 0.0 || !(1.0..=64.0).contains(&exponent) {
            return refuse("cutoff_coeff", exponent.to_string(), "a whole number from 1 to 64");
        }
        Ok(exponent as u32)
    }

    /// Width of all features.
    pub fn width(&self) -> usize {
        self.atom_fea_dim
    }
}
