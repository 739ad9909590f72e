//! Energies of a cell at several volumes, and the equation of state through them.

use crate::check::finite;
use crate::single_point::unanswered;
use crate::{Ask, AskId, Calculation, Computed, Details, Embeddings, EnergyVolumeCurve, Outcome, Poll, Workflow};
use mlip_atoms::{Failure, FailureKind, Lattice, PredictError, Prediction, Request, Structure};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// Each structure at several volumes: its lattice is scaled alike in all directions, fractional coordinates stay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnergyVolume {
    /// Volumes, an odd number from 5 on: the middle one is that of the structure as it was read.
    pub points: u32,
    /// Largest change of the volume in both directions, as a part of it.
    pub range: f64,
}

impl Default for EnergyVolume {
    fn default() -> Self {
        Self { points: 7, range: 0.06 }
    }
}

/// Settings with which no curve can be had.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EnergyVolumeError {
    /// Too few points, or no middle.
    #[error("{0} points; an odd number from 5 to 101 is needed, so that one of them is the structure as it was read")]
    Points(u32),
    /// A range that no cell has.
    #[error("the range of volumes is {0}; it must be above 0 and below 0.5, for example 0.06")]
    Range(f64),
}

impl EnergyVolume {
    /// # Errors
    /// When the settings give no curve.
    pub fn validate(&self) -> Result<(), EnergyVolumeError> {
        if !(5..=101).contains(&self.points) || self.points.is_multiple_of(2) {
            return Err(EnergyVolumeError::Points(self.points));
        }
        if !(self.range > 0.0 && self.range < 0.5) {
            return Err(EnergyVolumeError::Range(self.range));
        }
        Ok(())
    }

    fn middle(&self) -> u32 {
        self.points / 2
    }

    /// Volume of a point, as a part of that of the structure: exactly one in the middle.
    fn relative_volume(&self, point: u32) -> f64 {
        let steps = f64::from(point) - f64::from(self.middle());
        1.0 + self.range * steps / f64::from(self.middle())
    }
}

/// The calculation: curves of these volumes, and what is requested of the structure as it was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyVolumeCalculation {
    /// Which volumes.
    pub volumes: EnergyVolume,
    /// Whether forces and stress of the structure as it was read are wanted; of the others the energy is enough.
    pub forces: bool,
    /// What is kept of the features of its atoms.
    pub embeddings: Embeddings,
}

impl Calculation for EnergyVolumeCalculation {
    fn key(&self) -> String {
        let EnergyVolume { points, range } = self.volumes;
        format!("energy_volume points={points} range={range:?} forces={}{}", self.forces, self.embeddings.key())
    }

    fn expected_evaluations(&self) -> f64 {
        f64::from(self.volumes.points)
    }

    fn start(&self, structure: Arc<Structure>) -> Box<dyn Workflow> {
        let n_points = self.volumes.points as usize;
        Box::new(Curve { calculation: *self, structure, asked: false, answers: vec![None; n_points] })
    }
}

const ENERGY: Request = Request { forces: false, atom_features: false };

struct Curve {
    calculation: EnergyVolumeCalculation,
    structure: Arc<Structure>,
    asked: bool,
    /// By point.
    answers: Vec<Option<Result<Prediction, Failure>>>,
}

impl Curve {
    /// The structure at the volume of a point.
    fn at(&self, point: u32) -> Result<Arc<Structure>, PredictError> {
        let volumes = self.calculation.volumes;
        if point == volumes.middle() {
            return Ok(self.structure.clone());
        }
        let scale = volumes.relative_volume(point).cbrt();
        let vectors = self.structure.lattice().vectors().map(|vector| vector.map(|component| scale * component));
        let lattice = Lattice::from_vectors(vectors).map_err(|error| PredictError::Internal {
            potential: "energy-volume".into(),
            message: error.to_string(),
        })?;
        Ok(Arc::new(self.structure.with_lattice(lattice)))
    }
}

impl Workflow for Curve {
    fn poll(&mut self) -> Poll {
        if !std::mem::replace(&mut self.asked, true) {
            let mut asks = Vec::new();
            for point in 0..self.calculation.volumes.points {
                let middle = point == self.calculation.volumes.middle();
                let EnergyVolumeCalculation { forces, embeddings, .. } = self.calculation;
                match self.at(point) {
                    Ok(structure) => asks.push(Ask {
                        id: AskId(point),
                        structure,
                        request: if middle { embeddings.request(forces) } else { ENERGY },
                    }),
                    Err(error) => self.receive(AskId(point), Err(error)),
                }
            }
            return Poll::Ask(asks);
        }
        if self.answers.iter().all(Option::is_some) { Poll::Finished } else { Poll::Waiting }
    }

    fn receive(&mut self, AskId(point): AskId, answer: Result<Prediction, PredictError>) {
        let answer = answer.and_then(finite).map_err(|error| {
            let mut failure = Failure::from(error);
            if point != self.calculation.volumes.middle() {
                let volume = self.calculation.volumes.relative_volume(point) * self.structure.lattice().volume();
                failure.message = format!("at {volume:.3} Å^3: {}", failure.message);
            }
            failure
        });
        if let Some(place) = self.answers.get_mut(point as usize) {
            *place = Some(answer);
        }
    }

