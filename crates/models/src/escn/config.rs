//! Hyperparameters that such networks have in common, and what of them is covered.

use super::candle::{Orders, Shape};
use mlip_kernels::spherical::MAX_DEGREE;
use serde_json::Value as Json;
use thiserror::Error;

/// A hyperparameter that this port does not cover.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("hyperparameter `{name}` is {found}; this port computes {expected}")]
pub struct NotCovered {
    /// Upstream's name.
    pub name: &'static str,
    /// What the file says.
    pub found: String,
    /// What is covered.
    pub expected: &'static str,
}

/// Numbers of a backbone, by upstream's names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) lmax: usize,
    pub(crate) mmax: usize,
    pub(crate) num_layers: usize,
    pub(crate) sphere_channels: usize,
    pub(crate) hidden_channels: usize,
    pub(crate) edge_channels: usize,
    pub(crate) num_distance_basis: usize,
    pub(crate) max_num_elements: usize,
    /// Å
    pub(crate) cutoff: f64,
}

impl Sizes {
    /// # Errors
    /// When one is beyond what is computed; also sizes that no network has, for a damaged file must not ask for all memory.
    pub(crate) fn check(&self) -> Result<(), NotCovered> {
        let Self { lmax, mmax, num_layers, num_distance_basis, .. } = *self;
        let width = |n: usize| (1..=4096).contains(&n);
        let channels = |name, n: usize| (name, n, width(n), "1 to 4096 channels");
        let counts = [
            ("lmax", lmax, (1..=MAX_DEGREE).contains(&lmax), "degrees from 1 to 6"),
            ("mmax", mmax, (1..=lmax).contains(&mmax), "orders from 1 to lmax"),
            ("num_layers", num_layers, (1..=64).contains(&num_layers), "1 to 64 layers"),
            channels("sphere_channels", self.sphere_channels),
            channels("hidden_channels", self.hidden_channels),
            channels("edge_channels", self.edge_channels),
            ("num_distance_basis", num_distance_basis, (2..=4096).contains(&num_distance_basis), "2 to 4096"),
            ("max_num_elements", self.max_num_elements, width(self.max_num_elements), "1 to 4096 elements"),
        ];
        if let Some((name, found, _, expected)) = counts.into_iter().find(|(_, _, fits, _)| !fits) {
            return Err(NotCovered { name, found: found.to_string(), expected });
        }
        if !(self.cutoff > 0.0 && self.cutoff <= 20.0) {
            let found = self.cutoff.to_string();
            return Err(NotCovered { name: "cutoff", found, expected: "cutoffs up to 20 Å" });
        }
        Ok(())
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            orders: Orders { lmax: self.lmax, mmax: self.mmax },
            channels: self.sphere_channels,
            hidden: self.hidden_channels,
            edge_channels: self.edge_channels,
            gaussians: self.num_distance_basis,
            elements: self.max_num_elements,
        }
    }
}

/// Choices of which one each is covered: name, what the file says, what is covered.
///
/// # Errors
/// At the first that is another.
pub(crate) fn check_choices(
    choices: impl IntoIterator<Item = (&'static str, String, &'static str)>,
) -> Result<(), NotCovered> {
    match choices.into_iter().find(|(_, found, expected)| found != expected) {
        Some((name, found, expected)) => Err(NotCovered { name, found, expected }),
        None => Ok(()),
    }
}

/// Name and settings of the one head in `heads` of a model.
///
/// # Errors
/// With what is wrong, where there is not one.
pub(crate) fn only_head(model: &Json) -> Result<(&String, &Json), String> {
    let heads = model.get("heads").and_then(Json::as_object).ok_or("it has no `heads`")?;
    match heads.iter().collect::<Vec<_>>()[..] {
        [head] => Ok(head),
        _ => Err(format!("it has {} heads, one was expected", heads.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_not_computed_are_refused_by_name() {
        let least = Sizes {
            lmax: 1,
            mmax: 1,
            num_layers: 1,
            sphere_channels: 1,
            hidden_channels: 1,
            edge_channels: 1,
            num_distance_basis: 2,
            max_num_elements: 1,
            cutoff: 6.0,
        };
        assert_eq!(least.check(), Ok(()));
        let refused = |sizes: Sizes| sizes.check().unwrap_err().to_string();
        let too_high = refused(Sizes { mmax: 2, ..least });
        assert_eq!(too_high, "hyperparameter `mmax` is 2; this port computes orders from 1 to lmax");
        assert!(refused(Sizes { lmax: 7, ..least }).contains("`lmax` is 7"));
        assert!(refused(Sizes { num_layers: 0, ..least }).contains("`num_layers` is 0"));
        assert!(refused(Sizes { edge_channels: 5000, ..least }).contains("`edge_channels` is 5000"));
        assert!(refused(Sizes { max_num_elements: 0, ..least }).contains("`max_num_elements` is 0"));
        for cutoff in [0.0, -1.0, 20.5, f64::NAN] {
            assert!(refused(Sizes { cutoff, ..least }).contains("`cutoff` is"), "{cutoff}");
        }
    }
}
