//! One evaluation of a structure as it is.

use crate::{Outcome, Task};
use mlip_atoms::{Failure, FailureKind, PredictError, Prediction, Structure};

/// Energy, forces and stress of a structure as it is.
#[derive(Debug)]
pub struct SinglePoint {
    structure: Structure,
    outcome: Option<Outcome>,
}

impl SinglePoint {
    /// Asks for this structure once.
    pub fn new(structure: Structure) -> Self {
        Self { structure, outcome: None }
    }
}

impl Task for SinglePoint {
    fn ask(&self) -> Option<&Structure> {
        self.outcome.is_none().then_some(&self.structure)
    }

    fn tell(&mut self, answer: Result<Prediction, PredictError>) {
        let finite = answer.and_then(|prediction| {
            if prediction.is_finite() {
                Ok(prediction)
            } else {
                Err(PredictError::NotFinite { what: "energy, forces, stress or magnetic moments" })
            }
        });
        self.outcome = Some(match finite {
            Ok(prediction) => Outcome::Done(prediction),
            Err(error) => Outcome::Failed(error.into()),
        });
    }

    fn finish(self: Box<Self>) -> Outcome {
        self.outcome.unwrap_or_else(|| {
            Outcome::Failed(Failure {
                kind: FailureKind::Internal,
                line: None,
                message: "the task ended before it was evaluated".into(),
            })
        })
    }
}