    fn held_bytes(&self) -> u64 {
        // Strained cells while they wait, then the answers: forces of one of them.
        100 * self.answers.len() as u64 * self.structure.n_atoms() as u64
    }

    fn finish(self: Box<Self>) -> Outcome {
        let volume = self.structure.lattice().volume();
        let settings = self.calculation.volumes;
        let mut curve = EnergyVolumeCurve { volumes: Vec::new(), energies: Vec::new() };
        let mut middle = None;
        for (point, answer) in (0..).zip(self.answers) {
            match answer {
                None => return Outcome::Failed(unanswered()),
                // Of several failures the first counts, whoever came first.
                Some(Err(failure)) => return Outcome::Failed(failure),
                Some(Ok(prediction)) => {
                    curve.volumes.push(volume * settings.relative_volume(point));
                    curve.energies.push(prediction.energy);
                    if point == settings.middle() {
                        middle = Some(self.calculation.embeddings.reduce(prediction));
                    }
                }
            }
        }
        match middle {
            Some(prediction) => Outcome::Done(Computed { prediction, details: Some(Details::EnergyVolume(curve)) }),
            None => Outcome::Failed(Failure {
                kind: FailureKind::Internal,
                line: None,
                message: "a curve without its middle; please report this".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Species;

    fn structure() -> Arc<Structure> {
        let lattice = Lattice::from_vectors([[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.0, 0.3, 6.0]]).unwrap();
        let species = vec![Species::from_symbol("Ar").unwrap(); 2];
        Arc::new(Structure::new(lattice, species, vec![[0.0; 3], [0.5, 0.5, 0.45]]).unwrap())
    }

    fn calculation() -> EnergyVolumeCalculation {
        EnergyVolumeCalculation { volumes: EnergyVolume::default(), forces: true, embeddings: Embeddings::None }
    }

    /// A parabola around 121 Å^3.
    fn energy(structure: &Structure) -> f64 {
        (structure.lattice().volume() - 121.0).powi(2) * 1e-3 - 7.0
    }

    fn answer(ask: &Ask) -> Result<Prediction, PredictError> {
        Ok(Prediction { energy: energy(&ask.structure), ..Prediction::default() })
    }

    fn asks(workflow: &mut dyn Workflow) -> Vec<Ask> {
        match workflow.poll() {
            Poll::Ask(asks) => asks,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_middle_is_the_structure_itself_and_alone_is_asked_for_forces() {
        let mut workflow = calculation().start(structure());
        let asks = asks(workflow.as_mut());
        assert_eq!(asks.len(), 7);
        assert_eq!(*asks[3].structure, *structure());
        assert_eq!(
            asks.iter().map(|ask| ask.request.forces).collect::<Vec<_>>(),
            [false, false, false, true, false, false, false]
        );
        let relative: Vec<f64> =
            asks.iter().map(|ask| ask.structure.lattice().volume() / structure().lattice().volume()).collect();
        for (found, expected) in relative.iter().zip([0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(asks.iter().all(|ask| ask.structure.fractional() == structure().fractional()));
    }

    #[test]
    fn answers_in_any_order_come_to_the_same_curve() {
        let outcome = |backwards: bool| {
            let mut workflow = calculation().start(structure());
            let mut asks = asks(workflow.as_mut());
            if backwards {
                asks.reverse();
            }
            for ask in &asks {
                assert!(matches!(workflow.poll(), Poll::Waiting));
                workflow.receive(ask.id, answer(ask));
            }
            assert!(matches!(workflow.poll(), Poll::Finished));
            workflow.finish()
        };
        assert_eq!(outcome(false), outcome(true));
        let Outcome::Done(Computed { prediction, details: Some(Details::EnergyVolume(curve)) }) = outcome(false) else {
            panic!("{:?}", outcome(false))
        };
        assert_eq!(prediction.energy, energy(&structure()));
        let state = curve.equation_of_state().unwrap();
        assert!((state.volume - 121.0).abs() < 0.05 && (state.energy + 7.0).abs() < 1e-3, "{state:?}");
    }

    #[test]
    fn the_first_failure_by_volume_is_the_failure_of_the_curve() {
        let mut workflow = calculation().start(structure());
        for ask in asks(workflow.as_mut()).iter().rev() {
            let failed = ask.id == AskId(1) || ask.id == AskId(5);
            workflow.receive(
                ask.id,
                if failed { Err(PredictError::Timeout { limit_s: f64::from(ask.id.0) }) } else { answer(ask) },
            );
        }
        let Outcome::Failed(failure) = workflow.finish() else { panic!() };
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert!(failure.message.starts_with("at 115.200 Å^3: not finished within 1 s"), "{}", failure.message);
    }

    #[test]
    fn settings_without_a_curve_are_refused() {
        let refused = |points, range| EnergyVolume { points, range }.validate().is_err();
        assert!(refused(6, 0.05) && refused(3, 0.05) && refused(7, 0.0) && refused(7, 0.5) && refused(7, f64::NAN));
        assert!(!refused(5, 0.05));
    }
}
