//! Hyperparameters of a MACE model, as its file has them.

use super::irreps::{Irreps, UnsupportedIrreps};
use thiserror::Error;

/// What a model is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Cutoff, Å.
    pub r_max: f64,
    /// Elements, in the order of the weights.
    pub atomic_numbers: Vec<u8>,
    /// Heads, in the order of the readouts' columns.
    pub heads: Vec<String>,
    /// Largest l of the spherical harmonics.
    pub max_ell: usize,
    /// Exponent of the polynomial cutoff.
    pub cutoff_exponent: f64,
    /// Bessel functions.
    pub n_bessel: usize,
    /// Whether the cutoff multiplies the basis; otherwise it multiplies the radial weights.
    pub apply_cutoff: bool,
    /// Whether distances are transformed as Agnesi's.
    pub agnesi: bool,
    /// Whether there is a ZBL repulsion.
    pub pair_repulsion: bool,
    /// Whether the products' weights are the same for all elements.
    pub agnostic_product: bool,
    /// Whether the energies of interaction are scaled and shifted (`ScaleShiftMACE`).
    pub scale_shift: bool,
    /// Layer by layer.
    pub layers: Vec<LayerConfig>,
}

/// A layer: interaction, product, readout.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerConfig {
    /// Which interaction block.
    pub interaction: Interaction,
    /// By which sums over neighbors are divided, where nothing else does that.
    pub avg_num_neighbors: f64,
    /// Features that come in.
    pub node_feats: Irreps,
    /// Features that are sent along edges.
    pub edge: Irreps,
    /// Features after the sum over neighbors.
    pub target: Irreps,
    /// Features of the skip connection.
    pub hidden: Irreps,
    /// Features that come out of the product.
    pub product: Irreps,
    /// Correlation order of the product, for each l that comes out.
    pub correlation: Vec<usize>,
    /// Whether the product adds the skip connection.
    pub use_sc: bool,
    /// Widths of the radial network, input and output included.
    pub radial_widths: Vec<usize>,
    /// Whether the readout is a small network; otherwise it is linear.
    pub nonlinear_readout: bool,
}

/// Upstream's interaction blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// `RealAgnosticInteractionBlock`: the message is multiplied by weights of the element.
    Plain,
    /// `RealAgnosticResidualInteractionBlock`: the features are, for the skip connection.
    Residual,
    /// `RealAgnosticDensityInteractionBlock`: as plain, normalised by a learnt density.
    Density,
    /// `RealAgnosticDensityResidualInteractionBlock`
    DensityResidual,
    /// `RealAgnosticResidualNonLinearInteractionBlock`: gates, and radial networks that see both elements.
    NonLinear,
}

impl Interaction {
    /// From the name of upstream's class.
    pub fn of_class(class: &str) -> Option<Self> {
        Some(match class.rsplit('.').next()? {
            "RealAgnosticInteractionBlock" => Self::Plain,
            "RealAgnosticResidualInteractionBlock" => Self::Residual,
            "RealAgnosticDensityInteractionBlock" => Self::Density,
            "RealAgnosticDensityResidualInteractionBlock" => Self::DensityResidual,
            "RealAgnosticResidualNonLinearInteractionBlock" => Self::NonLinear,
            _ => return None,
        })
    }

    /// Whether sums over neighbors are divided by a learnt density.
    pub fn has_density(self) -> bool {
        matches!(self, Self::Density | Self::DensityResidual | Self::NonLinear)
    }

    /// Whether the features take a way around the interaction.
    pub fn is_residual(self) -> bool {
        matches!(self, Self::Residual | Self::DensityResidual | Self::NonLinear)
    }
}

