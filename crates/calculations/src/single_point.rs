//! One evaluation of a structure as it is.

use crate::check::finite;
use crate::{Ask, AskId, Calculation, Embeddings, Outcome, Poll, Workflow};
use mlip_atoms::{Failure, FailureKind, PredictError, Prediction, Structure};
use std::sync::Arc;

/// Energy of each structure as it is, and what else is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinglePoint {
    /// Whether forces and stress are wanted.
    pub forces: bool,
    /// What is kept of the features of atoms.
    pub embeddings: Embeddings,
}

impl Calculation for SinglePoint {
    fn key(&self) -> String {
        format!("single_point forces={}{}", self.forces, self.embeddings.key())
    }

    fn expected_evaluations(&self) -> f64 {
        1.0
    }

    fn start(&self, structure: Arc<Structure>) -> Box<dyn Workflow> {
        let ask = Ask { id: AskId(0), structure, request: self.embeddings.request(self.forces) };
        Box::new(OneEvaluation { embeddings: self.embeddings, ask: Some(ask), outcome: None })
    }
}

struct OneEvaluation {
    embeddings: Embeddings,
    ask: Option<Ask>,
    outcome: Option<Outcome>,
}

impl Workflow for OneEvaluation {
    fn poll(&mut self) -> Poll {
        match (self.ask.take(), &self.outcome) {
            (Some(ask), _) => Poll::Ask(vec![ask]),
            (None, None) => Poll::Waiting,
            (None, Some(_)) => Poll::Finished,
        }
    }

    fn receive(&mut self, _: AskId, answer: Result<Prediction, PredictError>) {
        self.outcome = Some(match answer.and_then(finite) {
            Ok(prediction) => Outcome::Done(self.embeddings.reduce(prediction).into()),
            Err(error) => Outcome::Failed(error.into()),
        });
    }

    fn held_bytes(&self) -> u64 {
        0
    }

    fn finish(self: Box<Self>) -> Outcome {
        self.outcome.unwrap_or_else(|| Outcome::Failed(unanswered()))
    }
}

/// A workflow was ended before it had its answers: a defect of this program.
pub(crate) fn unanswered() -> Failure {
    Failure {
        kind: FailureKind::Internal,
        line: None,
        message: "the calculation was ended before it was evaluated; please report this".into(),
    }
}
