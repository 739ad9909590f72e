//! One structure on its way to a minimum.

use super::degrees::{Degrees, NoStructure};
use super::displacement::{cartesian_rmse, rms_displacement, wrapped};
use super::fixed_symmetry::FixedSymmetry;
use super::limits::Limits;
use super::optimizer::{Optimizer, Point, Stuck, Verdict};
use super::settings::{CellMotion, Relaxation};
use super::vector::longest_row;
use crate::check::finite;
use crate::single_point::unanswered;
use crate::symmetry::{SymmetryError, space_group};
use crate::{
    Ask, AskId, Computed, Details, Embeddings, Ended, Outcome, Poll, Relaxed, SpaceGroups, TrajectoryFrame, Workflow,
};
use mlip_atoms::{Failure, PredictError, Prediction, Request, Structure};
use std::sync::Arc;

/// What a relaxation is called in messages.
const NAME: &str = "relaxation";

/// The end of a step.
#[derive(Debug, Clone)]
struct Step {
    structure: Arc<Structure>,
    point: Point,
    /// Without pressure, eV.
    energy: f64,
    /// eV/Å.
    max_force: f64,
    /// eV/Å^3.
    max_stress: Option<f64>,
    /// Where a trajectory is wanted.
    frame: Option<TrajectoryFrame>,
}

impl Step {
    fn fmax(&self) -> f64 {
        longest_row(&self.point.gradient)
    }
}

/// A point that is to be evaluated.
#[derive(Debug)]
struct Question {
    x: Vec<f64>,
    structure: Arc<Structure>,
    asked: bool,
}

/// What the first answer gave.
#[derive(Debug)]
struct Beginning {
    prediction: Prediction,
    limits: Limits,
    energy: f64,
}

/// A relaxation under way. At any time it waits for one answer, or has ended.
pub(super) struct Descent {
    settings: Relaxation,
    /// Whether forces are wanted of the structure as it was read, and what is kept of its features.
    kept: (bool, Embeddings),
    structure: Arc<Structure>,
    /// Where the steps begin, if not at the structure as it was read.
    start: Option<Arc<Structure>>,
    /// What is kept of its symmetry; nothing where that was not asked for, or there is none.
    symmetry: Option<FixedSymmetry>,
    /// Symmetry that was to be kept and was not found.
    not_found: Option<SymmetryError>,
    degrees: Degrees,
    optimizer: Box<dyn Optimizer>,
    question: Option<Question>,
    evaluations: u32,
    beginning: Option<Beginning>,
    /// The last step that was good.
    last: Option<Step>,
    /// Up to the last step, where it is wanted.
    trajectory: Vec<TrajectoryFrame>,
    steps: u32,
    ended: Option<(Ended, Option<String>)>,
    /// Of the first evaluation.
    failure: Option<Failure>,
}

impl Descent {
    pub(super) fn new(
        settings: Relaxation,
        kept: (bool, Embeddings),
        structure: Arc<Structure>,
        optimizer: Box<dyn Optimizer>,
    ) -> Self {
        let (mut symmetry, mut start, mut not_found) = (None, None, None);
        if settings.fix_symmetry {
            match FixedSymmetry::find(&structure, settings.symprec) {
                Ok((found, refined)) => (symmetry, start) = (found, refined.map(Arc::new)),
                Err(error) => not_found = Some(error),
            }
        }
        let degrees = Degrees::new(start.as_ref().unwrap_or(&structure).clone(), &settings);
        let question = Some(Question { x: degrees.origin(), structure: structure.clone(), asked: false });
        Self {
            settings,
            kept,
            structure,
            start,
            symmetry,
            not_found,
            degrees,
            optimizer,
            question,
            evaluations: 0,
            beginning: None,
            last: None,
            trajectory: Vec::new(),
            steps: 0,
            ended: None,
            failure: None,
        }
    }

    /// Steps so far, energy or enthalpy (eV) and largest force on the degrees of freedom (eV/Å) at the end of the last one.
    #[cfg(test)]
    pub(super) fn progress(&self) -> Option<(u32, f64, f64)> {
        self.last.as_ref().map(|step| (self.steps, step.point.value, step.fmax()))
    }

    fn end(&mut self, ended: Ended, message: Option<String>) {
        self.ended = Some((ended, message));
    }

