//! Hyperparameters.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Upstream has formulas for so many orders and roots of spherical Bessel functions.
pub(super) const MOST_ORDERS: usize = 4;

/// The hyperparameters that a checkpoint carries (`model_args`), by upstream's names; what is left out there takes the
/// defaults of upstream's constructor, and what is there besides changes no number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Blocks that update edges and atoms.
    pub num_blocks: usize,
    /// Width of the features of atoms and of edges.
    pub units: usize,
    /// Spherical harmonics of angles, from l = 0.
    pub max_l: usize,
    /// Functions of lengths.
    pub max_n: usize,
    /// Of edges, Å.
    pub cutoff: f64,
    /// The last element that it knows.
    pub max_z: usize,
    /// Of edges between which there are angles, Å.
    pub threebody_cutoff: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { num_blocks: 4, units: 128, max_l: 4, max_n: 4, cutoff: 5.0, max_z: 94, threebody_cutoff: 4.0 }
    }
}

/// A hyperparameter that makes no MatterSim.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("hyperparameter `{name}` is {found}, expected {expected}")]
pub struct Unsupported {
    name: &'static str,
    found: f64,
    expected: &'static str,
}

impl Config {
    /// # Errors
    /// Names the first hyperparameter that upstream would not take, or that is beyond all sense.
    pub fn validate(&self) -> Result<(), Unsupported> {
        let count = |number: usize, most: usize| (1..=most).contains(&number);
        let length = |length: f64| length > 0.0 && length <= 100.0;
        let checks = [
            ("num_blocks", self.num_blocks as f64, count(self.num_blocks, 1000), "from 1 to 1000"),
            ("units", self.units as f64, count(self.units, 65_536), "from 1 to 65536"),
            ("max_l", self.max_l as f64, count(self.max_l, MOST_ORDERS), "from 1 to 4"),
            ("max_n", self.max_n as f64, count(self.max_n, MOST_ORDERS), "from 1 to 4"),
            ("cutoff", self.cutoff, length(self.cutoff), "a length in Å, up to 100"),
            ("max_z", self.max_z as f64, count(self.max_z, 118), "from 1 to 118"),
            ("threebody_cutoff", self.threebody_cutoff, length(self.threebody_cutoff), "a length in Å, up to 100"),
        ];
        match checks.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((name, found, _, expected)) => Err(Unsupported { name, found, expected }),
            None => Ok(()),
        }
    }

    /// Functions of an angle and the length of its second edge.
    pub(super) fn n_spherical(&self) -> usize {
        self.max_n * self.max_l
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyperparameters_beyond_upstreams_formulas_are_refused_by_name() {
        assert_eq!(Config::default().validate(), Ok(()));
        let refused = |config: Config| config.validate().unwrap_err().to_string();
        assert_eq!(
            refused(Config { max_l: 5, ..Config::default() }),
            "hyperparameter `max_l` is 5, expected from 1 to 4"
        );
        let text = refused(Config { threebody_cutoff: f64::NAN, ..Config::default() });
        assert!(text.contains("`threebody_cutoff` is NaN"), "{text}");
        assert!(refused(Config { num_blocks: 0, ..Config::default() }).contains("`num_blocks`"));
    }
}
