//! Drives relaxations with the Lennard-Jones potential.

use crate::relaxation::workflow::Descent;
use crate::{Ask, Outcome, Poll, Relaxation, RelaxationCalculation, Relaxed, Workflow};
use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
use mlip_atoms::{Deadline, Lattice, Potential, PredictError, Prediction, Species, Structure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// One of the files beside the script that makes them.
pub(super) fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/relaxation/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[derive(Deserialize)]
struct Drawn {
    cell: [[f64; 3]; 3],
    fractional: Vec<[f64; 3]>,
}

pub(super) fn structures() -> Vec<Arc<Structure>> {
    let argon = Species::from_symbol("Ar").unwrap();
    let of = |Drawn { cell, fractional }: Drawn| {
        let lattice = Lattice::from_vectors(cell).unwrap();
        Arc::new(Structure::new(lattice, vec![argon; fractional.len()], fractional).unwrap())
    };
    read::<Vec<Drawn>>("structures.json").into_iter().map(of).collect()
}

pub(super) fn evaluate(ask: &Ask) -> Result<Prediction, PredictError> {
    let potential = LennardJones::new(LennardJonesParameters::default());
    potential.predict(&[&ask.structure], ask.request, &Deadline::NONE).remove(0)
}

pub(super) fn calculation(settings: Relaxation) -> RelaxationCalculation {
    RelaxationCalculation { settings, forces: true, embeddings: crate::Embeddings::None }
}

/// The question that a workflow has, if it has one.
pub(super) fn question(workflow: &mut dyn Workflow) -> Option<Ask> {
    match workflow.poll() {
        Poll::Ask(mut asks) => {
            assert_eq!(asks.len(), 1, "one structure at a time");
            asks.pop()
        }
        Poll::Waiting => panic!("it waits for an answer that nobody owes"),
        Poll::Finished => None,
    }
}

/// Steps, each with the energy or enthalpy (eV) and the largest force (eV/Å) at its end, and the outcome.
pub(super) fn relax(settings: Relaxation, structure: &Arc<Structure>) -> (Vec<(f64, f64)>, Relaxed) {
    relax_by(evaluate, settings, structure)
}

/// The same with other answers.
pub(super) fn relax_by(
    evaluate: impl Fn(&Ask) -> Result<Prediction, PredictError>,
    settings: Relaxation,
    structure: &Arc<Structure>,
) -> (Vec<(f64, f64)>, Relaxed) {
    let mut descent = calculation(settings).descent(structure.clone());
    let mut steps: Vec<(f64, f64)> = Vec::new();
    while let Some(ask) = question(&mut descent) {
        let answer = evaluate(&ask);
        descent.receive(ask.id, answer);
        let (step, value, fmax) = descent.progress().unwrap();
        if step as usize == steps.len() {
            steps.push((value, fmax));
        }
    }
    (steps, relaxed(descent))
}

pub(super) fn relaxed(descent: Descent) -> Relaxed {
    match Box::new(descent).finish() {
        Outcome::Done(computed) => match computed.details {
            Some(crate::Details::Relaxation(relaxed)) => *relaxed,
            other => panic!("{other:?}"),
        },
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}