    /// The first answer: a step of its own, from which all others begin.
    fn take_first(&mut self, question: Question, answer: Result<Prediction, PredictError>) {
        let answer = answer.and_then(|prediction| self.complete(prediction));
        let prediction = match answer {
            Ok(prediction) => prediction,
            Err(error) => {
                self.failure = Some(error.into());
                return;
            }
        };
        let limits = Limits::new(&self.structure, prediction.energy);
        let step = self.step(question, &prediction);
        let energy = prediction.energy;
        self.beginning = Some(Beginning { prediction: self.as_requested(prediction), limits, energy });
        if let Some(error) = self.not_found.take() {
            self.reach(step);
            self.end(Ended::NoSymmetry, Some(error.to_string()));
        } else if let Some(start) = &self.start {
            self.question = Some(Question { x: self.degrees.origin(), structure: start.clone(), asked: false });
            self.last = Some(step);
        } else {
            self.go_on_from(step);
        }
    }

    /// Any later answer.
    fn take(&mut self, question: Question, answer: Result<Prediction, PredictError>) {
        let answer = answer.and_then(|prediction| self.complete(prediction));
        match answer {
            Ok(prediction) => {
                let step = self.step(question, &prediction);
                // The structure that was made symmetric takes the place of the one that was read, as step 0.
                match self.start.take() {
                    Some(_) => self.go_on_from(step),
                    None => self.judge(step),
                }
            }
            Err(error) => {
                let ended = reason(&error);
                // What the run ended is never the structure's: another run would come further.
                let first = self.beginning.as_ref().filter(|_| !ended.by_the_run());
                let broken = first.and_then(|first| first.limits.broken_by(&question.structure));
                let (ended, message) = broken.unwrap_or_else(|| (ended, error.to_string()));
                self.end(ended, Some(message));
            }
        }
    }

    /// The answer, if it has all that a relaxation needs.
    fn complete(&self, prediction: Prediction) -> Result<Prediction, PredictError> {
        let prediction = finite(prediction)?;
        let missing = if prediction.forces.len() != self.structure.n_atoms() {
            "forces"
        } else if self.settings.cell != CellMotion::Fixed && prediction.stress.is_none() {
            "stress, without which the cell cannot move: choose cell = \"fixed\""
        } else {
            return Ok(prediction);
        };
        Err(PredictError::Internal { potential: NAME.into(), message: format!("the potential gives no {missing}") })
    }

    /// The prediction of the structure as it was read, as a single point would have it.
    fn as_requested(&self, prediction: Prediction) -> Prediction {
        let (forces, embeddings) = self.kept;
        let prediction = embeddings.reduce(prediction);
        if forces { prediction } else { Prediction { forces: Vec::new(), stress: None, ..prediction } }
    }

    fn step(&self, question: Question, prediction: &Prediction) -> Step {
        let Question { x, structure, .. } = question;
        let max_stress = prediction.stress.map(|stress| stress.iter().fold(0.0, |most: f64, s| most.max(s.abs())));
        let (lattice, symmetry) = (structure.lattice(), self.symmetry.as_ref());
        let symmetric = symmetry.map(|symmetry| symmetry.prediction(lattice, prediction));
        let frame = self.settings.trajectory.then(|| TrajectoryFrame {
            lattice: *lattice.vectors(),
            fractional: structure.fractional().to_vec(),
            energy: prediction.energy,
            forces: prediction.forces.clone(),
            stress: prediction.stress,
        });
        Step {
            point: self.degrees.point(x, lattice.volume(), symmetric.as_ref().unwrap_or(prediction)),
            structure,
            energy: prediction.energy,
            max_force: prediction.max_force().unwrap_or_default(),
            max_stress,
            frame,
        }
    }

    /// Asks the optimizer whether a point is the end of a step.
    fn judge(&mut self, step: Step) {
        match self.optimizer.judge(&step.point) {
            Ok(Verdict::Accepted) => {
                let first = self.beginning.as_ref();
                let broken = first.and_then(|first| {
                    let energy = first.limits.broken_by_energy(&step.structure, step.energy);
                    first.limits.broken_by(&step.structure).or(energy)
                });
                if let Some((ended, message)) = broken {
                    return self.end(ended, Some(message));
                }
                self.steps += 1;
                self.go_on_from(step);
            }
            Ok(Verdict::Try(x)) => self.ask(x),
            Err(stuck) => self.end_stuck(stuck),
        }
    }

    /// The end of a step is the beginning of the next, unless it is the last.
    fn go_on_from(&mut self, step: Step) {
        let converged = step.fmax() < self.settings.fmax;
        if converged {
            self.end(Ended::Converged, None);
        } else if self.steps >= self.settings.max_steps {
            self.end(Ended::Steps, None);
        } else {
            match self.optimizer.begin(&step.point) {
                Ok(x) => self.ask(x),
                Err(stuck) => self.end_stuck(stuck),
            }
        }
        self.reach(step);
    }

