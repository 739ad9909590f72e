//! Both engines of a model on the same structures.

use crate::registry::{EngineKind, LoadError, Registry, Selection};
use mlip_atoms::engine::predict;
use mlip_atoms::{Deadline, EngineResources, Potential, Precision, PredictError, Prediction, Request, Structure};
use std::sync::Arc;

/// Differences up to which two computations in double precision agree.
///
/// An energy per atom of 10 eV has 16 digits, of which sums over some thousand edges leave about 12. A force is a sum over
/// the edges of one atom, each of some 10 eV/Å in crystals that are far from equilibrium. A stress is a sum of forces times
/// distances of some Å over a volume of at least 10 Å^3 an atom, so it cannot differ more than they do by far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// eV/atom.
    pub energy: f64,
    /// eV/Å.
    pub forces: f64,
    /// eV/Å^3.
    pub stress: f64,
}

/// What engines must agree to.
pub const LIMITS: Limits = Limits { energy: 1e-10, forces: 1e-8, stress: 1e-9 };

/// The largest difference of one quantity, and the structure where it occurs, counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Largest {
    /// In the quantity's unit; not a number where one of the two computations gave none.
    pub value: f64,
    /// None where nothing was compared.
    pub structure: Option<usize>,
}

/// A structure that was not computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Counted from 0.
    pub structure: usize,
    /// Why.
    pub error: PredictError,
}

/// How two computations of the same structures differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// Energy, eV/atom.
    pub energy: Largest,
    /// Forces, eV/Å.
    pub forces: Largest,
    /// Stress, eV/Å^3.
    pub stress: Largest,
    /// Structures that both computed.
    pub n_compared: usize,
    /// Structures that both refuse, for example for an element that the model was not made for, with what the first says.
    pub refused: Vec<Refusal>,
    /// Structures that only one of them computes, with what the other says.
    pub one_sided: Vec<Refusal>,
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The candle engine against the native one, both in double precision.
    pub engines: Differences,
    /// The native engine in the precision of the selection against itself in double precision, where that is another.
    pub rounding: Option<Differences>,
}

impl Largest {
    /// A number that is not one counts as larger than all others.
    fn see(&mut self, value: f64, structure: usize) {
        if self.structure.is_none() || value > self.value || (value.is_nan() && !self.value.is_nan()) {
            *self = Self { value, structure: Some(structure) };
        }
    }
}

impl Differences {
    /// Whether something was compared, all of it within the limits, and nothing computed by one side only.
    pub fn agree(&self, limits: &Limits) -> bool {
        let within = [
            self.energy.value <= limits.energy,
            self.forces.value <= limits.forces,
            self.stress.value <= limits.stress,
        ];
        self.n_compared > 0 && self.one_sided.is_empty() && within.into_iter().all(|within| within)
    }

    fn add(
        &mut self,
        structure: usize,
        one: Result<Prediction, PredictError>,
        other: Result<Prediction, PredictError>,
    ) {
        match (one, other) {
            (Ok(one), Ok(other)) => {
                self.n_compared += 1;
                let n_atoms = one.forces.len().max(1) as f64;
                self.energy.see(((one.energy - other.energy) / n_atoms).abs(), structure);
                self.forces.see(largest(one.forces.as_flattened(), other.forces.as_flattened()), structure);
                // Where neither has a stress there is nothing to compare; where one has, it differs from nothing.
                if one.stress.is_some() || other.stress.is_some() {
                    let (a, b) = (one.stress.unwrap_or([f64::NAN; 6]), other.stress.unwrap_or([f64::NAN; 6]));
                    self.stress.see(largest(&a, &b), structure);
                }
            }
            (Err(error), Err(_)) => self.refused.push(Refusal { structure, error }),
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => self.one_sided.push(Refusal { structure, error }),
        }
    }
}

/// The largest difference; not a number where one of them is not, or lengths differ.
fn largest(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::NAN;
    }
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |most, next| if next > most || next.is_nan() { next } else { most })
}

/// Computes all structures with both potentials, one after the other on this thread. `done` is called after each.
///
/// # Errors
/// When an engine cannot be opened.
pub fn compare(
    one: &Arc<dyn Potential>,
    other: &Arc<dyn Potential>,
    structures: &[Arc<Structure>],
    mut done: impl FnMut(usize),
) -> Result<Differences, PredictError> {
    let open =
        |potential: &Arc<dyn Potential>| Ok::<_, PredictError>(potential.clone().open(EngineResources::default())?);
    let (mut one, mut other) = (open(one)?, open(other)?);
    let mut differences = Differences::default();
    for (index, structure) in structures.iter().enumerate() {
        let request = Request { forces: true, atom_features: false };
        let of_one = predict(one.as_mut(), structure.clone(), request, Deadline::NONE);
        let of_other = predict(other.as_mut(), structure.clone(), request, Deadline::NONE);
        differences.add(index, of_one, of_other);
        done(index);
    }
    Ok(differences)
}

/// Loads a potential with both engines in double precision, and compares what they make of the structures. `done` is
/// called after each structure.
///
/// # Errors
/// When the potential cannot be loaded, or an engine cannot be opened.
pub fn verify(
    registry: &Registry,
    selection: &Selection,
    structures: &[Arc<Structure>],
    mut done: impl FnMut(usize),
) -> Result<Report, VerifyError> {
    let load = |precision, engine| registry.load(&selection.clone().with_precision(precision).with_engine(engine));
    let native = load(Precision::F64, EngineKind::Native)?;
    let candle = load(Precision::F64, EngineKind::Candle)?;
    let engines = compare(&native, &candle, structures, &mut done)?;
    drop(candle);
    let rounding = match selection.precision {
        Precision::F64 => None,
        precision => Some(compare(&native, &load(precision, EngineKind::Native)?, structures, |_| {})?),
    };
    Ok(Report { engines, rounding })
}

/// Why engines could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The potential cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An engine cannot be opened.
    #[error(transparent)]
    Engine(#[from] PredictError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_one_is_never_agreement() {
        let mut differences = Differences::default();
        let prediction =
            |energy| Prediction { energy, forces: vec![[0.0; 3]], stress: Some([0.0; 6]), ..Prediction::default() };
        differences.add(0, Ok(prediction(1.0)), Ok(prediction(1.0)));
        assert!(differences.agree(&LIMITS));
        differences.add(1, Ok(prediction(f64::NAN)), Ok(prediction(1.0)));
        differences.add(2, Ok(prediction(1.0)), Ok(prediction(1.0)));
        assert!(!differences.agree(&LIMITS));
        assert_eq!(differences.energy.structure, Some(1));
    }

    #[test]
    fn nothing_compared_is_no_agreement() {
        assert!(!Differences::default().agree(&LIMITS));
    }

    #[test]
    fn a_structure_that_one_side_refuses_is_no_agreement() {
        let mut differences = Differences::default();
        let prediction = || Prediction { stress: Some([0.0; 6]), ..Prediction::default() };
        differences.add(0, Ok(prediction()), Ok(prediction()));
        differences.add(1, Ok(prediction()), Err(PredictError::NotFinite { what: "energy" }));
        assert!(!differences.agree(&LIMITS));
        assert_eq!(differences.one_sided.len(), 1);
    }
}
