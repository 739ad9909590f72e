//! From what the network gives to eV: `energy of an atom = scale · network + reference of its element`.

use mlip_checkpoint::{Checkpoint, CheckpointError, Value, View};
use thiserror::Error;

/// What upstream's trainer does behind the network.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scales {
    /// eV
    pub(super) energy: f64,
    /// By atomic number, eV. `None`: energies are total energies, and nothing is added.
    pub(super) references: Option<Vec<f64>>,
}

/// Why the normalizers of a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// Something is added to each structure, whatever its size.
    #[error("the normalizer of `{property}` has mean {mean}, 0 was expected")]
    Mean {
        /// Upstream's name.
        property: &'static str,
        /// What the file says.
        mean: f64,
    },
    /// Forces or stress that are not slopes of the energy.
    #[error(
        "`{property}` is scaled by {found}, the energy by {expected}: what upstream gives is not the slope of its energy"
    )]
    Slope {
        /// `forces` or `stress`.
        property: &'static str,
        /// What the file says.
        found: f64,
        /// The energy's.
        expected: f64,
    },
    /// No number.
    #[error("`{name}` is not one number")]
    Form {
        /// Of the entry.
        name: String,
    },
}

/// Why scales cannot be read, or used.
#[derive(Debug, Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Torch(#[from] CheckpointError),
    #[error(transparent)]
    Scale(#[from] ScaleError),
}

impl Scales {
    /// From `normalizers` and `elementrefs`. A property without a normalizer is taken as it is.
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, Unreadable> {
        let root = checkpoint.root();
        let named = |problem| Unreadable::Torch(checkpoint.error(problem));
        let normalizers = root.field("normalizers").map_err(named)?;
        // Older files call energies `target` and forces `grad_target`.
        let scale = |property: &'static str, former: &str| -> Result<f64, Unreadable> {
            let Some(normalizer) = normalizers.get(property).or_else(|| normalizers.get(former)) else {
                return Ok(1.0);
            };
            let of = |name: &str| normalizer.get(name).map(|value| number(checkpoint, value, property, name));
            let mean = of("mean").transpose()?.unwrap_or(0.0);
            if mean != 0.0 {
                return Err(ScaleError::Mean { property, mean }.into());
            }
            let found = of("std").or_else(|| of("rmsd")).transpose()?;
            Ok(found.ok_or_else(|| ScaleError::Form { name: format!("normalizers.{property}.rmsd") })?)
        };
        let energy = scale("energy", "target")?;
        for (property, former) in [("forces", "grad_target"), ("stress", "stress")] {
            let found = scale(property, former)?;
            if found != energy {
                return Err(ScaleError::Slope { property, found, expected: energy }.into());
            }
        }
        let references = root.get("elementrefs").and_then(|all| all.get("energy")).map(|energy| {
            let tensor = energy.field("element_references").and_then(Value::tensor).map_err(named)?;
            Ok::<_, Unreadable>(checkpoint.read_f64(&tensor)?)
        });
        Ok(Self { energy, references: references.transpose()? })
    }

    /// The reference energy of an element, eV; `None` where the checkpoint has references, and none for it.
    pub(super) fn reference(&self, element: u32) -> Option<f64> {
        match &self.references {
            None => Some(0.0),
            Some(references) => references.get(element as usize).copied(),
        }
    }
}

fn number(checkpoint: &Checkpoint, value: Value<'_>, property: &str, name: &str) -> Result<f64, Unreadable> {
    let form = || ScaleError::Form { name: format!("normalizers.{property}.{name}") };
    let found = match value.view() {
        View::Float(found) => Some(found),
        View::Int(found) => Some(found as f64),
        _ => match checkpoint.read_f64(&value.tensor().map_err(|problem| checkpoint.error(problem))?)?[..] {
            [found] => Some(found),
            _ => None,
        },
    };
    Ok(found.filter(|found| found.is_finite()).ok_or_else(form)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_beyond_the_references_has_none_rather_than_zero() {
        let some = Scales { energy: 1.0, references: Some(vec![0.0, -1.0]) };
        assert_eq!([1, 2].map(|z| some.reference(z)), [Some(-1.0), None]);
        assert_eq!(Scales { energy: 1.0, references: None }.reference(3), Some(0.0));
    }
}