    fn reach(&mut self, mut step: Step) {
        self.trajectory.extend(step.frame.take());
        self.last = Some(step);
    }

    fn end_stuck(&mut self, stuck: Stuck) {
        let ended = if stuck == Stuck::Singular { Ended::NotFinite } else { Ended::LineSearchFailed };
        self.end(ended, Some(stuck.to_string()));
    }

    fn ask(&mut self, x: Vec<f64>) {
        let x = match &self.symmetry {
            Some(symmetry) => symmetry.point(&self.degrees, x),
            None => x,
        };
        match self.degrees.structure(&x) {
            Ok(structure) => self.question = Some(Question { x, structure: Arc::new(structure), asked: false }),
            Err(error) => {
                let ended = match error {
                    NoStructure::NotFinite | NoStructure::Sites(_) => Ended::NotFinite,
                    NoStructure::Deformed => Ended::Exploded,
                    NoStructure::Lattice(_) => Ended::Collapsed,
                };
                self.end(ended, Some(error.to_string()));
            }
        }
    }
}

/// As what an evaluation that failed ends a relaxation.
fn reason(error: &PredictError) -> Ended {
    match error {
        PredictError::Timeout { .. } => Ended::Timeout,
        PredictError::NotFinite { .. } => Ended::NotFinite,
        PredictError::IsolatedAtom { .. }
        | PredictError::TooManyImages { .. }
        | PredictError::TooManyNeighbors { .. } => Ended::Undefined,
        _ => Ended::EvaluationFailed,
    }
}

impl Workflow for Descent {
    fn poll(&mut self) -> Poll {
        match &mut self.question {
            None => Poll::Finished,
            Some(question) if question.asked => Poll::Waiting,
            Some(question) => {
                question.asked = true;
                let first = self.evaluations == 0;
                let request =
                    if first { self.kept.1.request(true) } else { Request { forces: true, atom_features: false } };
                Poll::Ask(vec![Ask { id: AskId(self.evaluations), structure: question.structure.clone(), request }])
            }
        }
    }

    fn receive(&mut self, AskId(evaluation): AskId, answer: Result<Prediction, PredictError>) {
        // An answer to another question than the one that is open is none.
        let Some(question) = self.question.take_if(|_| evaluation == self.evaluations) else { return };
        self.evaluations += 1;
        if self.beginning.is_none() { self.take_first(question, answer) } else { self.take(question, answer) }
    }

    fn held_bytes(&self) -> u64 {
        // Structures and points: as it was read, of the last step, of the question.
        let n_atoms = self.structure.n_atoms() as u64;
        let first = self.beginning.as_ref().and_then(|first| first.prediction.atom_features.as_ref());
        let features = first.map_or(0, |features| 8 * features.values.len() as u64);
        let symmetry = self.symmetry.as_ref().map_or(0, |symmetry| 32 * n_atoms + symmetry.held_bytes());
        let frames = self.trajectory.len() as u64 * TrajectoryFrame::bytes(self.structure.n_atoms());
        600 + 250 * n_atoms + features + symmetry + frames + self.optimizer.held_bytes()
    }

    fn finish(self: Box<Self>) -> Outcome {
        if let Some(failure) = self.failure {
            return Outcome::Failed(failure);
        }
        let (Some(first), Some(last), Some((ended, message))) = (self.beginning, self.last, self.ended) else {
            return Outcome::Failed(unanswered());
        };
        let group = |structure: &Structure| space_group(structure, self.settings.symprec).ok();
        let space_groups = SpaceGroups { initial: group(&self.structure), relaxed: group(&last.structure) };
        let relaxed = Relaxed {
            ended,
            message,
            steps: self.steps,
            evaluations: self.evaluations,
            initial_energy: first.energy,
            final_energy: last.energy,
            fmax: last.fmax(),
            max_force: last.max_force,
            max_stress: last.max_stress,
            initial_volume: self.structure.lattice().volume(),
            final_volume: last.structure.lattice().volume(),
            lattice: *last.structure.lattice().vectors(),
            fractional: last.structure.fractional().iter().copied().map(wrapped).collect(),
            rmse: cartesian_rmse(&self.structure, &last.structure),
            rms_displacement: rms_displacement(&self.structure, &last.structure),
            space_groups,
            trajectory: self.trajectory,
        };
        Outcome::Done(Computed { prediction: first.prediction, details: Some(Details::Relaxation(Box::new(relaxed))) })
    }
}