/// What this program does not compute.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Irreps.
    #[error("{place}: {source}")]
    Irreps {
        /// Attribute in the file.
        place: String,
        /// What is wrong.
        #[source]
        source: UnsupportedIrreps,
    },
    /// Anything else.
    #[error("{what} is {found}; this program computes models with {expected}")]
    Value {
        /// Hyperparameter.
        what: String,
        /// As the file has it.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Config {
    /// # Errors
    /// When the model has something that this program does not compute.
    pub fn validate(&self) -> Result<(), Unsupported> {
        let refuse = |what: String, found: &dyn std::fmt::Debug, expected| {
            Err(Unsupported::Value { what, found: format!("{found:?}"), expected })
        };
        if self.max_ell > crate::e3nn::LMAX {
            return refuse("max_ell".into(), &self.max_ell, "spherical harmonics up to l = 3");
        }
        if self.atomic_numbers.is_empty() || self.heads.is_empty() || self.n_bessel == 0 {
            let found = (self.atomic_numbers.len(), self.heads.len(), self.n_bessel);
            return refuse("elements, heads, Bessel functions".into(), &found, "at least one of each");
        }
        if self.layers.is_empty() {
            return refuse("num_interactions".into(), &0, "at least one layer");
        }
        if !(self.r_max.is_finite() && self.r_max > 0.0) {
            return refuse("r_max".into(), &self.r_max, "a positive cutoff");
        }
        let mut before: Option<&LayerConfig> = None;
        for (number, layer) in self.layers.iter().enumerate() {
            let place = |what: &str| format!("{what} of layer {number}");
            for (what, irreps) in [
                ("node_feats_irreps", &layer.node_feats),
                ("edge_irreps", &layer.edge),
                ("target_irreps", &layer.target),
                ("the product's irreps_out", &layer.product),
            ] {
                if irreps.channels().is_none_or(|n| n == 0) {
                    return refuse(place(what), irreps, "the same number of channels for each l");
                }
            }
            if layer.node_feats.lmax() > 2 || layer.edge.lmax() > 2 {
                return refuse(place("node_feats_irreps"), &layer.node_feats, "features up to l = 2");
            }
            if layer.target.lmax() != self.max_ell {
                return refuse(place("target_irreps"), &layer.target, "messages up to max_ell");
            }
            if layer.target.channels() != layer.product.channels() {
                return refuse(place("the product's irreps_out"), &layer.product, "as many channels as the messages");
            }
            if layer.correlation.len() != layer.product.0.len()
                || layer.correlation.iter().any(|n| !(1..=3).contains(n))
            {
                return refuse(place("correlation"), &layer.correlation, "correlation 1, 2 or 3");
            }
            let fits = match before {
                Some(before) => before.product == layer.node_feats,
                None => layer.node_feats.lmax() == 0,
            };
            if !fits {
                return refuse(place("node_feats_irreps"), &layer.node_feats, "layers that begin where others end");
            }
            if layer.edge.lmax() > layer.node_feats.lmax() || layer.product.lmax() > layer.target.lmax() {
                return refuse(place("edge_irreps"), &layer.edge, "no l that was not there before");
            }
            if layer.use_sc && (!layer.interaction.is_residual() || layer.hidden != layer.product) {
                return refuse(place("hidden_irreps"), &layer.hidden, "skip connections to what the product gives");
            }
            before = Some(layer);
            if layer.radial_widths.len() < 2 {
                return refuse(place("the radial network"), &layer.radial_widths, "at least one layer in it");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mace::ModelFile;
    use std::path::Path;

    fn config() -> Config {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace/tiny_mp0/tiny_mp0.model");
        ModelFile::open(&path).unwrap().config
    }

    #[test]
    fn what_is_not_computed_is_refused_by_name() {
        assert!(config().validate().is_ok());
        let refused = |change: fn(&mut Config)| {
            let mut config = config();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refused(|c| c.max_ell = 4).contains("max_ell is 4"));
        assert!(refused(|c| c.heads.clear()).contains("heads"));
        assert!(refused(|c| c.r_max = f64::NAN).contains("r_max is NaN"));
        assert!(refused(|c| c.layers.clear()).contains("num_interactions"));
        assert!(refused(|c| c.layers[1].correlation = vec![4]).contains("correlation of layer 1"));
        assert!(refused(|c| c.layers[0].product = Irreps(vec![8, 4])).contains("irreps_out of layer 0"));
        assert!(refused(|c| c.layers[1].node_feats = Irreps(vec![8])).contains("node_feats_irreps of layer 1"));
        assert!(refused(|c| c.layers[0].hidden = Irreps(vec![8])).contains("hidden_irreps of layer 0"));
    }
}
